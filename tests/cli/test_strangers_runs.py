"""Runs, checkpoints and configurations of strangers."""

import contextlib
import os
import re
import secrets
import shutil

import pytest
import torch
from authored import write_lander

from operant.cli.main import main
from operant.files.toml import write_toml
from operant.headers.trust import Untrusted
from operant.models import PPO
from operant.monitor.metrics_file import MetricsWriter
from operant.runs.run_directory import RunDirectory

torch.set_num_threads(1)
SMALL = ["--num-envs", "4", "--rollout-steps", "8", "--hidden", "4", "--no-tensorboard", "--quiet"]


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def refusal(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr().err
    assert caught.value.code == 1
    assert said.count("\n") == 1
    return said


@pytest.fixture(params=["header", "module"])
def strange(request, tmp_path, monkeypatch):
    """A folder with a run and a sweep whose environment leaves the file `ran` if any of its code runs."""
    folder = tmp_path / "strange"
    folder.mkdir()
    leaves = f"open({str(folder / 'ran')!r}, 'w')\n"
    if request.param == "header":
        header = write_lander(folder)
        header.with_suffix(".toml").unlink()
        header.with_suffix(".py").write_text(leaves)
        name = str(header)
    else:
        module = f"strange_{secrets.token_hex(4)}"  # each is imported once
        (folder / f"{module}.py").write_text(leaves)
        monkeypatch.syspath_prepend(folder)
        name = f"{module}:Lander-v0"
    RunDirectory.create(folder / "runs", "run", {"environment": name}).update(status="interrupted")
    sweep = {"run": {"environment": name}, "parameters": {"learning_rate": {"low": 1e-4, "high": 1e-2}}}
    write_toml(folder / "sweep.toml", sweep)
    return folder


@pytest.mark.parametrize("command", ["eval", "enjoy", "resume", "export", "train", "sweep"])
def test_a_strangers_files_run_no_code_until_they_are_trusted(strange, capsys, command):
    run = RunDirectory.latest(strange / "runs").path
    arguments = {
        "eval": ["eval", run],
        "enjoy": ["enjoy", run, "--video", strange / "film.mp4"],
        "resume": ["resume", run],
        "export": ["export", run, "--format", "c"],
        "train": ["train", "--config", run / "config.toml"],
        "sweep": ["sweep", strange / "sweep.toml", "--runs", strange / "runs"],
    }[command]
    said = refusal(capsys, *arguments)
    assert said.startswith(f"operant {command}: the configuration names {strange}/")
    assert said.endswith("to run its code, repeat the command with --trust or set OPERANT_TRUST=1\n")
    assert not (strange / "ran").exists()
    with pytest.raises(SystemExit):  # it is an environment in no other way
        main([str(argument) for argument in (*arguments, "--trust")])
    assert (strange / "ran").exists()


@pytest.mark.parametrize("command", ["monitor", "runs"])
def test_looking_at_a_strangers_run_runs_no_code(strange, capsys, command):
    latest = [RunDirectory.latest(strange / "runs").path, "--once"] if command == "monitor" else []
    assert main([command, *map(str, latest), "--runs", str(strange / "runs")]) == 0
    assert not (strange / "ran").exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a header, and a short run of it in runs/."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        header = write_lander(folder)
        assert main(["train", str(header), "--timesteps", "64", "--runs", str(folder / "runs"), *SMALL]) == 0
    return folder


@pytest.fixture
def mine(trained, state):
    """The trained folder with its notes, and its run."""
    shutil.copytree(trained / "state", state)
    return RunDirectory.latest(trained / "runs").path


def test_a_run_of_a_header_that_the_user_trained_needs_no_trust(mine, capsys):
    assert main(["eval", str(mine), "--episodes", "1"]) == 0
    assert main(["resume", str(mine), "--timesteps", "96", "--quiet"]) == 0
    assert main(["export", str(mine), "--format", "c", "--out", str(mine / "policy.h")]) == 0


def test_a_header_that_changed_after_its_training_is_refused_until_it_is_built_again(mine, trained, capsys):
    header = trained / "lander.h"
    before = header.read_text()
    header.write_text(before + "\n")
    assert "which has changed since you trained, built or registered it" in refusal(capsys, "eval", mine)
    assert main(["build", str(header)]) == 0
    assert main(["eval", str(mine), "--episodes", "1"]) == 0
    header.write_text(before)


def test_a_copied_run_needs_one_trust_and_is_remembered(trained, capsys, state):
    run = RunDirectory.latest(trained / "runs").path
    assert "which you have not trained, built or registered" in refusal(capsys, "eval", run)
    assert main(["eval", str(run), "--episodes", "1", "--trust"]) == 0
    assert main(["eval", str(run), "--episodes", "1"]) == 0


def test_a_batch_job_sets_a_variable(trained, monkeypatch, state):
    monkeypatch.setenv("OPERANT_TRUST", "1")
    assert main(["eval", str(RunDirectory.latest(trained / "runs").path), "--episodes", "1"]) == 0
    assert not state.exists()


def test_a_checkpoint_that_names_a_header_is_loaded_by_those_who_trained_it(trained, tmp_path, state):
    header = trained / "lander.h"
    algorithm = PPO(str(header), PPO.Config(num_envs=2, rollout_steps=4, hidden=(4,)))
    algorithm.save(tmp_path / "own.safetensors")
    PPO.load(tmp_path / "own.safetensors").close()
    shutil.rmtree(state)
    allowed = re.escape(f"to run its code, pass env='{header}' or set OPERANT_TRUST=1")
    with pytest.raises(Untrusted, match=rf"own.safetensors names {header}, .*{allowed}"):
        PPO.load(tmp_path / "own.safetensors")
    PPO.load(tmp_path / "own.safetensors", str(header)).close()


@pytest.fixture
def hostile(tmp_path):
    """A run of a stranger in whose every text a terminal would find commands."""
    commands = "\x1b[2J\x9b\u202e\r"
    name = f"na{commands}me"
    run = RunDirectory.create(
        tmp_path / f"runs{commands}", "run", {"environment": f"{name}:Lander-v0"}, environment=name, algorithm=name
    )
    run.update(status="interrupted", command=[name], host=name)
    writer = MetricsWriter(run.metrics_path, name)
    writer.write({name: 1.0})
    writer.close()
    return run


@pytest.mark.parametrize(
    "command",
    [
        ["runs", "--runs", "ROOT"],
        ["runs", "--json", "--runs", "ROOT"],
        ["monitor", "RUN", "--once"],
        ["eval", "RUN"],
        ["eval", "RUN", "--trust"],
        ["enjoy", "RUN", "--trust"],
        ["resume", "RUN"],
        ["export", "RUN", "--format", "c"],
        ["train", "--config", "RUN/config.toml"],
        ["eval", "ru", "--runs", "ROOT"],
        ["eval", "na", "--runs", "ROOT"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("damage", ["", "metrics.bin", "run.json", "config.toml"])
def test_no_command_prints_control_characters_of_a_run(hostile, capsys, command, damage):
    if damage:
        (hostile.path / damage).write_bytes(b"\x1b[2J = \x9b\x00")
    words = [word.replace("RUN", str(hostile.path)).replace("ROOT", str(hostile.path.parent)) for word in command]
    with contextlib.suppress(SystemExit):
        main(words)
    said = "".join(capsys.readouterr())
    assert said
    assert [character for character in said if not character.isprintable() and character != "\n"] == []


def test_a_pipe_in_a_run_is_not_waited_for(hostile, capsys):
    for name in ("metrics.bin", "config.toml"):
        (hostile.path / name).unlink()
        os.mkfifo(hostile.path / name)
    main(["monitor", str(hostile.path)])
    assert "metrics.bin: it is not a regular file" in capsys.readouterr().out
    assert "config.toml: it is not a regular file" in refusal(capsys, "eval", hostile.path)
