"""operant.compat.zoo under RL-Zoo3's own commands.

Everything runs in separate processes, because importing the zoo replaces Gymnasium's TimeLimit for good.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from snippets import PAGE

pytestmark = pytest.mark.test_all("starts RL-Zoo3's programs, which takes longer than what they do")

FLAGS = {
    "train": "-n 512 --eval-freq 256 --eval-episodes 2 --seed 1 --device cpu --num-threads 1",
    "enjoy": "-n 600 --no-render",
}


def python(*arguments, directory, expected=0):
    """The output of a Python process."""
    environment = os.environ | {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=directory, env=environment, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == expected, said
    return said


@pytest.fixture(scope="module")
def documented(tmp_path_factory):
    """The output of each command of docs/integrations.md, run one after the other; and the directory they ran in."""
    directory = tmp_path_factory.mktemp("zoo")
    section = PAGE.read_text().partition("## RL-Zoo3")[2].partition("\n## ")[0]
    said = {}
    for line in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[0].splitlines():
        _, _, module, *rest = shlex.split(line)
        name = module.partition(".")[2]
        said[name] = python("-m", module, *rest, *shlex.split(FLAGS[name]), directory=directory)
    return said, directory


def test_train_learns_on_one_native_batch_with_tuned_hyperparameters(documented):
    said, directory = documented
    assert "Using 'default' hyperparameters" not in said["train"]
    assert "('gae_lambda', 0.8)" in said["train"] and "Using 8 environments" in said["train"]
    assert re.search(r"Eval num_timesteps=512, episode_reward=\d+", said["train"])
    assert re.search(r"ep_rew_mean +\| [1-9]", said["train"])
    (run,) = Path(directory, "logs", "ppo").iterdir()
    assert run.name == "operant-CartPole-v1_1"
    names = {path.name for path in run.iterdir()}
    assert {"best_model.zip", "operant-CartPole-v1.zip", "evaluations.npz", "0.monitor.csv"} <= names
    header, columns, *episodes = (run / "0.monitor.csv").read_text().splitlines()
    assert '"env_id": "operant/CartPole-v1"' in header and columns == "r,l,t"
    assert len(episodes) > 8
    assert all(path.read_text().count("\n") == 2 for path in run.glob("[1-7].monitor.csv"))


def test_enjoy_plays_what_was_trained(documented):
    said = documented[0]["enjoy"]
    assert "Loading logs/ppo/operant-CartPole-v1_1/operant-CartPole-v1.zip" in said
    assert re.search(r"Mean reward: \d+\.\d\d \+/- \d+", said)


LOOKUP = """
import argparse, importlib, sys, yaml
from pathlib import Path
import operant.compat.zoo
importlib.reload(operant.compat.zoo)
del sys.modules["operant.compat.zoo"]
import operant.compat.zoo
from operant.catalog import CATALOG
from rl_zoo3 import exp_manager
from rl_zoo3.exp_manager import ExperimentManager

def read(algorithm, env_id, **options):
    manager = ExperimentManager(argparse.Namespace(), algorithm, env_id, "logs", **options)
    return manager.read_hyperparameters()[0]

folder = Path(exp_manager.__file__).parent / "hyperparams"
for algorithm in ("ppo", "a2c", "dqn", "sac"):
    table = yaml.safe_load((folder / f"{algorithm}.yml").read_text())
    for name in CATALOG:
        tuned = table.get("CartPole-v1" if name == "CartPole-v0" else name)
        assert tuned is None or read(algorithm, f"operant/{name}") == tuned, (algorithm, name)
assert read("ppo", "operant/Acrobot-v1")["n_envs"] == 16
assert read("ppo", "CartPole-v1")["n_envs"] == 8

Path("mine.yml").write_text("operant/CartPole-v1: {n_timesteps: 7}\\nCartPole-v1: {n_timesteps: 8}\\n")
assert read("ppo", "operant/CartPole-v1", config="mine.yml") == {"n_timesteps": 7}
Path("theirs.yml").write_text("CartPole-v1: {n_timesteps: 8}\\n")
try:
    read("ppo", "operant/CartPole-v1", config="theirs.yml")
except ValueError as problem:
    assert "not found for ppo-operant/CartPole-v1 in theirs.yml" in str(problem)
else:
    raise AssertionError("another id's hyperparameters were taken")

from rl_zoo3 import train
def run(env_id, *parameters):
    import sys
    common = "--algo ppo -f logs --device cpu --num-threads 1 --verbose 0 -n 128 --eval-freq 64 --eval-episodes 1"
    sizes = ["n_envs:4", "n_steps:16", "batch_size:16"]
    sys.argv = ["train", *common.split(), "--env", env_id, "-params", *sizes, *parameters]
    train.train()

run("operant/Pendulum-v1", "normalize:True", "frame_stack:2", "--env-kwargs", "max_episode_steps:20")
assert list(Path("logs/ppo/operant-Pendulum-v1_1").rglob("vecnormalize.pkl"))
run("CartPole-v1", "n_epochs:1")  # somebody else's, in operant.vectorize
assert list(Path("logs/ppo/CartPole-v1_1").rglob("best_model.zip"))
wrapper = "sb3_contrib.common.wrappers.TimeFeatureWrapper"
for env_id, parameter, message in (
    ("operant/CartPole-v1", f"env_wrapper:'{wrapper}'", "closure 0 wraps its environment in sb3_contrib"),
    ("operant/CartPole-v1", "monitor_kwargs:{'info_keywords':('won',)}", "Monitor's info_keywords=('won',)"),
):
    try:
        run(env_id, parameter)
    except ValueError as problem:
        assert message in str(problem), problem
    else:
        raise AssertionError(f"{parameter} was taken")
print("all as it should be")
"""


def test_hyperparameters_wrappers_and_options_of_the_zoo_work_or_are_refused_by_name(tmp_path):
    assert python("-c", LOOKUP, directory=tmp_path).endswith("all as it should be\n")


def test_a_missing_zoo_is_named_with_the_extra_that_installs_it(tmp_path):
    script = "import sys; sys.modules['rl_zoo3'] = None; import operant.compat.zoo"
    said = python("-c", script, directory=tmp_path, expected=1)
    assert said.splitlines()[-1] == (
        "ImportError: operant.compat.zoo needs rl_zoo3, which is not installed: pip install 'operant[zoo]'"
    )
