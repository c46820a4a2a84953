import sys
from types import ModuleType

import pytest

from operant import import_hook
from operant.cli import autoload
from operant.cli.main import main

MAKE = "import gymnasium; print(gymnasium.make_vec('operant/CartPole-v1', num_envs=3).num_envs)"
LOADED = "import sys; print([name for name in ('operant', 'gymnasium', 'numpy') if name in sys.modules])"


def test_with_autoload_on_gymnasium_alone_knows_the_environments(environment):
    assert environment.run("-c", MAKE).returncode == 1
    finished = environment.autoload("on")
    assert (finished.stderr, finished.returncode) == ("", 0)
    assert f"autoload is on: {environment.site_packages}/operant-autoload.pth" in finished.stdout
    assert environment.output(MAKE) == "3"
    assert environment.output(MAKE, "-I") == "3"
    assert environment.output(f"import operant; {MAKE}") == "3"
    finished = environment.run("-S", "-c", "pass")
    assert (finished.stderr, finished.returncode) == ("", 0)


def test_start_up_loads_nothing(environment):
    before = environment.output("import sys; print(sorted(sys.modules))")
    loaded = environment.output(LOADED)
    environment.autoload("on")
    after = environment.output("import sys; print(sorted(sys.modules))")
    assert set(eval(after)) - set(eval(before)) == {"_operant_autoload"}
    assert environment.output(LOADED) == loaded
    assert "operant'" not in loaded and "gymnasium" not in loaded


def test_off_leaves_the_environment_as_it_was(environment):
    environment.autoload("on")
    environment.output("pass")
    assert len(environment.files()) == 3  # the .pth file, the hook, the hook compiled
    finished = environment.autoload("off")
    assert (finished.stderr, finished.returncode) == ("", 0)
    assert environment.files() == []


@pytest.fixture
def site_packages(monkeypatch, tmp_path):
    """An empty folder that the command uses as site-packages."""
    monkeypatch.setattr(autoload.sysconfig, "get_path", lambda name: {"purelib": str(tmp_path)}[name])
    return tmp_path


def test_on_and_off_may_be_repeated(site_packages, capsys):
    pth = site_packages / "operant-autoload.pth"
    for action in ("off", "on", "on", "off", "off"):
        assert autoload.command([action]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"autoload is off: there was no {pth}",
        f"autoload is on: {pth}",
        f"autoload is on: {pth}",
        f"autoload is off: removed {pth}",
        f"autoload is off: there was no {pth}",
    ]


def test_status_names_the_file(site_packages, capsys):
    def status():
        capsys.readouterr()
        autoload.command(["status"])
        return capsys.readouterr().out

    pth, hook = site_packages / "operant-autoload.pth", site_packages / "_operant_autoload.py"
    assert status() == f"autoload is off: there is no {pth}\n"
    autoload.command(["on"])
    assert status() == f"autoload is on: {pth}\n"
    hook.write_text(hook.read_text() + "# older\n")
    assert "another version of operant" in status()
    hook.unlink()
    assert status() == f"autoload is off: there is no {hook}\n"


@pytest.mark.parametrize("blocked", ["operant-autoload.pth", "_operant_autoload.py"])
def test_a_file_that_cannot_be_written_is_one_line_and_leaves_nothing(site_packages, capsys, blocked):
    path = site_packages / blocked
    path.mkdir()  # refuses writing even to root, unlike a read-only folder
    with pytest.raises(SystemExit, match="1"):
        main(["autoload", "on"])
    assert capsys.readouterr() == ("", f"operant autoload: cannot change {path}: it is a directory: name a file\n")
    path.rmdir()
    assert [path for path in site_packages.rglob("*") if path.is_file()] == []


def test_once_operant_is_uninstalled_the_hook_does_nothing(environment, environment_without_operant):
    environment.autoload("on")
    for name in ("operant-autoload.pth", "_operant_autoload.py"):
        (environment_without_operant.site_packages / name).write_text((environment.site_packages / name).read_text())
    check = environment_without_operant.output
    assert check("import _operant_autoload, sys; print('operant' in sys.modules)") == "False"
    assert check("import gymnasium; print(gymnasium.make('CartPole-v1').spec.id)") == "CartPole-v1"
    # A folder or script of that name is not the operant package.
    (environment_without_operant.folder / "operant").mkdir()
    assert check("import gymnasium, sys; print('operant' in sys.modules)") == "False"
    (environment_without_operant.folder / "operant").rmdir()
    (environment_without_operant.folder / "operant.py").write_text("raise SystemExit('imported')")
    assert check("import gymnasium, sys; print('operant' in sys.modules)") == "False"
    (environment_without_operant.site_packages / "_operant_autoload.py").unlink()
    assert check("print('started')") == "started"


def test_a_broken_operant_is_a_warning_and_gymnasium_works(environment, environment_without_operant):
    environment.autoload("on")
    for name in ("operant-autoload.pth", "_operant_autoload.py"):
        (environment_without_operant.site_packages / name).write_text((environment.site_packages / name).read_text())
    package = environment_without_operant.site_packages / "operant"
    package.mkdir()
    (package / "__init__.py").write_text("raise OSError('no core')")
    finished = environment_without_operant.run("-c", "import gymnasium; print(gymnasium.make('CartPole-v1').spec.id)")
    assert (finished.stdout, finished.returncode) == ("CartPole-v1\n", 0)
    assert "could not be imported (OSError: no core)" in finished.stderr
    assert "Traceback" not in finished.stderr
    strict = environment_without_operant.output("import gymnasium", "-W", "error::UserWarning")
    assert strict == ""


@pytest.fixture
def waiting(monkeypatch, tmp_path):
    """Installs the hook in this process, for a stand-in for gymnasium; returns the list of registered names."""
    registered = []
    for name in [name for name in sys.modules if name.partition(".")[0] == "gymnasium"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(import_hook, "register", lambda: registered.append(dict(vars(sys.modules["gymnasium"]))))
    monkeypatch.setattr(import_hook, "register_agents", lambda: None)
    import_hook.install()
    yield registered
    sys.modules.pop("gymnasium", None)


def hooks():
    ours = [finder for finder in sys.meta_path if isinstance(finder, import_hook.AfterImport)]
    return [finder for finder in ours if finder.package == "gymnasium"]


def test_registration_follows_the_whole_import_and_happens_once(waiting, tmp_path):
    (tmp_path / "gymnasium.py").write_text("first = 1\nlast = 2\n")
    import_hook.install()
    assert len(hooks()) == 1
    import gymnasium

    assert [(names["first"], names["last"]) for names in waiting] == [(1, 2)]
    assert hooks() == []
    assert "exec_module" not in vars(gymnasium.__spec__.loader)


def test_a_failed_import_of_gymnasium_is_its_own_error_and_may_be_tried_again(waiting, tmp_path):
    (tmp_path / "gymnasium.py").write_text("raise OSError('half installed')\n")
    with pytest.raises(OSError, match="half installed"):
        import gymnasium
    assert waiting == [] and len(hooks()) == 1
    (tmp_path / "gymnasium.py").write_text("whole = True  # and of another length, so that it is compiled again\n")
    import gymnasium

    assert gymnasium.whole and len(waiting) == 1 and hooks() == []


def test_asking_whether_gymnasium_is_installed_does_not_use_up_the_hook(waiting, tmp_path):
    from importlib.util import find_spec

    (tmp_path / "gymnasium.py").write_text("")
    assert find_spec("gymnasium").origin == str(tmp_path / "gymnasium.py")
    assert len(hooks()) == 1
    import gymnasium

    assert isinstance(gymnasium, ModuleType) and len(waiting) == 1


def test_without_gymnasium_the_import_fails_as_ever(waiting, monkeypatch):
    monkeypatch.setattr(sys, "meta_path", hooks())
    with pytest.raises(ModuleNotFoundError, match="No module named 'gymnasium'"):
        import gymnasium  # noqa: F401
