"""A header is compiled into a library: once for each content, with errors at the user's lines, by any C compiler."""

import os
import re
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from authored import write_lander
from building import ROOT, needs, run

from operant.batch.batch import Batch
from operant.batch.core import isas, library_hash, load_library, trajectory_hash
from operant.environments.lookup import find_spec
from operant.headers import library
from operant.headers.library import ONE_LANE, CompileError, NoCache, NoCompiler, build, cache_folder, find_compiler
from operant.headers.sources import built_in_header, native_folder

QUICK = {"extra": (ONE_LANE,)}  # two targets only: these tests do not depend on vectors


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder for each test."""
    monkeypatch.setenv("OPERANT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def kept(cache):
    return sorted(path.name for path in cache.iterdir() if path.name != "lock")


def test_a_header_is_compiled_once_for_each_content(tmp_path, cache):
    path = write_lander(tmp_path)
    first = build(path, **QUICK)
    assert not first.cached and first.path.parent == cache and first.warnings == ""
    second = build(path, **QUICK)
    assert second.cached and second.path == first.path
    other = write_lander(tmp_path / "elsewhere")  # the same content
    assert build(other, **QUICK).path == first.path
    path.write_text(path.read_text().replace("P(thrust, 4.0", "P(thrust, 5.0"))
    assert build(path, **QUICK).path != first.path
    assert kept(cache) == sorted({first.path.name, build(path, **QUICK).path.name})


def test_included_files_count_as_the_headers_content(tmp_path):
    path = write_lander(tmp_path, ("typedef struct { vf height", '#include "numbers.h"\ntypedef struct { vf height'))
    (tmp_path / "numbers.h").write_text("#define NUMBER 1\n")
    first = build(path, **QUICK).path
    (tmp_path / "numbers.h").write_text("#define NUMBER 2\n")
    assert build(path, **QUICK).path != first
    (tmp_path / "numbers.h").write_text("#define NUMBER 1\n")
    assert build(path, **QUICK).cached


@pytest.mark.parametrize(
    ("condition", "include"),
    [
        ("1", "#include HIDDEN"),
        ("1", "#include <{0}/hidden.h>"),
        ("1", '#/**/include "hidden.h"'),
        ("EXACT", "#include HIDDEN"),  # in one of the targets only
    ],
    ids=["by a macro", "in brackets", "behind a comment", "for one target"],
)
def test_a_file_included_in_another_way_is_refused_because_its_changes_would_not_count(tmp_path, condition, include):
    text = f'#define HIDDEN "{tmp_path}/hidden.h"\n#if {condition}\n{include.format(tmp_path)}\n#endif\n'
    path = write_lander(tmp_path, ("typedef struct { vf height", text + "typedef struct { vf height"))
    (tmp_path / "hidden.h").write_text("\n")
    with pytest.raises(
        ValueError, match=r'hidden\.h is included through a macro or in brackets: write #include "hidden\.h"'
    ):
        build(path, **QUICK)


def test_the_compiler_and_the_flags_count_too(tmp_path, monkeypatch):
    path = write_lander(tmp_path)
    paths = {build(path, **QUICK).path, build(path, extra=(ONE_LANE, "-DANYTHING")).path}
    wrapper = tmp_path / "mycc"
    for comment in ("one version", "another version"):
        wrapper.write_text(f'#!/bin/sh\n# {comment}\nexec cc "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setenv("CC", str(wrapper))
        paths.add(build(path, **QUICK).path)
    assert len(paths) == 4


def test_processes_and_threads_that_want_one_library_at_once_all_get_it_and_one_compiles(tmp_path, cache):
    path = write_lander(tmp_path)
    script = (
        f"from operant.headers.library import build; b = build({str(path)!r}, extra=({ONE_LANE!r},)); "
        "print(b.cached, b.path)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    results = []
    threads = [threading.Thread(target=lambda: results.append(build(path, **QUICK))) for _ in range(2)]
    for thread in threads:
        thread.start()
    printed = [process.communicate()[0].split() for process in processes]
    for thread in threads:
        thread.join()
    cached = [words[0] == "True" for words in printed] + [built.cached for built in results]
    assert sorted(cached) == [False, True, True, True]
    assert {words[1] for words in printed} == {str(built.path) for built in results}
    assert len(kept(cache)) == 1


def test_an_interrupted_build_leaves_nothing_behind(tmp_path, cache, monkeypatch):
    def interrupted(commands):
        raise KeyboardInterrupt

    monkeypatch.setattr(library, "run_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(write_lander(tmp_path), **QUICK)
    assert kept(cache) == []


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize(
    "change, message",
    [
        (("s->speed = uniform", "s->sped = uniform"), r"no member named .?sped"),
        (("observation[1] = s->speed;", "observation[1] = s->speed"), "expected .;"),
        (("R(0.5) * vabs", "0.3 * vabs"), r"double(.|\n)*hint: write constants as R\(0\.5\)"),
        (("    vm landed", "    if (s->height < R(1)) s->speed = vreal(0);\n    vm landed"), "hint: .*does not branch"),
        (("a[0] == 1", "a[0] = 1"), ""),
        (("vabs(s->speed)", "vabsolute(s->speed)"), "vabsolute"),
        (('P(dt, 0.1, "s"', 'P(dt, tenth, "s"'), "tenth"),
    ],
    ids=[
        "an unknown member",
        "a missing semicolon",
        "a double",
        "a branch",
        "an assignment",
        "an unknown function",
        "an unknown default",
    ],
)
def test_a_compile_error_points_at_the_users_line(tmp_path, monkeypatch, compiler, change, message):
    needs(compiler, compiler)
    monkeypatch.setenv("CC", compiler)
    path = write_lander(tmp_path, change)
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if change[1].splitlines()[0] in text)
    with pytest.raises(CompileError) as failure:
        build(path)
    text = str(failure.value)
    assert text.startswith("lander.h does not compile:\n")
    assert re.search(rf"{re.escape(str(path))}:{line}:\d+: error: ", text)
    assert re.search(message, text)
    assert "native/core" not in text


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_missing_name_of_the_contract_is_named(tmp_path, monkeypatch, compiler):
    needs(compiler, compiler)
    monkeypatch.setenv("CC", compiler)
    path = write_lander(tmp_path)
    text = path.read_text()
    path.write_text(text[: text.index("/** Writes the observation")])
    with pytest.raises(CompileError, match=r"^lander\.h does not define lander_observe: see the table in docs/add-"):
        build(path, **QUICK)
    path.write_text(text.replace("PARAMETERS(MEMBER) }", "PARAMETERS(MEMBER) vf wind; }"))
    message = "lander_params must have the members that PARAMETERS lists, and no others"
    with pytest.raises(CompileError, match=rf"^lander\.h does not compile: {message}$"):
        build(path, **QUICK)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_parameter_that_lacks_its_bounds_is_an_error_with_a_hint(tmp_path, monkeypatch, compiler):
    needs(compiler, compiler)
    monkeypatch.setenv("CC", compiler)
    path = write_lander(tmp_path, ('P(dt, 0.1, "s", 1e-6, 1)', 'P(dt, 0.1, "s")'))
    with pytest.raises(CompileError, match=r"lander\.h:\d+:\d+: error: (.|\n)*hint: a parameter is P\(name, default, "):
        build(path, **QUICK)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_header_that_does_not_list_its_parameters_is_told_how(tmp_path, monkeypatch, compiler):
    needs(compiler, compiler)
    monkeypatch.setenv("CC", compiler)
    path = write_lander(tmp_path)
    without = re.sub(r"#define PARAMETERS.*?\n(?=typedef)", "", path.read_text(), flags=re.DOTALL)
    members = "vf gravity, thrust, dt, max_speed, ceiling, low, high;"
    for text in (without, without.replace("PARAMETERS(MEMBER)", members)):
        path.write_text(text)
        with pytest.raises(
            CompileError, match=r"^lander\.h lists no parameters: write #define PARAMETERS\(P\) P"
        ) as no:
            build(path, **QUICK)
        assert "typedef struct { PARAMETERS(MEMBER) } lander_params" in str(no.value)


def test_warnings_are_those_of_the_users_lines_and_are_kept(tmp_path):
    path = write_lander(tmp_path, ("    vf push", "    vf unused = vreal(1);\n    vf push"))
    built = build(path, **QUICK)
    assert re.match(rf"{re.escape(str(path))}:\d+:\d+: warning: unused variable", built.warnings)
    assert build(path, **QUICK).warnings == built.warnings


def test_without_a_compiler_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoCompiler, match=r"there is no C compiler .*apt-get install gcc libc6-dev"):
        build(write_lander(tmp_path))
    monkeypatch.setenv("CC", "tcc-of-mine")
    with pytest.raises(NoCompiler, match="CC=tcc-of-mine is not installed"):
        find_compiler()


def test_a_cc_of_several_words_is_a_command_with_arguments(monkeypatch):
    monkeypatch.setenv("CC", "env cc -pipe")
    assert find_compiler() == ["env", "cc", "-pipe"]


@pytest.mark.parametrize("name", ["lander.c", "my-lander.h", "3d.h", "lander"])
def test_a_file_whose_name_is_not_a_c_identifier_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"must be named like lander.h"):
        build(tmp_path / name)


def test_a_missing_header_is_named_with_the_remedy(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"moon\.h does not exist: `operant new moon` writes one"):
        build(tmp_path / "moon.h")


def test_a_cache_folder_that_cannot_be_made_is_named_with_the_remedy(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OPERANT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match=r"cannot keep compiled libraries in .*OPERANT_CACHE"):
        build(write_lander(tmp_path))


def test_the_cache_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.delenv("OPERANT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    expected = tmp_path / "xdg" / "operant" if sys.platform != "darwin" else None
    assert expected is None or cache_folder() == expected
    assert cache_folder().stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_cache_folder_that_others_can_write_to_is_refused(tmp_path, cache, mode):
    cache.mkdir()
    cache.chmod(mode)
    with pytest.raises(
        NoCache, match=rf"other users may write to {cache}: `chmod go-w {cache}` forbids it.*OPERANT_CACHE"
    ):
        build(write_lander(tmp_path))
    assert list(cache.iterdir()) == []


def test_a_cache_folder_of_another_user_is_refused(tmp_path, cache, monkeypatch):
    cache.mkdir()
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(NoCache, match=rf"{cache} belongs to another user, number {os.getuid()}\).*OPERANT_CACHE"):
        build(write_lander(tmp_path))


@pytest.mark.parametrize("exists", [True, False])
def test_a_lock_that_is_a_link_is_not_followed(tmp_path, cache, exists):
    target = tmp_path / "target"
    if exists:
        target.write_text("kept")
    cache.mkdir()
    (cache / "lock").symlink_to(target)
    with pytest.raises(NoCache, match=rf"{cache} \({cache}/lock is a link\)"):
        build(write_lander(tmp_path))
    assert (target.read_text() if target.exists() else None) == ("kept" if exists else None)


def made_writable(library):
    library.chmod(0o770)


def made_a_link(library):
    library.rename(library.with_name("elsewhere"))
    library.symlink_to(library.with_name("elsewhere"))


def given_away(library):
    os.chown(library, 65534, -1)


@pytest.mark.parametrize(
    "change",
    [
        made_writable,
        made_a_link,
        pytest.param(given_away, marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")),
    ],
)
def test_a_library_that_another_user_can_have_written_is_not_opened_but_compiled_again(tmp_path, cache, change):
    header = write_lander(tmp_path)
    library = build(header, **QUICK).path
    assert build(header, **QUICK).cached
    change(library)
    with pytest.raises(ValueError, match=rf"{library} is not a library that you compiled: remove it"):
        load_library(library)
    assert not build(header, **QUICK).cached
    assert library.lstat().st_mode & 0o077 == 0
    load_library(library)


def test_libraries_unused_for_a_month_are_removed(tmp_path, cache):
    cache.mkdir()
    for name, days in (("lander-old.so", 31), ("lander-new.so", 29), ("other-old.so", 31)):
        (cache / name).touch()
        os.utime(cache / name, (os.stat(cache / name).st_mtime - days * 86400,) * 2)
    built = build(write_lander(tmp_path), **QUICK).path.name
    assert kept(cache) == sorted([built, "lander-new.so", "other-old.so"])


def test_a_library_for_another_core_is_refused(tmp_path):
    source = shutil.copytree(ROOT / "native", tmp_path / "native")
    layout = source / "core" / "layout.h"
    ours = re.search(r"OPERANT_ABI = (\d+)", layout.read_text())
    layout.write_text(layout.read_text().replace(ours[0], f"OPERANT_ABI = {int(ours[1]) + 1}"))
    code = "#define OPERANT_ONE_LANE\n" + (source / "library" / "library.c").read_text()
    # Without an environment: the version is checked before it.
    (tmp_path / "library.c").write_text(code + "const operant_target operant_scalar, operant_exact;\n")
    run("cc", "-shared", "-fPIC", f"-I{source}", tmp_path / "library.c", "-o", tmp_path / "other.so")
    with pytest.raises(ValueError, match=r"other.so was compiled for a different version of operant's core"):
        load_library(tmp_path / "other.so")


def test_a_file_that_is_not_a_library_is_refused(tmp_path):
    (tmp_path / "text.so").write_text("no library")
    with pytest.raises(ValueError, match=r"text\.so: .*operant build --again"):
        load_library(tmp_path / "text.so")
    (tmp_path / "empty.c").write_text("int nothing;\n")
    run("cc", "-shared", "-fPIC", tmp_path / "empty.c", "-o", tmp_path / "empty.so")
    with pytest.raises(ValueError, match="is not a library of an operant environment"):
        load_library(tmp_path / "empty.so")


@pytest.mark.parametrize("name", ["acrobot", "simple"])
def test_a_built_in_header_compiled_as_a_users_computes_the_same_bits(name):
    """Acrobot's exact build calls functions that the core lends to a library; simple includes other headers."""
    path = build(native_folder() / built_in_header(name)).path
    runnable = [isa for isa, runs in isas().items() if runs]
    assert {isa: library_hash(path, name, isa) for isa in runnable} == {
        isa: trajectory_hash(name, isa) for isa in runnable
    }


def test_an_environment_without_parameters_works(tmp_path):
    path = write_lander(tmp_path)
    path.write_text(
        """
typedef struct { vf count; } lander_state;
#define PARAMETERS(P)
typedef struct { PARAMETERS(MEMBER) } lander_params;
typedef vi lander_action;
enum { lander_observation_size = 1, lander_action_size = 1, lander_actions = 2, lander_agents = 1 };
LANE_FN void lander_reset(lander_state *s, rng *r, const lander_params *p) {
    s->count = uniform(r, vreal(0), vreal(1));
}
LANE_FN vm lander_step(lander_state *s, const lander_action *a, rng *r, const lander_params *p, vf *reward) {
    s->count = s->count + vfloat(a[0]);
    *reward = s->count;
    return s->count > R(3);
}
LANE_FN void lander_observe(const lander_state *s, rng *r, const lander_params *p, vf *o) { o[0] = s->count; }
"""
    )
    path.with_suffix(".toml").write_text(
        'id = "lander-v0"\nmax_episode_steps = 9\nactions = 2\n[state]\ncount = "1"\n[observation]\ncount = {}\n'
    )
    batch = Batch(find_spec(str(path)), 20, workers=2)
    batch.seed(0)
    batch.reset()
    terminated = [batch.step(np.ones(20, np.int64))[2].sum() for _ in range(4)]
    assert terminated[:2] == [0, 0] and sum(terminated) == 20
    assert batch.get_state().dtype.names[0] == "count"


def test_two_libraries_of_one_name_are_not_taken_for_each_other(tmp_path):
    """Rows of one must not be copied into the other, because their states may have different sizes."""
    wide = write_lander(
        tmp_path / "wide",
        ("vf height, speed; }", "vf height, speed, fuel; }"),
        ('speed = "m/s"', 'speed = "m/s"\nfuel = "kg"'),
    )
    text = wide.read_text()
    wide.write_text(text.replace("s->speed = uniform", "s->fuel = vreal(1);\n    s->speed = uniform"))
    ours, theirs = (Batch(find_spec(str(path)), 2) for path in (write_lander(tmp_path / "narrow"), wide))
    for batch in (ours, theirs):
        batch.seed(0)
        batch.reset()
    with pytest.raises(ValueError, match="the core refused the call"):
        ours.copy_environments(None, theirs, None, 1)
