"""PPO in one file, in CleanRL's style: trains on operant/CartPole-v1, and is evaluated on Gymnasium's own CartPole-v1.

    python examples/cleanrl_ppo.py --env-id CartPole-v1 --seed 1

Read it from top to bottom. It differs from CleanRL's ppo.py in two ways. Hundreds of environments step as one native
batch, so a policy gradient is an average over many episodes, and fewer, larger updates suffice. Truncation by the time
limit is not treated as termination (see "truncation").
"""

import argparse
import time
from collections import deque
from dataclasses import dataclass, fields

import gymnasium as gym
import numpy as np
import torch
from torch import nn

import operant  # noqa: F401 - registers operant/*


@dataclass
class Args:
    env_id: str = "CartPole-v1"
    seed: int = 1
    total_timesteps: int = 200_000
    target: float = 475.0  # mean return of the last 100 episodes; the time until it is reached is printed
    num_envs: int = 128
    num_steps: int = 32  # steps of each environment between two updates
    learning_rate: float = 3e-3  # annealed to 0
    gamma: float = 0.98
    gae_lambda: float = 0.9
    num_minibatches: int = 4
    update_epochs: int = 8
    clip_coef: float = 0.2  # annealed to 0
    ent_coef: float = 0.0
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5


def layer(inputs, outputs, gain=2**0.5):
    linear = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(linear.weight, gain)
    nn.init.zeros_(linear.bias)
    return linear


def network(inputs, outputs, last_gain):
    return nn.Sequential(layer(inputs, 64), nn.Tanh(), layer(64, 64), nn.Tanh(), layer(64, outputs, last_gain))


parser = argparse.ArgumentParser()
for field in fields(Args):
    parser.add_argument(f"--{field.name.replace('_', '-')}", type=field.type, default=field.default)
args = Args(**vars(parser.parse_args()))
batch_size = args.num_envs * args.num_steps
num_updates = args.total_timesteps // batch_size

torch.set_num_threads(1)  # the networks are too small for a second thread to help
torch.manual_seed(args.seed)

# SAME_STEP: when an episode ends, the next one begins in the same step, so every step is experience.
envs = gym.make_vec(f"operant/{args.env_id}", num_envs=args.num_envs, autoreset_mode="SameStep")
assert isinstance(envs.single_action_space, gym.spaces.Discrete), "only discrete actions are supported"
inputs, actions_count = envs.single_observation_space.shape[0], int(envs.single_action_space.n)
actor, critic = network(inputs, actions_count, 0.01), network(inputs, 1, 1.0)
parameters = [*actor.parameters(), *critic.parameters()]
optimizer = torch.optim.Adam(parameters, lr=args.learning_rate, eps=1e-5)

# [T, N]; the observations have one more row, for the observation after the last step.
obs = torch.zeros(args.num_steps + 1, args.num_envs, inputs)
actions = torch.zeros(args.num_steps, args.num_envs, dtype=torch.int64)
rewards = torch.zeros(args.num_steps, args.num_envs)
dones = torch.zeros(args.num_steps, args.num_envs)

returns_seen = deque(maxlen=100)
global_step, reached, start = 0, None, time.perf_counter()
obs[0] = torch.from_numpy(envs.reset(seed=args.seed)[0])

for update in range(num_updates):
    remaining = 1 - update / num_updates
    optimizer.param_groups[0]["lr"], clip = args.learning_rate * remaining, args.clip_coef * remaining

    # Rollout: each step needs only the actor. The argmax of logits plus Gumbel noise is a sample of the softmax.
    with torch.no_grad():
        for step in range(args.num_steps):
            logits = actor(obs[step])
            actions[step] = (logits - torch.empty_like(logits).exponential_().log()).argmax(1)
            next_obs, reward, terminated, truncated, infos = envs.step(actions[step].numpy())
            global_step += args.num_envs
            obs[step + 1] = torch.from_numpy(next_obs)
            rewards[step] = torch.from_numpy(reward)
            dones[step] = torch.from_numpy(terminated | truncated)
            # Truncation: the episode could have continued, and the critic estimates the value of that. It is added to
            # the last reward, because the next observation belongs to another episode.
            if truncated.any():
                final = torch.from_numpy(np.stack(infos["final_obs"][truncated]))
                rewards[step, torch.from_numpy(truncated)] += args.gamma * critic(final).squeeze(1)
            returns_seen.extend(envs.unwrapped.finished_episodes()[1].tolist())

        # Generalised advantage estimation: A_t = delta_t + gamma lambda (1 - done_t) A_{t+1}.
        values = critic(obs).squeeze(2)
        log_probs = actor(obs[:-1]).log_softmax(2).gather(2, actions.unsqueeze(2)).squeeze(2)
        deltas = rewards + args.gamma * (1 - dones) * values[1:] - values[:-1]
        advantages, following = torch.empty_like(rewards), torch.zeros(args.num_envs)
        for step in reversed(range(args.num_steps)):
            following = deltas[step] + args.gamma * args.gae_lambda * (1 - dones[step]) * following
            advantages[step] = following

    # Update: the batch is [T * N].
    b_obs, b_actions, b_log_probs = obs[:-1].flatten(0, 1), actions.flatten(), log_probs.flatten()
    b_advantages, b_targets = advantages.flatten(), (advantages + values[:-1]).flatten()
    for _ in range(args.update_epochs):
        for chosen in torch.randperm(batch_size).chunk(args.num_minibatches):
            all_log_probs = actor(b_obs[chosen]).log_softmax(1)
            new_log_probs = all_log_probs.gather(1, b_actions[chosen].unsqueeze(1)).squeeze(1)
            ratio = (new_log_probs - b_log_probs[chosen]).exp()
            advantage = b_advantages[chosen]
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
            clipped = ratio.clamp(1 - clip, 1 + clip)
            policy_loss = -torch.min(advantage * ratio, advantage * clipped).mean()
            value_loss = 0.5 * (critic(b_obs[chosen]).squeeze(1) - b_targets[chosen]).square().mean()
            entropy = -(all_log_probs.exp() * all_log_probs).sum(1).mean()
            optimizer.zero_grad()
            (policy_loss - args.ent_coef * entropy + args.vf_coef * value_loss).backward()
            nn.utils.clip_grad_norm_(parameters, args.max_grad_norm)
            optimizer.step()
    obs[0] = obs[-1]

    mean_return = sum(returns_seen) / max(len(returns_seen), 1)
    if reached is None and len(returns_seen) == 100 and mean_return >= args.target:
        reached = global_step, time.perf_counter() - start
        print(f"mean return {args.target:.0f} reached after {reached[0]} steps and {reached[1]:.2f} s")
    if update % 8 == 7:
        print(f"global_step={global_step}, mean return of the last {len(returns_seen)} episodes={mean_return:.1f}")

print(f"trained for {global_step} steps in {time.perf_counter() - start:.2f} s")
envs.close()

# The evaluation uses Gymnasium's environment, not operant's, and the policy takes its best action.
judge = gym.make_vec(args.env_id, num_envs=20, vectorization_mode="sync")
judge = gym.wrappers.vector.RecordEpisodeStatistics(judge, buffer_length=100)
observations, _ = judge.reset(seed=args.seed + 10_000)
while len(judge.return_queue) < 100:
    with torch.no_grad():
        best = actor(torch.from_numpy(observations)).argmax(1)
    observations, *_ = judge.step(best.numpy())
print(f"mean return on Gymnasium's {args.env_id} over 100 episodes: {np.mean(judge.return_queue):.1f}")
