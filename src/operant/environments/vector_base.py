"""VectorEnvBase: the part of a vector environment that is the same on the CPU and on a GPU."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from gymnasium import error, logger

from operant.batch.base import BatchBase
from operant.batch.core import AUTORESET
from operant.batch.seeds import check_seed
from operant.environments.attributes import read_rows, write_rows
from operant.environments.engine_attributes import open_attributes
from operant.environments.engine_rendering import open_renderer
from operant.environments.opening import open_batch
from operant.environments.parameters import reset_overrides
from operant.environments.rendering import DRAWN, calling_wrapper, check_render_mode, render_modes
from operant.messages import boolean, integer, mapping, unknown
from operant.spec import EnvSpec

try:
    from gymnasium.vector import AutoresetMode as AutoresetMode
    from gymnasium.vector import VectorEnv as VectorEnv
    from gymnasium.vector import VectorWrapper as VectorWrapper
    from gymnasium.vector.utils import batch_space, iterate
except ImportError as problem:
    import gymnasium

    raise ImportError(
        f"operant's vector environments need gymnasium 1.1 or newer, not {gymnasium.__version__}: "
        "upgrade gymnasium, or use gymnasium.make, which works from 0.29.1 on"
    ) from problem


SHARED = {
    "action_space": "single_action_space",
    "observation_space": "single_observation_space",
    "metadata": "metadata",
    "render_mode": "render_mode",
    "spec": "spec",
}
"""Attributes that are the same in every environment, and their names in the vector environment."""


class VectorEnvBase(VectorEnv[Any, Any, Any]):
    """N environments as one batch, with Gymnasium's semantics. For the other arguments see `OperantVectorEnv`.

    Args:
        make_batch: makes the batch from a descriptor, `autoreset` and `max_episode_steps`.
    """

    _batch: BatchBase

    def __init__(
        self,
        env_id: str,
        make_batch: Callable[..., BatchBase],
        /,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        params: Mapping[str, Any] | None = None,
        randomize: Mapping[str, tuple[float, float]] | None = None,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        render_envs: int | None = None,
        episode_statistics: bool = False,
        **options: Any,
    ):
        mode = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
        if mode not in AUTORESET:
            raise ValueError(unknown("autoreset_mode", mode, AUTORESET))

        def make(spec: EnvSpec, **how: Any) -> BatchBase:
            self.render_mode = check_render_mode(spec, render_mode)
            return make_batch(spec, autoreset=mode, **how)

        opened = open_batch(
            env_id, type(self), make, options, params=params, randomize=randomize, max_episode_steps=max_episode_steps
        )
        spec, self._batch = opened.spec, opened.batch
        self.metadata = {
            "render_modes": render_modes(spec),
            "render_fps": spec.render_fps,
            "autoreset_mode": AutoresetMode(mode),
        }
        self.num_envs = self._batch.num_rows
        self.agents = spec.agents
        self.single_observation_space, self.single_action_space = opened.observation_space, opened.action_space
        drawn = DRAWN if render_envs is None else integer("render_envs", render_envs, 1, (1 << 31) - 1)
        self.renderer = open_renderer(self._batch, self.render_mode, drawn)
        self.attributes = open_attributes(self._batch, opened.given, self.renderer)
        self._frame_per_row = render_envs == self.num_envs
        self._seeds: list[int] | int | None = None
        self._same_step = mode == "SameStep"
        self.episode_statistics = boolean("episode_statistics", episode_statistics)
        self._is_tuple = spec.observation_kind == "Tuple"

    # Batched spaces take more memory per environment than the core does: they are made on first use.

    @cached_property
    def observation_space(self) -> Any:  # type: ignore[override]  # the base class annotates, and never sets it
        """The space of all rows' observations, batched by Gymnasium: a Box `[N, ...]`, MultiDiscrete `[N]` or Tuple."""
        return batch_space(self.single_observation_space, self.num_envs)

    @cached_property
    def action_space(self) -> Any:  # type: ignore[override]
        """The space of all rows' actions: MultiDiscrete `[N]` or `[N, A]`, or Box `[N, A]` float32."""
        return batch_space(self.single_action_space, self.num_envs)

    @property
    def autoreset_mode(self) -> AutoresetMode:
        """Gymnasium's `AutoresetMode` of the batch, which `metadata` has, too."""
        mode: AutoresetMode = self.metadata["autoreset_mode"]
        return mode

    @abstractmethod
    def _observe(self) -> Any:
        """The observations of the current states, `[R, *D]`."""

    @abstractmethod
    def _present(self, observations: Any) -> Any:
        """Converts observations `[R, *D]` to the form that `step` returns."""

    def _begin(self, seed: Any, options: dict[str, Any] | None) -> tuple[Any, dict[str, float]]:
        """Checks the arguments of `reset`, and seeds the environments.

        Returns the mask of the environments to reset, None for all, and the parameters that this reset replaces.
        """
        rest = mapping("options", options)
        mask = self._reset_mask(rest.pop("reset_mask")) if "reset_mask" in rest else None
        overrides = reset_overrides(self._batch, rest)
        seeds = self._check_seeds(seed)
        if mask is not None and not self._batch.ready:
            raise error.ResetNeeded("the first reset must be of all environments: omit options['reset_mask']")
        if seeds is None and self._seeds is None:
            self._seeds = self._batch.seed_from_entropy()
        elif isinstance(seeds, int) and mask is None:
            self._batch.seed(seeds)
            self._seeds = seeds
            self._np_random = None
        elif seeds is not None:
            self._seed_some(seeds, mask)
        return mask, overrides

    def _seed_some(self, seeds: int | list[int | None], mask: Any) -> None:
        """Seeds the environments of `mask` (None: all) whose seed is not None; other generators continue."""
        if self._seeds is None:
            self._seeds = self._batch.seed_from_entropy()
        known = self.np_random_seed
        each = seeds if isinstance(seeds, list) else [seeds + i for i in range(self._batch.num_envs)]
        if mask is not None:
            each = [value if chosen else None for value, chosen in zip(each, mask.tolist(), strict=True)]
        self._batch.seed(each)
        self._seeds = [old if new is None else new for old, new in zip(known, each, strict=True)]
        self._np_random = None

    def _check_seeds(self, seed: Any) -> int | list[int | None] | None:
        if seed is None:
            return None
        if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str):
            if len(seed) != self._batch.num_envs:
                raise ValueError(
                    f"{len(seed)} seeds for {self._batch.num_envs} environments: give one for each, or an int"
                )
            return [None if each is None else check_seed(each) for each in seed]
        return check_seed(seed)

    def _reset_mask(self, mask: Any) -> Any:
        """The mask of environments from a mask of rows, checked and in the batch's memory."""
        return self._check_mask(mask, "options['reset_mask']")

    def _check_mask(self, mask: Any, name: str = "mask") -> np.ndarray:
        """Checks a mask of rows, which errors call `name`; returns the mask of environments, `[N]` bool."""
        if not isinstance(mask, np.ndarray):
            raise TypeError(f"{name} must be a numpy array, got {type(mask)}")
        if mask.shape != (self.num_envs,):
            raise ValueError(f"{name} must have shape ({self.num_envs},), got {mask.shape}")
        if mask.dtype != np.bool_:
            raise TypeError(f"{name} must have dtype bool, got {mask.dtype}")
        if not mask.any():
            raise ValueError(f"{name} must have at least one True")
        each = mask.reshape(self._batch.num_envs, self._batch.agents)
        mixed = (each != each[:, :1]).any(axis=1)
        if mixed.any():
            raise ValueError(f"{name}: all agents of environment {mixed.argmax()} are reset together")
        environments: np.ndarray = each[:, 0]
        return environments

    @property
    def np_random_seed(self) -> Any:
        """The seed of each environment, a tuple as in `SyncVectorEnv`; -1 for an unknown one, after `set_state`.

        Agents of one environment share its seed.
        """
        if self._seeds is None:
            self._seeds = self._batch.seed_from_entropy()
        if isinstance(self._seeds, int):
            return tuple(range(self._seeds, self._seeds + self._batch.num_envs))
        return tuple(self._seeds)

    @property
    def np_random(self) -> np.random.Generator:
        """A generator for wrappers to draw from; the environments have their own, in C."""
        if self._np_random is None:
            first = self.np_random_seed[0]
            self._np_random = np.random.Generator(np.random.PCG64(None if first == -1 else first))
        return self._np_random

    @np_random.setter
    def np_random(self, value: np.random.Generator) -> None:
        self._np_random = value

    def parameter(self, name: str) -> np.ndarray:
        """A physical parameter's current value in each environment: `[N]`, by environment."""
        return self._batch.parameter(name)

    # Gymnasium's `SyncVectorEnv` has these.

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of each row, of Gymnasium's class or by our name of a parameter; raises an AttributeError."""
        return tuple(self.attributes_of(name, np.arange(self.num_envs)))

    def set_attr(self, name: str, values: Any, rows: np.ndarray | None = None) -> None:
        """Sets an attribute of Gymnasium's class, or by our name of a parameter, and with it the physics.

        Args:
            values: one for all; or a list or tuple with one for each row, or for each environment, whose agents share
                it. For a parameter also an array.
            rows: `[K]` integers, the rows to set it in; None: all.

        Raises:
            AttributeError: it is unknown, or cannot be set to this value; the text has the remedy.
            ValueError: a number is out of bounds, or is drawn anew for every episode. Nothing is set then.
        """
        write_rows(self.attributes, name, values, np.arange(self.num_envs) if rows is None else rows)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """The results of a method of each row's environment; or an attribute of each row."""
        if name == "render" and not (args or kwargs):
            return tuple(self.render() or [None] * self.num_envs)
        if name == "reset":
            return self._reset_each(*args, **kwargs)
        return tuple(each(*args, **kwargs) if callable(each) else each for each in self.get_attr(name))

    def _reset_each(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, ...]:
        """Resets every environment with the same seed; returns the observation and the info of each row."""
        seeds = None if seed is None else [seed] * self._batch.num_envs
        observations, infos = self.reset(seed=seeds, options=options)  # type: ignore[arg-type]
        names = [name for name in infos if f"_{name}" in infos]
        each = [{name: infos[name][i] for name in names if infos[f"_{name}"][i]} for i in range(self.num_envs)]
        return tuple(zip(iterate(self.observation_space, observations), each, strict=True))

    def attributes_of(self, name: str, rows: np.ndarray) -> list[Any]:
        """An attribute of each of these rows, `[K]`."""
        if name in SHARED:
            return [getattr(self, SHARED[name])] * len(rows)
        return read_rows(self.attributes, name, rows)

    def get_state(self, mask: np.ndarray | None = None) -> np.ndarray:
        """Takes a snapshot of the environments of `mask` (None: all): a structured array with a record for each.

        It is complete: physical state, parameters, generator position, clock and statistics. Index it, pickle it, and
        pass it or one of its records to `set_state`.
        """
        return self._batch.get_state(mask if mask is None else self._check_mask(mask))

    def set_state(self, snapshot: np.ndarray | np.void, mask: np.ndarray | None = None) -> Any:
        """Restores a snapshot into the environments of `mask` (None: all); a single record is copied into all of them.

        Returns:
            The observations of the current states, as `step` returns them.
        """
        self._batch.set_state(snapshot, mask if mask is None else self._check_mask(mask))
        self.attributes.forget()
        if mask is None or self._seeds is None:
            self._seeds = [-1] * self._batch.num_envs  # Gymnasium's value for an unknown seed
        return self._present(self._observe())

    def render(self) -> Any:
        """Draws the first `render_envs` environments with Gymnasium's or mpe2's renderer.

        Returns:
            With "rgb_array" a tuple of frames `[H, W, 3]` uint8, one for each environment, or with `render_envs=R` one
            for each row. With "human" None: one window shows the environments as tiles.

        Raises:
            ValueError: Gymnasium's `RecordVideo` or `HumanRendering` called, and there are fewer frames than rows.
        """
        if self.render_mode is None:
            logger.warn('render() without a render_mode: give one, as in make_vec(id, render_mode="rgb_array")')
            return None
        count = self.num_envs if self._frame_per_row else len(self.renderer.indices)
        wrapper = None if count == self.num_envs else calling_wrapper()
        first_only = getattr(wrapper, "record_first_only", False)
        if wrapper is not None and not first_only:
            per = "environment" if self._batch.agents == 1 else "row"
            raise ValueError(
                f"{type(wrapper).__name__} needs a frame for each {per}, {self.num_envs} in all, but render() draws "
                f"{count}: make the environment with render_envs={self.num_envs}"
            )
        frames = self.renderer.frames()
        if frames is None:
            return None
        if first_only:  # it counts the frames, and looks at one
            return frames[:1] * self.num_envs
        return tuple(frames[k // self._batch.agents] for k in range(count)) if self._frame_per_row else frames

    def close_extras(self, **kwargs: Any) -> None:
        """Frees the core's memory and the window."""
        for name in ("renderer", "_batch"):
            if hasattr(self, name):  # gymnasium before 1.3 also closes an environment whose constructor raised
                getattr(self, name).close()

    def __getstate__(self) -> dict[str, Any]:
        if self.closed:
            raise error.ClosedEnvironmentError("a closed environment cannot be copied or pickled")
        return self.__dict__
