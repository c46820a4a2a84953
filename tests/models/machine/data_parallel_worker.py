"""The computations of each of two processes for test_data_parallel.py; the argument is a folder for the results."""

import sys
from pathlib import Path

import numpy as np
import torch

from operant.models import A2C, PPO, REINFORCE, RND, TRPO, VMPO, ActorCritic
from operant.models.collection.collector import Rollout
from operant.models.machine.data_parallel import (
    all_gather_object,
    anywhere,
    join,
    leave,
    merge,
    rank,
    standardize,
    world_size,
)
from operant.rollout.normalizer import RunningNormalizer
from operant.utils import save_checkpoint

LEVEL, BUDGET = 150, 100_000


def gradients(folder):
    """Computes the gradient of a loss that is the mean over both halves of a batch."""
    ppo = PPO("operant/CartPole-v1", PPO.Config(num_envs=2, max_grad_norm=1e9, learning_rate=1e-3))
    inputs = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    mine = inputs.tensor_split(2)[rank()]
    ppo._descend(ppo.policy.values(mine).square().mean())
    return {"gradient": ppo.parameters.grad.tolist()}


def other_weights(folder):
    """Makes different policies in the processes, which all become the first one's."""
    made = PPO("operant/CartPole-v1", PPO.Config(num_envs=2)).environments
    policy = ActorCritic(made.observation_space, made.action_space, seed=rank())
    return {"spread": PPO("operant/CartPole-v1", PPO.Config(num_envs=2), policy=policy).parameters.tolist()}


def training(folder):
    """Trains, saves and continues training; then continues from the saved state."""
    config = PPO.Config(
        num_envs=16,
        rollout_steps=16,
        hidden=(8,),
        anneal=False,
        target_kl=0.003,
        normalize_observations=True,
        normalize_rewards=True,
    )
    ppo = PPO("operant/CartPole-v1", config, seed=3)
    ppo.learn(4 * 256)
    ppo.save(folder / "middle.safetensors")
    metrics = list(ppo.iterate(8 * 256))[-1]
    all_gather_object(None)  # a barrier: the file exists now
    again = PPO.load(folder / "middle.safetensors").learn(8 * 256)
    return {
        "weights": ppo.parameters.tolist(),
        "resumed": again.parameters.tolist(),
        "observations": ppo.collector.normalizer.state_dict(),
        "rewards": ppo.collector.reward_normalizer.statistics.state_dict(),
        "own_observations": ppo.collector.buffer.observations[-1].tolist(),
        "metrics": {key: value for key, value in metrics.items() if "second" not in key},
        "own_episodes": ppo.collector.episode_count,
    }


def statistics(folder):
    """Updates statistics with batches of one process each, after common ones."""
    random = np.random.default_rng(5)
    batches = [random.normal(7, 3, (40, 3)).astype(np.float32) for _ in range(3)]
    normalizer = RunningNormalizer((3,))
    normalizer.update(batches[0])
    before = normalizer.state_dict()
    normalizer.update(batches[1 + rank()])
    merge(normalizer, before)
    whole = RunningNormalizer((3,))
    whole.update(np.concatenate(batches))
    return {"merged": normalizer.state_dict(), "whole": whole.state_dict()}


def advantages(folder):
    """Standardises each process's half of a batch."""
    return {"standardized": standardize(torch.arange(10.0).square().tensor_split(2)[rank()]).tolist()}


def algorithms(folder):
    """Computes the weights of every other algorithm, and of PPO with intrinsic rewards, after three updates."""
    weights = {}
    for kind in (A2C, REINFORCE, TRPO, VMPO):
        algorithm = kind("operant/CartPole-v1", kind.Config(num_envs=16, rollout_steps=16, hidden=(8,)), seed=1)
        weights[kind.name] = algorithm.learn(3 * 256).parameters.tolist()
    config = PPO.Config(num_envs=16, rollout_steps=16, hidden=(8,))
    rnd = RND(PPO("operant/CartPole-v1", config).environments.observation_space, seed=1)
    ppo = PPO("operant/CartPole-v1", config, exploration=rnd, seed=1).learn(3 * 256)
    return {"algorithms": weights | {"ppo with rnd": ppo.parameters.tolist(), "rnd": rnd.parameters.tolist()}}


def vmpo_gradient(parts, part):
    """Computes the gradient of V-MPO's first loss on one of `parts` parts of eight environments' steps."""
    random = torch.Generator().manual_seed(2)
    scalars = [torch.randn(16, 8, generator=random) for _ in range(4)]
    observations = torch.randn(16, 8, 4, generator=random)
    mine = slice(8 // parts * part, 8 // parts * (part + 1))
    rewards, log_probs, values, _ = (each[:, mine].contiguous() for each in scalars)
    ended = torch.zeros(rewards.shape, dtype=torch.bool)
    rollout = Rollout(
        observations=observations[:, mine].contiguous(),
        actions=(observations[:, mine, 0] > 0).long(),
        rewards=rewards,
        terminated=ended,
        truncated=ended,
        starts=ended,
        log_probs=log_probs,
        values=values,
        final_values=torch.zeros_like(values),
        last_values=torch.zeros(8 // parts),
        last_observations=observations[-1, mine].contiguous(),
        lstm_state=None,
    )
    options = {"rollout_steps": 16, "epochs": 1, "minibatches": 1, "max_grad_norm": 1e9}
    vmpo = VMPO("operant/CartPole-v1", VMPO.Config(num_envs=8, hidden=(8,), **options), seed=6)
    vmpo.update(rollout)
    return vmpo.parameters.grad.numpy()


def better_half(folder):
    return {"vmpo_gradient": vmpo_gradient(world_size(), rank()).tolist()}


def devices(folder):
    """Computes the weights after three updates with environments on the CPU, and on an emulated device."""
    weights = {}
    for device in ("cpu", "emulated"):
        config = PPO.Config(
            num_envs=16,
            rollout_steps=16,
            hidden=(8,),
            normalize_observations=True,
            normalize_rewards=True,
            device=device,
        )
        weights[device] = PPO("operant/CartPole-v1", config, seed=1).learn(3 * 256).parameters.tolist()
    return {"devices": weights}


def decisions(folder):
    return {"anywhere": [anywhere(rank() == 1), anywhere(False)]}


def solve():
    """Returns the steps until CartPole's mean return reaches LEVEL; None if they exceed BUDGET."""
    config = PPO.Config(num_envs=64, rollout_steps=32, learning_rate=3e-3, gamma=0.98, gae_lambda=0.9, anneal=False)
    ppo = PPO("operant/CartPole-v1", config, seed=0)
    for metrics in ppo.iterate(BUDGET):
        if metrics["episode_return"] >= LEVEL:
            return metrics["steps"]
    return None


def main():
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    join()
    results = {"rank": rank(), "solved": solve()}
    for part in (
        gradients,
        other_weights,
        training,
        statistics,
        advantages,
        algorithms,
        better_half,
        devices,
        decisions,
    ):
        results |= part(folder)
    save_checkpoint(folder / f"{rank()}.safetensors", results)
    leave()


if __name__ == "__main__":
    main()
