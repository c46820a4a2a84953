"""operant.agents: the trained policies that come with operant, and how they are made."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import operant
from operant import agents
from operant.cli.main import main
from operant.cli.run_config import merge
from operant.files.toml import read_toml
from operant.models import PPO
from operant.models.evaluation import evaluate, exact
from operant.runs.checkpoint import CheckpointError, CheckpointFolder

ROOT = Path(__file__).parents[2]
NAMES = (
    *("acrobot", "cartpole", "cliffwalking", "frozenlake", "mountaincar", "mountaincarcontinuous", "pendulum"),
    *("quadrotor", "snake", "taxi"),
)


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def test_ten_agents_take_less_than_half_a_megabyte():
    assert agents.names() == list(NAMES)
    files = [path for path in agents.FOLDER.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    assert len(files) == 3 * len(NAMES)
    assert sum(path.stat().st_size for path in files) < 500_000


def test_they_are_those_of_the_recipes():
    recipes = read_toml(ROOT / "wheels" / "agents.toml")
    assert sorted(recipes["wheel"]) == list(NAMES) and not {*recipes["wheel"]} & {*recipes["release"]}
    for name, recipe in (recipes["wheel"] | recipes["release"]).items():
        config = merge({"environment": name, **recipe}, {})
        if name in NAMES:
            assert merge(agents.find(name).config, {}) == config


def test_an_agent_has_the_weights_of_its_record_and_nothing_of_the_machine_that_trained_it(name):
    run, agent = agents.find(name), agents.load(name)
    record = run.record
    assert agent.weights_hash() == record["weights"] and agent.backend == record["backend"] == "native"
    assert (agent.seed, agent.environments.env_id) == (record["seed"], record["environment"])
    assert (run.id, run.status, record["host"], record["pid"]) == (name, "finished", "", 0)
    assert "command" not in record and "/" not in (run.path / "config.toml").read_text().replace("operant/", "")
    agent.close()


def test_an_agent_plays_as_well_as_its_page_says(name):
    page = (ROOT / "docs" / "agents.md").read_text()
    said = float(re.search(rf"^\| `{name}` \| `[\w/-]+` \| ([-\d.]+) \|", page, re.MULTILINE)[1])
    agent = agents.load(name)
    env_id = agent.environments.env_id
    returns = evaluate(agent, env_id, 1000, env_options=exact(env_id, {}))
    assert round(returns.mean(), 2) == said
    agent.close()


def test_actions_are_for_one_observation_or_many():
    agent = operant.agents.load("cartpole")
    observations = np.linspace(-0.1, 0.1, 12, dtype=np.float32).reshape(3, 4)
    actions, state = agent.predict(observations)
    assert actions.shape == (3,) and state is None
    assert [agent.predict(row)[0] for row in observations] == actions.tolist()
    agent.close()


def test_gymnasiums_own_environment_is_played_by_a_plain_loop():
    agent, env = agents.load("cartpole"), gym.make("CartPole-v1")
    observation, _ = env.reset(seed=1)
    steps, ended = 0, False
    while not ended:
        observation, _, terminated, truncated, _ = env.step(int(agent.predict(observation)[0]))
        steps, ended = steps + 1, terminated or truncated
    assert steps == 500
    agent.close()


def test_playing_needs_neither_torch_nor_any_extra():
    program = """
import sys
for name in ("torch", "tqdm", "tomli", "tomli_w", "scipy", "matplotlib", "pygame", "psutil", "imageio"):
    sys.modules[name] = None
import numpy as np
import operant
print(operant.agents.load("cartpole").predict(np.zeros(4, np.float32))[0])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout in ("0\n", "1\n"), done.stderr, done.returncode) == (True, "", 0)


@pytest.mark.parametrize("wrong, expected", [("cartpol", "did you mean 'cartpole'?"), ("zzz", "choose from acrobot")])
def test_an_unknown_agent_names_the_nearest(wrong, expected):
    with pytest.raises(ValueError, match=re.escape(f"unknown agent {wrong!r}: {expected}")):
        agents.load(wrong)


def test_names_are_as_short_as_those_of_environments():
    assert agents.find("Mountain_Car").id == "mountaincar"


def test_an_agents_file_is_for_playing_and_not_for_training():
    with pytest.raises(CheckpointError, match="does not fit this ppo"):
        PPO.load(CheckpointFolder(agents.find("cartpole").checkpoints).latest())


def test_an_agent_is_trained_again_to_the_same_bits(capsys):
    assert main(["repeat", "agents/cartpole", "--quiet"]) == 0
    assert capsys.readouterr().out.startswith(
        f"the same weights: {agents.find('cartpole').record['weights']} after 32 "
    )


@pytest.mark.test_all("trains ten agents: two minutes")
def test_every_agent_is_trained_again_to_the_same_bits(name, capsys):
    assert main(["repeat", f"agents/{name}", "--quiet"]) == 0
    assert f"the same weights: {agents.find(name).record['weights']}" in capsys.readouterr().out


def test_other_commands_take_an_agent_too(tmp_path, capsys):
    assert main(["eval", "agents/cartpole", "--episodes", "5"]) == 0
    assert "mean return 500.00" in capsys.readouterr().out
    assert main(["export", "agents/cartpole", "--format", "c", "--out", str(tmp_path / "policy.h")]) == 0
    assert "the policy of cartpole after 32,768 steps" in (tmp_path / "policy.h").read_text()
    with pytest.raises(SystemExit):
        main(["resume", "agents/cartpole", "--runs", str(tmp_path)])
    assert "no runs in" in capsys.readouterr().err


def test_an_agent_is_made_from_a_run_and_keeps_what_a_player_needs(tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("make_agents", ROOT / "wheels" / "agents.py")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    monkeypatch.setattr(maker, "BUILD", tmp_path / "build")
    with pytest.raises(SystemExit, match="unknown agent 'cartpol': did you mean 'cartpole'"):
        maker.main(["cartpol"])
    recipe = {"timesteps": 2048, "options": {"num_envs": 8, "hidden": [4], "normalize_observations": True}}
    for said in ("new", "the same"):
        maker.make("acrobot", recipe, tmp_path / "acrobot")
        row = capsys.readouterr().out
        assert row.startswith("| `acrobot` | `operant/Acrobot-v1` | -") and row.endswith(f"| {said} |\n")
    [file] = (tmp_path / "acrobot" / "checkpoints").iterdir()
    whole = next((tmp_path / "build" / "runs" / "acrobot").rglob(file.name))
    assert file.stat().st_size < whole.stat().st_size / 2
    first, second = PPO.load_policy(file), PPO.load(whole)
    observations = np.linspace(-1, 1, 60, dtype=np.float32).reshape(10, 6)
    assert (first.predict(observations)[0] == second.predict(observations)[0]).all()
    assert first.observation_statistics().state_dict() == second.observation_statistics().state_dict()
    assert first.environments.num_envs == 1 and second.environments.num_envs == 8
    assert main(["repeat", f"{tmp_path / 'acrobot'}/", "--quiet"]) == 0
    shutil.copytree(tmp_path / "acrobot", tmp_path / "build" / "release" / "acrobot")
    maker.pack(tmp_path / "agents.tar.gz", ["acrobot"])
    safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # from Python 3.11.4 on
    shutil.unpack_archive(tmp_path / "agents.tar.gz", tmp_path / "runs", **safely)
    assert main(["eval", "acrobot", "--runs", str(tmp_path / "runs"), "--episodes", "2"]) == 0
    first.close()
    second.close()
