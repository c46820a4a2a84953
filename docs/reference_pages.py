"""Makes the API reference: a page for each public module, with every public name from its docstring."""

from __future__ import annotations

import inspect
import sys
from functools import cache, cached_property
from importlib import import_module
from types import ModuleType
from typing import Any

MODULES: dict[str, tuple[str, ...]] = {
    "operant": ("OperantParallelEnv",),
    "operant.envs": ("NormalizedVecEnv",),
    "operant.models": (),
    "operant.models.evaluation": (),
    "operant.multiagent": (),
    "operant.compat.sb3": (),
    "operant.compat.zoo": (),
    "operant.compat.cleanrl": (),
    "operant.compat.pufferlib": (),
    "operant.compat.rllib": (),
    "operant.compat.torchrl": (),
    "operant.compat.envpool": (),
    "operant.buffers": (),
    "operant.rollout": (),
    "operant.utils": (),
    "operant.doctor": (),
    "operant.agents": (),
    "operant.studies": (),
    "operant.spec": (),
    "operant.catalog": (),
    "operant.batch.batch": (),
    "operant.environments.cuda_vector": (),
    "operant.environments.parallel": (),
    "operant.headers.library": (),
    "operant.headers.descriptor": (),
    "operant.headers.scaffold": (),
    "operant.headers.trust": (),
    "operant.headers.single_header": (),
    "operant.reference.normal": (),
}
"""The public modules, each with names that belong to it beside those that it defines or lists in `__all__`."""


PARTS: dict[str, tuple[str, ...]] = {
    "operant.batch.batch": ("Batch",),
    "operant.headers.library": (
        *("Built", "CompileError", "LibraryError", "NoCache", "NoCompiler", "NoHeader"),
        *("build", "cache_folder", "check_header", "find_compiler"),
    ),
    "operant.headers.descriptor": ("DescriptorError", "read_descriptor"),
    "operant.headers.single_header": ("exportable", "find_exportable", "ocean_header"),
    "operant.catalog": ("CATALOG", "ENGINES", "MULTIAGENT"),
    "operant.spec": ("EnvSpec", "Member", "Observation", "Parameter", "Quantity"),
}
"""Of modules whose other names are for operant itself, the public ones."""

MEMBERS = (property, cached_property, classmethod, staticmethod)


def import_without_frameworks() -> None:
    """Imports the adapters of frameworks that conflict with the others, over empty modules in their place."""
    pufferlib: Any = ModuleType("pufferlib")
    pufferlib.__version__, pufferlib.PufferEnv = "3.0.0", type("PufferEnv", (), {"__module__": "pufferlib"})
    ray: Any = ModuleType("ray")
    config: Any = ModuleType("ray.rllib.algorithms.algorithm_config")
    ray.__version__, config.AlgorithmConfig = "2.60.0", type("AlgorithmConfig", (), {"__module__": "ray"})
    modules = dict.fromkeys(("ray", "ray.rllib", "ray.rllib.algorithms"), ray)
    modules |= {config.__name__: config, "pufferlib": pufferlib}
    sys.modules |= modules
    import_module("operant.compat.pufferlib")
    import_module("operant.compat.rllib")
    for name in modules:
        del sys.modules[name]


def public_names(name: str) -> list[str]:
    """The public classes, functions and data of a public module, in alphabetical order."""
    module = import_module(name)
    listed = PARTS.get(name) or getattr(module, "__all__", None) or getattr(module, "_LAZY", None)
    if listed is None:
        listed = [
            key
            for key, value in vars(module).items()
            if getattr(value, "__module__", None) == name and (inspect.isclass(value) or inspect.isfunction(value))
        ]
    return sorted({each for each in (*listed, *MODULES[name]) if not each.startswith("_")}, key=str.lower)


def public_members(cls: type) -> list[str]:
    """The public methods and properties that operant's classes give a class, in the order of their definition."""
    found: dict[str, None] = {}
    for base in reversed(inspect.getmro(cls)):
        if base.__module__.startswith("operant"):
            for key, value in vars(base).items():
                if not key.startswith("_") and (inspect.isfunction(value) or isinstance(value, MEMBERS)):
                    found[key] = None
    return list(found)


@cache
def public_classes() -> frozenset[type]:
    """All classes of the reference."""
    values = (getattr(import_module(name), each) for name in MODULES for each in public_names(name))
    return frozenset(value for value in values if inspect.isclass(value))


def own_members(cls: type) -> list[str]:
    """The public members of a class but those of its public base classes, whose pages show them."""
    bases = [base for base in inspect.getmro(cls)[1:] if base in public_classes()]
    inherited = {member for base in bases for member in public_members(base) if member not in vars(cls)}
    return [member for member in public_members(cls) if member not in inherited]


def shows_bases(cls: type) -> bool:
    """Returns True if a reader can look up every base class: those that are operant's own are in the reference."""
    return all(base in public_classes() or not base.__module__.startswith("operant") for base in cls.__bases__)


def documentation(cls: type, member: str) -> str:
    """The docstring that operant has for a member of a class: its own, or that of a base class of operant's."""
    for base in inspect.getmro(cls):
        if base.__module__.startswith("operant") and member in vars(base):
            value = vars(base)[member]
            text = getattr(value.__func__ if isinstance(value, classmethod | staticmethod) else value, "__doc__", None)
            if text:
                return inspect.cleandoc(text)
    return ""


def page_name(module: str) -> str:
    """The name of a module's page."""
    return f"reference/{module}"


def page(name: str) -> str:
    """The page of a module."""
    module = import_module(name)
    lines = [f".. automodule:: {name}", "   :no-members:", ""]
    for each in public_names(name):
        value = getattr(module, each)
        if name == "operant" and each in PARTS["operant.catalog"]:
            lines += [f"`operant.{each}` is :data:`operant.catalog.{each}`.", ""]
        elif inspect.isclass(value):
            members = ", ".join(own_members(value))
            lines += [f".. autoclass:: {name}.{each}", *(["   :show-inheritance:"] if shows_bases(value) else [])]
            lines += [f"   :members: {members}", ""] if members else [""]
        elif callable(value):
            lines += [f".. autofunction:: {name}.{each}", ""]
        else:
            lines += [f".. autodata:: {name}.{each}", "   :no-value:", ""]
    return f"# {name}\n\n```{{eval-rst}}\n" + "\n".join(lines) + "```\n"


def index() -> str:
    """The page that lists all public names."""
    text = "# API reference\n\nEvery public name, with shapes, dtypes, units and errors.\n"
    for name in MODULES:
        module = import_module(name)
        first = (inspect.getdoc(module) or "").partition("\n")[0].rpartition(": ")[2]
        text += (
            f"\n[{name}]({page_name(name)}.md): {first}\n\n"
            + ", ".join(f"`{each}`" for each in public_names(name))
            + "\n"
        )
    return text
