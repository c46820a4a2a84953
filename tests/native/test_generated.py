"""Python's build and make's are described alike."""

import os
import runpy
import shutil

import pytest
from building import ROOT, make

from operant.headers.library import core_flags


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """A copy of native/ and the Makefile."""
    directory = tmp_path_factory.mktemp("native")
    shutil.copytree(ROOT / "native", directory / "native", ignore=shutil.ignore_patterns("build", "__pycache__"))
    shutil.copy(ROOT / "Makefile", directory)
    return directory


def test_make_lists_the_environments_as_build_py_does(native):
    listing = native / "native" / "build" / "environments.h"
    make("native/build/environments.h", directory=native)
    made = listing.read_text()
    listing.unlink()
    runpy.run_path(str(native / "native" / "build.py"))
    assert listing.read_text() == made
    assert '#include "envs/cartpole.h"' in made


def test_make_notices_a_new_header(native):
    make("native/build/environments.h", directory=native)
    added = native / "native" / "envs" / "zzz.h"
    added.touch()
    make("native/build/environments.h", directory=native)
    assert "E(zzz)\n" in (native / "native" / "build" / "environments.h").read_text()
    added.unlink()
    make("native/build/environments.h", directory=native)
    assert "zzz" not in (native / "native" / "build" / "environments.h").read_text()


def test_make_python_and_users_headers_share_the_flags_that_determine_bits(native):
    needed = {"-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"}
    assert needed <= set(runpy.run_path(str(native / "native" / "build.py"))["FLAGS"])
    commands = make("-n", "build/flags/core/numpy.o", "BUILD=build/flags", directory=native)
    assert needed <= set(commands.split())
    assert needed <= set(core_flags())


def test_a_change_to_an_environment_compiles_a_quarter_of_a_target(native):
    arguments = ("ENVIRONMENTS=cartpole pendulum simple squared taxi", "BUILD=build/pieces")
    pieces = [native / "build" / "pieces" / "targets" / f"scalar.{part}.o" for part in range(5)]

    def compiled():
        """Runs make; returns the pieces that it compiled."""
        before = [piece.stat().st_mtime_ns if piece.exists() else None for piece in pieces]
        make(*(str(piece.relative_to(native)) for piece in pieces), *arguments, directory=native)
        return [part for part in range(5) if pieces[part].stat().st_mtime_ns != before[part]]

    assert compiled() == [0, 1, 2, 3, 4]
    assert compiled() == []
    (native / "native" / "envs" / "taxi.h").touch()
    assert compiled() == [0], "taxi is the fifth of five"
    (native / "native" / "envs" / "mpe" / "simple.h").touch()
    assert compiled() == [2]


def test_setup_keeps_an_object_while_it_is_newer_than_all_its_sources(tmp_path, monkeypatch):
    monkeypatch.setattr("setuptools.setup", lambda **arguments: None)
    monkeypatch.setenv("OPERANT_MYPYC", "0")
    is_current = runpy.run_path(str(ROOT / "setup.py"))["is_current"]
    source, header, compiled = (tmp_path / name for name in ("a.c", "with space.h", "a.o"))
    listing = compiled.with_suffix(".d")
    for age, path in ((3, source), (3, header), (1, compiled)):
        path.touch()
        os.utime(path, (1000 - age, 1000 - age))
    assert not is_current(compiled), "the compiler has listed no sources yet"
    listing.write_text(f"{compiled}: {source} \\\n {tmp_path}/with\\ space.h\n")
    assert is_current(compiled)
    os.utime(header, (1000, 1000))
    assert not is_current(compiled), "a header has changed"
    header.unlink()
    assert not is_current(compiled), "a header is gone"
