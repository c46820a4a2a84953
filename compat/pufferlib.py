"""OperantPufferEnv: a batch as a PufferLib 3.0 environment.

    from operant.compat.pufferlib import OperantPufferEnv
    envs = pufferlib.vector.make(OperantPufferEnv, env_args=["operant/CartPole-v1", 4096])

The core writes directly into PufferLib's buffers, also in shared memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from operant.batch.batch import Batch
from operant.batch.seeds import check_seed
from operant.engines.batch import open_cpu_batch
from operant.environments.opening import open_batch
from operant.environments.spaces import boxed
from operant.spec import EnvSpec

MISSING = (
    "operant.compat.pufferlib needs PufferLib 3.0, which is not installed. PyPI's pufferlib 3.0.0 does not build on a "
    "plain machine: see docs/integrations.md for how to install it"
)
UNSUPPORTED = (
    "operant.compat.pufferlib is for PufferLib 3.x, not {version}: install pufferlib 3.0.0. PufferLib 4 has no Python "
    "environments: `operant export ENV --pufferlib` writes a C header for it to build on"
)


def _base_class() -> Any:
    """PufferLib's class of native environments; raises an ImportError with a remedy if it is not available."""
    try:
        pufferlib = import_module("pufferlib")
    except ModuleNotFoundError as missing:
        if missing.name != "pufferlib":
            raise
        raise ImportError(MISSING, name="pufferlib") from None
    version = str(getattr(pufferlib, "__version__", "an unknown version"))
    if version.partition(".")[0] != "3":
        raise ImportError(UNSUPPORTED.format(version=version), name="pufferlib")
    return pufferlib.PufferEnv


class OperantPufferEnv(_base_class()):  # type: ignore[misc]  # the class is known only at run time
    """N environments as one native batch with R rows, one per agent. Episodes restart in the step that ends them.

    Args:
        env_id: "operant/CartPole-v1"; "CartPole-v1" and "operant:operant/CartPole-v1" are the same.
        num_envs: N. R, PufferLib's `num_agents`, is N times an environment's number of agents, whose rows are adjacent.
        buf: the arrays to write into, given by PufferLib's Serial and Multiprocessing; None makes new ones.
        seed: the seed of the first `reset` if that gets none; None draws one from the operating system.
        report_interval: the number of steps between two reports of the episodes that ended.
        precision: "float32" only: PufferLib's rewards are float32, and the float64 build's are not.
        workers, isa, params, randomize, max_episode_steps, **options: as for `OperantVectorEnv`.
    """

    def __init__(
        self,
        env_id: str,
        num_envs: int = 1,
        *,
        buf: Mapping[str, np.ndarray] | None = None,
        seed: int | None = 0,
        report_interval: int = 128,
        precision: str = "float32",
        workers: int = 1,
        isa: str | None = None,
        params: Mapping[str, Any] | None = None,
        randomize: Mapping[str, tuple[float, float]] | None = None,
        max_episode_steps: int | None = None,
        **options: Any,
    ):
        if precision != "float32":
            raise ValueError(f"precision={precision!r}: PufferLib's rewards are float32, so it must be 'float32'")
        if isinstance(report_interval, bool) or not isinstance(report_interval, int) or report_interval < 1:
            raise ValueError(f"report_interval={report_interval!r} must be an int of at least 1")

        def make(spec: EnvSpec, **how: Any) -> Batch:
            how |= {"precision": precision, "workers": workers, "isa": isa}
            return open_cpu_batch(spec, num_envs, autoreset="SameStep", copy=False, **how)

        opened = open_batch(
            env_id, type(self), make, options, params=params, randomize=randomize, max_episode_steps=max_episode_steps
        )
        self.batch = opened.batch
        self.single_observation_space, self.single_action_space = boxed(opened.observation_space), opened.action_space
        self.num_agents, self.report_interval = self.batch.num_rows, report_interval
        self._seed = None if seed is None else check_seed(seed)
        super().__init__(buf)
        self._fill_buffers()

    def _fill_buffers(self) -> None:
        """Makes the core write into PufferLib's buffers, in which a Discrete observation is a row of one number."""
        rows = self.observations.reshape(self.num_agents, *self.batch.observation_shape)
        self.batch.write_into(rows, self.rewards, self.terminals, self.truncations)

    def reset(self, seed: int | None = None) -> tuple[np.ndarray, list[dict[str, float]]]:
        """Begins an episode in every environment; returns the observations `[R, D]` float32 and an empty list.

        Environment i gets the seed `seed * N + i`, as in PufferLib's own environments. Serial and Multiprocessing seed
        their sub-environments with seed, seed + 1, ..., so these share no seeds. None continues the generators.
        """
        if seed is None and not self.batch.ready:
            seed = self._seed
            if seed is None:
                self.batch.seed_from_entropy()
        if seed is not None:
            self.batch.seed(check_seed(seed) * self.batch.num_envs)
        self.batch.reset()
        self._begin_report()
        return self.observations, []

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[dict[str, float]]]:
        """Steps every environment.

        Args:
            actions: `[R]` int32 or int64 if discrete, else `[R, A]` float32 or float64.

        Returns:
            The buffers, which the next step overwrites: observations `[R, D]` float32, rewards `[R]` float32, terminals
            and truncations `[R]` bool. And a list: every `report_interval` steps, if `n` > 0 episodes ended since the
            last report, it holds one dict with `n` and their mean `episode_return` and `episode_length`; else it is
            empty.

        Raises:
            ValueError: an action out of range, NaN or infinite, or a wrong shape or dtype. Nothing moved.
        """
        _, rewards, terminals, truncations, _ = self.batch.stepper.step(actions)
        if self.batch.last_finished.count:
            self._ended.append(self.batch.finished_returns())
        self._steps += 1
        infos = self._report() if self._steps == self.report_interval else []
        return self.observations, rewards, terminals, truncations, infos

    def _begin_report(self) -> None:
        self._steps = 0
        self._ended: list[np.ndarray] = []  # returns
        self._running = int(self.batch.episode_lengths.sum())  # steps of the running episodes

    def _report(self) -> list[dict[str, float]]:
        returns = np.concatenate([*self._ended, np.empty(0, np.float32)])
        steps, n = self._running + self._steps * self.num_agents, len(returns)
        self._begin_report()
        steps -= self._running  # the rest are the steps of episodes that ended
        return [{"episode_return": float(returns.mean(dtype=float)), "episode_length": steps / n, "n": n}] if n else []

    def close(self) -> None:
        """Frees the core's memory; the buffers remain."""
        self.batch.close()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._fill_buffers()
