"""Runs your own environment, puck.h and puck.toml beside this file, as a batch of 4096.

Run: python examples/own_environment.py
"""

import time
from pathlib import Path

import gymnasium as gym
import numpy as np

import operant

N = 4096

env_id = operant.register_env(Path(__file__).with_name("puck.h"))  # compiles it if necessary
envs = gym.make_vec(env_id, num_envs=N)
print(f"{env_id}: observations {envs.observation_space.shape}, actions {envs.action_space.shape}")


def mean_return(gain: float, **options) -> float:
    """Returns the mean return of one episode each, under a controller that pulls to the middle and brakes."""
    envs = gym.make_vec(env_id, num_envs=N, **options)
    observations, _ = envs.reset(seed=0)
    returns = np.zeros(N)
    for _ in range(200):
        position, velocity = observations[:, :2], observations[:, 2:]
        observations, rewards, *_ = envs.step(-gain * position - 1.5 * velocity)
        returns += rewards
    envs.close()
    return float(returns.mean())


# Parameters, randomisation, snapshots and all other features need no further code.
for gain in (0.5, 2.0, 8.0):
    print(f"gain {gain:3.1f}: mean return {mean_return(gain):6.1f}", end="")
    print(f", with storms of every strength {mean_return(gain, randomize={'wind': (0.0, 3.0)}):6.1f}")

actions = envs.action_space.sample()
envs.reset(seed=0)
start, steps = time.perf_counter(), 0
while time.perf_counter() - start < 0.5:
    envs.step(actions)
    steps += N
print(f"{steps / (time.perf_counter() - start) / 1e6:.0f} million steps per second")
