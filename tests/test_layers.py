"""Imports point down only, and importing operant loads no framework."""

import ast
import subprocess
import sys
from pathlib import Path

import operant

PACKAGE = Path(operant.__file__).parent
ROOT = Path(__file__).parent.parent

# Each module may import what stands above its own line, and its own package.
LAYERS = [
    {"_native", "spec", "headers", "import_hook", "emulation", "scaffold", "toml", "quiet", "reference"},
    {"catalog", "library", "descriptor"},
    {"outputs", "kernel_arguments"},
    {"recorder", "rollout", "moments", "authored", "batch_base", "rollout_tensors"},
    {"batch"},
    {"spaces", "configuration", "rendering"},
    {"vector_base"},
    {"cuda"},
    {"vector", "single", "parallel", "pool"},
    {"registration", "envs", "multiagent", "certification", "export", "conformance", "doctor"},
    {"authoring"},
    {"utils"},
    {"buffers"},
    {"models"},
    {"monitor"},
    {"cli", "bench", "compat"},
]
# registration is what gymnasium 0.29 loads while half imported, so it stays above nothing but the catalog and its type.
ONLY = {"_native": set(), "spec": set(), "headers": set(), "catalog": {"spec"}, "registration": {"catalog", "spec"}}


def imports(path):
    """The modules of operant that a file imports, and all other top-level packages."""
    ours, others = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "operant" else [node.module]
            )
        for name in names:
            parts = name.split(".")
            if parts[0] == "operant":
                ours.add(parts[1] if len(parts) > 1 else "")
            else:
                others.add(parts[0])
    return ours, others


def modules():
    """Every module's path with the name that stands in LAYERS: its own, or its package's."""
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        name = relative.parts[0].removesuffix(".py")
        if name != "__init__":
            yield name, path
    for name in ("bench", "compat"):  # mapped into the package from the top of the repository
        yield from ((name, path) for path in sorted((ROOT / name).glob("*.py")))


def rank(name):
    return next(k for k, layer in enumerate(LAYERS) if name in layer)


def test_every_module_stands_in_a_layer():
    known = set().union(*LAYERS)
    assert {name for name, _ in modules()} <= known


def test_imports_point_down_only():
    for name, path in modules():
        ours, _ = imports(path)
        for target in ours - {name, "__version__", ""}:
            siblings = rank(target) == rank(name) and name in {"spaces", "configuration", "rendering", "cli", "bench"}
            assert rank(target) < rank(name) or siblings, f"{path.name} imports {target}"
            assert target != "compat" or name == "bench", f"{path.name} imports an adapter"
            if name in ONLY:
                assert target in ONLY[name], f"{path.name} imports {target}"


def test_only_the_batch_and_the_kernels_import_the_compiled_core():
    assert {name for name, path in modules() if "_native" in imports(path)[0]} <= {
        "batch",
        "kernel_arguments",
        "rollout",
        "moments",
        "bench",
    }


def test_no_module_of_the_package_imports_a_framework():
    for name, path in modules():
        # parallel and registration: PettingZoo, when it is there. utils: checkpoints, when one is saved or loaded.
        # rollout_tensors: for annotations.
        theirs = {"cli", "bench", "cuda", "buffers", "compat", "models", "parallel", "registration", "utils"}
        if name not in theirs | {"rollout_tensors"}:
            assert not imports(path)[1] & {"torch", "stable_baselines3", "pettingzoo", "jax", "envpool"}, path.name


def test_importing_operant_loads_no_framework_and_nothing_that_is_made_lazily():
    script = (
        "import sys, operant; "
        "print(*[m for m in ('torch', 'pettingzoo', 'stable_baselines3', 'pygame', 'operant.environments.vector', "
        "'operant.environments.single', 'operant.environments.pool', 'operant.batch.batch', "
        " 'operant._native', 'operant.cli') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
