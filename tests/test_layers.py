"""Imports point down only, and importing operant loads no framework."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import operant

PACKAGE = Path(operant.__file__).parent
ROOT = Path(__file__).parent.parent

# The layers of the package, bottom first. A file imports from its own layer and from those before it. A layer is a
# folder or a module of src/operant, or `bench` or `compat` at the top of the repository; a file belongs to the longest
# name that fits. docs/architecture.md says what is in each.
LAYERS = (
    "_native",
    "spec",
    "messages",
    "files",
    "reference",
    "import_hook",
    "catalog",
    "registration",
    "headers",
    "batch",
    "engines",
    "cuda",
    "rollout",
    "environments",
    "workers",
    "envs",
    "multiagent",
    "buffers",
    "runs",
    "utils",
    "conformance",
    "doctor",
    "monitor",
    "web",
    "models/machine",
    "models/networks",
    "models/collection",
    "models/algorithms",
    "models/native",
    "models/export",
    "models",
    "agents",
    "studies",
    "__init__",
    "compat",
    "cli",
    "bench",
)
# Gymnasium 0.29 loads these while it is itself half imported.
LOADED_EARLY = {"spec": set(), "catalog": {"spec"}, "registration": {"catalog", "spec"}}
FRAMEWORKS = {"torch", "stable_baselines3", "pettingzoo", "jax", "envpool", "mujoco"}
# Layers of which every file may import a framework, and the files of other layers that do, most of them when called.
THEIRS = {"cuda", "models", "cli", "bench", "compat"}
THEIR_FILES = {
    "conformance/on_device",
    "engines/mujoco_library",
    "environments/cuda_vector",
    "environments/parallel",
    "registration",
    "rollout/buffer",
    "rollout/device_buffer",
    "rollout/device_normalizer",
    "rollout/gpu_buffer",
    "rollout/tensors",
}


def files():
    """Every file's path by its name, such as "batch/core"; a package's is the folder's."""
    found = {}
    for folder, prefix in ((PACKAGE, ""), (ROOT / "bench", "bench/"), (ROOT / "compat", "compat/")):
        for path in sorted(folder.rglob("*.py")):
            name = prefix + path.relative_to(folder).with_suffix("").as_posix()
            found[name.removesuffix("/__init__")] = path
    return found


FILES = files()


def layer(name):
    return next(found for found in sorted(LAYERS, key=len, reverse=True) if f"{name}/".startswith(f"{found}/"))


def imports(path):
    """The files of operant that a file imports, and all other top-level packages."""
    ours, others = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [(node.module, alias.name) for alias in node.names]
        else:
            continue
        for module, member in modules:
            package, *parts = module.split(".")
            if package != "operant":
                others.add(package)
                continue
            name = "/".join(parts)
            ours.add(inner if (inner := f"{name}/{member}".strip("/")) in {*FILES, "_native"} else name or "__init__")
    return ours, others


def test_every_file_is_in_a_layer_and_every_layer_has_files():
    assert {layer(name) for name in FILES} == {*LAYERS} - {"_native"}


def test_at_most_nine_modules_stand_at_the_root():
    assert len(list(PACKAGE.glob("*.py"))) <= 9


def test_imports_point_down_only():
    for name, path in FILES.items():
        for target in imports(path)[0] - {name}:
            assert LAYERS.index(layer(target)) <= LAYERS.index(layer(name)), f"{name} imports {target}"
            assert layer(target) != "compat" or layer(name) in ("compat", "bench"), f"{name} imports an adapter"
            if layer(name) in LOADED_EARLY:
                assert layer(target) in LOADED_EARLY[layer(name)] | {layer(name)}, f"{name} imports {target}"


def test_no_algorithm_asks_where_it_runs():
    for name, path in FILES.items():
        if name.startswith("models/algorithms/"):
            ours = imports(path)[0]
            assert not {each for each in ours if layer(each) == "cuda"}, name
            assert not ours & {"models/collection/device_collector", "rollout/device_buffer"}, name
            assert not re.search(
                r"\.type\b *[!=]=|isinstance\(self\.(kernels|collector|environments)", path.read_text()
            ), name


def test_no_files_import_each_other_in_a_circle():
    TopologicalSorter({name: imports(path)[0] - {name} for name, path in FILES.items()}).prepare()


def test_the_page_on_the_architecture_lists_the_layers_in_this_order():
    page = (ROOT / "docs" / "architecture.md").read_text()
    table = page[page.index("| layer |") :].split("\n\n")[0]
    assert re.findall(r"^\| `([\w/]+)` \|", table, re.MULTILINE) == list(LAYERS)


def test_only_batches_and_training_kernels_import_the_compiled_core():
    assert {name for name, path in FILES.items() if "_native" in imports(path)[0]} == {
        "batch/actions",
        "batch/batch",
        "batch/statistics",
        "batch/core",
        "engines/batch",
        "engines/mujoco_library",
        "engines/mujoco_model",
        "rollout/advantages",
        "rollout/arguments",
        "rollout/moments",
        "conformance/training",
        "models/native/trainer",
        "bench/peers",
        "bench/train_kernels",
    }


def test_no_other_file_of_the_package_imports_a_framework():
    for name, path in FILES.items():
        if name.split("/")[0] not in THEIRS and name not in THEIR_FILES:
            assert not imports(path)[1] & FRAMEWORKS, name


def test_importing_operant_loads_no_framework_and_no_lazy_module():
    script = (
        "import sys, operant; "
        "print(*[m for m in ('torch', 'pettingzoo', 'stable_baselines3', 'pygame', 'operant.environments.vector', "
        "'operant.environments.single', 'operant.environments.pool', 'operant.batch.batch', 'operant._native', "
        "'operant.cli') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
