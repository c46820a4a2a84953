"""NVIDIA's compilers compile the kernels to code that rounds as the CPU does. No GPU is needed."""

import re
import shutil
from collections import Counter

import cuda_compilers
import pytest

from operant.catalog import specs_by_header
from operant.cuda import nvidia

PROGRAMS = cuda_compilers.programs()
# Variants with other numbers of agents have the same source, and take the longest to compile.
ONCE = [name for name in PROGRAMS if not re.fullmatch(r"simple_spread_\d", name)]
KINDS = ["cartpole", "pendulum", "breakout", "certificate"]

# With --fmad=false each operation rounds to the nearest (.rn) and keeps subnormal numbers (no .ftz).
ROUNDED = {f"{operation}.rn.f32" for operation in ("add", "sub", "mul", "div", "rcp", "sqrt")}
CONVERTED = {"cvt.rn.f32.s32", "cvt.rn.f32.u32", "cvt.rzi.s32.f32", "neg.f32", "abs.f32"}
# Continuous actions may be float64: they are checked (x - x is 0), limited to float32's range, and rounded once.
FLOAT64_ACTIONS = {"cvt.f64.f32", "cvt.rn.f32.f64", "sub.rn.f64"}
# Adam's factors are computed in float64 and rounded once, as on the CPU.
FLOAT64_ADAM = {f"{operation}.f64" for operation in ("sub.rn", "mul.rn", "div.rn", "sqrt.rn", "neg")} | {
    "cvt.rn.f32.f64"
}
MOVED = r"(ld|st|mov|selp|setp)\..*f(32|64)"


@pytest.fixture(scope="module")
def nvrtc():
    return pytest.importorskip("cuda.bindings.nvrtc")


def operations(ptx):
    """The number of times that each floating-point instruction occurs."""
    found = re.findall(r"^\s+(?:@!?%p\d+\s+)?([a-z]\w*(?:\.\w+)*)", ptx, re.MULTILINE)
    return Counter(name for name in found if re.search(r"\.f(16|32|64)|approx|ftz|full", name))


def float64_of(name):
    """The arithmetic in float64 that a program may have."""
    if name == "training":
        return FLOAT64_ADAM
    spec = specs_by_header().get(name)
    return FLOAT64_ACTIONS if spec and not spec.actions else set()


@pytest.mark.parametrize("name", ONCE)
def test_ptx_rounds_every_operation_as_the_cpu_does(nvrtc, name):
    ptx = nvidia.compile_program(PROGRAMS[name], nvrtc, "compute_90").decode()
    found, float64 = operations(ptx), float64_of(name)
    allowed = ROUNDED | CONVERTED | float64
    extra = {each: count for each, count in found.items() if each not in allowed and not re.fullmatch(MOVED, each)}
    assert not extra
    assert bool(float64) == any(each.endswith("f64") for each in found)
    if float64 == FLOAT64_ACTIONS:
        assert all(a == b for a, b in re.findall(r"sub\.rn\.f64\s+%fd\d+, (%fd\d+), (%fd\d+)", ptx))


def test_fused_operations_would_be_found(nvrtc, monkeypatch):
    fused = [option.replace("--fmad=false", "--fmad=true") for option in nvidia.OPTIONS]
    monkeypatch.setattr(nvidia, "OPTIONS", fused)
    found = operations(nvidia.compile_program(PROGRAMS["cartpole"], nvrtc, "compute_90").decode())
    assert found["fma.rn.f32"] > 10 and not found["mul.rn.f32"] > 100


@pytest.mark.parametrize("name", KINDS)
def test_a_cubin_has_the_programs_kernels(nvrtc, name):
    code = nvidia.compile_program(PROGRAMS[name], nvrtc, "sm_90")
    expected = {"operant_hash"} if name == "certificate" else {"operant_step", "operant_reset", "operant_observe"}
    assert code[:4] == b"\x7fELF" and nvidia.kernel_names(code) == expected
    ptx = nvidia.compile_program(PROGRAMS["certificate"], nvrtc, "compute_90")
    assert ptx.endswith(b"\0") and nvidia.kernel_names(ptx) == {"operant_hash"}


@pytest.mark.skipif(not shutil.which("nvcc"), reason="nvcc, of NVIDIA's CUDA toolkit, is not installed")
@pytest.mark.parametrize("name", [*KINDS, "training"])
def test_nvcc_compiles_the_kernels_for_two_architectures_without_a_warning(name, tmp_path):
    code, said = cuda_compilers.compile_by_nvcc(PROGRAMS[name], tmp_path)
    assert code == 0 and not said, said
