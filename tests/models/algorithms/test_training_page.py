"""The examples of docs/training.md work as shown."""

import json
import re
from pathlib import Path

import torch

from operant.cli.main import main
from operant.cli.run_config import merge
from operant.cli.sweep_config import read_sweep
from operant.files.toml import read_toml

PAGE = (Path(__file__).parents[3] / "docs" / "training.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_python_snippets_train_save_and_roll_out(tmp_path, monkeypatch):
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    snippet, loop = blocks("python")
    names = {}
    exec(snippet, names)
    assert names["metrics"]["steps"] == 4096 and names["actions"].shape == (1,)
    assert (tmp_path / "cartpole.safetensors").exists()
    names = {}
    exec(loop, names)
    assert names["buffer"].tensors.observations.shape == (17, 64, 4)
    assert names["buffer"].tensors.advantages.mean() > 0


def test_the_weights_that_the_page_shows_are_those_of_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["train", "cartpole"])
    [shown] = re.findall(r"the same weights: (\w{64}) after (\d+) updates", PAGE)
    [run] = Path("runs").iterdir()
    facts = json.loads((run / "run.json").read_text())
    assert (facts["weights"], facts["updates"]) == (shown[0], int(shown[1]))


def test_the_files_are_read(tmp_path):
    run, sweep = blocks("toml")
    (tmp_path / "ppo.toml").write_text(run)
    config = merge(read_toml(tmp_path / "ppo.toml"), {})
    assert config.environment == "operant/CartPole-v1" and config.timesteps == 1_000_000
    assert config.options.num_envs == 512 and config.environment_options == {"params": {"gravity": 3.7}}
    (tmp_path / "sweep.toml").write_text(sweep)
    assert read_sweep(tmp_path / "sweep.toml").trials == 20
