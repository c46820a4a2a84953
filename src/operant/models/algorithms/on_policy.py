"""The parts that all on-policy algorithms share: environments, policy, optimiser, and checkpoints."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from operant.headers.trust import check_trust, remember
from operant.messages import NotCopyable, integer
from operant.models.algorithms.configs import OnPolicyConfig as OnPolicyConfig
from operant.models.algorithms.options import make_config
from operant.models.algorithms.progress import ProgressBar
from operant.models.collection.collector import Rollout
from operant.models.collection.exploration import Exploration
from operant.models.collection.sources import VectorEnv
from operant.models.collection.workplace import open_workplace
from operant.models.machine.data_parallel import all_gather_object, broadcast, mean_in_place, rank, world_size
from operant.models.machine.devices import set_arithmetic
from operant.models.networks.actor_critic import ActorCritic, flatten_parameters, load_weights
from operant.models.networks.popart import PopArtValueHead
from operant.runs.checkpoint import MISFITS, CheckpointError, load_checkpoint, save_checkpoint

MOST_THREADS = 4096  # that a checkpoint may ask for
MEASURED_ROWS = 2048  # at most this many rows of observations are used to choose the number of threads
MOST_SEED = (1 << 63) - 1
SEED_STRIDE = 1 << 32  # difference of seeds between data-parallel processes, whose environments count up from theirs

Self = TypeVar("Self", bound="OnPolicy")


class OnPolicy(NotCopyable, ABC):
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

    instead = "save it with save(path) and make another with load(path), or copy its policy alone"

    Config: ClassVar[type[OnPolicyConfig]]
    name: ClassVar[str]
    config: OnPolicyConfig

    def __init__(
        self,
        env: str | VectorEnv,
        config: OnPolicyConfig | None = None,
        *,
        policy: ActorCritic | None = None,
        exploration: Exploration | None = None,
        seed: int = 0,
        env_options: Mapping[str, Any] | None = None,
    ):
        self.config = c = self.Config() if config is None else config
        if type(c) is not self.Config:
            raise TypeError(f"config is a {type(c).__name__}, but {self.name} takes a {self.Config.__name__}")
        seed = self.seed = integer("seed", seed, 0, MOST_SEED)
        self.env_options, self.exploration = dict(env_options or {}), exploration
        if c.num_envs % world_size():
            raise ValueError(f"num_envs={c.num_envs} must be a multiple of the {world_size()} processes")
        explores = exploration is not None
        place = open_workplace(env, c.num_envs // world_size(), self.env_options, c.device, explores=explores)
        self.device, self.environments, self.kernels = place.device, place.environments, place.kernels
        for name in (env, self.environments.env_id):
            if isinstance(name, str):
                remember(name)
        set_arithmetic(self.device, c.tf32, c.deterministic)
        self.policy = self._make_policy() if policy is None else policy
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
        self.steps, self.updates, self.seconds = 0, 0, 0.0

    def _make_policy(self) -> ActorCritic:
        c = self.config
        policy = ActorCritic(
            self.environments.observation_space,
            self.environments.action_space,
            hidden=c.hidden,
            activation=c.activation,
            share=c.share,
            value_hidden=c.value_hidden,
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

    def iterate(self, total_steps: int) -> Iterator[dict[str, float]]:
        """Trains until the total number of steps is `total_steps`, and yields metrics after each update.

        The loop may be left early; another call continues. With `anneal`, the learning rate falls to 0 at the end.
        """
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
        numbers = torch.stack([value.float().to(self.device) for value in losses.values()])
        mean_in_place(numbers)
        values = numbers.tolist()  # waits for the GPU
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

    def learn(self: Self, total_steps: int, *, progress: bool = False) -> Self:
        """Runs `iterate` to its end, with `progress` under a progress bar; returns the algorithm."""
        with ProgressBar(total_steps, self.steps) if progress else nullcontext() as bar:
            for metrics in self.iterate(total_steps):
                if bar is not None:
                    bar.update(metrics)
        return self

    def predict(
        self, observations: Any, state: Tensor | None = None, starts: Any = None, deterministic: bool = True
    ) -> tuple[np.ndarray, Tensor | None]:
        """Returns greedy or sampled actions for observations `[N, ...]`, and the LSTM's state for the next call.

        A `state` of None begins all episodes. `starts` `[N]` bool is true for episodes that begin now.
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
        """Returns the complete state: weights, optimiser, environments, generators, normalisers, counters.

        In a data-parallel run all processes must call it; `processes` holds the parts that differ between them.
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
            "threads": self.threads,  # with another number, sums may be in another order
            "counters": {"steps": self.steps, "updates": self.updates, "seconds": self.seconds},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores a state of `state_dict`; the algorithm must have been made with the same arguments.

        Raises:
            ValueError: the state is from another number of processes.
        """
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
        self.generator.set_state(torch.as_tensor(own["generator"]))
        if self.exploration is not None:
            self.exploration.load_state_dict(state["exploration"])
        self.threads = integer("threads", state["threads"], 1, MOST_THREADS)
        counters = state["counters"]
        self.steps, self.updates = (integer(name, counters[name], 0) for name in ("steps", "updates"))
        self.seconds = float(counters["seconds"])

    def save(self, path: str | Path) -> None:
        """Writes a checkpoint; the file is complete or absent. All processes must call it; the first one writes."""
        state = self.state_dict()
        if rank() == 0:
            save_checkpoint(Path(path), state)

    @classmethod
    def load(cls: type[Self], path: str | Path, env: str | VectorEnv | None = None, **arguments: Any) -> Self:
        """Loads an algorithm written by `save`.

        Objects that were passed to its constructor, such as a vector env or a policy, must be passed again.

        Raises:
            ValueError: the file was saved by another class, or needs `env`.
            Untrusted: the file names a header or a module that this user has not trained, built or registered.
        """
        state = load_checkpoint(Path(path))
        if (saved_by := str(state.get("algorithm"))) != cls.name:
            raise ValueError(f"{path} was saved by {saved_by:.80}: load it with that class")
        given, options, config, seed = (state.get(name) for name in ("env_id", "env_options", "config", "seed"))
        if type(seed) is not int or seed < 0 or not isinstance(options, dict) or not isinstance(config, dict):
            raise CheckpointError(f"{path} lacks the seed or options of {cls.name}")
        if env is None:
            if given is None:
                raise ValueError(f"{path} was trained on a vector env without an id: pass it as env=")
            check_trust(str(given), str(path), f"pass env={given!r}")
        algorithm = cls(
            env or str(given),
            make_config(cls.Config, config),
            seed=seed,
            env_options=options if env is None else {},
            **arguments,
        )
        algorithm._restore(state, path)
        return algorithm

    def restore(self, path: str | Path) -> None:
        """Continues from a checkpoint of an algorithm that was made with the same arguments.

        Raises:
            ValueError: it does not fit this algorithm, or is from another number of processes.
        """
        self._restore(load_checkpoint(path), path)

    def _restore(self, state: dict[str, Any], path: str | Path) -> None:
        try:
            self.load_state_dict(state)
        except MISFITS as problem:
            reason = (str(problem).splitlines() or [""])[0]
            raise CheckpointError(f"{path} does not fit this {self.name} and its environments ({reason})") from None

    def close(self) -> None:
        """Closes the environments."""
        self.environments.close()
