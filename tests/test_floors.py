"""The oldest supported releases work, each in its own virtual environment."""

import subprocess
import sys
import venv

import pytest
from building import distributions, run

pytestmark = pytest.mark.test_all("installs the oldest releases into environments of their own")

OLDEST = """
import gymnasium as gym
assert "operant/CartPole-v1" in gym.registry, "the entry point was not read"
env = gym.make("operant/CartPole-v1")
observation, info = env.reset(seed=0)
returned = 0.0
for _ in range(1000):
    observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
    returned += reward
    if terminated or truncated:
        break
assert returned >= 8 and observation.shape == (4,)
import operant
for make in (
    lambda: operant.OperantVectorEnv("CartPole-v1", num_envs=4),
    lambda: gym.make_vec("operant/CartPole-v1", num_envs=4, vectorization_mode="custom"),
):
    try:
        make()
    except ImportError as problem:
        assert "gymnasium 1.1 or newer, not 0.29.1" in str(problem), problem
    else:
        raise AssertionError("the vector environment should have said that it needs gymnasium 1.1")
print("ok")
"""

VECTOR = """
import gymnasium as gym, numpy as np, operant
envs = gym.make_vec("operant/CartPole-v1", num_envs=32)
reference = gym.make_vec("operant/CartPole-v1", num_envs=32, precision="float64")
sync = gym.make_vec("CartPole-v1", num_envs=32, vectorization_mode="sync")
envs.reset(seed=0)
ours, theirs = reference.reset(seed=0)[0], sync.reset(seed=0)[0]
for step in range(300):
    assert (ours == theirs).all(), step
    actions = (np.arange(32) + step) % 2
    envs.step(actions)
    ours, theirs = reference.step(actions)[0], sync.step(actions)[0]
single = gym.make("operant/Pendulum-v1")
single.reset(seed=0)
single.step(np.zeros(1, np.float32))
for wrapper in (gym.wrappers.vector.RecordEpisodeStatistics, gym.wrappers.vector.NormalizeReward):
    wrapped = wrapper(gym.make_vec("operant/CartPole-v1", num_envs=4))
    wrapped.reset(seed=0)
    for _ in range(50):
        wrapped.step(np.ones(4, np.int64))
print("ok")
"""


@pytest.mark.parametrize(
    "packages, script",
    [
        pytest.param(["gymnasium==0.29.1", "numpy==1.26.4"], OLDEST, id="gymnasium 0.29.1 with NumPy 1.26"),
        pytest.param(["gymnasium==1.1.1", "numpy>=2"], VECTOR, id="gymnasium 1.1.1"),
    ],
)
def test_the_oldest_releases_work(tmp_path, packages, script):
    if "numpy==1.26.4" in packages and sys.version_info >= (3, 13):
        pytest.skip("NumPy 1.26 has no build for this Python")
    wheel = distributions()[1]
    venv.create(tmp_path / "venv", symlinks=True)  # this one's pip installs there, without bytecode of what is not used
    python = tmp_path / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-compile", *packages, wheel)
    command = [python, "-W", "ignore", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
