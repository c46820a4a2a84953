import json
import os
import re

import pytest

from operant.cli.runs import command
from operant.monitor.recorder import Recorder
from operant.utils import RunDirectory


@pytest.fixture
def runs(tmp_path):
    """A finished run, and one whose process ended before its first update."""
    finished = RunDirectory.create(
        tmp_path, "cartpole-ppo", {}, environment="operant/CartPole-v1", algorithm="ppo", total_steps=8192
    )
    with Recorder(finished, tensorboard=False) as recorder:
        recorder.record({"steps": 4096, "episode_return": 21.25})
        recorder.record({"steps": 8192, "episode_return": 487.625})
    crashed = RunDirectory.create(tmp_path, "pendulum-a2c", {}, environment="Pendulum-v1", algorithm="a2c")
    crashed.update(pid_started="1", pid=2**22 + 1)
    return tmp_path, finished, crashed


def test_the_table_shows_each_run_with_its_status_steps_and_return(runs, capsys):
    folder, finished, crashed = runs
    assert command(["--runs", str(folder)]) == 0
    titles, *rows = capsys.readouterr().out.splitlines()
    assert titles.split() == ["RUN", "ENVIRONMENT", "ALGORITHM", "STATUS", "STEPS", "RETURN", "STARTED"]
    assert rows[0].split()[:6] == [finished.id, "operant/CartPole-v1", "ppo", "finished", "8.19k", "487.6"]
    assert rows[1].split()[:6] == [crashed.id, "Pendulum-v1", "a2c", "crashed", "-", "-"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", " ".join(rows[0].split()[6:]))


def test_json_holds_the_same_in_full(runs, capsys):
    folder, finished, crashed = runs
    command(["--runs", str(folder), "--json"])
    first, second = json.loads(capsys.readouterr().out)
    del first["started"]
    assert first == {
        "id": finished.id,
        "environment": "operant/CartPole-v1",
        "algorithm": "ppo",
        "status": "finished",
        "steps": 8192,
        "total_steps": 8192,
        "return": 487.625,
        "path": str(finished.path),
    }
    assert (second["id"], second["status"], second["steps"], second["return"]) == (crashed.id, "crashed", None, None)


def test_a_run_without_its_metrics_file_is_read_from_the_csv(runs, capsys):
    folder, finished, _ = runs
    finished.metrics_path.unlink()
    command(["--runs", str(folder), "--json"])
    assert json.loads(capsys.readouterr().out)[0]["return"] == 487.625


@pytest.mark.parametrize("text", ["", "steps,episode_return\n"], ids=["empty", "only titles"])
def test_a_run_that_ended_before_its_metrics_file_was_made_is_listed(runs, capsys, text):
    folder, _, crashed = runs
    crashed.csv_path.write_text(text)
    command(["--runs", str(folder), "--json"])
    last = json.loads(capsys.readouterr().out)[-1]
    assert (last["id"], last["status"], last["steps"]) == (crashed.id, "crashed", None)


def test_the_folder_may_be_named_by_the_environment(runs, capsys, monkeypatch):
    monkeypatch.setenv("OPERANT_RUNS", str(runs[0]))
    command([])
    assert runs[1].id in capsys.readouterr().out


def test_a_folder_without_runs_says_how_to_start_one(operant):
    finished = operant("runs", "--runs", "nowhere")
    assert finished.returncode == 0
    assert finished.stdout.startswith("no runs in nowhere: start one with `operant train`")
    assert json.loads(operant("runs", "--json").stdout) == []


def test_a_wrong_option_is_answered_with_the_nearest(error_line):
    assert "unknown option '--jso': did you mean '--json'?" in error_line("runs", "--jso")


def test_listing_many_runs_does_not_change_them(runs, capsys):
    folder, finished, _ = runs
    before = {path: path.stat().st_mtime_ns for path in finished.path.iterdir()}
    command(["--runs", str(folder)])
    assert {path: path.stat().st_mtime_ns for path in finished.path.iterdir()} == before
    assert sorted(os.listdir(finished.path)) == sorted(path.name for path in before)
