"""Plans by random shooting: branches the present state into 4096 futures, and takes the first action of the best.

The model for planning is the environment itself. `get_state` returns the complete state of an environment, including
its position in the random numbers; `set_state` writes one such record into all environments of a batch.
"""

import time

import gymnasium as gym
import numpy as np

import operant  # noqa: F401 - registers operant/*

FUTURES, HORIZON, HOLD = 4096, 40, 4  # each drawn action is held for HOLD steps, which swings the pendulum up
STEPS = 150

world = gym.make_vec("operant/Pendulum-v1", num_envs=1)
model = gym.make_vec("operant/Pendulum-v1", num_envs=FUTURES, copy=False)  # reuses its arrays, which are read at once
rng = np.random.default_rng(0)


def plan() -> np.ndarray:
    """Returns the first action `[1, 1]` of the best of FUTURES random sequences from the world's present state."""
    model.unwrapped.set_state(world.unwrapped.get_state())
    actions = rng.uniform(-2, 2, size=(HORIZON // HOLD, FUTURES, 1)).astype(np.float32)
    returns = np.zeros(FUTURES)
    for step in range(HORIZON):
        _, rewards, *_ = model.step(actions[step // HOLD])
        returns += rewards
    return actions[0, returns.argmax()][None]


world.reset(seed=0, options={"x_init": np.pi, "y_init": 0.1})
start, total, upright = time.perf_counter(), 0.0, 0
for step in range(STEPS):
    observation, reward, *_ = world.step(plan())
    total += float(reward[0])
    upright = upright + 1 if observation[0, 0] > 0.95 else 0
    if step % 25 == 24:
        print(f"step {step + 1:3}: cos(angle) {observation[0, 0]:5.2f}, speed {observation[0, 2]:5.2f} rad/s")
seconds = time.perf_counter() - start
print(f"return {total:.0f}; upright for the last {upright} steps")
print(f"{STEPS} decisions, {STEPS * FUTURES * HORIZON / 1e6:.0f} million planned steps, {seconds:.1f} s")
