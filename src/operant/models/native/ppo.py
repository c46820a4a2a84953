"""PPO in the core: `PPO(backend="native")`. It needs no torch."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from operant.messages import NotFiniteError, integer, not_finite
from operant.models.algorithms.algorithm import backend_of
from operant.models.algorithms.configs import PPOConfig
from operant.models.algorithms.ppo import PPO
from operant.models.collection.sources import DeviceEnvironments, NativeEnvironments, Source, make_environments
from operant.models.native.limits import is_fast, why_not
from operant.models.native.rollouts import MOST_DRAWS, make_rollouts
from operant.models.native.trainer import Statistics, Trainer, train_version
from operant.rollout.normalizer import RunningNormalizer
from operant.workers.choice import available_cores

if TYPE_CHECKING:
    from operant.models.networks.actor_critic import ActorCritic

MOST_THREADS = 16  # more would rest: the gradient of a minibatch has at most so many parts
SLOW = (
    "this CPU has no fused multiply-add (AVX2, AVX-512 or NEON), without which the core trains slowly: backend='torch' "
    "is faster"
)
CLIP = 10.0  # bound of normalised observations, as in the core


class NativePPO(PPO):
    """PPO in the core; `PPO` lists its arguments.

    The same options and seed give the same weights, bit for bit, on every CPU and with any number of threads, if the
    environments are operant's.

    Raises:
        ValueError: an option or a space is not for the core.
    """

    backend = "native"
    fixed: ClassVar[Mapping[str, str]] = {
        **PPO.fixed,
        "config": "make another with config=, and restore(path) what this one saved",
        "learning_rate": "it is config.learning_rate, which falls over the run with config.anneal",
        "threads": "make another with PPO.Config(threads=...)",
    }

    def __init__(
        self,
        env: Source,
        config: PPOConfig | None = None,
        *,
        policy: None = None,
        exploration: None = None,
        seed: int = 0,
        env_options: Mapping[str, Any] | None = None,
    ):
        for name, given in (("policy", policy), ("exploration", exploration)):
            if given is not None:
                raise ValueError(f"backend='native' does not train {name}=: choose backend='torch', or leave that out")
        super(PPO, self).__init__(config, seed, env_options)
        c = self.config
        options = c.for_training(env, self.env_options)
        environments = make_environments(env, c.num_envs, options, workers=c.workers, threads=c.threads)
        if isinstance(environments, DeviceEnvironments):
            raise ValueError("backend='native' does not train a CudaVectorEnv: choose backend='torch'")
        self.environments = environments
        self._remember(env)
        spaces = environments.observation_space, environments.action_space
        if reason := why_not(c, *spaces):
            raise ValueError(f"backend='native' does not train {reason}: choose backend='torch', or leave that out")
        self.threads = min(c.threads or available_cores(), MOST_THREADS)
        self.trainer = Trainer(
            *spaces,
            c,
            rows=environments.num_envs,
            action_masks=environments.action_masks if c.mask_actions else None,
            seed=self.seed,
            workers=self.threads,
        )
        self.rollouts = make_rollouts(self.trainer, environments, self.seed)
        self._learning_rate = c.learning_rate
        self._sampled = 0  # the number of the next draw of `predict`
        self.seed_actions(self.seed)

    def _iterations(self, total_steps: int) -> Iterator[dict[str, float]]:
        c = self.config
        if not is_fast():
            warnings.warn(SLOW, stacklevel=2)
        while self.steps < total_steps:
            if c.anneal:
                self.adjust(c.learning_rate * max(0.0, 1 - self.steps / total_steps), c.clip)
            yield self._iteration()

    @property
    def learning_rate(self) -> float:
        """The learning rate of the last update, or of the first one."""
        return self._learning_rate

    def adjust(self, learning_rate: float, clip: float) -> None:
        """Sets learning rate and clip for the updates from now on; with `anneal`, each update sets them again."""
        self.trainer.adjust(learning_rate, clip)
        self._learning_rate = learning_rate

    def _iteration(self) -> dict[str, float]:
        """Collects one rollout and makes one update; returns the metrics."""
        begun = time.perf_counter()
        try:
            rollout = self.rollouts.collect()
            collected = time.perf_counter()
            losses = self.trainer.learn(rollout)
        except NotFiniteError as problem:
            raise not_finite(self.updates + 1) from problem
        updated = time.perf_counter()
        steps = self.trainer.steps * self.trainer.rows
        self.steps += steps
        self.updates += 1
        self.seconds += updated - begun
        return {
            "steps": self.steps,
            "updates": self.updates,
            "seconds": self.seconds,
            "steps_per_second": steps / (updated - begun),
            **self.rollouts.episode_metrics(),
            **losses,
            "learning_rate": self.learning_rate,
            "seconds_rollout": collected - begun,
            "seconds_update": updated - collected,
        }

    def predict(
        self, observations: Any, state: Any = None, starts: Any = None, deterministic: bool = True
    ) -> tuple[np.ndarray, None]:
        trainer = self.trainer
        layout, form = trainer.layout, trainer.form
        rows = layout.flatten(observations)
        leading = rows.shape[: rows.ndim - len(layout.shape)]
        if len(leading) != 1 or not rows.flags.c_contiguous:
            rows = np.ascontiguousarray(rows).reshape(-1, *layout.shape)
        if deterministic:
            actions = trainer.greedy(rows)
        else:
            actions = np.empty((len(rows), form.size), form.dtype)
            trainer.act(MOST_DRAWS | self._sampled, rows, actions, np.empty(len(rows), np.float32), actions)
            self._sampled = (self._sampled + 1) % MOST_DRAWS
        chosen = form.for_environment(actions)
        return (chosen if len(leading) == 1 else chosen.reshape((*leading, *form.shape))), None

    def seed_actions(self, seed: int) -> None:
        # Two seeds begin far apart in the 2^31 draws.
        self._sampled = seed * 0x9E3779B1 % MOST_DRAWS

    @property
    def recent_return(self) -> float:
        return self.rollouts.episode_metrics()["episode_return"]

    def observation_statistics(self) -> RunningNormalizer | None:
        moments = self.trainer.state.observations
        if moments is None:
            return None
        normalizer = RunningNormalizer(self.trainer.layout.shape, clip=CLIP)
        normalizer.load_state_dict(_statistics(moments))
        return normalizer

    def weights(self) -> dict[str, np.ndarray]:
        return {name: weight.copy() for name, weight in self.trainer.state.weights.items()}

    @property
    def arithmetic(self) -> int | None:
        envs = self.environments
        own = isinstance(envs, NativeEnvironments) and not envs.batch.spec.engine
        return train_version() if own else None

    @property
    def policy(self) -> ActorCritic:
        """A torch `ActorCritic` with the present weights: a copy, made anew for each call."""
        from operant.models.algorithms.on_policy import make_policy
        from operant.models.networks.actor_critic import load_weights

        policy = make_policy(self.environments, self.config, self.seed)
        load_weights(policy, self.weights())
        return policy

    # Checkpoints.

    def state_dict(self) -> dict[str, Any]:
        core, rollouts = self.trainer.state, self.rollouts
        returns, lengths = rollouts.recent()
        scale = None
        if core.rewards is not None:
            scale = {"returns": core.reward_sums.tolist(), "statistics": _statistics(core.rewards)}
        return {
            **self._description(),
            "policy": self.weights(),
            "optimizer": {"steps": core.descents, "mean": core.mean.copy(), "square": core.square.copy()},
            "collector": {
                "environments": self.environments.state_dict(),
                "observations": rollouts.observations(),
                "starts": rollouts.starts(),
                "state": None,
                "returns": returns,
                "lengths": lengths,
                "episodes": rollouts.episode_count,
                "normalizer": None if core.observations is None else _statistics(core.observations),
                "reward_normalizer": scale,
            },
            "processes": [],
            "exploration": None,
            "draw": rollouts.draw,
            "shuffle": core.shuffle,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if len(state.get("processes") or ()) > 1:
            raise ValueError(
                f"the checkpoint is from {len(state['processes'])} process(es): start the same number with torchrun"
            )
        self._fitting(state["policy"])  # whose error says more than that of the moments
        core, collector, same = self.trainer.state, state["collector"], backend_of(state) == self.backend
        draw, shuffle = (integer(name, state[name], 0, 0xFFFFFFFF) if same else 0 for name in ("draw", "shuffle"))
        optimizer = state["optimizer"]
        descents = integer("steps", optimizer["steps"], 0)
        mean, square = (_floats(name, optimizer[name], core.mean.shape) for name in ("mean", "square"))
        self._restore_counters(state)
        self.rollouts.restore(collector, draw)
        if core.rewards is not None:
            scale = collector["reward_normalizer"]
            core.reward_sums[:] = _floats("returns", scale["returns"], core.reward_sums.shape)
            _restore_statistics(core.rewards, scale["statistics"])
        core.mean[:], core.square[:], core.descents, core.shuffle = mean, square, descents, shuffle
        self.restore_policy(state)

    def restore_policy(self, state: Mapping[str, Any]) -> None:
        core = self.trainer.state
        for name, weights in self._fitting(state["policy"]).items():
            core.weights[name][...] = weights
        if core.observations is not None:
            _restore_statistics(core.observations, state["collector"]["normalizer"])
        self.trainer.restored()

    def _fitting(self, weights: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Returns a checkpoint's weights as float32; raises ValueError if they are not for this network."""
        own = self.trainer.state.weights
        if set(weights) != set(own):
            raise ValueError(f"only one of the two networks has {', '.join(sorted(set(weights) ^ set(own)))}")
        return {name: _floats(name, weights[name], each.shape) for name, each in own.items()}

    def close(self) -> None:
        self.environments.close()
        self.trainer.close()


def _statistics(moments: Statistics) -> dict[str, Any]:
    """The state of a `RunningNormalizer`."""
    return {"count": moments.count, "mean": moments.mean.tolist(), "squares": moments.squares.tolist()}


def _restore_statistics(moments: Statistics, state: Mapping[str, Any]) -> None:
    checked = RunningNormalizer(moments.mean.shape)
    checked.load_state_dict(state)  # refuses what cannot be
    moments.mean[:], moments.squares[:] = np.asarray(state["mean"]), np.asarray(state["squares"])
    moments.count = checked.count


def _floats(name: str, values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Returns a checkpoint's numbers as float32; raises ValueError if they have another shape or are not finite."""
    array = np.asarray(values, np.float32)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, not {shape}")
    if not math.isfinite(float(np.abs(array).sum(dtype=np.float64))):
        raise ValueError(f"{name} has an infinite number or NaN")
    return array
