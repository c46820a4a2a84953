"""Trains Stable-Baselines3's PPO on operant/CartPole-v1 until it is solved, and checks it on Gymnasium's own CartPole.

Only the environment id and `vec_env_cls` differ from an ordinary SB3 script. The optional argument is the seed.
"""

import sys
import time

import gymnasium as gym
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import EvalCallback, StopTrainingOnRewardThreshold
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from operant.compat.sb3 import OperantVecEnv

TARGET = 475.0  # the reward threshold at which Gymnasium calls CartPole-v1 solved
MARGIN = 15.0  # training continues until an evaluation exceeds the target by this, so that the final one reaches it
EPISODES = 32  # episodes in each evaluation
seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0

torch.set_num_threads(1)  # the networks are too small for a second thread to help
start = time.perf_counter()
envs = make_vec_env("operant/CartPole-v1", n_envs=64, seed=seed, vec_env_cls=OperantVecEnv)  # one native batch

# Many environments give large batches, and large batches allow large steps: few updates suffice. Both step sizes shrink
# linearly as training proceeds.
model = PPO(
    "MlpPolicy",
    envs,
    n_steps=32,
    batch_size=1024,
    n_epochs=10,
    gamma=0.98,
    gae_lambda=0.9,
    learning_rate=lambda remaining: 5e-3 * remaining,
    clip_range=lambda remaining: 0.2 * remaining,
    seed=seed,
    device="cpu",
)
# Evaluates at intervals, and ends the training as soon as an evaluation is good enough.
stop_when_solved = EvalCallback(
    make_vec_env("operant/CartPole-v1", n_envs=EPISODES, seed=seed + 1000, vec_env_cls=OperantVecEnv),
    callback_on_new_best=StopTrainingOnRewardThreshold(TARGET + MARGIN),
    n_eval_episodes=EPISODES,
    eval_freq=256,  # steps of 64 environments each
    verbose=0,
)
model.learn(300_000, callback=stop_when_solved, progress_bar=True)
print(f"trained for {model.num_timesteps} steps in {time.perf_counter() - start:.1f} s")

# The final evaluation uses Gymnasium's CartPole, not operant's.
judge = make_vec_env(lambda: gym.make("CartPole-v1"), n_envs=EPISODES, seed=seed + 2000)
mean, spread = evaluate_policy(model, judge, n_eval_episodes=EPISODES, warn=False)
print(f"mean return on Gymnasium's CartPole-v1 over {EPISODES} episodes: {mean:.1f} +/- {spread:.1f}")
print("solved" if mean >= TARGET else f"not solved: below {TARGET}")
