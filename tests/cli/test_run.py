import os
import subprocess
import sys
import zipfile

import pytest

WHAT_A_PROGRAM_SEES = """
import sys
module = sys.modules["__main__"]
print(sys.argv, sys.path[0], __name__, __spec__ and __spec__.name, __package__)
print(module.__dict__ is globals(), globals().get("__file__"), sorted(globals()), __annotations__, __doc__)
"""


def write(folder, text, name="program.py"):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return name


@pytest.fixture
def same_as_python(operant, tmp_path):
    """Runs a program with python and with operant; output and exit code must be equal."""

    def run(*arguments):
        python = subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        ours = operant("run", *arguments)
        assert (ours.stdout, ours.stderr, ours.returncode) == (python.stdout, python.stderr, python.returncode)
        return ours

    return run


def test_a_script_finds_the_environments_without_importing_operant(operant, tmp_path):
    script = write(
        tmp_path,
        "import sys, gymnasium\n"
        "envs = gymnasium.make_vec(sys.argv[2], num_envs=3)\n"
        "print(envs.reset(seed=0)[0].shape)\n",
    )
    finished = operant("run", script, "--env-id", "operant/CartPole-v1")
    assert (finished.stdout, finished.returncode) == ("(3, 4)\n", 0)


def test_a_script_runs_as_it_does_under_python(same_as_python, tmp_path):
    script = write(tmp_path, WHAT_A_PROGRAM_SEES, "folder/program.py")
    finished = same_as_python(script, "--help", "-m", "list", "--version")
    assert "['folder/program.py', '--help', '-m', 'list', '--version']" in finished.stdout


def test_a_script_behind_a_link_imports_what_lies_beside_it(same_as_python, tmp_path):
    write(tmp_path, "value = 7", "elsewhere/neighbour.py")
    write(tmp_path, "import neighbour; print(neighbour.value)", "elsewhere/program.py")
    os.symlink("elsewhere/program.py", tmp_path / "link.py")
    assert same_as_python("link.py").stdout == "7\n"


def test_a_module_runs_as_it_does_under_python(same_as_python, tmp_path):
    write(tmp_path, WHAT_A_PROGRAM_SEES, "package/module.py")
    finished = same_as_python("-m", "package.module", "--help")
    assert "'--help'" in finished.stdout


def test_the_module_may_be_glued_to_its_option(operant, tmp_path):
    write(tmp_path, "import sys; print(sys.argv[1:])", "module.py")
    assert operant("run", "-mmodule", "-m", "other").stdout == "['-m', 'other']\n"


def test_a_package_runs_its_main_module(same_as_python, tmp_path):
    write(tmp_path, WHAT_A_PROGRAM_SEES, "package/__main__.py")
    same_as_python("-m", "package", "1")


def test_a_folder_and_an_archive_run_their_main_module(same_as_python, tmp_path):
    write(tmp_path, "import sys, neighbour; print(sys.argv, sys.path[0])", "folder/__main__.py")
    write(tmp_path, "", "folder/neighbour.py")
    same_as_python("folder", "1")
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.write(tmp_path / "folder/__main__.py", "__main__.py")
        archive.write(tmp_path / "folder/neighbour.py", "neighbour.py")
    same_as_python("archive.zip", "1")


@pytest.mark.parametrize(
    "text, code",
    [
        ("", 0),
        ("raise SystemExit(7)", 7),
        ("raise SystemExit('a message')", 1),
        ("import os; os._exit(9)", 9),
        ("def f():\n    raise ValueError('x')\n\nf()\n", 1),
        ("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('y') from e\n", 1),
        ("this is no Python\n", 1),
        ("raise KeyboardInterrupt", -2),
        ("import sys\nsys.excepthook = lambda *a: print(a[0].__name__)\n1 / 0\n", 1),
        ("import atexit\nclass A:\n    def __del__(self): print('gone')\na = A()\natexit.register(print, 'exit')", 0),
    ],
    ids=["end", "exit", "message", "_exit", "error", "cause", "syntax", "interrupt", "excepthook", "atexit"],
)
def test_a_program_ends_as_under_python(same_as_python, tmp_path, text, code):
    assert same_as_python(write(tmp_path, text)).returncode == code


def test_an_error_in_a_module_leaves_the_program_with_exit_code_1(operant, tmp_path):
    write(tmp_path, "import operant_has_no_such_module\n", "module.py")
    finished = operant("run", "-m", "module")
    assert finished.returncode == 1
    assert "operant/cli" not in finished.stderr
    assert finished.stderr.endswith("ModuleNotFoundError: No module named 'operant_has_no_such_module'\n")


def test_future_imports_of_the_command_do_not_reach_the_script(same_as_python, tmp_path):
    same_as_python(write(tmp_path, "def f(x: int): pass\nprint(f.__annotations__)\n"))


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_worker_processes_and_theirs_know_the_environments(operant, tmp_path, method):
    script = write(
        tmp_path,
        "import multiprocessing, sys\n"
        "def work(depth):\n"
        "    import gymnasium\n"
        "    print(depth, 'operant/CartPole-v1' in gymnasium.registry, flush=True)\n"
        "    if depth < 2:\n"
        "        start(depth + 1)\n"
        "def start(depth):\n"
        "    child = multiprocessing.get_context(sys.argv[1]).Process(target=work, args=(depth,))\n"
        "    child.start()\n"
        "    child.join()\n"
        "if __name__ == '__main__':\n"
        "    start(1)\n",
    )
    finished = operant("run", script, method)
    assert (finished.stdout, finished.stderr) == ("1 True\n2 True\n", "")


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ([], "name a script"),
        (["-m"], "name a module"),
        (["missing.py"], "cannot open 'missing.py': No such file or directory"),
        (["."], "cannot open './__main__.py'"),
        (["--hepl"], "did you mean '--help'?"),
        (["-m", "operant_has_no_such_module"], "there is no module 'operant_has_no_such_module'"),
        (["-m", "json.no_such_module"], "there is no module 'json.no_such_module'"),
        (["-m", "json"], "'json' is a package without a __main__ module"),
    ],
)
def test_a_missing_program_is_one_line(error_line, arguments, expected):
    assert expected in error_line("run", *arguments)
