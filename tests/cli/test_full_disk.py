"""Every command that writes says in one line that it cannot, and leaves no part of a file."""

import contextlib
import io
import resource
import sys

import pytest
from authored import write_lander

from operant.cli.main import main

SHORT = ["--num-envs", "16", "--rollout-steps", "16", "--hidden", "8", "--timesteps", "256", "--no-tensorboard"]
SWEEP = """
[run]
environment = "cartpole"
timesteps = 256
[parameters.learning_rate]
low = 1e-4
high = 1e-2
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    assert main(["train", "cartpole", *SHORT, "--name", "short", "--quiet", "--runs", str(folder)]) == 0
    return folder


@contextlib.contextmanager
def files_of_at_most(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


COMMANDS = {
    "train": ["train", "cartpole", *SHORT],
    "train in the background": ["train", "cartpole", *SHORT, "--detach"],
    "sweep": ["sweep", "sweep.toml"],
    "export onnx": ["export", "short", "--format", "onnx", "--runs", "{runs}"],
    "export c": ["export", "short", "--format", "c", "--runs", "{runs}"],
    "export an environment": ["export", "cartpole", "--pufferlib", "--out", "cartpole.h"],
    "video": ["eval", "short", "--episodes", "1", "--video", "film.mp4", "--runs", "{runs}"],
    "new": ["new", "moon"],
    "build": ["build", "lander.h"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_cannot_be_finished_is_one_line_and_is_not_there(runs, tmp_path, monkeypatch, command):
    write_lander(tmp_path)
    (tmp_path / "sweep.toml").write_text(SWEEP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPERANT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # CPython 3.11 would keep a torn one
    before = {path.name for path in tmp_path.iterdir()}
    arguments = [argument.format(runs=runs) for argument in COMMANDS[command]]
    said = io.StringIO()
    with files_of_at_most(500), contextlib.redirect_stderr(said), pytest.raises(SystemExit) as ended:
        main(arguments)
    line = said.getvalue()
    assert ended.value.code == 1 and line.count("\n") == 1 and "Traceback" not in line
    assert line.startswith((f"operant {arguments[0]}: cannot write ", f"operant {arguments[0]}: cannot keep "))
    assert "(ulimit -f)" in line or "(File size limit exceeded)" in line
    assert {path.name for path in tmp_path.iterdir()} - before <= {"runs", "cache"}
    assert [path.name for folder in ("runs", "cache") for path in tmp_path.glob(f"{folder}/*")] in (
        [],
        ["lock"],
        ["sweep-sweep"],
    )
