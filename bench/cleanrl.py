"""Time to a mean return of 475 on CartPole-v1: CleanRL's ppo.py against examples/cleanrl_ppo.py.

    python -m operant.bench.cleanrl [seed]

This file reproduces ppo.py with its default settings, because no package contains CleanRL's file: 4 environments of
SyncVectorEnv, 128 steps, 4 epochs of 4 minibatches, learning rate 2.5e-4 annealed over 500,000 steps, clipped value
loss, entropy coefficient 0.01, truncation treated as termination, no logging. Both programs run on one thread. Run them
in turn; both print the steps and the seconds at which the last 100 episodes reached 475.
"""

import math
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np

TOTAL, ENVS, STEPS, EPOCHS, MINIBATCHES = 500_000, 4, 128, 4, 4
GAMMA, GAE_LAMBDA, CLIP, RATE = 0.99, 0.95, 0.2, 2.5e-4


def updates_of_original(seed: int) -> Iterator[tuple[int, float]]:
    """Trains like ppo.py. Yields the steps so far and the mean return of the last 100 episodes after each update."""
    import torch
    from torch import nn
    from torch.distributions import Categorical

    def layer(inputs: int, outputs: int, gain: float = 2**0.5) -> Any:
        linear = nn.Linear(inputs, outputs)
        nn.init.orthogonal_(linear.weight, gain)
        nn.init.zeros_(linear.bias)
        return linear

    def network(outputs: int, gain: float) -> Any:
        return nn.Sequential(layer(4, 64), nn.Tanh(), layer(64, 64), nn.Tanh(), layer(64, outputs, gain))

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    envs = gym.vector.SyncVectorEnv(
        [lambda: gym.wrappers.RecordEpisodeStatistics(gym.make("CartPole-v1"))] * ENVS,
        autoreset_mode=gym.vector.AutoresetMode.SAME_STEP,
    )
    critic, actor = network(1, 1.0), network(2, 0.01)
    parameters = [*critic.parameters(), *actor.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=RATE, eps=1e-5)
    observations = torch.zeros(STEPS, ENVS, 4)
    actions, log_probs, rewards, dones, values = (torch.zeros(STEPS, ENVS) for _ in range(5))
    returns: deque[float] = deque(maxlen=100)
    observation, done = torch.tensor(envs.reset(seed=seed)[0]), torch.zeros(ENVS)
    updates = TOTAL // (STEPS * ENVS)
    for update in range(updates):
        optimizer.param_groups[0]["lr"] = RATE * (1 - update / updates)
        for step in range(STEPS):
            observations[step], dones[step] = observation, done
            with torch.no_grad():
                policy = Categorical(logits=actor(observation))
                actions[step] = action = policy.sample()
                log_probs[step], values[step] = policy.log_prob(action), critic(observation).flatten()
            following, reward, terminated, truncated, infos = envs.step(action.numpy())
            rewards[step] = torch.tensor(reward)
            observation, done = torch.tensor(following), torch.tensor(terminated | truncated, dtype=torch.float32)
            if "final_info" in infos:
                returns.extend(infos["final_info"]["episode"]["r"][infos["final_info"]["_episode"]])
        with torch.no_grad():
            advantages, last = torch.zeros_like(rewards), torch.zeros(ENVS)
            next_values, running = critic(observation).flatten(), 1 - done
            for step in reversed(range(STEPS)):
                delta = rewards[step] + GAMMA * next_values * running - values[step]
                advantages[step] = last = delta + GAMMA * GAE_LAMBDA * running * last
                next_values, running = values[step], 1 - dones[step]
        targets = (advantages + values).flatten()
        for _ in range(EPOCHS):
            for chosen in torch.randperm(STEPS * ENVS).chunk(MINIBATCHES):
                batch = observations.flatten(0, 1)[chosen]
                policy = Categorical(logits=actor(batch))
                ratio = (policy.log_prob(actions.flatten()[chosen]) - log_probs.flatten()[chosen]).exp()
                advantage = advantages.flatten()[chosen]
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                policy_loss = torch.max(-advantage * ratio, -advantage * ratio.clamp(1 - CLIP, 1 + CLIP)).mean()
                value, old = critic(batch).flatten(), values.flatten()[chosen]
                near = old + (value - old).clamp(-CLIP, CLIP)
                errors = torch.max((value - targets[chosen]).square(), (near - targets[chosen]).square())
                loss = policy_loss - 0.01 * policy.entropy().mean() + 0.5 * 0.5 * errors.mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(parameters, 0.5)
                optimizer.step()
        yield (update + 1) * STEPS * ENVS, float(np.mean(returns)) if len(returns) == 100 else math.nan


def original(seed: int) -> None:
    """Trains until the last 100 episodes reach 475, and prints the steps and the seconds."""
    start = time.perf_counter()
    for steps, mean in updates_of_original(seed):
        if mean >= 475:
            print(f"mean return 475 reached after {steps} steps and {time.perf_counter() - start:.2f} s")
            return
    print(f"did not reach 475 in {TOTAL} steps, which took {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    original(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
