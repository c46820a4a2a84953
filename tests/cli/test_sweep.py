import json
import re
import signal
import subprocess
import sys
import time

import pytest
import torch

from operant.cli.main import main
from operant.runs.run_directory import RunDirectory

FILE = """
[sweep]
name = "pole"
trials = {trials}
prune_every = {prune_every}
[run]
environment = "cartpole"
timesteps = {timesteps}
options = {{ num_envs = 16, hidden = [4], rollout_steps = 16 }}
[parameters.learning_rate]
low = 1e-4
high = 1e-2
log = true
[parameters.epochs]
low = 1
high = 2
[parameters.activation]
choices = ["tanh", "relu"]
"""


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def write(folder, trials=2, timesteps=1024, prune_every=512, **replaced):
    text = FILE.format(trials=trials, timesteps=timesteps, prune_every=prune_every)
    for old, new in replaced.values():
        assert old in text
        text = text.replace(old, new)
    (folder / "pole.toml").write_text(text)
    return str(folder / "pole.toml")


def sweep(folder, *arguments, **options):
    return main(["sweep", write(folder, **options), "--runs", str(folder / "runs"), *arguments])


def trials(folder):
    return RunDirectory.all(folder / "runs" / "sweep-pole")


def test_every_trial_is_a_run_and_the_same_command_continues(tmp_path, capsys):
    assert sweep(tmp_path) == 0
    first = trials(tmp_path)
    assert [(run.status, run.record["total_steps"]) for run in first] == [("finished", 1024)] * 2
    options = [run.config["options"] for run in first]
    assert all(1e-4 <= each["learning_rate"] <= 1e-2 and each["epochs"] in (1, 2) for each in options)
    assert options[0]["learning_rate"] != options[1]["learning_rate"]
    assert {each["num_envs"] for each in options} == {16}
    assert "sweep pole: 2 complete" in capsys.readouterr().out

    assert sweep(tmp_path, trials=3) == 0
    assert len(trials(tmp_path)) == 3
    assert sweep(tmp_path, trials=3) == 0
    assert len(trials(tmp_path)) == 3


@pytest.mark.parametrize("seed", [2**32 - 1, 2**63 - 1])
def test_a_sweep_takes_and_continues_with_every_seed(tmp_path, seed):
    for count in (1, 2):
        assert sweep(tmp_path, trials=count, seed=("[run]", f"seed = {seed}\n[run]")) == 0
    assert len({run.config["options"]["learning_rate"] for run in trials(tmp_path)}) == 2


def test_the_best_trial_is_that_of_the_highest_return_and_its_command_trains_it_again(tmp_path, capsys):
    sweep(tmp_path, trials=3)
    out = capsys.readouterr().out
    returns = [float(line.split("mean return ")[1].split(",")[0]) for line in out.splitlines() if "trial" in line[:5]]
    best = max(range(3), key=returns.__getitem__)
    assert f"best: trial {best}, mean return {returns[best]:.4g}, run trial-{best}-" in out
    command = out.splitlines()[-1].removeprefix("train it again: operant ").split()
    again = tmp_path / "again"
    assert main([*command, "--runs", str(again), "--quiet", "--no-tensorboard"]) == 0
    [run] = RunDirectory.all(again)
    rows = [(each.csv_path).read_text().splitlines() for each in (run, trials(tmp_path)[best])]
    column = rows[0][0].split(",").index("episode_return")
    assert rows[0][-1].split(",")[column] == rows[1][-1].split(",")[column]


def test_a_trial_below_the_median_is_ended_early(tmp_path, capsys):
    # Learning rates of 1e-9 learn nothing, so some trials are far below the median after the first five.
    options = {"rate": ("low = 1e-4\nhigh = 1e-2\nlog = true", "choices = [1e-9, 3e-3]")}
    assert sweep(tmp_path, trials=9, timesteps=6144, prune_every=1024, **options) == 0
    out = capsys.readouterr().out
    pruned = [line for line in out.splitlines() if "ended early" in line]
    assert pruned and f"{len(pruned)} pruned" in out
    ended = RunDirectory.find(tmp_path / "runs" / "sweep-pole", pruned[0].rpartition(" ")[2])
    last = ended.csv_path.read_text().splitlines()[-1].split(",")
    assert "6144" not in last and ended.status == "finished"


def test_ctrl_c_leaves_a_sweep_that_can_continue(tmp_path):
    file = write(tmp_path, timesteps=100_000_000, prune_every=0)
    command = [sys.executable, "-m", "operant.cli.main", "sweep", file, "--runs", str(tmp_path / "runs")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(tmp_path.glob("runs/sweep-pole/*/metrics.csv")):
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert "interrupted: the same command continues it" in out and "no trial has been completed" in out
    assert re.match(r"sweep \S+: 0 of \d+ trials, in ", out)
    assert [run.status for run in trials(tmp_path)] == ["interrupted"]
    assert sweep(tmp_path, trials=1, prune_every=0) == 0
    assert [run.status for run in trials(tmp_path)] == ["interrupted", "finished"]


def test_a_sweep_killed_in_a_trial_repeats_only_that_one(tmp_path, capsys):
    assert sweep(tmp_path, trials=3) == 0
    results = tmp_path / "runs" / "sweep-pole" / "results.jsonl"
    lines = results.read_text().splitlines(keepends=True)
    assert [json.loads(line)["key"] for line in lines] == ["trial-0", "trial-1", "trial-2"]
    results.write_text(lines[0] + lines[1] + lines[2][:20])  # killed while it wrote the third
    assert sweep(tmp_path, trials=3) == 0
    assert results.read_text().splitlines(keepends=True)[:2] == lines[:2]
    assert sorted(run.id[:8] for run in trials(tmp_path)) == ["trial-0-", "trial-1-", "trial-2-", "trial-2-"]
    assert capsys.readouterr().out.count("sweep pole: 3 complete") == 2


def test_results_of_other_parameters_are_refused(tmp_path, capsys):
    assert sweep(tmp_path, trials=1) == 0
    with pytest.raises(SystemExit):
        sweep(tmp_path, trials=2, narrower=("high = 1e-2", "high = 2e-4"), other=('"relu"', '"elu"'))
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "trial-0 in " in message
    assert "has options that the sweep's file does not allow: name another sweep" in message


def test_jobs_share_the_trials(tmp_path):
    assert sweep(tmp_path, "--jobs", "2", trials=3) == 0
    runs = trials(tmp_path)
    assert [run.status for run in runs] == ["finished"] * 3
    assert len({json.dumps(run.config["options"]) for run in runs}) == 3


@pytest.mark.parametrize(
    "old, new, expected",
    [
        ("[sweep]", "[study]", "pole.toml has a table [study]: name it [sweep]"),
        ("learning_rate]", "learning_rat]", "unknown option 'learning_rat': did you mean 'learning_rate'?"),
        ("low = 1e-4", "low = 1e-1", "parameters.learning_rate: low=0.1 must be below high=0.01"),
        ("low = 1e-4", "low = 0", "true needs low above 0"),
        ("low = 1e-4", "lo = 1e-4", "unknown key of [parameters.learning_rate] 'lo': did you mean 'low'?"),
        ("low = 1\n", "low = 0\n", "epochs=0 must be at least 1"),
        ("low = 1\n", "low = 0.5\n", "parameters.epochs: low=0.5 must be an integer"),
        ("low = 1\n", "low = -inf\n", "parameters.epochs: low=-inf must be an integer"),
        ("low = 1e-4", "low = 1" + 400 * "0", "parameters.learning_rate: low is an integer beyond the largest float"),
        ('"relu"', '"rely"', "activation='rely': did you mean 'relu'?"),
        ('choices = ["tanh", "relu"]', "low = 1\nhigh = 2", "parameters.activation is not a number"),
        ("trials = 2", "trials = 0", "trials=0 must be an integer of at least 1"),
        ("trials = 2", "trails = 2", "unknown key of [sweep] 'trails': did you mean 'trials'?"),
        ('"cartpole"', '"cartpol"', "unknown environment 'cartpol': did you mean 'cartpole'?"),
        ('"pole"', '"a/b"', "it names a folder"),
    ],
)
def test_a_wrong_file_is_one_line_and_starts_nothing(tmp_path, capsys, old, new, expected):
    with pytest.raises(SystemExit) as ended:
        sweep(tmp_path, wrong=(old, new))
    message = capsys.readouterr().err
    assert ended.value.code == 1 and message.count("\n") == 1 and expected in message
    assert not (tmp_path / "runs").exists()


def test_a_missing_optuna_is_named_with_its_extra(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SystemExit):
        sweep(tmp_path)
    assert "pip install 'operant[sweep]'" in capsys.readouterr().err
