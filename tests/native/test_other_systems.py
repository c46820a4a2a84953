"""The core compiles for other systems and CPUs without a warning; emulated, it computes this machine's bits."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest
from building import ROOT, make, needs, run
from compare_certificates import compare

from operant.catalog import header_names
from operant.conformance.training import training_kinds
from operant.headers import library
from operant.headers.library import ONE_LANE

compiled = pytest.mark.test_all("compiles the core for another system and runs it, with tools that a newcomer has not")

TOOLS = {
    "neon": {
        "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
        "qemu-aarch64": "qemu-user",
    },
    "windows": {"wine": "wine"},
    "wasm": {"node": "nodejs"},
}
TARGETS = {"neon": {"neon", "scalar"}, "windows": {"sse2", "scalar"}, "wasm": {"wasm", "scalar"}}
TRAINS = {"neon": {"neon", "scalar"}, "windows": {"scalar"}, "wasm": {"scalar"}}  # those with a fused multiply-add


def library_on_windows(monkeypatch):
    """The module that compiles users' headers, as it is imported on Windows."""
    spec = importlib.util.spec_from_file_location("operant.headers.library_on_windows", library.__file__)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    with monkeypatch.context() as context:
        context.setattr(sys, "platform", "win32")
        spec.loader.exec_module(module)
    return module


def test_windows_takes_clang_and_says_where_it_is_to_be_had(monkeypatch):
    windows = library_on_windows(monkeypatch)
    monkeypatch.setattr(windows.shutil, "which", lambda name: None)
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(windows.NoCompiler, match=r"there is no C compiler \(clang\): install LLVM and the Build Tools"):
        windows.find_compiler()
    monkeypatch.setattr(windows.shutil, "which", lambda name: name)
    assert windows.find_compiler() == ["clang"]
    monkeypatch.setenv("CC", r'"C:\Program Files\LLVM\bin\clang.exe" -m64')
    assert windows.find_compiler() == [r"C:\Program Files\LLVM\bin\clang.exe", "-m64"]
    assert not {"-fPIC", "-lm"} & {*windows.FLAGS, *windows.MATHEMATICS}


@compiled
@pytest.mark.parametrize("system", TOOLS)
def test_another_system_computes_the_bits_of_this_machine(system):
    """`make` fails if a float32 hash differs, weights included, or a float64 hash that needs no libm."""
    for program, package in TOOLS[system].items():
        needs(program, package)
    make("certificates")  # alone: two systems at once would both compile it
    make("build/native/rounded")
    lines = make(system).splitlines()
    print("\n".join(lines))
    targets = {line.split()[0]: set(line.split()[1].split("/")) for line in lines}
    trained = {f"train/{kind}" for kind in training_kinds()}
    assert set(targets) == {*header_names(), *trained}
    for name, found in targets.items():
        assert found >= (TRAINS[system] if name in trained else TARGETS[system]), name


@compiled
def test_windows_loads_the_library_of_a_header_and_says_why_it_cannot(tmp_path, monkeypatch):
    needs("wine", "wine")
    make("windows")
    monkeypatch.setenv("CC", f"{sys.executable} -m ziglang cc -target x86_64-windows-gnu")
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(ROOT / "build" / "zig"))
    monkeypatch.setenv("OPERANT_CACHE", str(tmp_path))
    built = library_on_windows(monkeypatch).build(ROOT / "native" / "envs" / "taxi.h", extra=(ONE_LANE,))
    assert built.path.suffix == ".dll" and built.warnings == ""

    wine = os.environ | {"WINEPREFIX": str(ROOT / "build" / "wine"), "WINEDEBUG": "-all"}
    program = ROOT / "build" / "windows" / "certificates"
    loaded = run("wine", program, "1", built.path, env=wine).splitlines()
    assert len(loaded) == 2
    assert set(loaded) < set((ROOT / "build" / "windows" / "hashes").read_text().splitlines())
    missing = subprocess.run(["wine", program, "1", "missing.dll"], env=wine, stderr=subprocess.PIPE, check=False)
    assert missing.returncode == 1
    assert b"missing.dll: Windows error 126" in missing.stderr


@compiled
def test_the_core_compiles_and_links_for_macos_on_both_cpus():
    make("macos")
    magic = {"arm64": 0x0100000C, "x86-64": 0x01000007}  # Mach-O's numbers of the CPUs
    for cpu, number in magic.items():
        for file in ("liboperant.so", "certificates"):
            header = (ROOT / "build" / f"macos-{cpu}" / file).read_bytes()[:8]
            assert header == (0xFEEDFACF).to_bytes(4, "little") + number.to_bytes(4, "little")


def libm_calls(name):
    """The functions of libm that a file of build/native calls."""
    symbols = run("nm", "-u", ROOT / "build" / "native" / name)
    called = {line.split()[1] for line in symbols.splitlines() if line.split()[:1] == ["U"]}
    library = run("cc", "-print-file-name=libm.so.6").strip()
    defined = {line.split()[-1].partition("@")[0] for line in run("nm", "-D", "--defined-only", library).splitlines()}
    return called & defined


@compiled
def test_every_libm_function_that_the_core_calls_is_exact_or_counted_as_rounded():
    make("certificates")
    rounded = re.search(r"^ROUNDED = (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    assert libm_calls("liboperant.a") - set(rounded) <= {"fmod", "fma", "fmaf", "sqrt", "floor"}


@compiled
def test_training_calls_no_libm_function_that_libms_round_differently():
    make("certificates")
    names = [f"train/{source.stem}.o" for source in (ROOT / "native" / "train").glob("*.c")]
    # The fifth piece of a target has no environments.
    names += [f"targets/{source.stem}.4.o" for source in (ROOT / "native" / "targets").glob("*.c")]
    called = {name: libm_calls(name) for name in names}
    assert called["targets/scalar.4.o"] == {"fmaf"}
    assert set().union(*called.values()) <= {"fmaf", "sqrt"}


HERE = {"cartpole": {"scalar": "01", "exact": "02"}, "taxi": {"scalar": "03", "exact": "04"}}
ROUNDED = {"cartpole": ["sincos"], "taxi": []}


def test_equal_certificates_have_no_faults():
    there = {name: {"neon": hashes["scalar"], **hashes} for name, hashes in HERE.items()}
    lines, faults = compare(HERE, there, ROUNDED)
    assert lines == ["cartpole neon/scalar 01 exact 02 as here", "taxi neon/scalar 03 exact 04 as here"]
    assert faults == []


def test_training_has_no_float64_certificate():
    here = HERE | {"train/relu": {"avx2": "05", "scalar": "05"}}
    lines, faults = compare(here, HERE | {"train/relu": {"scalar": "05"}}, ROUNDED)
    assert lines[-1] == "train/relu scalar 05"
    assert faults == []
    _, faults = compare(here, HERE | {"train/relu": {"neon": "06", "scalar": "05"}}, ROUNDED)
    assert faults == ["train/relu: float32 on neon is 06, here 05"]


def test_another_libm_may_change_the_float64_hash_of_an_environment_that_calls_it():
    lines, faults = compare(HERE, HERE | {"cartpole": {"scalar": "01", "exact": "05"}}, ROUNDED)
    assert lines[0] == "cartpole scalar 01 exact 05 another libm's sincos"
    assert faults == []


@pytest.mark.parametrize(
    ("there", "fault"),
    [
        (
            HERE | {"taxi": {"scalar": "03", "exact": "05"}},
            "taxi: float64 is 05, here 04, but it needs no libm",
        ),
        (HERE | {"taxi": {"scalar": "03", "wasm": "06", "exact": "04"}}, "taxi: float32 on wasm is 06, here 03"),
        ({"taxi": HERE["taxi"]}, "certificates: ['cartpole', 'taxi'] here, ['taxi'] there"),
    ],
)
def test_other_bits_are_a_fault(there, fault):
    assert compare(HERE, there, ROUNDED)[1] == [fault]
