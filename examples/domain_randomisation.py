"""Tests a controller that was tuned for one pole on thousands of other poles, in one batch.

`params` sets a physical parameter to one number, or to one number per environment. `randomize` draws it anew for every
episode; training on such episodes gives a robust policy. `operant list --params` names the parameters.
"""

import gymnasium as gym
import numpy as np

import operant  # noqa: F401 - registers operant/*

LENGTHS = (0.1, 0.25, 0.5, 1.0, 2.0)  # half of the pole's length in m; 0.5 is the standard
GRAVITIES = (1.6, 9.8, 24.8)  # m/s2: Moon, Earth, Jupiter
EPISODES = 256  # episodes for each combination


def controller(observations: np.ndarray, gains: tuple[float, ...]) -> np.ndarray:
    """Pushes right if the weighted sum of the observation is positive."""
    return (observations @ np.array(gains, np.float32) > 0).astype(np.int64)


def first_returns(envs: gym.vector.VectorEnv, gains: tuple[float, ...]) -> np.ndarray:
    """Returns the return `[N]` of each environment's first episode."""
    observations, _ = envs.reset(seed=0)
    returns, alive = np.zeros(envs.num_envs), np.ones(envs.num_envs, bool)
    while alive.any():
        observations, rewards, terminated, truncated, _ = envs.step(controller(observations, gains))
        returns += rewards * alive
        alive &= ~(terminated | truncated)
    return returns


CONTROLLERS = {  # gains of cart position, cart speed, pole angle and pole speed
    "angle only": (0.0, 0.0, 1.0, 0.0),
    "angle and speed": (0.0, 0.0, 1.0, 0.5),
    "all four": (0.1, 0.5, 1.4, 1.0),
}

# One batch holds every combination: EPISODES environments for each pole length and gravity.
grid = np.array([(length, gravity) for length in LENGTHS for gravity in GRAVITIES])
length, gravity = np.repeat(grid, EPISODES, axis=0).T
envs = gym.make_vec("operant/CartPole-v1", num_envs=len(length), params={"half_length": length, "gravity": gravity})
for name, gains in CONTROLLERS.items():
    returns = first_returns(envs, gains).reshape(len(LENGTHS), len(GRAVITIES), EPISODES).mean(axis=2)
    print(f"\n{name}: mean return by half length (down) and gravity (across)")
    print("         " + "".join(f"{g:8.1f}" for g in GRAVITIES))
    for half_length, row in zip(LENGTHS, returns, strict=True):
        print(f"{half_length:8.2f} " + "".join(f"{value:8.0f}" for value in row))

# The same question as one number: every episode draws another random pole.
ranges = {"half_length": (0.1, 2.0), "gravity": (1.6, 24.8)}
random_envs = gym.make_vec("operant/CartPole-v1", num_envs=4096, randomize=ranges)
print(f"\n4096 episodes with poles drawn from {ranges}:")
for name, gains in CONTROLLERS.items():
    print(f"{name:16} mean return {first_returns(random_envs, gains).mean():.0f}")
drawn = random_envs.unwrapped.parameter("gravity")
print(f"gravities drawn: {drawn.min():.1f} to {drawn.max():.1f} m/s2, all different: {len(set(drawn)) > 4000}")
