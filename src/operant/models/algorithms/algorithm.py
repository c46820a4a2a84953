"""The parts that all algorithms share, whatever computes them: counters, `learn`, checkpoints. No torch is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from operant.headers.trust import check_trust, remember
from operant.messages import FixedAttributes, integer, is_number, mapping
from operant.models.algorithms.configs import OnPolicyConfig
from operant.models.algorithms.options import make_config
from operant.models.algorithms.progress import ProgressBar
from operant.models.collection.sources import Environments, Source, VectorEnv
from operant.models.machine.data_parallel import rank
from operant.rollout.normalizer import RunningNormalizer
from operant.runs.checkpoint import MISFITS, CheckpointError, load_checkpoint, save_checkpoint

MOST_SEED = (1 << 63) - 1

Self = TypeVar("Self", bound="Algorithm")


class Algorithm(FixedAttributes):
    """An algorithm with its environments.

    Attributes:
        steps, updates: the numbers of environment steps and of updates so far.
        seconds: the time that they took.
        backend: what computes the updates, "torch" or "native".

    Raises:
        TypeError: `config` has the wrong class.
        ValueError: the seed is invalid.
    """

    instead = "save it with save(path) and make another with load(path), or copy its policy alone"

    fixed: ClassVar[Mapping[str, str]] = {
        "seed": "make another with seed=",
        "env_options": "make another with env_options=",
    }
    Config: ClassVar[type[OnPolicyConfig]]
    name: ClassVar[str]
    backend: ClassVar[str]
    config: OnPolicyConfig
    environments: Environments

    def __init__(self, config: OnPolicyConfig | None, seed: int, env_options: Mapping[str, Any] | None):
        self.config = self.Config() if config is None else config
        if type(self.config) is not self.Config:
            raise TypeError(f"config is a {type(self.config).__name__}, but {self.name} takes a {self.Config.__name__}")
        self.seed = integer("seed", seed, 0, MOST_SEED)
        self.env_options = mapping("env_options", env_options)
        self.steps, self.updates, self.seconds = 0, 0, 0.0

    @classmethod
    def make(
        cls: type[Self],
        env: Source,
        config: OnPolicyConfig | None = None,
        *,
        backend: str | None = None,
        **arguments: Any,
    ) -> Self:
        """Makes an algorithm, if it can with the backend of an earlier part of the run."""
        return cls(env, config, **arguments)  # type: ignore[arg-type]  # subclasses have these arguments

    def iterate(self, total_steps: int) -> Iterator[dict[str, float]]:
        """Trains until the total number of steps is `total_steps`, and yields metrics after each update.

        The loop may be left early; another call continues. With `anneal`, the learning rate falls to 0 at the end.
        """
        if not is_number(total_steps) or total_steps != total_steps:  # NaN
            raise TypeError(f"total_steps={total_steps!r} must be a number of steps")
        return self._iterations(total_steps)

    def _iterations(self, total_steps: int) -> Iterator[dict[str, float]]:
        raise NotImplementedError

    def learn(self: Self, total_steps: int, *, progress: bool = False) -> Self:
        """Runs `iterate` to its end, with `progress` under a progress bar; returns the algorithm."""
        iterations = self.iterate(total_steps)
        with ProgressBar(total_steps, self.steps) if progress else nullcontext() as bar:
            for metrics in iterations:
                if bar is not None:
                    bar.update(metrics)
        return self

    def predict(
        self, observations: Any, state: Any = None, starts: Any = None, deterministic: bool = True
    ) -> tuple[np.ndarray, Any]:
        """Returns greedy or sampled actions for observations `[N, ...]`, and the LSTM's state for the next call.

        A `state` of None begins all episodes. `starts` `[N]` bool is true for episodes that begin now.
        """
        raise NotImplementedError

    def seed_actions(self, seed: int) -> None:
        """Seeds the actions that `predict` samples."""
        raise NotImplementedError

    @property
    def recent_return(self) -> float:
        """The mean return of the last 100 ended episodes, or NaN if none has ended."""
        raise NotImplementedError

    def observation_statistics(self) -> RunningNormalizer | None:
        """Returns the normaliser of observations; None if they are not normalised."""
        raise NotImplementedError

    def weights(self) -> dict[str, np.ndarray]:
        """Returns the weights by their names in `ActorCritic.state_dict()`, copies."""
        raise NotImplementedError

    @property
    def arithmetic(self) -> int | None:
        """The version of the arithmetic with which weights have the same bits everywhere; None if they may not."""
        return None

    def weights_hash(self) -> str:
        """Returns the SHA-256 hash of the weights' bytes, in the order of `weights`."""
        whole = hashlib.sha256()
        for weight in self.weights().values():
            whole.update(weight.tobytes())
        return whole.hexdigest()

    # Checkpoints.

    def state_dict(self) -> dict[str, Any]:
        """Returns the complete state: weights, optimiser, environments, generators, normalisers, counters.

        In a data-parallel run all processes must call it; `processes` holds the parts that differ between them.
        """
        raise NotImplementedError

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores a state of `state_dict`; the algorithm must have been made with the same arguments.

        A state of another backend is restored too, but for its random numbers, which begin anew.

        Raises:
            ValueError: the state is from another number of processes.
        """
        raise NotImplementedError

    def restore_policy(self, state: Mapping[str, Any]) -> None:
        """Restores the weights and the statistics of observations from a state of `state_dict`, and nothing else."""
        raise NotImplementedError

    def _description(self) -> dict[str, Any]:
        """The part of the state from which `load` makes the algorithm, and its counters."""
        return {
            "algorithm": self.name,
            "backend": self.backend,
            "config": asdict(self.config),
            "seed": self.seed,
            "env_id": self.environments.env_id,
            "env_options": self.env_options,
            "counters": {"steps": self.steps, "updates": self.updates, "seconds": self.seconds},
        }

    def _restore_counters(self, state: Mapping[str, Any]) -> None:
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
        algorithm = cls._described(state, path, env, **arguments)
        algorithm._restore(state, path)
        return algorithm

    @classmethod
    def load_policy(cls: type[Self], path: str | Path, env: str | None = None) -> Self:
        """Loads what plays from a file written by `save`, with one environment on the CPU; raises the same as `load`.

        It has the weights and the statistics of observations, and nothing else of the training.
        """
        state = load_checkpoint(Path(path))
        algorithm = cls._described(state, path, env, alone=True)
        algorithm._restore(state, path, policy_alone=True)
        return algorithm

    @classmethod
    def _described(
        cls: type[Self],
        state: dict[str, Any],
        path: str | Path,
        env: str | VectorEnv | None,
        *,
        alone: bool = False,
        **arguments: Any,
    ) -> Self:
        """Makes the algorithm that a checkpoint describes, or `alone` one with the same policy on one environment."""
        if (saved_by := str(state.get("algorithm"))) != cls.name:
            raise ValueError(f"{path} was saved by {saved_by:.80}: load it with that class")
        given, options, config, seed = (state.get(name) for name in ("env_id", "env_options", "config", "seed"))
        if type(seed) is not int or seed < 0 or not isinstance(options, dict) or not isinstance(config, dict):
            raise CheckpointError(f"{path} lacks the seed or options of {cls.name}")
        if env is None:
            if given is None:
                raise ValueError(f"{path} was trained on a vector env without an id: pass it as env=")
            check_trust(str(given), str(path), f"pass env={given!r}")
        trained_with = make_config(cls.Config, config)
        if not isinstance(env, str | None):  # whose time limit is its own
            trained_with = replace(trained_with, episode_steps=0)
        return cls.make(
            env or str(given),
            trained_with.for_one() if alone else trained_with,
            backend=backend_of(state),
            seed=seed,
            env_options=options if env is None else {},
            **arguments,
        )

    def restore(self, path: str | Path) -> None:
        """Continues from a checkpoint of an algorithm that was made with the same arguments.

        Raises:
            ValueError: it does not fit this algorithm, or is from another number of processes.
        """
        self._restore(load_checkpoint(path), path)

    def _restore(self, state: dict[str, Any], path: str | Path, *, policy_alone: bool = False) -> None:
        try:
            (self.restore_policy if policy_alone else self.load_state_dict)(state)
        except CheckpointError:
            raise
        except (ValueError, *MISFITS) as problem:
            reason = (str(problem).splitlines() or [""])[0]
            raise CheckpointError(f"{path} does not fit this {self.name} and its environments ({reason})") from None

    def _remember(self, env: Source) -> None:
        """Notes that this user trusts the environment's code."""
        for name in (env, self.environments.env_id):
            if isinstance(name, str):
                remember(name)

    def __repr__(self) -> str:
        environments = f"{self.environments.env_id or 'environments'}, num_envs={self.environments.num_envs}"
        return f"{type(self).__name__}({environments}, seed={self.seed}, steps={self.steps})"

    def close(self) -> None:
        """Closes the environments."""
        self.environments.close()


def backend_of(state: Mapping[str, Any]) -> str:
    """Returns the backend that a checkpoint is from."""
    return str(state.get("backend", "torch"))
