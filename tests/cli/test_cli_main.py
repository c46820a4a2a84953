import re
import subprocess
import sys
from importlib.metadata import version

import pytest


def test_version_is_that_of_the_installed_distribution(operant):
    finished = operant("--version")
    assert (finished.stdout, finished.stderr, finished.returncode) == (f"operant {version('operant')}\n", "", 0)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_names_every_command(operant, arguments):
    finished = operant(*arguments)
    assert (finished.stderr, finished.returncode) == ("", 0)
    for name in ("list", "bench", "doctor", "export", "run", "autoload"):
        assert f"\n  {name} " in finished.stdout


@pytest.mark.parametrize("command", ["list", "doctor", "export", "run", "autoload"])
def test_every_command_has_help(operant, command):
    finished = operant(command, "--help")
    assert finished.returncode == 0
    assert finished.stdout.startswith(f"usage: operant {command}")


@pytest.mark.parametrize(
    "arguments, nearest",
    [
        (["lsit"], "'list'"),
        (["autolaod", "on"], "'autoload'"),
        (["--versoin"], "'--version'"),
        (["list", "--param"], "'--params'"),
        (["autoload", "statsu"], "'status'"),
    ],
)
def test_a_typo_is_answered_with_the_nearest_name(error_line, arguments, nearest):
    assert f"did you mean {nearest}?" in error_line(*arguments)


def test_an_unrelated_name_is_answered_with_all_commands(error_line):
    names = "list, train, eval, enjoy, resume, repeat, new, build, check, bench, doctor, export"
    assert f"choose from {names}, sweep, study, plot, monitor, runs, run, autoload (" in error_line("frobnicate")


@pytest.mark.parametrize("width", ["1000000000000", "10000000000000000"])
def test_a_network_that_no_memory_holds_is_one_line(operant, width, tmp_path):
    finished = operant("train", "cartpole", "--hidden", width, "--runs", str(tmp_path))
    assert finished.returncode == 1
    assert finished.stderr.endswith("out of memory: choose smaller networks, or fewer environments\n")
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "closed, arguments",
    [
        (">&-", "list"),
        (">&-", "train cartpole --timesteps 1000 --runs runs"),
        (">&- 2>&-", "train cartpole --timesteps 1000 --runs runs"),
        ("<&- >&- 2>&-", "train cartpole --timesteps 1000 --runs runs"),
        ("2>&-", "list"),
    ],
)
def test_a_command_without_standard_streams_does_its_work_and_writes_nothing_in_its_files(tmp_path, closed, arguments):
    command = f"{sys.executable} -m operant.cli.main {arguments} {closed}"
    finished = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert (finished.returncode, finished.stderr) == (0, "")
    if "train" in arguments:
        [csv] = tmp_path.glob("runs/*/metrics.csv")
        assert len(csv.read_text().splitlines()) == 2  # titles, and one update


INHERITED = """
import subprocess, sys
from operant.cli.main import main
main(["list"])
child = "import sys; sys.exit(None in (sys.stdin, sys.stdout, sys.stderr))"
sys.exit(subprocess.run([sys.executable, "-c", child]).returncode)
"""


def test_processes_of_a_command_without_standard_streams_have_them(tmp_path):
    command = [sys.executable, "-c", INHERITED]
    assert subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *command], cwd=tmp_path).returncode == 0


def test_the_options_before_a_command_are_those_that_work_there(operant):
    shown = operant("--help").stdout
    assert re.findall(r"^  (-.*?)  ", shown, re.M) == ["-h, --help", "--version"]


def test_bench_forwards_its_arguments_and_exit_code(monkeypatch):
    from types import SimpleNamespace

    from operant.cli.main import main

    seen = []
    stand_in = SimpleNamespace(main=lambda argv: seen.extend(argv) or 3)
    monkeypatch.setitem(sys.modules, "operant.bench.main", stand_in)
    assert main(["bench", "--env", "CartPole-v1", "--json"]) == 3
    assert seen == ["--env", "CartPole-v1", "--json"]


def test_a_closed_pipe_ends_the_command_quietly():
    process = subprocess.Popen(
        [sys.executable, "-m", "operant.cli.main", "list", "--params"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert (process.stderr.read(), process.wait(timeout=60)) == (b"", 0)
    process.stderr.close()
