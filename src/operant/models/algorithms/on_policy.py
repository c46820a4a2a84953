"""The parts that the on-policy algorithms in torch share: environments, policy, optimiser, and the state of all."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from operant.messages import integer, not_finite
from operant.models.algorithms.algorithm import Algorithm, backend_of
from operant.models.algorithms.configs import OnPolicyConfig as OnPolicyConfig
from operant.models.collection.collector import Rollout
from operant.models.collection.exploration import Exploration
from operant.models.collection.sources import Environments, Source
from operant.models.collection.workplace import open_workplace
from operant.models.machine.data_parallel import all_gather_object, broadcast, mean_in_place, rank, world_size
from operant.models.machine.devices import set_arithmetic
from operant.models.networks.actor_critic import ActorCritic, flatten_parameters, load_weights
from operant.models.networks.popart import PopArtValueHead
from operant.rollout.normalizer import RunningNormalizer

MOST_THREADS = 4096  # that a checkpoint may ask for
MEASURED_ROWS = 2048  # at most this many rows of observations are used to choose the number of threads
SEED_STRIDE = 1 << 32  # difference of seeds between data-parallel processes, whose environments count up from theirs


class OnPolicy(Algorithm, ABC):
    """An algorithm that learns from rollouts of its own policy.

    Args:
        env: an id ("operant/CartPole-v1", or any of Gymnasium's), or a vector env in SAME_STEP mode.
        config: the algorithm's `Config`; None uses the defaults.
        policy: your own `ActorCritic`; None makes one with the config's sizes.
        exploration: an `RND` or `ICM`, which adds intrinsic rewards.
        seed: the seed of the weights, the actions and the environments.
        env_options: the environment's constructor arguments.

    Raises:
        TypeError: `config` has the wrong class.
        ValueError: an argument is invalid, or the environments and the policy are on different devices.
    """

    backend = "torch"
    fixed: ClassVar[Mapping[str, str]] = {
        **Algorithm.fixed,
        "policy": "make another with policy=, or load weights into it",
    }

    def __init__(
        self,
        env: Source,
        config: OnPolicyConfig | None = None,
        *,
        policy: ActorCritic | None = None,
        exploration: Exploration | None = None,
        seed: int = 0,
        env_options: Mapping[str, Any] | None = None,
    ):
        super().__init__(config, seed, env_options)
        if not isinstance(policy, ActorCritic | None):
            raise TypeError(f"policy={policy!r} must be an ActorCritic, or None for one of the config's sizes")
        c, self.exploration = self.config, exploration
        if c.num_envs % world_size():
            raise ValueError(f"num_envs={c.num_envs} must be a multiple of the {world_size()} processes")
        explores = exploration is not None
        place = open_workplace(
            env,
            c.num_envs // world_size(),
            c.for_training(env, self.env_options),
            c.device,
            explores=explores,
            workers=c.workers,
            threads=c.threads,
        )
        self.device, self.environments, self.kernels = place.device, place.environments, place.kernels
        self._remember(env)
        set_arithmetic(self.device, c.tf32, c.deterministic)
        self.policy = make_policy(self.environments, c, self.seed) if policy is None else policy
        self.policy.to(self.device)
        self.parameters = flatten_parameters(self.policy)
        broadcast(self.parameters.detach())
        self.optimizer = self.kernels.optimizer(self.parameters, c.learning_rate, epsilon=1e-5)
        # All processes use the first one's number: with another, sums could be in another order.
        self.threads = all_gather_object(c.threads or self._choose_threads())[0]
        seed += SEED_STRIDE * rank()
        self.collector = place.make_collector(
            self.policy,
            c.rollout_steps,
            gamma=c.gamma,
            normalize_observations=c.normalize_observations,
            normalize_rewards=c.normalize_rewards,
            seed=seed,
        )
        self.generator = torch.Generator(self.device).manual_seed(seed + 1)
        self._learn = self.kernels.recorded(self._update, [self.generator]) if self.recordable else self._update

    def _choose_threads(self) -> int:
        policy, layout = self.policy, self.policy.layout
        rows = min(self.environments.num_envs * self.config.rollout_steps, MEASURED_ROWS)
        inputs = torch.from_numpy(np.zeros((1, rows, *layout.shape), layout.dtype))
        parameters = list(policy.parameters())
        return self.kernels.threads(parameters, lambda: policy(inputs if policy.recurrent else inputs[0])[1])

    @abstractmethod
    def update(self, rollout: Rollout) -> dict[str, Tensor]:
        """Learns from a rollout; returns the losses, each a scalar."""

    @property
    def recordable(self) -> bool:
        """True if `update` does the same in every call and never waits for the GPU, so that it can be a CUDA graph."""
        return False

    def _update(self) -> dict[str, Tensor]:
        """Calls `update` with the last rollout."""
        # The losses are detached: otherwise they keep their autograd graph, and with it the stream of the first call.
        return {name: value.detach() for name, value in self.update(self.collector.rollout).items()}

    def _iterations(self, total_steps: int) -> Iterator[dict[str, float]]:
        torch.set_num_threads(self.threads)
        while self.steps < total_steps:
            if self.config.anneal:
                self.optimizer.learning_rate = self.config.learning_rate * max(0.0, 1 - self.steps / total_steps)
            yield self._iteration()

    def _iteration(self) -> dict[str, float]:
        """Collects one rollout and makes one update; returns the metrics."""
        begun = time.perf_counter()
        rollout = self.collector.collect()
        if self.exploration is not None:
            rollout.rewards = rollout.rewards + self.exploration.rewards(rollout)
        collected = time.perf_counter()
        losses = {**self._learn()}
        if self.exploration is not None:
            losses |= self.exploration.update(rollout)
        losses["learning_rate"] = torch.tensor(self.optimizer.learning_rate)
        sound = torch.isfinite(self.parameters.detach()).all()
        numbers = torch.stack([value.float().to(self.device) for value in (*losses.values(), sound)])
        mean_in_place(numbers)
        *values, sound_everywhere = numbers.tolist()  # waits for the GPU
        if sound_everywhere < 1:
            raise not_finite(self.updates + 1)
        self.collector.settle()
        updated = time.perf_counter()
        steps = rollout.rewards.numel() * world_size()
        self.steps += steps
        self.updates += 1
        self.seconds += updated - begun
        return {
            "steps": self.steps,
            "updates": self.updates,
            "seconds": self.seconds,
            "steps_per_second": steps / (updated - begun),
            **self.collector.episode_metrics(),
            **dict(zip(losses, values, strict=True)),
            "seconds_rollout": collected - begun,
            "seconds_update": updated - collected,
        }

    def predict(
        self, observations: Any, state: Tensor | None = None, starts: Any = None, deterministic: bool = True
    ) -> tuple[np.ndarray, Tensor | None]:
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
        if isinstance(space, spaces.Box):
            actions = np.clip(actions, space.low, space.high).astype(space.dtype, copy=False)
        return actions, state

    def seed_actions(self, seed: int) -> None:
        self.generator.manual_seed(seed)

    @property
    def recent_return(self) -> float:
        returns = self.collector.returns
        return sum(returns) / len(returns) if returns else math.nan

    def observation_statistics(self) -> RunningNormalizer | None:
        return self.collector.observation_statistics()

    # Methods for `update`.

    def _advantages(self, rollout: Rollout, gae_lambda: float) -> tuple[Tensor, Tensor]:
        """Computes advantages and returns `[T, N]` by GAE, on the policy's device."""
        return self.kernels.gae(rollout, gamma=self.config.gamma, lam=gae_lambda)

    def _vtrace(self, rollout: Rollout, values: Tensor, log_ratios: Tensor, lam: float) -> tuple[Tensor, Tensor]:
        """Computes V-trace's advantages and value targets `[T, N]`.

        `values` and `log_ratios` are those of the present policy; the ratios are relative to the rollout's policy.
        """
        targets, advantages = self.kernels.vtrace(rollout, values, log_ratios, gamma=self.config.gamma, lam=lam)
        return advantages, self._normalized_returns(targets)

    def _descend(self, loss: Tensor) -> Tensor:
        """Takes one optimiser step down the loss; returns the gradient's norm before clipping."""
        gradient = self.parameters.grad
        assert gradient is not None
        gradient.zero_()
        loss.backward()  # type: ignore[no-untyped-call]
        mean_in_place(gradient)
        length: Tensor = torch.linalg.vector_norm(gradient)
        self.optimizer.step(length, self.config.max_grad_norm)
        return length

    def _scaled_returns(self, returns: Tensor) -> Tensor:
        """Converts returns to the value head's units; a PopArt head first updates its statistics with them."""
        head = self.policy.value_head
        if not isinstance(head, PopArtValueHead):
            return returns
        head.update(returns)
        return self._normalized_returns(returns)

    def _normalized_returns(self, returns: Tensor) -> Tensor:
        head = self.policy.value_head
        return head.normalize(returns) if isinstance(head, PopArtValueHead) else returns

    def _denormalized_values(self, values: Tensor) -> Tensor:
        head = self.policy.value_head
        return head.denormalize(values) if isinstance(head, PopArtValueHead) else values

    # Checkpoints.

    def state_dict(self) -> dict[str, Any]:
        own = {"collector": self.collector.state_dict(), "generator": self.generator.get_state()}
        return {
            **self._description(),
            "policy": self.policy.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            **own,
            "processes": all_gather_object(own) if world_size() > 1 else [],
            "exploration": None if self.exploration is None else self.exploration.state_dict(),
            "threads": self.threads,  # with another number, sums may be in another order
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        processes = state.get("processes") or [state]
        if len(processes) != world_size():
            raise ValueError(
                f"the checkpoint is from {len(processes)} process(es), not from {world_size()}: start the same number "
                f"with torchrun --nproc-per-node {len(processes)}"
            )
        own = processes[rank()]
        load_weights(self.policy, state["policy"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.collector.load_state_dict(own["collector"])
        if self.exploration is not None:
            self.exploration.load_state_dict(state["exploration"])
        if backend_of(state) == self.backend:
            self.generator.set_state(torch.as_tensor(own["generator"]))
            self.threads = integer("threads", state["threads"], 1, MOST_THREADS)
        self._restore_counters(state)

    def restore_policy(self, state: Mapping[str, Any]) -> None:
        torch.set_num_threads(self.threads)
        load_weights(self.policy, state["policy"])
        if self.collector.normalizer is not None:
            self.collector.normalizer.load_state_dict(state["collector"]["normalizer"])

    def weights(self) -> dict[str, np.ndarray]:
        return {name: weight.detach().cpu().numpy().copy() for name, weight in self.policy.state_dict().items()}


def make_policy(environments: Environments, config: OnPolicyConfig, seed: int) -> ActorCritic:
    """Makes the policy of `config`'s sizes for the environments' spaces."""
    policy = ActorCritic(
        environments.observation_space,
        environments.action_space,
        hidden=config.hidden,
        activation=config.activation,
        share=config.share,
        value_hidden=config.value_hidden,
        lstm=config.lstm,
        squash=config.squash,
        action_masks=environments.action_masks if config.mask_actions else None,
        seed=seed,
    )
    for name, parameter in policy.head.named_parameters():
        if name == "log_std":
            torch.nn.init.constant_(parameter, config.log_std)
    return policy
