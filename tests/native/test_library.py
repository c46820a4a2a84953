"""The C core as a library: it compiles without a warning, and its results do not depend on the compiler."""

import subprocess

import pytest
from building import ROOT, make, needs

pytestmark = pytest.mark.test_all(
    "compiles the core twice more, with Clang too; tests/test_certificate.py asks the extension"
)

BUILDS = {"cc": "build/native", "clang": "build/clang"}


def certificates(compiler):
    """`{(name, target): hash}` from the library built by one compiler; warnings are errors in the Makefile."""
    needs(compiler, "clang" if compiler == "clang" else "gcc")
    make("native", "certificates", f"CC={compiler}", f"BUILD={BUILDS[compiler]}")
    lines = subprocess.check_output([ROOT / BUILDS[compiler] / "certificates"], text=True).splitlines()
    return {(name, isa): value for name, isa, value in (line.split() for line in lines)}


@pytest.mark.parametrize("compiler", BUILDS)
def test_all_targets_of_the_fast_build_compute_the_same_bits(compiler):
    hashes = certificates(compiler)
    for name in {name for name, _ in hashes}:
        fast = {isa: value for (env, isa), value in hashes.items() if env == name and isa != "exact"}
        assert len(fast) >= 2, f"only {list(fast)} ran"
        assert set(fast.values()) == {fast["scalar"]}, f"{name}: {fast}"
        assert int(fast["scalar"], 16) != 0
        assert ((name, "exact") in hashes) == (not name.startswith("train/"))


def test_gcc_and_clang_compute_the_same_bits():
    assert certificates("cc") == certificates("clang")


def test_the_python_extension_computes_the_same_bits_as_the_library():
    import operant
    from operant.catalog import header_names
    from operant.conformance.training import training_kinds

    fast = {(name, isa): value for (name, isa), value in certificates("cc").items() if isa != "exact"}
    python = {(name, isa): value for (name, isa, _), value in operant.certificate().items() if isa != "exact"}
    assert python == fast
    assert {name for name, _ in python} == {*header_names(), *(f"train/{kind}" for kind in training_kinds())}
