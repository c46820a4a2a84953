"""Trials in this process and in others: every trial once, errors by name, and interruptions."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from operant.cli.trials import run_trials
from operant.runs.results import Results

HERE = Path(__file__)


class Numbers:
    """Trials 0, 1, ... whose tasks are `task` and the number; those with results are left out."""

    def __init__(self, results, count, task="square"):
        self.results, self.task = results, task
        self.missing = [number for number in range(count) if str(number) not in results.rows]
        self.asked = []

    def next(self):
        return (str(number := self.missing.pop(0)), (self.task, number)) if self.missing else None

    def ends(self, key, steps, mean_return):
        self.asked.append((key, steps, mean_return))
        return steps >= 2

    def finish(self, key, result):
        self.results.add(key, result)


def train(task, ends):
    """Squares a number, or fails, is killed or is interrupted at the number 1; `slow` needs a tenth of a second."""
    kind, number = task
    if kind == "fail" and number == 1:
        raise ValueError("no such\nenvironment")
    if kind == "die" and number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "interrupt" and number == 1:
        return None
    if kind == "slow":
        time.sleep(0.1)
    if kind == "ask":
        return {"steps": next(steps for steps in range(10) if ends(steps, steps / 2))}
    return {"square": number * number}


class Interrupted:
    """A function to train with whose process gets Ctrl-C as soon as it has read it, before it runs anything of ours."""

    def __reduce__(self):
        return _interrupted, ()


def _interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    return train


def test_ctrl_c_does_not_end_a_process_that_is_still_starting(tmp_path, capfd):
    with Results(tmp_path / "results.jsonl") as results:
        assert run_trials(Numbers(results, 2), Interrupted(), 2) == 0
        assert results.rows == {"0": {"square": 0}, "1": {"square": 1}}  # in either order
    assert capfd.readouterr().err == ""
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_trial_is_made_once_and_only_those_without_a_result(tmp_path, jobs):
    with Results(tmp_path / "results.jsonl") as results:
        results.add("2", {"square": -1})
        assert run_trials(Numbers(results, 5), train, jobs) == 0
        assert {int(key): row["square"] for key, row in results.rows.items()} == {0: 0, 1: 1, 2: -1, 3: 9, 4: 16}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_trial_asks_whether_it_ends(tmp_path, jobs):
    with Results(tmp_path / "results.jsonl") as results:
        trials = Numbers(results, 2, "ask")
        run_trials(trials, train, jobs)
        assert results.rows == {"0": {"steps": 2}, "1": {"steps": 2}}
        assert sorted(trials.asked) == [(key, steps, steps / 2) for key in "01" for steps in range(3)]


@pytest.mark.parametrize("task, reason", [("fail", "ValueError: no such environment"), ("die", "its process was kill")])
def test_a_failure_in_another_process_names_the_trial_and_keeps_the_others(tmp_path, task, reason):
    with Results(tmp_path / "results.jsonl") as results:
        with pytest.raises(ValueError, match=f"trial 1 failed: {reason}"):
            run_trials(Numbers(results, 100, task), train, 2)
        assert "1" not in results.rows
        assert run_trials(Numbers(results, 2), train, 1) == 0 and results.rows["1"] == {"square": 1}


@pytest.mark.parametrize("jobs", [1, 2])
def test_no_trial_begins_after_an_interrupted_one(tmp_path, jobs):
    with Results(tmp_path / "results.jsonl") as results:
        assert run_trials(Numbers(results, 100, "interrupt"), train, jobs) == 130
        assert "1" not in results.rows and len(results.rows) < 100


def start(folder, jobs):
    """Starts a process that makes 40 slow trials, and waits for the first result."""
    process = subprocess.Popen(
        [sys.executable, str(HERE), str(folder), str(jobs)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not (folder / "results.jsonl").exists() or not (folder / "results.jsonl").read_text().count("\n"):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    return process


@pytest.mark.parametrize(
    "number, code, jobs", [(signal.SIGKILL, -9, 2), (signal.SIGTERM, 130, 2), (signal.SIGINT, 130, 1)]
)
def test_after_a_signal_the_same_command_makes_what_is_missing(tmp_path, number, code, jobs):
    process = start(tmp_path, jobs)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)  # it waits for all processes that have this stderr
    assert (process.returncode, errors) == (code, "")
    with Results(tmp_path / "results.jsonl") as results:
        done = dict(results.rows)
        assert 0 < len(done) < 40
        assert run_trials(Numbers(results, 40), train, 1) == 0
        assert list(results.rows.items())[: len(done)] == list(done.items())
        assert {int(key): row["square"] for key, row in results.rows.items()} == {n: n * n for n in range(40)}


if __name__ == "__main__":
    with Results(Path(sys.argv[1]) / "results.jsonl") as found:
        sys.exit(run_trials(Numbers(found, 40, "slow"), train, int(sys.argv[2])))
