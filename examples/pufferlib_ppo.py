"""Trains PufferLib's PuffeRL on operant/CartPole-v1: one native batch writes straight into PufferLib's buffers.

The options are PufferLib's. `puffer train` knows only PufferLib's own environments, so this uses its Python API.
"""

import tempfile
import time

import numpy as np
import torch
from pufferlib import models, pufferl, vector

from operant.compat.pufferlib import OperantPufferEnv

TARGET = 475.0  # the reward threshold at which Gymnasium calls CartPole-v1 solved
NUM_ENVS = 256

torch.manual_seed(0)
torch.set_num_threads(1)  # the network is too small for a second thread to help
envs = vector.make(OperantPufferEnv, env_args=["operant/CartPole-v1", NUM_ENVS], env_kwargs={"report_interval": 32})
policy = models.Default(envs, hidden_size=64)
config = pufferl.load_config("default")["train"] | {
    "env": "operant/CartPole-v1",
    "device": "cpu",
    "use_rnn": False,
    "optimizer": "adam",
    "adam_beta1": 0.9,
    "adam_eps": 1e-5,
    "learning_rate": 1e-2,
    "gamma": 0.98,
    "bptt_horizon": 32,
    "minibatch_size": 2048,
    "update_epochs": 4,
    "total_timesteps": 1_000_000,
    "data_dir": tempfile.mkdtemp(),
}
trainer = pufferl.PuffeRL(config, envs, policy)
trainer.print_dashboard = lambda **options: None  # it redraws the whole screen
start = time.perf_counter()
recent = 0.0
try:
    while trainer.global_step < config["total_timesteps"] and recent < TARGET:
        stats = trainer.evaluate()
        recent = float(np.mean(stats["episode_return"][-4:])) if stats["episode_return"] else recent
        print(f"{trainer.global_step:8d} steps, mean return {recent:6.1f}")
        trainer.train()
finally:
    trainer.close()
print(f"trained for {trainer.global_step} steps in {time.perf_counter() - start:.1f} s")
