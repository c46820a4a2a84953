import os
import stat
import sys

import pytest
from authored import write_lander

import operant
from operant.cli.main import main
from operant.files import private
from operant.headers import trust
from operant.headers.trust import Untrusted, check_trust, remember


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """The folder of this test's notes."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    trust._complain.cache_clear()
    return tmp_path / "state" / "operant" / "trusted"


@pytest.fixture
def header(tmp_path):
    return write_lander(tmp_path)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A package whose import leaves a file."""
    package = tmp_path / "strange"
    package.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    leaves = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    (package / "__init__.py").write_text(leaves)
    (package / "inner.py").write_text(leaves)
    return package


def refused(env_id):
    with pytest.raises(Untrusted) as caught:
        check_trust(str(env_id), "the checkpoint", "pass env=")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_header_is_refused_until_it_is_remembered(header, state):
    assert refused(header) == (
        f"the checkpoint names {header}, which you have not trained, built or registered: to run its code, "
        "pass env= or set OPERANT_TRUST=1"
    )
    assert not state.exists()
    remember(str(header))
    check_trust(str(header), "", "")
    assert [note.read_text() for note in state.iterdir()] == [f"{header}\n"]
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["lander.h", "lander.toml", "included.h", "lander_reference.py", "world/inner.py"])
def test_a_change_of_any_of_its_files_is_noticed_and_undoing_it_too(header, name):
    (header.parent / "included.h").write_text("")
    (header.parent / "lander_reference.py").write_text("")  # the scaffold's descriptor names it
    (header.parent / "world").mkdir()
    for file in ("__init__.py", "inner.py"):
        (header.parent / "world" / file).write_text("")
    descriptor = header.with_suffix(".toml")
    descriptor.write_text(descriptor.read_text() + '[options]\nworld = "max_speed"\n')
    header.write_text('#include "included.h"\n' + header.read_text())
    remember(str(header))
    file = header.parent / name
    before = file.read_text()
    file.write_text(before + "\n")
    assert f"names {header}, which has changed since you trained, built or registered it: to run" in refused(header)
    file.write_text(before)
    check_trust(str(header), "", "")


def test_a_new_python_descriptor_is_noticed(header):
    remember(str(header))
    header.with_suffix(".py").write_text("raise SystemExit")
    refused(header)


def test_the_same_header_in_another_folder_is_another(header, tmp_path):
    remember(str(header))
    (tmp_path / "copy").mkdir()
    refused(write_lander(tmp_path / "copy"))


def test_a_link_to_a_header_is_the_header(header, tmp_path):
    remember(str(header))
    (tmp_path / "link.h").symlink_to(header)
    check_trust(str(tmp_path / "link.h"), "", "")


def test_registering_and_building_remember(tmp_path, capsys):
    header = write_lander(tmp_path, descriptor=("lander-v0", "trusted-v0"))
    operant.register_env(header, build=False)
    check_trust(str(header), "", "")
    header.write_text(header.read_text() + "\n")
    refused(header)
    assert main(["build", str(header)]) == 0
    check_trust(str(header), "", "")


@pytest.mark.parametrize("env_id", ["strange:Lander-v0", "strange.inner:Lander-v0", "strange.missing:Lander-v0"])
def test_a_module_is_refused_before_any_of_its_code_runs(module, env_id):
    assert f"names {module}" in refused(env_id)
    remember(env_id)
    check_trust(env_id, "", "")
    (module / "__init__.py").write_text("import os\n")
    assert "which has changed since you" in refused(env_id)
    assert not (module.parent / "ran").exists()


def test_a_module_of_nested_namespace_packages_is_found_without_importing_them(module):
    inner = module.parent / "space" / "nested" / "inner.py"
    inner.parent.mkdir(parents=True)
    (module / "inner.py").rename(inner)
    assert f"names {inner}" in refused("space.nested.inner:Lander-v0")
    remember("space.nested.inner:Lander-v0")
    check_trust("space.nested.inner:Lander-v0", "", "")
    assert not (module.parent / "ran").exists()


def test_a_module_that_is_no_package_is_named_and_not_one_of_the_same_name(module):
    (module.parent / "alone.py").write_text("")
    assert f"names {module.parent}/alone.py" in refused("alone.json:Lander-v0")


def test_an_old_finder_of_modules_is_passed_over(module, monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [object(), *sys.meta_path])
    assert f"names {module}" in refused("strange:Lander-v0")


def test_code_that_has_run_in_this_process_is_not_refused(module):
    import strange.inner  # noqa: F401

    check_trust("strange.inner:Lander-v0", "", "")
    for name in ("strange.inner", "strange"):
        del sys.modules[name]


@pytest.mark.parametrize(
    "env_id",
    ["operant/CartPole-v1", "CartPole-v1", "operant:operant/CartPole-v1", "gymnasium:CartPole-v1", "missing:x"],
)
def test_an_id_without_code_of_its_own_needs_no_trust(env_id, state):
    check_trust(env_id, "", "")
    assert not state.exists()


def test_a_variable_trusts_everything_and_notes_nothing(header, state, monkeypatch):
    monkeypatch.setenv("OPERANT_TRUST", "1")
    check_trust(str(header), "", "")
    remember(str(header))
    assert not state.exists()
    for no in ("0", "", "no", "false"):
        monkeypatch.setenv("OPERANT_TRUST", no)
        refused(header)


def test_a_state_folder_that_cannot_be_written_is_one_line(header, tmp_path, capsys):
    (tmp_path / "state").write_text("")
    remember(str(header))
    remember(str(header))
    said = capsys.readouterr().err
    assert said == (
        f"operant: cannot remember that you trust {header}: cannot make {tmp_path}/state/operant/trusted: a part of "
        "the path is a file: choose another folder: set XDG_STATE_HOME to another folder, or OPERANT_TRUST=1\n"
    )
    refused(header)


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_notes_in_a_folder_that_others_can_write_to_do_not_count(header, state, mode, capsys):
    remember(str(header))
    state.chmod(mode)
    assert f"and what you trust cannot be read (other users may write to {state}: `chmod go-w" in refused(header)
    header.write_text(header.read_text() + "\n")
    remember(str(header))
    assert capsys.readouterr().err.count("\n") == 1
    assert len(list(state.iterdir())) == 1


def test_notes_of_another_user_do_not_count(header, state, monkeypatch):
    remember(str(header))
    monkeypatch.setattr(private.os, "geteuid", lambda: os.getuid() + 1)
    assert f"({state} belongs to another user, number {os.getuid()})" in refused(header)


def test_a_user_without_a_home_is_told_so(header, monkeypatch, capsys):
    def no_home():
        raise RuntimeError

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(trust.Path, "home", no_home)
    remember(str(header))
    assert "cannot remember that you trust" in capsys.readouterr().err
    assert "what you trust cannot be read (there is no home folder)" in refused(header)
