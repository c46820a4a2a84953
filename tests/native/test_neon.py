"""64-bit Arm, cross-compiled and emulated, computes the same bits as this machine."""

import pytest
from building import ROOT, make, needs

pytestmark = pytest.mark.test_all("compiles and emulates another architecture, with tools that a newcomer has not")


def test_neon_and_the_arm_scalar_build_compute_the_bits_of_this_machine():
    needs("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross")
    needs("qemu-aarch64", "qemu-user")
    compared = make("neon").splitlines()  # make fails if a hash differs
    names = sorted(path.stem for path in (ROOT / "native" / "envs").glob("*.h"))
    assert sorted(line.split()[0] for line in compared) == names
