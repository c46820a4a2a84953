"""The study: its file, its tables, its origin in training, and going on after a kill."""

import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from operant.bench import study
from operant.bench.study import Outcome
from operant.bench.study_file import Trial, read_study
from operant.cli.run_config import merge
from operant.cli.trials import one_thread

STUDIES = Path(study.__file__).parent / "studies"
FILE = """
[study]
seeds = 2
first_seed = 5
[contenders.narrow]
options = { hidden = [4] }
[contenders.wide]
options = { hidden = [8] }
[[runs]]
environment = "cartpole"
timesteps = 512
stop_at = 10.0
options = { num_envs = 16, rollout_steps = 16 }
[[runs]]
environment = "cartpole"
name = "long poles"
seeds = 1
timesteps = 512
stop_at = 500
options = { num_envs = 16, rollout_steps = 16 }
environment_options = { params = { half_length = 1.0 } }
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "widths.toml").write_text(FILE)
    return tmp_path / "widths.toml"


def outcome(solved=True, score=500.0, steps=1000, seconds=2.0):
    return Outcome(solved, score, steps, seconds)


def rows(folder):
    """The results by key, without seconds."""
    lines = (folder / "study-widths" / "results.jsonl").read_text().splitlines()
    found = {row.pop("key"): row for row in map(json.loads, lines)}
    assert all(row.pop("seconds") > 0 for row in found.values()) and len(found) == len(lines)
    return found


def test_a_row_has_medians_and_the_worst_return():
    outcomes = [outcome(), outcome(False, 90.5, 9000, 8.0), outcome(True, 498.25, 3000, 3.0)]
    expected = ("cartpole", "a2c", "500", "2 of 3", "498.2", "90.5", "3,000", "3.00")
    assert study.outcome_row("cartpole", "a2c", 500.0, outcomes) == expected


def test_two_contenders_are_compared_on_each_run_and_adjusted_together():
    fast, slow = [outcome(steps=n) for n in range(100, 120)], [outcome(steps=n) for n in range(200, 220)]
    never = [outcome(solved=False, steps=5000) for _ in range(20)]
    compared = study.comparison_rows({"a": (fast, slow), "b": (fast, never)})
    assert [row[:4] for row in compared] == [
        ("a", "reached", "20 of 20", "20 of 20"),
        ("a", "steps", "110", "210"),
        ("b", "reached", "20 of 20", "0 of 20"),
        ("b", "steps", "110", "inf"),
    ]
    # 2 / (40 choose 20) = 1.45e-11 is the least of four; the steps' are the least that 100,000 shuffles can give.
    assert [row[4:6] for row in compared] == [
        ("1", "1"), ("1e-05", "3e-05"), ("1.45e-11", "5.8e-11"), ("1e-05", "3e-05")
    ]  # fmt: skip
    assert [row[6] for row in compared] == ["no difference found", "differ", "differ", "differ"]


def test_the_trials_are_those_of_the_file(file):
    trials = read_study(file).trials
    assert [(each.run, each.contender, each.config.seed) for each in trials] == [
        ("cartpole", "narrow", 5),
        ("cartpole", "narrow", 6),
        ("cartpole", "wide", 5),
        ("cartpole", "wide", 6),
        ("long poles", "narrow", 5),
        ("long poles", "wide", 5),
    ]
    config = trials[-1].config
    assert config.environment == "operant/CartPole-v1"
    assert config.environment_options == {"params": {"half_length": 1.0}}
    assert (config.timesteps, config.stop_at) == (512, 500.0)
    assert (config.options.hidden, config.options.num_envs, config.options.threads) == ((8,), 16, 1)


def test_a_changed_run_is_another_trial(file):
    before = {trial.key for trial in read_study(file).trials}
    file.write_text(FILE.replace("hidden = [8]", "hidden = [9]"))
    assert len({trial.key for trial in read_study(file).trials} - before) == 3


def test_the_studies_that_ship_are_valid():
    algorithms = read_study(STUDIES / "algorithms.toml")
    assert len(algorithms.trials) == 5 * 5 * 5 and algorithms.goals["pendulum"] == -200
    backends = read_study(STUDIES / "native_vs_torch.toml")
    assert len(backends.trials) == 2 * (200 + 9 * 20)
    assert {trial.config.options.backend for trial in backends.trials if trial.contender == "torch"} == {"torch"}


@pytest.mark.parametrize(
    "old, new, expected",
    [
        ("[study]", "[stud]", "unknown table 'stud': did you mean 'study'?"),
        ("seeds = 2", "seed = 2", "unknown key of [study] 'seed': did you mean 'seeds'?"),
        ("seeds = 2", "seeds = 0", "seeds=0 must be an integer of at least 1"),
        ("options = { hidden = [8] }", "seed = 3", "unknown key of [contenders.wide] 'seed'"),
        ("hidden = [8]", "hiden = [8]", "unknown option 'hiden': did you mean 'hidden'?"),
        ('name = "long poles"', "", "has two runs 'cartpole': give one another name ="),
        ('environment = "cartpole"', 'environment = "taxi"', "the run 'taxi' has no goal: add stop_at ="),
        ('environment = "cartpole"\n', "", "say which environment"),
    ],
)
def test_a_wrong_file_is_one_line_and_starts_nothing(file, tmp_path, capsys, old, new, expected):
    text = FILE.replace("stop_at = 10.0\n", "") if "goal" in expected else FILE
    assert old in text
    file.write_text(text.replace(old, new, 1))
    assert study.main([str(file), "--runs", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and expected in message
    assert not (tmp_path / "study-widths").exists()


def test_a_seed_is_trained_until_it_reaches_the_goal():
    trial = Trial("cartpole", "ppo", one_thread(merge({"environment": "cartpole", "seed": 0}, {})))
    outcome = Outcome(**study.train(trial))
    assert outcome.solved and outcome.score >= 475
    assert 0 < outcome.steps < 400_000


def test_the_tables_are_those_of_the_results(file, tmp_path, monkeypatch, capsys):
    made = []

    def train(trial, ends):
        made.append(trial.key)
        return {"solved": True, "score": float(trial.config.seed), "steps": 256, "seconds": 1.0}

    monkeypatch.setattr(study, "train", train)
    for _ in range(2):
        assert study.main([str(file), "--runs", str(tmp_path)]) == 0
        out = capsys.readouterr().out.splitlines()
        assert out[2] == "| cartpole | narrow | 10 | 2 of 2 | 5.5 | 5.0 | 256 | 1.00 |"
        assert out[7] == "| run | compared | narrow | wide | p | p by Holm | verdict |"
        assert out[9] == "| cartpole | reached | 2 of 2 | 2 of 2 | 1 | 1 | no difference found |"
        assert len({line.count("|") for line in out[:6]}) == 1 and len(out) == 13
    assert len(made) == len(set(made)) == 6


def test_an_interrupted_study_has_the_tables_of_what_is_done(file, tmp_path, monkeypatch, capsys):
    results = iter([{"solved": True, "score": 1.0, "steps": 256, "seconds": 1.0}, None])
    monkeypatch.setattr(study, "train", lambda trial, ends: next(results))
    assert study.main([str(file), "--runs", str(tmp_path)]) == 130
    captured = capsys.readouterr()
    assert "| cartpole | narrow | 10 | 1 of 1 |" in captured.out
    assert captured.err.endswith("study: interrupted: the same command continues it\n")


def test_a_killed_study_goes_on_to_the_same_results(file, tmp_path, capsys):
    command = [sys.executable, "-m", "operant.bench.study", str(file), "--runs", str(tmp_path / "killed")]
    results = tmp_path / "killed" / "study-widths" / "results.jsonl"
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not results.exists() or not results.read_text().count("\n"):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = rows(tmp_path / "killed")
    assert 0 < len(before) < 6
    assert study.main([str(file), "--runs", str(tmp_path / "killed")]) == 0
    assert study.main([str(file), "--runs", str(tmp_path / "whole")]) == 0
    whole = rows(tmp_path / "whole")
    assert rows(tmp_path / "killed") == whole and before.items() <= whole.items()
    assert {row["solved"] for row in whole.values()} == {True, False}
    assert not any(math.isnan(row["score"]) for row in whole.values())
