"""The study's table: the content of a row, and its origin in training."""

import pytest

from operant.bench import study
from operant.bench.study import Outcome


def test_a_row_has_medians_and_the_worst_return():
    outcomes = [Outcome(True, 500.0, 1000, 2.0), Outcome(False, 90.5, 9000, 8.0), Outcome(True, 498.25, 3000, 3.0)]
    expected = "| `operant train cartpole --algorithm a2c` | 500 | 2 of 3 | 498.2 | 90.5 | 3,000 | 3.0 |"
    assert study.line("cartpole", "a2c", 500.0, outcomes) == expected
    assert study.line("pendulum", "ppo", -200.0, outcomes).startswith("| `operant train pendulum` | -200 |")


def test_a_seed_is_trained_until_it_reaches_the_goal():
    outcome = study.train("cartpole", "ppo", 0)
    assert outcome.solved and outcome.score >= 475
    assert 0 < outcome.steps < 600_000


def test_the_table_has_all_requested_rows(monkeypatch, capsys):
    monkeypatch.setattr(study, "train", lambda environment, algorithm, seed: Outcome(True, float(seed), 1, 1.0))
    assert study.main(["--environments", "acrobot", "--algorithms", "ppo", "trpo", "--seeds", "3"]) == 0
    head, rule, ppo, trpo = capsys.readouterr().out.splitlines()
    assert head.count("|") == rule.count("|") == ppo.count("|") == trpo.count("|")
    assert "3 of 3 | 1.0 | 0.0" in ppo and "--algorithm trpo" in trpo


def test_ctrl_c_ends_the_study(monkeypatch, capsys):
    monkeypatch.setattr("operant.cli.training.Training.train", lambda self: 130)
    assert study.main(["--environments", "acrobot", "--algorithms", "ppo"]) == 130
    assert capsys.readouterr().err == "study: interrupted\n"


def test_an_invalid_number_of_seeds_is_refused(capsys):
    with pytest.raises(SystemExit):
        study.main(["--seeds", "0"])
    assert "--seeds 0 must be at least 1" in capsys.readouterr().err
