"""What the on-policy algorithms share: environments, policy, optimiser, and saving all of it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from operant.cuda.adam import FusedAdam
from operant.cuda.graphs import Graph
from operant.cuda.training import TrainingKernels
from operant.models.algorithms.configs import OnPolicyConfig as OnPolicyConfig
from operant.models.algorithms.options import make_config
from operant.models.collection.collector import EPISODES, Collector, Rollout
from operant.models.collection.device_collector import DeviceCollector
from operant.models.collection.sources import DeviceEnvironments, make_environments
from operant.models.machine.adam import Adam
from operant.models.machine.data_parallel import all_gather_object, broadcast, mean_in_place, rank, world_size
from operant.models.machine.devices import open_device, set_arithmetic
from operant.models.machine.threads import choose_threads
from operant.models.networks.actor_critic import ActorCritic, flatten_parameters
from operant.models.networks.popart import PopArtValueHead
from operant.rollout.advantages import gae, vtrace
from operant.runs.checkpoint import load_checkpoint, save_checkpoint

MEASURED_ROWS = 2048  # of observations, when the number of threads is chosen
SEED_STRIDE = 1 << 32  # between the processes of a data-parallel run, whose environments are seeded in sequence

Self = TypeVar("Self", bound="OnPolicy")


class OnPolicy(ABC):
    """An algorithm that learns from rollouts of its own policy.

    Args:
        env: an id ("operant/CartPole-v1", or any of Gymnasium's), or a vector env in SAME_STEP mode.
        config: the algorithm's `Config`.
        policy: an `ActorCritic` of your own; by default one of the config's sizes.
        exploration: an `RND` or `ICM`, which adds intrinsic rewards.
        seed: of the weights, the actions and the environments.
        env_options: the environment's constructor arguments.
    """

    Config: ClassVar[type[OnPolicyConfig]]
    name: ClassVar[str]

    def __init__(
        self,
        env: Any,
        config: Any = None,
        *,
        policy: ActorCritic | None = None,
        exploration: Any = None,
        seed: int = 0,
        env_options: Mapping[str, Any] | None = None,
    ):
        self.config = self.Config() if config is None else config
        if type(self.config) is not self.Config:
            raise TypeError(f"config is a {type(config).__name__}, but {self.name} takes a {self.Config.__name__}")
        self.seed, self.env_options = seed, dict(env_options or {})
        c = self.config
        self.device = open_device(c.device)
        set_arithmetic(self.device, c.tf32, c.deterministic)
        if c.num_envs % world_size():
            raise ValueError(f"num_envs={c.num_envs} must be a multiple of the {world_size()} processes")
        # What explores adds rewards on the CPU.
        where = c.device if exploration is None else "cpu"
        environments = make_environments(env, c.num_envs // world_size(), self.env_options, where)
        self.environments = environments
        self.engine = environments.batch.engine if isinstance(environments, DeviceEnvironments) else None
        if self.engine is not None and exploration is not None:
            raise ValueError("exploration is for environments on the CPU: give their id instead of a CudaVectorEnv")
        if self.engine is not None and self.engine.device != self.device:
            raise ValueError(
                f"the environments are on {self.engine.device}, and device={c.device!r} is where the policy is to be: "
                "both are the same"
            )
        self.policy = self._make_policy() if policy is None else policy
        self.policy.to(self.device)
        self.exploration = exploration
        self.parameters = flatten_parameters(self.policy)
        broadcast(self.parameters.detach())
        self.kernels = None if self.engine is None else TrainingKernels(self.engine)
        self.optimizer: Any = self._make_optimizer()
        threads = c.threads or (self._choose_threads() if self.device.type == "cpu" and not self.engine else 1)
        self.threads = all_gather_object(threads)[0]  # others might add the same numbers in another order
        make_collector: Any = DeviceCollector if self.engine else Collector
        self.collector: Any = make_collector(
            self.environments,
            self.policy,
            c.rollout_steps,
            gamma=c.gamma,
            normalize_observations=c.normalize_observations,
            normalize_rewards=c.normalize_rewards,
            seed=seed + SEED_STRIDE * rank(),
            device=self.device,
        )
        self.generator = torch.Generator(self.device).manual_seed(seed + SEED_STRIDE * rank() + 1)
        self._graph = Graph(self._update_again, self.device, [self.generator])
        self.steps, self.updates, self.seconds = 0, 0, 0.0

    def _make_optimizer(self) -> Any:
        rate = self.config.learning_rate
        if self.engine is not None:
            return FusedAdam(self.parameters, rate, engine=self.engine, epsilon=1e-5)
        return Adam(self.parameters, rate, epsilon=1e-5)

    def _make_policy(self) -> ActorCritic:
        c = self.config
        policy = ActorCritic(
            self.environments.observation_space,
            self.environments.action_space,
            hidden=c.hidden,
            activation=c.activation,
            share=c.share,
            lstm=c.lstm,
            squash=c.squash,
            action_masks=self.environments.action_masks if c.mask_actions else None,
            seed=self.seed,
        )
        for name, parameter in policy.head.named_parameters():
            if name == "log_std":
                torch.nn.init.constant_(parameter, c.log_std)
        return policy

    def _choose_threads(self) -> int:
        policy, layout = self.policy, self.policy.layout
        rows = min(self.environments.num_envs * self.config.rollout_steps, MEASURED_ROWS)
        inputs = torch.from_numpy(np.zeros((1, rows, *layout.shape), layout.dtype))
        return choose_threads(list(policy.parameters()), lambda: policy(inputs if policy.recurrent else inputs[0])[1])

    @abstractmethod
    def update(self, rollout: Rollout) -> dict[str, Tensor]:
        """Learns from a rollout; returns the losses, each a scalar."""

    @property
    def recordable(self) -> bool:
        """Whether `update` does the same at every call, and never waits for the GPU: then it may be a CUDA graph."""
        return False

    def _learn(self, rollout: Rollout) -> dict[str, Tensor]:
        """`update`, as one CUDA graph where that can be."""
        # Of several processes, what they send each other is not recorded.
        if self.kernels is None or not self.recordable or world_size() > 1:
            return self.update(rollout)
        losses: dict[str, Tensor] = dict(self._graph())
        return losses

    def _update_again(self) -> dict[str, Tensor]:
        # Detached, for a loss keeps what computed it, and with that the stream that this was first done on.
        return {name: value.detach() for name, value in self.update(self.collector.rollout).items()}

    def iterate(self, total_steps: int) -> Iterator[dict[str, float]]:
        """Trains until `total_steps` steps have been made in all, and yields metrics after each update.

        Leaving the loop early is fine; another call goes on. The learning rate falls to 0 at `total_steps`.
        """
        torch.set_num_threads(self.threads)
        while self.steps < total_steps:
            begun = time.perf_counter()
            if self.config.anneal:
                self.optimizer.learning_rate = self.config.learning_rate * max(0.0, 1 - self.steps / total_steps)
            rollout = self.collector.collect()
            if self.exploration is not None:
                rollout.rewards = rollout.rewards + self.exploration.rewards(rollout)
            collected = time.perf_counter()
            losses = self._learn(rollout)
            if self.exploration is not None:
                losses |= self.exploration.update(rollout)
            losses["learning_rate"] = torch.tensor(self.optimizer.learning_rate)
            numbers = torch.stack([value.detach().float().to(self.device) for value in losses.values()])
            mean_in_place(numbers)
            values = numbers.tolist()  # waits for the GPU
            self.collector.settle()
            updated = time.perf_counter()
            steps = rollout.rewards.numel() * world_size()
            self.steps += steps
            self.updates += 1
            self.seconds += updated - begun
            returns, lengths, episodes = self._recent_episodes()
            yield {
                "steps": self.steps,
                "updates": self.updates,
                "seconds": self.seconds,
                "steps_per_second": steps / (updated - begun),
                "episodes": episodes,
                "episode_return": mean(returns),
                "episode_length": mean(lengths),
                **dict(zip(losses, values, strict=True)),
                "seconds_rollout": collected - begun,
                "seconds_update": updated - collected,
            }

    def learn(self: Self, total_steps: int) -> Self:
        """`iterate` to its end; returns the algorithm."""
        for _ in self.iterate(total_steps):
            pass
        return self

    def predict(
        self, observations: Any, state: Tensor | None = None, starts: Any = None, deterministic: bool = True
    ) -> tuple[np.ndarray, Tensor | None]:
        """Actions for a batch of observations `[N, ...]`, greedy or sampled, and the LSTM's state for the next call.

        `state` None begins all episodes; `starts` `[N]` bool says which begin now.
        """
        policy = self.policy
        rows = self.collector.normalized(policy.layout.flatten(observations))
        inputs = torch.as_tensor(rows, device=self.device)
        with torch.no_grad():
            if policy.recurrent:
                begins = None if starts is None else torch.as_tensor(starts, device=self.device)[None]
                distribution, _, state = policy(inputs[None], state, begins)
            else:
                distribution = policy.distribution(inputs)
            actions = distribution.mode() if deterministic else distribution.sample(self.generator)
        actions = (actions[0] if policy.recurrent else actions).cpu().numpy()
        space = self.environments.action_space
        return np.clip(actions, space.low, space.high) if isinstance(space, spaces.Box) else actions, state

    def _recent_episodes(self) -> tuple[list[float], list[int], int]:
        """Returns and lengths of the last episodes, and how many there were in all, of all processes."""
        collector = self.collector
        each = EPISODES // world_size() or 1
        every = all_gather_object(
            (list(collector.returns)[-each:], list(collector.lengths)[-each:], collector.episodes)
        )
        returns, lengths, counts = zip(*every, strict=True)
        return [x for part in returns for x in part], [x for part in lengths for x in part], sum(counts)

    # For the updates.

    def _advantages(self, rollout: Rollout, gae_lambda: float) -> tuple[Tensor, Tensor]:
        """Advantages and returns `[T, N]` by GAE, on the policy's device."""
        parts = (rollout.rewards, rollout.values, rollout.terminated, rollout.truncated)
        ends = (rollout.last_values, rollout.final_values)
        if self.kernels is not None:
            return self.kernels.gae(*parts, *ends, gamma=self.config.gamma, lam=gae_lambda)
        arrays = [part.cpu().contiguous() for part in (*parts, *ends)]
        advantages, returns = gae(*arrays, gamma=self.config.gamma, lam=gae_lambda)
        return torch.from_numpy(advantages).to(self.device), torch.from_numpy(returns).to(self.device)

    def _vtrace(self, rollout: Rollout, values: Tensor, log_ratios: Tensor, lam: float) -> tuple[Tensor, Tensor]:
        """V-trace's advantages and value targets `[T, N]` for `values` and the policy that `log_ratios` leads to."""
        parts = (rollout.rewards, values, log_ratios, rollout.terminated, rollout.truncated)
        ends = (rollout.last_values, rollout.final_values)
        if self.kernels is not None:
            on_device, gains = self.kernels.vtrace(*parts, *ends, gamma=self.config.gamma, lam=lam)
            return gains, self._normalized_returns(on_device)
        arrays = [part.cpu().contiguous() for part in (*parts, *ends)]
        targets, advantages = vtrace(*arrays, gamma=self.config.gamma, lam=lam)
        scaled = self._normalized_returns(torch.from_numpy(targets).to(self.device))
        return torch.from_numpy(advantages).to(self.device), scaled

    def _descend(self, loss: Tensor) -> Tensor:
        """One step of the optimiser down the loss; returns the length that its gradient had."""
        gradient = self.parameters.grad
        assert gradient is not None
        gradient.zero_()
        loss.backward()  # type: ignore[no-untyped-call]
        mean_in_place(gradient)
        length: Tensor = torch.linalg.vector_norm(gradient)
        if self.kernels is not None:
            self.optimizer.step(length, self.config.max_grad_norm)
            return length
        gradient.mul_((self.config.max_grad_norm / (length + 1e-6)).clamp(max=1.0))
        self.optimizer.step()
        return length

    def _scaled_returns(self, returns: Tensor) -> Tensor:
        """Returns as the value head predicts them; a PopArt head takes them into its statistics first."""
        head = self.policy.value_head
        if not isinstance(head, PopArtValueHead):
            return returns
        head.update(returns)
        return self._normalized_returns(returns)

    def _normalized_returns(self, returns: Tensor) -> Tensor:
        head = self.policy.value_head
        return head.normalize(returns) if isinstance(head, PopArtValueHead) else returns

    def _true_values(self, values: Tensor) -> Tensor:
        head = self.policy.value_head
        return head.denormalize(values) if isinstance(head, PopArtValueHead) else values

    # Saving.

    def state_dict(self) -> dict[str, Any]:
        """Everything: weights, optimiser, environments, generators, normalisers, counters.

        Of a data-parallel run `processes` has what differs between them: all of them must call it.
        """
        own = {"collector": self.collector.state_dict(), "generator": self.generator.get_state()}
        return {
            "algorithm": self.name,
            "config": asdict(self.config),
            "seed": self.seed,
            "env_id": self.environments.env_id,
            "env_options": self.env_options,
            "policy": self.policy.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            **own,
            "processes": all_gather_object(own) if world_size() > 1 else [],
            "exploration": None if self.exploration is None else self.exploration.state_dict(),
            "threads": self.threads,  # another number of them may add in another order
            "counters": {"steps": self.steps, "updates": self.updates, "seconds": self.seconds},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues where `state_dict` was called; the algorithm must have been made with the same arguments."""
        processes = state.get("processes") or [state]
        if len(processes) != world_size():
            raise ValueError(
                f"the checkpoint is of {len(processes)} process(es), not of {world_size()}: start as many, by "
                f"torchrun --nproc-per-node {len(processes)}"
            )
        own = processes[rank()]
        self.policy.load_state_dict(state["policy"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.collector.load_state_dict(own["collector"])
        self.generator.set_state(own["generator"])
        if self.exploration is not None:
            self.exploration.load_state_dict(state["exploration"])
        self.threads = state["threads"]
        for name, value in state["counters"].items():
            setattr(self, name, value)

    def save(self, path: str | Path) -> None:
        """Writes a checkpoint; the file is complete or not there. All processes call it, and the first one writes."""
        state = self.state_dict()
        if rank() == 0:
            save_checkpoint(Path(path), state)

    @classmethod
    def load(cls: type[Self], path: str | Path, env: Any = None, **arguments: Any) -> Self:
        """The algorithm that `save` wrote. What was passed in, such as a vector env or a policy, is passed in again."""
        state = load_checkpoint(Path(path))
        if state.get("algorithm") != cls.name:
            raise ValueError(f"{path} was saved by {state.get('algorithm')}: load it with that class")
        if env is None and state["env_id"] is None:
            raise ValueError(f"{path} was trained on a vector env without an id: pass it as env=")
        config = make_config(cls.Config, state["config"])
        options = state["env_options"] if env is None else {}
        algorithm = cls(env or state["env_id"], config, seed=state["seed"], env_options=options, **arguments)
        algorithm.load_state_dict(state)
        return algorithm

    def close(self) -> None:
        """Closes the environments."""
        self.environments.close()


def mean(values: Any) -> float:
    """NaN of nothing."""
    return sum(values) / len(values) if values else float("nan")
