"""The oldest supported releases work, each in its own virtual environment."""

import functools
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
from operant.envs import CartPoleVecEnv, NormalizedVecEnv
for inner in (CartPoleVecEnv(4), gym.make_vec("CartPole-v1", num_envs=4, vectorization_mode="sync")):
    normalized = NormalizedVecEnv(inner)
    normalized.reset(seed=0)
    for _ in range(50):
        normalized.step(np.ones(4, np.int64))
"""


CLEANRL = """
import gymnasium as gym
def thunk():
    env = gym.wrappers.RecordEpisodeStatistics(gym.make("operant/CartPole-v1"))
    return gym.wrappers.TransformReward(env, lambda reward: 2 * reward)
envs = gym.vector.SyncVectorEnv([thunk for _ in range(3)])
envs.reset(seed=1)
ends = 0
for _ in range(60):
    _, rewards, _, _, infos = envs.step(envs.action_space.sample())
    ends += sum(info is not None and info["episode"]["r"] > 0 for info in infos.get("final_info", ()))
assert ends and (rewards == 2).all()
assert gym.make_vec.__module__ == "gymnasium.envs.registration"
"""

OLD = ["gymnasium==0.29.1", "numpy==1.26.4"]


@pytest.fixture(scope="module")
def python_with(tmp_path_factory):
    """A function that returns the Python of an environment with operant's wheel and these packages."""

    @functools.cache
    def make(*packages):
        if OLD[1] in packages and sys.version_info >= (3, 13):
            pytest.skip("NumPy 1.26 has no build for this Python")
        wheel = distributions()[1]
        folder = tmp_path_factory.mktemp("environment")
        venv.create(folder, symlinks=True)  # this one's pip installs there, without bytecode of what is not used
        pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python")
        run(*pip, "install", "--quiet", "--no-compile", *packages, wheel)
        return folder / "bin" / "python"

    return make


@pytest.mark.parametrize(
    "packages, script",
    [
        pytest.param(OLD, OLDEST, id="gymnasium 0.29.1 with NumPy 1.26"),
        pytest.param(OLD, CLEANRL, id="single environments with gymnasium 0.29.1"),
        pytest.param(["gymnasium==1.1.1", "numpy>=2"], VECTOR, id="gymnasium 1.1.1"),
    ],
)
def test_the_oldest_releases_work(tmp_path, python_with, packages, script):
    command = [python_with(*packages), "-W", "ignore", "-c", f"{script}\nprint('ok')"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


@pytest.mark.parametrize("script", ["import operant", "import gymnasium", "import gymnasium, operant, operant.spec"])
def test_importing_operant_warns_once_that_the_native_batch_needs_a_newer_gymnasium(tmp_path, python_with, script):
    """Gymnasium 0.29.1 imports operant itself, to register it: scripts that do not import operant need the warning."""
    done = subprocess.run([python_with(*OLD), "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stderr.count("Warning:") == 1
    assert "operant's native batch needs gymnasium 1.1 or newer, not 0.29.1: pip install -U gymnasium." in done.stderr


def test_a_newer_gymnasium_gets_no_warning(tmp_path, python_with):
    command = [python_with("gymnasium==1.1.1", "numpy>=2"), "-W", "error", "-c", "import operant"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("command", ["bench --quick", "check CartPole-v1", "doctor operant/CartPole-v1"])
def test_a_command_that_needs_the_batch_ends_in_one_line_with_an_old_gymnasium(tmp_path, python_with, command):
    operant = [python_with(*OLD).with_name("operant"), *command.split()]
    done = subprocess.run(operant, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert "gymnasium 1.1 or newer, not 0.29.1: " in done.stderr


def test_a_script_that_a_command_runs_with_an_old_gymnasium_is_warned(tmp_path, python_with):
    (tmp_path / "script.py").write_text("import operant\nprint('ok')\n")
    command = [python_with(*OLD).with_name("operant"), "run", "script.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == "ok\n" and done.stderr.count("needs gymnasium 1.1 or newer") == 1
