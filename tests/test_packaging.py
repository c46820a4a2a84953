"""Packages: an sdist that builds, and a small wheel that runs from a clean directory."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from building import ROOT, distributions, make, needs, run

builds = pytest.mark.test_all("builds the wheel, and so compiles the core once more")

STEPS = """
import sys
sys.path.insert(0, {target!r})
import gymnasium as gym, numpy as np, operant, operant.bench, operant.batch.outputs
assert operant.__file__.startswith({target!r}), operant.__file__
assert operant.batch.outputs.__file__.endswith(".py"), operant.batch.outputs.__file__
from operant.headers.single_header import exportable, ocean_header
assert "cartpole_step" in ocean_header(exportable()["cartpole"], "cartpole.h")
from operant.web.modules import PACKAGE, file_names, load_modules
assert load_modules().scalar.startswith(b"\\0asm") and all((PACKAGE / name).is_file() for name in file_names().values())
from pathlib import Path
from operant.headers.scaffold import write_scaffold
header, _ = write_scaffold("lander", Path("authored"))
own = gym.make_vec(operant.register_env(header), num_envs=64)
assert own.reset(seed=0)[0].shape == (64, 2) and own.unwrapped.batch.spec.source == str(header.resolve())
envs = gym.make_vec("operant/CartPole-v1", num_envs=64)
envs.reset(seed=0)
observations, rewards, *_ = envs.step(np.ones(64, np.int64))
env = gym.make("operant/CartPole-v1")
env.reset(seed=63)
assert (env.step(1)[0] == observations[63]).all() and rewards.sum() == 64
print("stepped")
"""


@pytest.fixture(scope="module")
def built():
    return distributions()


@builds
def test_the_wheel_is_small_and_holds_only_the_package(built):
    _, wheel = built
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.stat().st_size < 2_500_000
    assert "abi3" in wheel.name
    assert {name.split("/")[0] for name in names} == {"operant", "operant-0.1.0.dist-info"}
    assert {"operant/_native.abi3.so", "operant/py.typed", "operant/bench/__init__.py"} <= set(names)
    sources = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src").rglob("*.py")}
    assert sources <= set(names)
    # Users' headers are compiled with the core's sources: the wheel has these, but not the files that build the core.
    files = {path for path in (ROOT / "native").rglob("*") if path.suffix in (".h", ".c", ".txt")}
    wanted = {str(path.relative_to(ROOT)) for path in files if path.parent != ROOT / "native" / "build"}
    native = {name.removeprefix("operant/") for name in names if name.startswith("operant/native/")}
    assert native == wanted and {"native/envs/cartpole.h", "native/targets/avx2.c"} < native
    assert {"operant/headers/scaffold/lander.h", "operant/headers/scaffold/lander.toml"} < set(names)
    # Trained agents: three files each.
    files = {
        path for path in (ROOT / "src/operant/agents").rglob("*") if path.suffix in (".json", ".toml", ".safetensors")
    }
    held = {name for name in names if name.startswith("operant/agents/") and not name.endswith(".py")}
    assert held == {str(path.relative_to(ROOT / "src")) for path in files} and len(held) == 30
    # Live pages: their parts, and the core as two WebAssembly modules.
    parts = {path.name for ending in ("js", "css", "html") for path in (ROOT / "src/operant/web").glob(f"*.{ending}")}
    pages = {name.removeprefix("operant/web/") for name in names if name.startswith("operant/web/")}
    assert {"core.js", "page.css", "play.html"} <= parts <= pages
    assert sum(name.endswith(".wasm.gz") for name in pages) == 2


@builds
def test_the_wheel_needs_only_gymnasium_numpy_and_cffi(built):
    archive = zipfile.ZipFile(built[1])
    metadata = Parser().parsestr(archive.read("operant-0.1.0.dist-info/METADATA").decode())
    needed = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert sorted(line.split(">")[0] for line in needed) == ["cffi", "gymnasium", "numpy"]
    assert metadata["License-Expression"] == "MIT"
    assert "operant-0.1.0.dist-info/licenses/LICENSE" in archive.namelist()
    entry_points = archive.read("operant-0.1.0.dist-info/entry_points.txt").decode()
    assert "operant = operant.registration:register_environments" in entry_points
    assert "operant = operant.cli.main:main" in entry_points


@builds
def test_the_sdist_holds_all_sources(built):
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = {*run("git", "ls-files", cwd=ROOT).splitlines()}
    assert "wheels/agents.toml" in tracked and tracked - names == {".gitignore"}


@builds
def test_the_wheel_steps_from_a_clean_directory(built, tmp_path):
    target = str(tmp_path / "site")
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, built[1])
    printed = subprocess.check_output([sys.executable, "-c", STEPS.format(target=target)], text=True, cwd=tmp_path)
    assert printed == "stepped\n"


def wheel_of(sdist, folder, **environment):
    """Runs pip over an sdist as a user does, without mypyc; returns the process."""
    command = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, sdist)
    environment = os.environ | {"OPERANT_MYPYC": "0"} | environment
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.test_long("Clang compiles the whole core, for 40 s")
def test_clang_builds_the_sdist_too(built, tmp_path):
    needs("clang", "clang")
    done = wheel_of(built[0], tmp_path, CC="clang")
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    target = str(tmp_path / "site")
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, wheel)
    assert run(sys.executable, "-c", STEPS.format(target=target), cwd=tmp_path) == "stepped\n"
    assert b"clang version" in (tmp_path / "site" / "operant" / "_native.abi3.so").read_bytes()


@builds
def test_without_a_compiler_the_build_ends_with_one_line(built, tmp_path):
    (tmp_path / "empty").mkdir()
    done = wheel_of(built[0], tmp_path, PATH=str(tmp_path / "empty"))
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "Traceback" not in said and not list(tmp_path.glob("*.whl"))
    line = said.partition("[end of output]")[0].splitlines()[-2].strip()
    assert line.startswith(
        "operant has no wheel for this Python here, and to build one the C compiler gcc is missing: "
    )
    assert "error: command" not in said


def wheels(*options):
    """The two lines about each wheel of `make wheels`, by the wheel's tag without its system."""
    lines = make("wheels", "INSTALLED=", f"BIN={Path(sys.executable).parent}", *options).splitlines()
    print("\n".join(lines))
    begins = [k for k, line in enumerate(lines) if line.startswith("operant-")]
    return {re.search(r"-(cp\d+-\w+?)-manylinux", lines[k])[1]: lines[k : k + 2] for k in begins}


HERE = f"cp{sys.version_info[0]}{sys.version_info[1]}"


@builds
def test_make_wheels_builds_and_tests_the_wheels_of_this_machine():
    made = wheels("ARM64=")
    assert set(made) == {"cp310-abi3", f"{HERE}-{HERE}"}
    for tag, (about, said) in made.items():
        assert re.search(r": [12]\.\d\d MB, installed in \d\.\d s of a processor", about)
        assert f"step path {'in Python' if 'abi3' in tag else 'compiled'}" in said
        assert "float32 certificates as stated" in said and "tasks of Gymnasium bit for bit" in said


@pytest.mark.test_long("cross-compiles the core and runs an emulated Python, for some two minutes")
def test_make_wheels_builds_and_tests_those_of_64_bit_arm():
    for program, package in (
        ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),
        ("qemu-aarch64", "qemu-user"),
        ("apt-get", "apt"),
    ):
        needs(program, package)
    made = wheels("ARM64=--arm64", "PYTHONS=")
    assert "cp310-abi3" in made
    for about, said in made.values():
        assert "_aarch64.whl" in about and "best instruction set neon" in said
