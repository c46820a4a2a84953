"""A user's descriptor: lander.toml, or lander.py with SPEC, beside lander.h, as an EnvSpec.

A TOML file says what an EnvSpec says, in the order of the header's structs:

    id = "lander-v0"
    max_episode_steps = 200
    actions = 2                                       # or for each component [[action]] low = -1, high = "max_torque"
    [state]
    height = "m"                                      # the unit; or {unit = "1", integer = true} for a vi
    [parameters]
    gravity = {unit = "m/s2", low = 0, high = 100}    # the bounds of what may be set; the default stands in the header
    [observation]
    height = {low = 0, high = "ceiling"}              # a number, a parameter or "-2 * parameter"; without, infinite
"""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operant.spec import Bound, EnvSpec, Observation, Parameter, Quantity
from operant.toml import read_toml

REQUIRED = ("id", "max_episode_steps", "state", "observation")
KEYS = (
    *REQUIRED,
    "summary",
    "reward_threshold",
    "actions",
    "action",
    "parameters",
    "agents",
    "reference",
    "reference_arguments",
    "render_fps",
    "reset_options",
)
ID = re.compile(r"(?:[\w:-]+/)?[\w:.-]+-v\d+", re.ASCII)  # as Gymnasium registers them


class DescriptorError(ValueError):
    """A descriptor that is missing, cannot be read or contradicts its header; the text names the file."""


def read_descriptor(header: Path) -> EnvSpec:
    """The descriptor beside a header, checked against the names in it.

    Raises:
        DescriptorError: there is none, or it cannot be used.
    """
    toml, python = header.with_suffix(".toml"), header.with_suffix(".py")
    if toml.is_file() and python.is_file():
        raise DescriptorError(f"{toml} and {python} both describe {header.name}: remove one")
    if toml.is_file():
        spec = _from_toml(toml)
    elif python.is_file():
        spec = _from_python(python)
    else:
        raise DescriptorError(f"{header} has no descriptor: write {toml.name} or {python.name} beside it")
    spec = dataclasses.replace(spec, header=header.stem, source=str(header))
    path = toml if toml.is_file() else python
    _check(path, spec)
    _check_names(path, spec, header.read_text(encoding="utf-8", errors="replace"))
    return spec


def _from_python(path: Path) -> EnvSpec:
    module_spec = importlib.util.spec_from_file_location(path.stem, path)
    assert module_spec is not None and module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    spec = getattr(module, "SPEC", None)
    if not isinstance(spec, EnvSpec):
        raise DescriptorError(f"{path} must define SPEC = operant.spec.EnvSpec(...)")
    return spec


def _from_toml(path: Path) -> EnvSpec:
    table = _read(path)
    for key in table:
        if key not in KEYS:
            raise DescriptorError(f"{path}: unknown key {key!r} (known: {', '.join(KEYS)})")
    for key in REQUIRED:
        if key not in table:
            raise DescriptorError(f"{path} lacks {key!r}")
    try:
        return _spec(table)
    except DescriptorError as problem:
        raise DescriptorError(f"{path}: {problem}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path)
    except ModuleNotFoundError:
        raise DescriptorError(
            f"reading {path} needs tomli on Python 3.10: pip install tomli, or write {path.stem}.py with SPEC"
        ) from None
    except ValueError as problem:
        raise DescriptorError(str(problem)) from None


def _spec(table: Mapping[str, Any]) -> EnvSpec:
    actions, components = table.get("actions", 0), table.get("action", [])
    if bool(actions) == bool(components):
        raise DescriptorError("give actions = N, or [[action]] with low and high for each component, and not both")
    return EnvSpec(
        id=_typed(table, "id", str),
        header="",
        summary=_typed(table, "summary", str, ""),
        state=tuple(_quantity(name, given) for name, given in _table(table, "state").items()),
        parameters=tuple(_parameter(name, given) for name, given in _table(table, "parameters").items()),
        observation=tuple(_observation(name, given) for name, given in _table(table, "observation").items()),
        max_episode_steps=_typed(table, "max_episode_steps", int),
        reference=_typed(table, "reference", str, ""),
        reference_arguments=_table(table, "reference_arguments"),
        actions=_typed(table, "actions", int, 0),
        action_bounds=tuple(_action(number, given) for number, given in enumerate(components)),
        reward_threshold=_number("reward_threshold", table.get("reward_threshold"), None),
        render_fps=_typed(table, "render_fps", int, 30),
        reset_options=tuple((name, name) for name in _names(table, "reset_options")),
        agents=_names(table, "agents"),
    )


def _typed(table: Mapping[str, Any], key: str, kind: type, default: Any = None) -> Any:
    value = table.get(key, default)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DescriptorError(f"{key} = {value!r} must be {'a string' if kind is str else 'an integer'}")
    return value


def _table(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise DescriptorError(f"{key} = {value!r} must be a table: [{key}]")
    return value


def _names(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise DescriptorError(f"{key} = {value!r} must be a list of names")
    return tuple(value)


def _number(key: str, value: Any, default: float | None) -> float | None:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DescriptorError(f"{key} = {value!r} must be a number")
    return float(value)


def _only(what: str, given: Any, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise DescriptorError(f"{what} = {given!r} must be a table such as {{low = -1, high = 1}}")
    for key in given:
        if key not in known:
            raise DescriptorError(f"{what}: unknown key {key!r} (known: {', '.join(known)})")
    return given


def _quantity(name: str, given: Any) -> Quantity:
    if isinstance(given, str):
        return Quantity(name, given)
    table = _only(f"state.{name}", given, ("unit", "integer"))
    integer = table.get("integer", False)
    if not isinstance(integer, bool):
        raise DescriptorError(f"state.{name}.integer = {integer!r} must be true or false")
    return Quantity(name, _typed(table, "unit", str, ""), integer)


def _parameter(name: str, given: Any) -> Parameter:
    table = _only(f"parameters.{name}", given, ("unit", "low", "high", "attribute", "option"))
    low, high = (_number(f"parameters.{name}.{key}", table.get(key), None) for key in ("low", "high"))
    attribute, option = (_typed(table, key, str, "") or None for key in ("attribute", "option"))
    return Parameter(
        name,
        _typed(table, "unit", str, ""),
        -math.inf if low is None else low,
        math.inf if high is None else high,
        attribute,
        option,
    )


def _observation(name: str, given: Any) -> Observation:
    table = _only(f"observation.{name}", given, ("low", "high"))
    where = f"observation.{name}"
    return Observation(
        name, _bound(f"{where}.low", table.get("low", -math.inf)), _bound(f"{where}.high", table.get("high", math.inf))
    )


def _action(number: int, given: Any) -> tuple[Bound, Bound]:
    table = _only(f"action {number}", given, ("low", "high"))
    if set(table) != {"low", "high"}:
        raise DescriptorError(f"action {number} needs low and high")
    return _bound(f"action {number} low", table["low"]), _bound(f"action {number} high", table["high"])


def _bound(where: str, given: Any) -> Bound:
    """A number; or "x", "-x" and "2.5 * x" for a parameter x."""
    if isinstance(given, str):
        found = re.fullmatch(r"(-?)\s*(?:(\d+(?:\.\d*)?)\s*\*\s*)?([A-Za-z_]\w*)", given.strip())
        if not found:
            raise DescriptorError(f'{where} = {given!r} must be a number, a parameter or "-2 * parameter"')
        return found[3], float(found[1] + (found[2] or "1"))
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise DescriptorError(f'{where} = {given!r} must be a number, a parameter or "-2 * parameter"')
    return float(given)


def _check(path: Path, spec: EnvSpec) -> None:
    """What an EnvSpec of any origin must hold."""
    if not ID.fullmatch(spec.id) or spec.id.startswith("operant/"):
        raise DescriptorError(f"{path}: id = {spec.id!r} must be a name of your own with a version, such as lander-v0")
    if spec.max_episode_steps < 1:
        raise DescriptorError(f"{path}: max_episode_steps = {spec.max_episode_steps} must be at least 1")
    if spec.actions and spec.action_bounds:
        raise DescriptorError(f"{path}: actions are discrete or have bounds, not both")
    if spec.actions < 1 and not spec.action_bounds:
        raise DescriptorError(f"{path}: actions = {spec.actions} must be at least 1, unless they have bounds")
    if spec.reference and not re.fullmatch(r"[\w.]+:[\w.]+", spec.reference):
        raise DescriptorError(f'{path}: reference = {spec.reference!r} must be like "module:Class"')
    parameters = {part.name for part in spec.parameters}
    if len(parameters) < len(spec.parameters):
        raise DescriptorError(f"{path}: two parameters have one name")
    bounds = [bound for part in spec.observation for bound in (part.low, part.high)]
    bounds += [bound for pair in spec.action_bounds for bound in pair]
    named = [bound[0] for bound in bounds if isinstance(bound, tuple)] + [name for _, name in spec.reset_options]
    for name in named:
        if name not in parameters:
            raise DescriptorError(f"{path}: there is no parameter {name!r} (known: {', '.join(sorted(parameters))})")
    ranges: list[tuple[str, Bound, Bound]] = [(part.name, part.low, part.high) for part in spec.parameters]
    ranges += [(part.name, part.low, part.high) for part in spec.observation]
    for name, low, high in ranges:
        if not isinstance(low, tuple) and not isinstance(high, tuple) and not low <= high:
            raise DescriptorError(f"{path}: {name} has low = {low} above high = {high}")


def _check_names(path: Path, spec: EnvSpec, text: str) -> None:
    """Names and types must stand in the order of the header's structs, where those are plain lists of vf and vi."""
    for struct, described in (("state", spec.state), ("params", spec.parameters)):
        members = struct_members(text, f"{spec.header}_{struct}")
        if members is None:
            continue
        names = [part.name for part in described]
        if [name for name, _ in members] != names:
            raise DescriptorError(
                f"{path} describes the {struct} {', '.join(names) or 'of nothing'}; {spec.header}_{struct} in "
                f"{Path(spec.source).name} has {', '.join(name for name, _ in members)}: use the same names and order"
            )
        for (name, kind), part in zip(members, described, strict=True):
            if isinstance(part, Quantity) and part.integer != (kind == "vi"):
                raise DescriptorError(
                    f"{path}: {name} is a {kind} in the header: say integer = {str(kind == 'vi').lower()}"
                )


def struct_members(text: str, name: str) -> list[tuple[str, str]] | None:
    """Names and types of a struct whose members are plain `vf a, b;` and `vi c;`; None if it has others."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)
    found = re.search(r"typedef\s+struct\s*\w*\s*\{([^{}]*)\}\s*" + re.escape(name) + r"\s*;", text)
    if not found:
        return None
    members = []
    for declaration in found[1].split(";"):
        if not declaration.strip():
            continue
        plain = re.fullmatch(r"\s*(v[fi])\s+(\w+(?:\s*,\s*\w+)*)\s*", declaration)
        if not plain:
            return None
        members += [(member.strip(), plain[1]) for member in plain[2].split(",")]
    return members
