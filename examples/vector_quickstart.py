"""Steps 4096 CartPoles at once through Gymnasium's vector API, and measures the speed."""

import time

import gymnasium as gym
import numpy as np

import operant  # noqa: F401 - registers operant/*; or write "operant:operant/CartPole-v1" below

N, STEPS = 4096, 2000

# One native batch replaces 4096 Python objects. Everything else is Gymnasium's usual vector API.
envs = gym.make_vec("operant/CartPole-v1", num_envs=N)
observations, infos = envs.reset(seed=0)  # environment i gets the seed 0 + i
print(f"observations {observations.shape} {observations.dtype}, actions {envs.single_action_space}")

# A simple controller: push towards the side to which the pole leans and falls.
returns = []
for _ in range(500):
    actions = (observations[:, 2] + observations[:, 3] > 0).astype(np.int64)
    observations, rewards, terminated, truncated, infos = envs.step(actions)
    # The finished episodes: indices of their environments, returns and lengths. An environment whose episode has
    # finished begins the next one with its next step (Gymnasium's NEXT_STEP autoreset).
    environments, episode_returns, episode_lengths = envs.unwrapped.finished_episodes()
    returns.extend(episode_returns)
print(f"mean return of {len(returns)} episodes of a simple controller: {np.mean(returns):.0f}")

# Actions are drawn beforehand, so that this measures only the environments.
actions = np.random.default_rng(0).integers(0, 2, size=(64, N))
start = time.perf_counter()
for step in range(STEPS):
    envs.step(actions[step % 64])
seconds = time.perf_counter() - start
print(f"{N * STEPS / seconds / 1e6:.0f} million steps per second on one core")
envs.close()
