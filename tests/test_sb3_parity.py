"""Training with Stable-Baselines3 ends with the same weights, bit for bit, on our exact build and on Gymnasium."""

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.env_util import make_vec_env

import operant  # noqa: F401 - registers the ids


def weights(algorithm, env_id, num_envs, steps, env_kwargs, **options):
    torch.set_num_threads(1)
    envs = make_vec_env(env_id, n_envs=num_envs, seed=1, env_kwargs=env_kwargs)
    model = algorithm("MlpPolicy", envs, seed=1, device="cpu", **options).learn(steps)
    return {name: value.numpy().tobytes() for name, value in model.policy.state_dict().items()}


def test_ppo_on_cartpole_ends_with_gymnasiums_weights():
    options = {"n_steps": 128, "batch_size": 128, "n_epochs": 4}
    ours = weights(PPO, "operant/CartPole-v1", 4, 3000, {"precision": "float64"}, **options)
    assert ours == weights(PPO, "CartPole-v1", 4, 3000, None, **options)


def test_sac_on_pendulum_ends_with_gymnasiums_weights():
    options = {"learning_starts": 100, "batch_size": 64, "buffer_size": 1000, "policy_kwargs": {"net_arch": [32, 32]}}
    ours = weights(SAC, "operant/Pendulum-v1", 1, 500, {"precision": "float64"}, **options)
    assert ours == weights(SAC, "Pendulum-v1", 1, 500, None, **options)


def test_the_weights_do_depend_on_the_physics():
    """So that the two tests above could fail: another pole gives other weights."""
    options = {"n_steps": 128, "batch_size": 128, "n_epochs": 1}
    exact = {"precision": "float64"}
    ours = weights(PPO, "operant/CartPole-v1", 2, 256, exact, **options)
    other = weights(PPO, "operant/CartPole-v1", 2, 256, exact | {"params": {"half_length": 0.55}}, **options)
    assert ours != other


def test_gymnasiums_id_is_not_ours():
    assert type(gym.make("CartPole-v1").unwrapped).__module__.startswith("gymnasium")
    assert np.isfinite(gym.make("operant/CartPole-v1").reset(seed=0)[0]).all()
