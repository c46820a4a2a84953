"""The core asks the CPU itself for its features, and only one folder knows the operating system."""

import platform
import re
from pathlib import Path

import pytest
from building import ROOT, make, needs, run

from operant.batch.core import isas

NATIVE = ROOT / "native"
SYSTEMS = r"_WIN\w+|__wasm__|__wasi__|__EMSCRIPTEN__|__linux\w*|__APPLE__|__MACH__|__unix\w*|__MINGW\w+|_MSC_VER"
SYSTEM_HEADERS = r"pthread|unistd|dlfcn|windows|cpuid|sys/\w+|fcntl|sched"


@pytest.fixture(scope="module")
def step(tmp_path_factory):
    """examples/step.c with only CartPole; it prints the instruction set that the core chooses."""
    where = ("BUILD=build/cpu", "LIST=build/cpu/include/build/environments.h", "ENVIRONMENTS=cartpole")
    make("native", *where)
    program = tmp_path_factory.mktemp("cpu") / "step"
    library = ROOT / "build" / "cpu" / "liboperant.a"
    run("cc", f"-I{NATIVE}", ROOT / "examples" / "step.c", library, "-lm", "-lpthread", "-ldl", "-o", program)
    return program


@pytest.mark.test_all("emulates other CPUs, with a tool that newcomers do not have")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the instruction sets of x86-64")
@pytest.mark.parametrize(
    ("cpu", "isa"),
    [
        ("Nehalem", "sse2"),
        ("SandyBridge", "sse2"),
        ("Haswell", "avx2"),
        ("Haswell,-avx2", "sse2"),
        ("Haswell,-fma", "sse2"),  # training needs it
        ("Haswell,-xsave", "sse2"),  # the system does not save the wide registers
    ],
)
def test_the_core_takes_the_best_instructions_of_an_emulated_cpu(step, cpu, isa):
    needs("qemu-x86_64", "qemu-user")
    assert f"CartPoles on {isa}," in run("qemu-x86_64", "-cpu", cpu, step)


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="Linux lists the CPU's features")
def test_the_core_finds_the_features_that_linux_lists():
    flags = set(re.search(r"^(?:flags|Features)\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.M)[1].split())
    found = isas()
    if "avx2" in found:
        assert found["avx2"] == ("avx2" in flags)
        assert found["avx512"] == ({"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= flags)


def test_the_compilers_runtime_is_never_asked_for_the_cpu():
    for path in NATIVE.rglob("*.[ch]"):
        assert "__builtin_cpu" not in path.read_text(), path


def test_only_one_folder_of_the_core_knows_the_operating_system():
    """The instruction set may differ elsewhere, in targets/ and where lanes are defined; the system may not."""
    for path in NATIVE.rglob("*.[ch]"):
        if path.parent.name == "platform":
            continue
        text = path.read_text()
        assert not re.search(rf"^\s*#.*\b({SYSTEMS})\b", text, re.M), path
        assert not re.search(rf"^\s*#\s*include\s*<({SYSTEM_HEADERS})\.h>", text, re.M), path


def test_every_system_defines_the_whole_platform():
    listing = (NATIVE / "platform" / "platform.h").read_text()
    services = set(re.findall(r"\b(?:platform|PLATFORM)_\w+", listing))
    for system in ("posix", "windows", "wasm"):
        text = (NATIVE / "platform" / f"{system}.h").read_text()
        assert {name for name in services if not re.search(rf"\b{name}\b", text)} == set(), system
