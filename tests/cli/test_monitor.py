import subprocess
import sys

import pytest

from operant.cli.monitor import command
from operant.monitor.recorder import Recorder
from operant.utils import RunDirectory


@pytest.fixture
def folder(tmp_path):
    """Two runs: cartpole-..., and later pendulum-..."""
    for name, mean in (("cartpole-ppo", 487.625), ("pendulum-a2c", -200.5)):
        run = RunDirectory.create(tmp_path / "runs", name, {}, algorithm=name[-3:], total_steps=8192)
        with Recorder(run, tensorboard=False) as recorder:
            recorder.record({"steps": 4096, "episode_return": mean - 1})
            recorder.record({"steps": 8192, "episode_return": mean, "entropy": float("nan")})
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("options", "name", "mean"),
    [
        (["cart"], "cartpole-ppo", "487.625"),
        (["--latest"], "pendulum-a2c", "-200.5"),
        ([], "pendulum-a2c", "-200.5"),
    ],
)
def test_once_prints_the_newest_metrics_of_the_run(folder, capsys, options, name, mean):
    assert command([*options, "--runs", str(folder), "--once"]) == 0
    printed = capsys.readouterr()
    status, started, *metrics = printed.out.splitlines()
    assert status.startswith(f"{name}-")
    assert status.endswith(f" | {name[-3:]} | 8.19k / 8.19k steps | finished")
    assert ", 2 updates, in " in started
    assert [line.split() for line in metrics] == [["steps", "8192"], ["episode_return", mean], ["entropy", "nan"]]
    assert printed.err == ""


def test_in_a_pipe_it_prints_once_and_says_so(folder, operant):
    finished = operant("monitor", "cart", "--runs", str(folder))
    assert finished.returncode == 0
    assert "487.625" in finished.stdout
    assert finished.stderr == ("operant monitor: not a terminal, so the run is printed once (as with --once)\n")


FOLLOW = """
import sys
from operant.cli import monitor
from operant.cli.main import main
monitor.PERIOD = 0.5
sys.exit(main(["monitor", "--runs", sys.argv[1]]))
"""


def test_without_a_terminal_a_running_run_is_a_line_now_and_then_until_it_ends(tmp_path):
    run = RunDirectory.create(tmp_path, "cartpole-ppo", {}, algorithm="ppo", total_steps=8192)
    with Recorder(run, tensorboard=False) as recorder:
        recorder.record({"steps": 4096, "episode_return": 21.5})
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        monitor = subprocess.Popen([sys.executable, "-c", FOLLOW, tmp_path], **pipes)
        line = f"{run.id} | ppo | 4.1k / 8.19k steps | running | return 21.5\n"
        assert [monitor.stdout.readline() for _ in range(2)] == [line, line]
        recorder.record({"steps": 8192, "episode_return": 487.625})
    printed, said = monitor.communicate(timeout=60)
    assert printed.splitlines()[-1].split() == ["episode_return", "487.625"]
    assert f"{run.id} | ppo | 8.19k / 8.19k steps | finished" in printed
    assert said == "operant monitor: not a terminal, so a line is printed every 0.5 s\n"
    assert monitor.returncode == 0


@pytest.mark.parametrize("variable, value", [("TERM", "dumb"), ("JPY_PARENT_PID", "1")])
def test_a_notebook_is_no_terminal_though_it_says_so(folder, capsys, monkeypatch, variable, value):
    for stream in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(getattr(sys, stream), "isatty", lambda: True)
    monkeypatch.setenv(variable, value)
    assert command(["--runs", str(folder)]) == 0
    assert "episode_return  -200.5" in capsys.readouterr().out


def test_a_run_before_its_first_update_is_no_error(tmp_path, capsys):
    RunDirectory.create(tmp_path, "cartpole-ppo", {})
    assert command(["--runs", str(tmp_path), "--once"]) == 0
    assert "no metrics yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["cart", "--latest"], "--latest and RUN_ID 'cart' contradict each other: leave one out"),
        (["x"], "no run 'x' in"),
        ([""], "no run '' in"),
        (["--once", "--run"], "unknown option '--run': did you mean '--runs'?"),
    ],
)
def test_bad_input_is_answered_in_one_line(folder, error_line, options, message):
    assert message in error_line("monitor", *options, *([] if "--run" in options else ["--runs", str(folder)]))


def test_an_ambiguous_id_names_the_candidates(folder, error_line):
    second = RunDirectory.create(folder, "cartpole-ppo", {})
    line = error_line("monitor", "cartpole", "--runs", str(folder))
    assert "run id 'cartpole' is ambiguous: choose one of cartpole-ppo-" in line
    assert second.id in line


@pytest.mark.parametrize("library", ["textual", "psutil"])
def test_without_a_library_of_the_screen_it_names_the_extra(folder, monkeypatch, capsys, library):
    for name in [name for name in sys.modules if name.startswith(("textual", "operant.monitor.screen"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "operant.monitor.curve", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    for stream in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(getattr(sys, stream), "isatty", lambda: True)
    with pytest.raises(SystemExit, match="2"):
        command(["--runs", str(folder)])
    message = f"operant monitor: it needs {library}: pip install 'operant[monitor]', or use --once"
    assert capsys.readouterr().err.startswith(message)


def test_once_needs_neither_textual_nor_psutil_nor_torch(folder, capsys):
    script = (
        "import sys\n"
        "for name in ('textual', 'plotext', 'psutil', 'torch'): sys.modules[name] = None\n"
        "from operant.cli.main import main\n"
        "sys.exit(main(['monitor', '--once', '--runs', sys.argv[1]]))"
    )
    finished = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, text=True)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "-200.5" in finished.stdout
