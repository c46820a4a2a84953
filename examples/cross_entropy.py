"""Solves CartPole in about a second with NumPy alone, by the cross-entropy method.

A policy is four numbers: push right if the observation's sum weighted by them is positive. Each generation draws
candidates from a normal distribution, tries all of them in one native batch, and refits the distribution to the best.
"""

import time

import gymnasium as gym
import numpy as np

import operant  # noqa: F401 - registers operant/*

CANDIDATES, EPISODES, ELITE = 256, 8, 32  # each candidate plays EPISODES episodes, all side by side
TARGET = 475.0  # the reward threshold at which Gymnasium calls CartPole-v1 solved

envs = gym.make_vec("operant/CartPole-v1", num_envs=CANDIDATES * EPISODES)


def scores(candidates: np.ndarray, seed: int) -> np.ndarray:
    """Returns the mean return `[C]` of each candidate `[C, 4]` over EPISODES first episodes."""
    weights = np.repeat(candidates, EPISODES, axis=0)
    observations, _ = envs.reset(seed=seed)
    alive = np.ones(len(weights), bool)
    returns = np.zeros(len(weights))
    while alive.any():
        actions = (np.einsum("nd,nd->n", observations, weights) > 0).astype(np.int64)
        observations, rewards, terminated, truncated, _ = envs.step(actions)
        returns += rewards * alive
        alive &= ~(terminated | truncated)
    return returns.reshape(-1, EPISODES).mean(axis=1)


start = time.perf_counter()
rng = np.random.default_rng(0)
mean, spread = np.zeros(4, np.float32), np.ones(4, np.float32)
for generation in range(1, 51):
    candidates = (mean + spread * rng.standard_normal((CANDIDATES, 4))).astype(np.float32)
    returns = scores(candidates, seed=10_000 * generation)
    best = candidates[np.argsort(returns)[-ELITE:]]
    mean, spread = best.mean(axis=0), best.std(axis=0) + np.float32(0.02)
    # New episodes evaluate the mean policy: the best candidates' scores are biased, because they were selected.
    score = scores(np.tile(mean, (CANDIDATES, 1)), seed=10_000_000).mean()
    print(f"generation {generation}: best {returns.max():5.1f}, the mean policy {score:5.1f}")
    if score >= TARGET:
        break

verdict = "solved" if score >= TARGET else "not solved"
seconds = time.perf_counter() - start
print(f"{verdict}: mean return {score:.1f} over {CANDIDATES * EPISODES} episodes in {seconds:.2f} s")
x, x_dot, theta, theta_dot = mean
print(f"push right if {x:.2f} x + {x_dot:.2f} x_dot + {theta:.2f} theta + {theta_dot:.2f} theta_dot > 0")
