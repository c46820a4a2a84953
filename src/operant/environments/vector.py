"""OperantVectorEnv: a Batch as a `gymnasium.vector.VectorEnv`; and `make_vector_env`, which `make_vec` calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from operant.batch.batch import Batch
from operant.batch.statistics import EpisodeStatistics
from operant.engines.batch import EngineBatch, open_cpu_batch
from operant.environments.chances import Chances
from operant.environments.engine_infos import EngineInfos
from operant.environments.lookup import find_spec
from operant.environments.spaces import ActionMasks, columns
from operant.environments.vector_base import AutoresetMode as AutoresetMode
from operant.environments.vector_base import VectorEnvBase
from operant.messages import boolean, unknown
from operant.spec import EnvSpec

DEVICES = ("cpu", "cuda", "cuda:1", "emulated")


def make_vector_env(env_id: str, num_envs: int = 1, *, device: Any = "cpu", **options: Any) -> VectorEnvBase:
    """Makes N environments in the memory of a device; `gymnasium.make_vec` calls it.

    Args:
        env_id, num_envs, **options: as for `OperantVectorEnv`.
        device: "cpu" for an `OperantVectorEnv`. A GPU, "cuda" or "cuda:1", or "emulated", a GPU emulated on the CPU,
            for a `CudaVectorEnv`, whose arrays are torch tensors there. A `torch.device` works too.

    Raises:
        ValueError: the device is unknown.
        ImportError: the device needs PyTorch, which is not installed.
        operant.cuda.engine.CudaError: the GPU, or something that it needs, is missing.
    """
    name = str(device)
    if name == "cpu":
        return OperantVectorEnv(env_id, num_envs, **options)
    if name != "emulated" and name.partition(":")[0] != "cuda":
        raise ValueError(unknown("device", name, DEVICES))
    if engine := find_spec(env_id).engine:
        raise ValueError(f"device={name!r}: {env_id} is computed by {engine}, on the CPU")
    try:
        from operant.environments.cuda_vector import CudaVectorEnv
    except ModuleNotFoundError as missing:
        if missing.name != "torch":
            raise
        raise ImportError(f"device={name!r} needs PyTorch: pip install 'operant[cuda]'", name="torch") from missing
    return CudaVectorEnv(env_id, num_envs, device=name, **options)


class OperantVectorEnv(VectorEnvBase):
    """N environments as one native batch, with Gymnasium's semantics.

    Actions and results come in rows, one per agent: R = N * len(agents), and agent k of environment i has row i *
    len(agents) + k. With one agent, a row is an environment. The argument `num_envs` is the number of environments, N,
    and the attribute `num_envs` the number of rows, R, because wrappers and training loops count rows. Seeds,
    parameters and snapshots belong to whole environments, and all agents of an environment begin and end together.

    Args:
        env_id: "CartPole-v1" or "operant/CartPole-v1"; for your own header its path, or its registered id.
        num_envs: N.
        precision: "float32": the fast build, rewards float32. "float64": Gymnasium's trajectories, bit for bit from the
            same seeds, rewards float64. Observations have their space's dtype in both. None: "float32", for MuJoCo's
            tasks "float64"; their "float32" changes what is returned, not the physics.
        workers: the number of threads, the caller's included.
        autoreset_mode: an `AutoresetMode` or its value: "NextStep", "SameStep" or "Disabled".
        copy: True: the arrays that `step` and `reset` return are the caller's to keep; memory is reused once nothing
            refers to it, views and tensors included. False: every call writes into the same four arrays.
        isa: forces an instruction set ("avx512", "avx2", "sse2", "neon", "scalar"); results do not depend on it.
        params: physical parameters by name (`operant list --params`), each a number or one number per environment.
        randomize: parameters to draw for every episode: {"gravity": (8.0, 12.0)}.
        max_episode_steps: the time limit. None: the one that the id is registered with; -1: never truncates.
        render_mode: "rgb_array", "human" or None; see `render`.
        render_envs: the number of environments, from 0 on, that `render` draws; None: at most 16. R draws all, and
            returns a frame for each row, as Gymnasium's vector `RecordVideo` (unless it records the first only) and
            `HumanRendering` need it.
        episode_statistics: adds `infos["episode"]` where episodes ended, like `RecordEpisodeStatistics`.
        **options: the environment's own constructor arguments, for example `g` (Pendulum), `N` and `local_ratio`
            (simple_spread).

    Attributes:
        agents: the names of an environment's agents; () for a single agent, which has no name.
    """

    _batch: Batch

    def __init__(
        self,
        env_id: str,
        num_envs: int = 1,
        *,
        precision: str | None = None,
        workers: int = 1,
        copy: bool = True,
        isa: str | None = None,
        device: str = "cpu",
        **options: Any,
    ):
        if device != "cpu":
            raise TypeError(f"OperantVectorEnv steps on the CPU: use gymnasium.make_vec(..., device={device!r})")
        copy = boolean("copy", copy)

        def make_batch(spec: EnvSpec, **how: Any) -> Batch:
            return open_cpu_batch(spec, num_envs, precision=precision, workers=workers, isa=isa, copy=copy, **how)

        super().__init__(env_id, make_batch, **options)
        masks = self._batch.spec.action_masks
        self._masks = ActionMasks(masks) if masks else None
        self._statistics = EpisodeStatistics(self._batch) if self.episode_statistics else None
        self._chances = Chances(self._batch, self.attributes) if self._batch.spec.chances else None
        self._engine_infos = EngineInfos(self._batch) if isinstance(self._batch, EngineBatch) else None
        self._twin = self._chances.make_twin() if self._chances is not None else None
        self._everywhere = np.ones(self.num_envs if self._chances else 0, np.bool_)
        self._everywhere.flags.writeable = False
        # True if `step` must fill infos, render, or remember actions.
        self._eventful = (
            self._same_step
            or self.episode_statistics
            or self.render_mode is not None
            or self._masks is not None
            or self._chances is not None
            or self._engine_infos is not None
        )
        self._plain = not (self._eventful or self._is_tuple)

    @property
    def batch(self) -> Batch:
        """The batch that steps the rows, for training loops that write into their own memory."""
        return self._batch

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode in every environment, or in those of `options["reset_mask"]`.

        Args:
            seed: environment i gets `seed + i`. A sequence has a seed for each environment; None in it keeps that
                environment's generator.
            options: `reset_mask` (`[R]` bool, at least one True, the same for all agents of an environment) and the
                environment's reset bounds. Not modified.

        Returns:
            Observations and infos, as `step` returns them. Environments outside the mask keep their observation.
        """
        mask, overrides = self._begin(seed, options)
        slot = self._batch.reset(mask, overrides)
        self.renderer.look()
        if self._statistics is not None:
            self._statistics.begin(mask)
        if self.render_mode == "human":
            self.render()
        infos: dict[str, Any] = {}
        present = np.ones(self.num_envs, np.bool_) if mask is None else mask.copy()
        if self._chances is not None:
            chance = self._batch.spec.reset_chance
            infos.update(prob=np.where(present, chance, type(chance)(0)), _prob=present)
        if self._masks is not None:
            self._add_masks(infos, slot.observations, present.copy())
        if self._engine_infos is not None:
            infos.update(self._engine_infos.of_reset(mask))
        return self._present(slot.observations), infos

    def _add_masks(self, infos: dict[str, Any], observations: np.ndarray, present: np.ndarray) -> None:
        """Adds Gymnasium's info "action_mask", `[R, actions]` int8, for the rows `present` `[R]` bool."""
        assert self._masks is not None
        masks = self._masks.look_up(observations)
        if not present.all():
            masks[~present] = 0
        infos.update(action_mask=masks, _action_mask=present)

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Steps every environment.

        Args:
            actions: `[R]` int32 or int64 if discrete (`[R, A]` if MultiDiscrete), else `[R, A]` float32 or float64
                (rounded to float32), read in place if contiguous. Finite actions beyond the bounds are clipped as
                Gymnasium clips them.

        Returns:
            Observations `[R, *D]` of the space's dtype (if Tuple, a tuple of `[R]`), rewards `[R]` (float32, or float64
            in the exact build), terminated and truncated `[R]` bool, infos.

        Raises:
            ValueError: an action out of range, NaN or infinite, or a wrong shape or dtype. Nothing moved.
            ResetNeeded: before the first reset, or in mode "Disabled" with a finished environment.
        """
        if self._twin is not None:
            self._step_twin(actions)
        results = self._batch.stepper.step(actions)
        if self._plain:
            return results
        observations, rewards, terminated, truncated, infos = results
        if self._eventful:
            self.renderer.follow(actions)
            if self._chances is not None:
                infos.update(prob=self._chances.of_all(), _prob=self._everywhere)
            if self._masks is not None:
                self._add_masks(infos, observations, np.ones(self.num_envs, np.bool_))
            if self._engine_infos is not None:
                infos.update(self._engine_infos.of_step(np.asarray(actions).dtype))
            self._add_infos(infos, terminated, truncated)
        return self._present(observations), rewards, terminated, truncated, infos

    def _step_twin(self, actions: Any) -> None:
        """Takes the next step in the twin, which keeps the outcomes of the steps that end episodes."""
        twin = self._twin
        assert twin is not None
        if self._batch.ready:
            twin.set_finished(np.zeros(self._batch.num_envs, np.bool_))
            twin.copy_environments(None, self._batch, None, self._batch.num_envs)
            twin.step(actions)

    def set_attr(self, name: str, values: Any, rows: np.ndarray | None = None) -> None:
        super().set_attr(name, values, rows)
        self._refresh_chances()

    set_attr.__doc__ = VectorEnvBase.set_attr.__doc__

    def set_state(self, snapshot: np.ndarray | np.void, mask: np.ndarray | None = None) -> Any:
        observations = super().set_state(snapshot, mask)
        self._refresh_chances()
        return observations

    set_state.__doc__ = VectorEnvBase.set_state.__doc__

    def _refresh_chances(self) -> None:
        if self._chances is not None:
            self._chances.refresh()
            self._twin = self._chances.make_twin()

    def action_masks(self) -> np.ndarray:
        """The actions that have an effect now: `[R, actions]` int8; raises an AttributeError without masks."""
        if self._masks is None:
            raise AttributeError(f"{self._batch.spec.full_id} has no action masks: every action always has an effect")
        return self._masks.look_up(self._observe())

    def _observe(self) -> np.ndarray:
        return self._batch.observe().observations

    def _present(self, observations: np.ndarray) -> Any:
        return columns(observations) if self._is_tuple else observations

    def _single(self, rows: np.ndarray) -> Iterable[Any]:
        """Rows of observations `[K, *D]` as single environments return them: ints if Discrete, tuples if Tuple."""
        if rows.ndim == 1:
            each: list[Any] = rows.tolist()
            return each
        return map(tuple, rows.tolist()) if self._is_tuple else rows

    def _add_infos(self, infos: dict[str, Any], terminated: np.ndarray, truncated: np.ndarray) -> None:
        if self._same_step and self._batch.last_finished.count:
            ended = terminated | truncated
            rows, observations = self._batch.finished_rows(), self._batch.final_observations()
            final = self._batch.spread_final_observations(rows, self._single(observations))
            final_info: dict[str, Any] = infos.get("final_info", {})
            if self._chances is not None:
                chances = np.zeros(self.num_envs)
                chances[rows] = self._chances.of_final(self._twin, rows)
                final_info.update(prob=chances, _prob=ended.copy())
            if self._masks is not None:
                masks = np.zeros((self.num_envs, self._masks.actions), np.int8)
                masks[rows] = self._masks.look_up(observations)
                final_info.update(action_mask=masks, _action_mask=ended.copy())
            infos.update(final_obs=final, _final_obs=ended, final_info=final_info, _final_info=ended.copy())
        if self._statistics is not None:
            self._statistics.collect(infos)
        if self.render_mode == "human":
            self.render()

    @property
    def episode_returns(self) -> np.ndarray:
        """The sum of rewards of each current episode: `[R]`. A finished episode's return stays until reset."""
        return self._batch.episode_returns

    @property
    def episode_lengths(self) -> np.ndarray:
        """The number of steps of each current episode: `[R]` int32."""
        return self._batch.episode_lengths

    def finished_episodes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The episodes that ended in the last step: rows, returns and lengths, each `[K]`."""
        return self._batch.finished()
