"""`make install` puts the C library where C programs look, by pkg-config."""

import os

import pytest
from building import ROOT, make, needs, run

BUILD = ("CC=cc", "BUILD=build/native")
FILES = {
    "include/operant/operant.h",
    "include/operant/rollout/rollout.h",
    "include/operant/train/train.h",
    "lib/liboperant.a",
    "lib/liboperant.so",
    "lib/pkgconfig/operant.pc",
}


@pytest.fixture
def installed(tmp_path):
    """The arguments of make, and the folder that they install into."""
    needs("pkg-config", "pkg-config")
    make("native", *BUILD)
    to = (*BUILD, f"DESTDIR={tmp_path / 'machine'}", "PREFIX=/opt/operant")
    make("install", *to)
    return to, tmp_path / "machine/opt/operant"


def flags(prefix, *options):
    """The answer of pkg-config as one whose system begins at DESTDIR."""
    root = str(prefix).removesuffix("/opt/operant")
    environment = os.environ | {"PKG_CONFIG_SYSROOT_DIR": root, "PKG_CONFIG_LIBDIR": f"{prefix}/lib/pkgconfig"}
    return run("pkg-config", *options, "operant", env=environment).split()


def test_a_program_is_compiled_against_the_installed_library_and_runs(installed, tmp_path):
    to, prefix = installed
    files = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir()}
    (shared,) = files - FILES
    assert files > FILES and (prefix / "lib/liboperant.so").readlink().name == shared.removeprefix("lib/")

    warnings = ("-std=c11", "-Wall", "-Wextra", "-Werror")
    run("cc", *warnings, ROOT / "examples/step.c", *flags(prefix, "--cflags", "--libs"), "-o", tmp_path / "step")
    printed = run(tmp_path / "step", env=os.environ | {"LD_LIBRARY_PATH": str(prefix / "lib")})
    assert "1024 CartPoles on " in printed

    static = flags(prefix, "--static", "--cflags", "--libs")
    run("cc", *warnings, "-static", ROOT / "examples/train.c", *static, "-o", tmp_path / "train")
    trained = run(tmp_path / "train", "3", "8192")
    assert trained == run(ROOT / "build/native/train-cartpole", "3", "8192")

    make("uninstall", *to)
    assert not [path for path in prefix.rglob("*") if not path.is_dir()]


def test_pkg_config_names_the_version_of_the_package(installed):
    version = next(line for line in (ROOT / "pyproject.toml").read_text().splitlines() if line.startswith("version"))
    assert version == f'version = "{flags(installed[1], "--modversion")[0]}"'
