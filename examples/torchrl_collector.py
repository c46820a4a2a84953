"""Collects frames from 4096 CartPoles with TorchRL's Collector and a small policy; prints the frames per second."""

import time

import torch
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.collectors import Collector

from operant.compat.torchrl import make_env

NUM_ENVS, STEPS, BATCHES = 4096, 32, 20  # their product is the total number of frames

torch.manual_seed(0)
torch.set_num_threads(1)  # the network is too small for a second thread to help
env = make_env("operant/CartPole-v1", NUM_ENVS, categorical_action_encoding=True, episode_statistics=True)

# Pushes left or right at random, more often to the side to which the pole leans and falls.
network = nn.Linear(4, 2)
with torch.no_grad():
    network.weight.copy_(torch.tensor([[0.0, 0.0, -10.0, -1.0], [0.0, 0.0, 10.0, 1.0]]))


def push(observation: torch.Tensor) -> torch.Tensor:
    return torch.distributions.Categorical(logits=network(observation)).sample()


policy = TensorDictModule(push, in_keys=["observation"], out_keys=["action"])

collector = Collector(
    env,
    policy,
    frames_per_batch=NUM_ENVS * STEPS,
    total_frames=NUM_ENVS * STEPS * BATCHES,
    auto_register_policy_transforms=False,
)
collector.set_seed(0)
returns, frames, start = [], 0, time.perf_counter()
for batch in collector:  # [NUM_ENVS, STEPS]
    after = batch["next"]
    returns.append(after["episode_return"][after["done"]])
    frames += batch.numel()
seconds = time.perf_counter() - start
collector.shutdown()

returns = torch.cat(returns)
print(f"{frames} frames from {NUM_ENVS} environments in {seconds:.1f} s: {frames / seconds:,.0f} frames/s")
print(f"{len(returns)} episodes ended, with a mean return of {returns.mean():.1f}")
