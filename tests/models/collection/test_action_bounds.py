"""Every collector hands the environments actions within their space, and keeps the drawn ones for learning."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from tape import use_tapes
from toys import vector

from operant._native import ffi
from operant.compat.sb3_environments import SteppedVecEnv
from operant.models.algorithms.configs import PPOConfig
from operant.models.algorithms.torch_ppo import TorchPPO
from operant.models.collection.sources import make_environments
from operant.models.evaluation import evaluate
from operant.models.native.ppo import NativePPO

ENV = "MountainCarContinuous-v0"  # a step costs 0.1 a^2, of the action that the environment was given
OURS = f"operant/{ENV}"
T, N = 16, 4


class Taken(gym.Env):
    """Takes actions within bounds that float32 rounds to numbers beyond them, and keeps them."""

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Box(np.array([-0.1, -np.inf]), np.array([0.1, 1e-3]), dtype=np.float64)

    def reset(self, *, seed=None, options=None):
        self.taken = []
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.taken.append(np.array(action))
        return np.zeros(2, np.float32), 0.0, False, False, {}


class OfSB3:
    """The part of SB3's `VecEnv` that collectors call, around one environment."""

    num_envs, observation_space, action_space = 1, Taken.observation_space, Taken.action_space

    def __init__(self, env):
        self.env = env

    def seed(self, seed):
        pass

    def reset(self):
        return self.env.reset()[0][None]

    def close(self):
        self.env.close()

    def step(self, actions):
        return self.env.step(actions[0])[0][None], np.zeros(1), np.zeros(1, bool), [{}]


def config(**options):
    return PPOConfig(num_envs=N, rollout_steps=T, threads=1, **{"log_std": 1.0, **options})


def clipped(actions):
    return np.float32(-0.1) * actions.clip(-1, 1) ** 2


@pytest.mark.parametrize("squash", [False, True])
@pytest.mark.parametrize("lstm", [0, 4])
@pytest.mark.parametrize(("env", "device"), [(OURS, "cpu"), (OURS, "emulated"), (ENV, "cpu")])
def test_environments_of_the_torch_trainers_get_the_clipped_action(env, device, lstm, squash, monkeypatch):
    tapes = use_tapes(monkeypatch)
    algorithm = TorchPPO(env, config(device=device, lstm=lstm, squash=squash))
    for _ in range(4):
        rollout = algorithm.collector.collect()
        drawn = rollout.actions[..., 0].clone()
        # One rounding of the product to float32, which Gymnasium makes in float64.
        torch.testing.assert_close(rollout.rewards, torch.from_numpy(clipped(drawn.numpy())), rtol=3e-7, atol=0)
        assert bool((drawn.abs() > 1).any()) != squash
        if not lstm:
            with torch.no_grad():
                own = algorithm.policy.distribution(rollout.observations).log_prob(rollout.actions)
            # Products of one row and of many rows are float32 sums in different orders.
            torch.testing.assert_close(rollout.log_probs, own, rtol=1e-4, atol=1e-5)
    assert len(tapes) == (device == "emulated"), "the later rollouts of a device are replayed"
    algorithm.close()


def test_environments_of_the_core_get_the_clipped_action():
    algorithm = NativePPO(OURS, config())
    assert algorithm.rollouts.collect() is None
    experience = algorithm.trainer._collected
    drawn = np.frombuffer(ffi.buffer(experience.actions, 4 * T * N), np.float32)
    rewards = np.frombuffer(ffi.buffer(experience.rewards, 4 * T * N), np.float32)
    np.testing.assert_allclose(rewards, clipped(drawn), rtol=3e-7)  # one rounding of the product
    assert (abs(drawn) > 1).any()
    algorithm.close()


@pytest.mark.parametrize("kind", [TorchPPO, NativePPO])
@pytest.mark.parametrize("library", ["gymnasium", "sb3"])
def test_bounds_between_two_float32_are_kept(kind, library):
    env = Taken()
    environments = SteppedVecEnv(OfSB3(env)) if library == "sb3" else make_environments(vector(lambda: env), 1, {})
    algorithm = kind(environments, config())
    collected = algorithm.collector if kind is TorchPPO else algorithm.rollouts
    drawn = np.asarray(collected.collect().actions).reshape(T, 2)
    taken = np.stack(env.taken)
    assert all(action in env.action_space for action in taken)
    assert (taken == [0.1, 1e-3]).any(0).all() and (taken[:, 0] == -0.1).any()
    np.testing.assert_allclose(taken, np.clip(drawn, [-0.1, -np.inf], [0.1, 1e-3]), rtol=1e-7)  # rounded to float32
    algorithm.close()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("kind", [TorchPPO, NativePPO])
def test_predicted_actions_are_of_the_space(kind, dtype):
    class Narrow(Taken):
        high = 1e300 if dtype is np.float64 else np.inf  # beyond float32
        action_space = spaces.Box(np.array([-0.01, -high], dtype), np.array([0.01, high], dtype), dtype=dtype)

    algorithm = kind(vector(Narrow, Narrow), config())
    observations = np.random.default_rng(0).normal(0, 9, (50, 2)).astype(np.float32)
    for deterministic in (True, False):
        actions = algorithm.predict(observations, deterministic=deterministic)[0]
        assert all(action in Narrow.action_space for action in actions)
    assert (abs(actions[:, 0]).astype(np.float32) == np.float32(Narrow.action_space.high[0])).any()
    algorithm.close()


@pytest.mark.parametrize("space", [spaces.MultiDiscrete([2, 3], np.int16), spaces.MultiBinary(3)], ids=str)
@pytest.mark.parametrize("kind", [TorchPPO, NativePPO])
def test_environments_get_discrete_actions_in_the_spaces_dtype(kind, space):
    class Checks(Taken):
        action_space = space

        def step(self, action):
            assert action in space and action.dtype == space.dtype
            return np.zeros(2, np.float32), 0.0, False, False, {}

    gym.register("Checks-v0", Checks, max_episode_steps=3)
    try:
        algorithm = kind("Checks-v0", config()).learn(T * N)
        assert algorithm.updates == 1
        for deterministic in (True, False):
            assert evaluate(algorithm, "Checks-v0", 2, deterministic=deterministic).tolist() == [0, 0]
        algorithm.close()
    finally:
        gym.registry.pop("Checks-v0")
