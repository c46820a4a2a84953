"""OperantVectorEnv: a Batch as a `gymnasium.vector.VectorEnv`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from gymnasium import error, logger

from operant.batch import AUTORESET, Batch, check_seed, unknown
from operant.configuration import configure, constructor_parameters, extremes, find_spec, reset_overrides
from operant.rendering import Renderer, check_render_mode, render_modes
from operant.spaces import ActionMasks, action_space, columns, observation_space

try:
    from gymnasium.vector import AutoresetMode, VectorEnv
    from gymnasium.vector.utils import batch_space
except ImportError as problem:
    import gymnasium

    raise ImportError(
        f"operant's vector environments need gymnasium 1.1 or newer, not {gymnasium.__version__}: "
        "upgrade gymnasium, or use gymnasium.make, which works from 0.29.1 on"
    ) from problem

FROM_SPEC: Any = "from spec"
_KEYWORDS = (
    "autoreset_mode",
    "copy",
    "episode_statistics",
    "isa",
    "max_episode_steps",
    "params",
    "precision",
    "randomize",
    "render_envs",
    "render_mode",
    "workers",
)


class OperantVectorEnv(VectorEnv[Any, Any, Any]):
    """N environments as one native batch, with Gymnasium's semantics.

    A PettingZoo environment has a row for each agent of each environment: then `num_envs` as an argument says how many
    environments there are, and as an attribute how many rows, for that is what wrappers and training loops count by.
    Agent k of environment i has row i * len(agents) + k. Seeds, parameters and snapshots are one for each environment,
    and all agents of an environment begin and end together.

    Args:
        env_id: "CartPole-v1" or "operant/CartPole-v1"; of a header of your own its path, or its registered id.
        num_envs: N.
        precision: "float32": the fast build, rewards float32. "float64": Gymnasium's trajectories bit for bit from the
            same seeds, rewards float64. Observations have their space's dtype in both.
        workers: threads, the caller's included.
        autoreset_mode: an `AutoresetMode` or its value: "NextStep", "SameStep" or "Disabled".
        copy: True: arrays that `step` and `reset` return are the caller's to keep, views and tensors made of them
            included; memory is reused once nobody holds it. False: every call writes into the same four arrays.
        isa: forces an instruction set ("avx512", "avx2", "sse2", "neon", "scalar"); results do not depend on it.
        params: physical parameters by name (`operant list --params`), each a number or one number per environment.
        randomize: parameters to draw for every episode: {"gravity": (8.0, 12.0)}.
        max_episode_steps: truncates after so many steps; None never does. By default what the id is registered with.
        render_mode: "rgb_array", "human" or None; see `render`.
        render_envs: how many environments, from 0 on, `render` draws. Gymnasium's vector `RecordVideo` and
            `HumanRendering` want a frame of each: `render_envs=num_envs`.
        episode_statistics: adds `infos["episode"]` where episodes ended, as `RecordEpisodeStatistics` does.
        **options: the environment's own constructor arguments: `sutton_barto_reward`, `g`, `goal_velocity`; `N`,
            `local_ratio`.

    Attributes:
        agents: the names of an environment's agents; () if it has one, without a name.
    """

    def __init__(
        self,
        env_id: str,
        num_envs: int = 1,
        *,
        precision: str = "float32",
        workers: int = 1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        copy: bool = True,
        isa: str | None = None,
        params: Mapping[str, Any] | None = None,
        randomize: Mapping[str, tuple[float, float]] | None = None,
        max_episode_steps: int | None = FROM_SPEC,
        render_mode: str | None = None,
        render_envs: int = 16,
        episode_statistics: bool = False,
        **options: Any,
    ):
        spec = find_spec(env_id, options)
        given = constructor_parameters(spec, params, options, _KEYWORDS)
        mode = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
        if mode not in AUTORESET:
            raise ValueError(unknown("autoreset_mode", mode, AUTORESET))
        self.metadata = {
            "render_modes": render_modes(spec),
            "render_fps": spec.render_fps,
            "autoreset_mode": AutoresetMode(mode),
        }
        self.render_mode = check_render_mode(spec, render_mode)
        self._batch = Batch(
            spec,
            num_envs,
            precision=precision,
            workers=workers,
            autoreset=mode,
            isa=isa,
            max_episode_steps=spec.max_episode_steps if max_episode_steps is FROM_SPEC else max_episode_steps,
            copy=copy,
        )
        configure(self._batch, given, randomize)
        self.num_envs = self._batch.num_rows
        self.agents = spec.agents
        lows, highs = extremes(self._batch, randomize, given)
        self.single_observation_space = observation_space(spec, lows, highs)
        self.single_action_space = action_space(spec, highs)
        self._renderer = Renderer(self._batch, self.render_mode, -(-render_envs // self._batch.agents))
        self._render_rows = min(render_envs, self.num_envs)
        self._seeds: list[int] | int | None = None
        self._same_step = mode == "SameStep"
        self.episode_statistics = episode_statistics
        self._episode_starts = np.zeros(self.num_envs)
        self._restarting = np.empty(0, np.int64)
        self._masks = ActionMasks(spec.action_masks) if spec.action_masks else None
        # Whether step has more to do than to return the core's arrays.
        self._eventful = (
            self._same_step or episode_statistics or self.render_mode is not None or self._masks is not None
        )
        self._is_tuple = spec.observation_kind == "Tuple"
        self._plain = not (self._eventful or self._is_tuple)

    # Batched spaces take more memory per environment than the core does: they are made when somebody asks.

    @cached_property
    def observation_space(self) -> Any:  # type: ignore[override]  # the base class annotates, and never sets it
        return batch_space(self.single_observation_space, self.num_envs)

    @cached_property
    def action_space(self) -> Any:  # type: ignore[override]
        return batch_space(self.single_action_space, self.num_envs)

    @property
    def batch(self) -> Batch:
        """What the rows are stepped by, for training loops that write into memory of their own."""
        return self._batch

    @property
    def autoreset_mode(self) -> AutoresetMode:
        mode: AutoresetMode = self.metadata["autoreset_mode"]
        return mode

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode in every environment, or in those of `options["reset_mask"]`.

        Args:
            seed: environment i gets `seed + i`; a sequence gives each its own, None leaves that one's generator.
            options: `reset_mask` (`[N]` bool, at least one True; a row for each agent, those of an environment alike)
                and the environment's reset bounds. Not modified.

        Returns:
            Observations and infos, as `step` returns them. Environments outside the mask keep their observation.
        """
        rest = dict(options or {})
        mask = self._check_mask(rest.pop("reset_mask")) if "reset_mask" in rest else None
        overrides = reset_overrides(self._batch, rest)
        seeds = self._check_seeds(seed)
        if mask is not None and not self._batch.ready:
            raise error.ResetNeeded("the first reset must be of all environments, without a reset_mask")
        if seeds is None and self._seeds is None:
            self._seeds = self._batch.seed_from_entropy()
        elif isinstance(seeds, int) and mask is None:
            self._batch.seed(seeds)
            self._seeds = seeds
            self._np_random = None
        elif seeds is not None:
            self._seed_some(seeds, mask)
        slot = self._batch.reset(mask, overrides)
        self._renderer.look()
        if self.episode_statistics:
            rows = np.ones(self.num_envs, np.bool_) if mask is None else mask.repeat(self._batch.agents)
            self._episode_starts[rows] = time.perf_counter()
            self._restarting = self._restarting[~rows[self._restarting]]
        if self.render_mode == "human":
            self.render()
        infos: dict[str, Any] = {}
        if self._masks is not None:
            self._add_masks(infos, slot.observations, np.ones(self.num_envs, np.bool_) if mask is None else mask.copy())
        return self._present(slot.observations), infos

    def _add_masks(self, infos: dict[str, Any], observations: np.ndarray, present: np.ndarray) -> None:
        """Adds Gymnasium's info "action_mask", `[N, actions]` int8, of the rows `present` `[N]` bool."""
        assert self._masks is not None
        masks = self._masks.of(observations)
        if not present.all():
            masks[~present] = 0
        infos.update(action_mask=masks, _action_mask=present)

    def _seed_some(self, seeds: int | list[int | None], mask: np.ndarray | None) -> None:
        """Seeds those of `mask` (None: all) whose seed is not None; the others' generators go on."""
        if self._seeds is None:
            self._seeds = self._batch.seed_from_entropy()
        known = self.np_random_seed
        each = seeds if isinstance(seeds, list) else [seeds + i for i in range(self._batch.num_envs)]
        if mask is not None:
            each = [value if chosen else None for value, chosen in zip(each, mask, strict=True)]
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

    def _check_mask(self, mask: Any) -> np.ndarray:
        """Which environments a mask of rows names: `[N]` bool."""
        if not isinstance(mask, np.ndarray):
            raise TypeError(f"options['reset_mask'] must be a numpy array, got {type(mask)}")
        if mask.shape != (self.num_envs,):
            raise ValueError(f"options['reset_mask'] must have shape ({self.num_envs},), got {mask.shape}")
        if mask.dtype != np.bool_:
            raise TypeError(f"options['reset_mask'] must have dtype bool, got {mask.dtype}")
        if not mask.any():
            raise ValueError("options['reset_mask'] must have at least one True")
        each = mask.reshape(self._batch.num_envs, self._batch.agents)
        mixed = (each != each[:, :1]).any(axis=1)
        if mixed.any():
            raise ValueError(f"options['reset_mask']: the agents of environment {mixed.argmax()} are reset together")
        environments: np.ndarray = each[:, 0]
        return environments

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Steps every environment.

        Args:
            actions: `[N]` int32 or int64 if discrete (`[N, A]` if MultiDiscrete), else `[N, A]` float32 or float64
                (rounded to float32), read in place if contiguous. Finite actions beyond the bounds are clipped as
                Gymnasium clips them. With several agents N is the number of rows, for actions and for what is returned.

        Returns:
            Observations `[N, *D]` of the space's dtype (if Tuple, a tuple of `[N]`), rewards `[N]` (float32, or float64
            in the exact build), terminated and truncated `[N]` bool, infos.

        Raises:
            ValueError: a discrete action out of range, a NaN or infinite one, a wrong shape or dtype. Nothing moved.
            ResetNeeded: before the first reset, or in mode DISABLED with a finished environment.
        """
        results = self._batch.stepper.step(actions)
        if self._plain:
            return results
        observations, rewards, terminated, truncated, infos = results
        if self._eventful:
            self._renderer.last_actions = actions
            if self._masks is not None:
                self._add_masks(infos, observations, np.ones(self.num_envs, np.bool_))
            self._add_infos(infos, terminated, truncated)
        return self._present(observations), rewards, terminated, truncated, infos

    def _present(self, observations: np.ndarray) -> Any:
        return columns(observations) if self._is_tuple else observations

    def _add_infos(self, infos: dict[str, Any], terminated: np.ndarray, truncated: np.ndarray) -> None:
        if self._batch.last_finished.count:
            index, returns, lengths = self._batch.finished()
            ended = terminated | truncated
            if self._same_step:
                final = np.empty(self.num_envs, object)
                rows = self._batch.final_observations()
                final[index] = np.fromiter(map(tuple, rows.tolist()) if self._is_tuple else rows, object, len(index))
                final_info: dict[str, Any] = {}
                if self._masks is not None:
                    masks = np.zeros((self.num_envs, self._masks.actions), np.int8)
                    masks[index] = self._masks.of(rows)
                    final_info.update(action_mask=masks, _action_mask=ended.copy())
                infos.update(final_obs=final, _final_obs=ended.copy(), final_info=final_info, _final_info=ended.copy())
        else:
            index = self._restarting[:0]
        if self.episode_statistics:
            now = time.perf_counter()
            self._episode_starts[self._restarting] = now
            if len(index):
                seconds = np.zeros(self.num_envs)
                seconds[index] = np.round(now - self._episode_starts[index], 6)
                r, length = np.zeros(self.num_envs), np.zeros(self.num_envs, np.int64)
                r[index], length[index] = returns, lengths
                infos.update(episode={"r": r, "l": length, "t": seconds}, _episode=ended)
            if self._same_step:
                self._episode_starts[index] = now
            else:
                self._restarting = index
        if self.render_mode == "human":
            self.render()

    @property
    def np_random_seed(self) -> Any:
        """The seed of each environment, as in `SyncVectorEnv`: a tuple; -1 after `set_state`, if not known.

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

    @property
    def episode_returns(self) -> np.ndarray:
        """Sum of rewards of each running episode: `[N]`, by row. After an episode's end, its return until the reset."""
        return self._batch.episode_returns

    @property
    def episode_lengths(self) -> np.ndarray:
        """Steps of each running episode: `[N]` int32, by row."""
        return self._batch.episode_lengths

    def finished_episodes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The episodes that ended in the last step: rows, returns and lengths, each `[K]`."""
        return self._batch.finished()

    def parameter(self, name: str) -> np.ndarray:
        """A physical parameter's present value in each environment: `[N]`, by environment."""
        return self._batch.parameter(name)

    def get_state(self, mask: np.ndarray | None = None) -> np.ndarray:
        """A snapshot of the environments of `mask` (None: all): a structured array, one record each.

        It holds all there is: physical state, parameters, generator position, clock and statistics. Index it, pickle
        it, and give it or one record of it to `set_state`.
        """
        return self._batch.get_state(mask if mask is None else self._check_mask(mask))

    def set_state(self, snapshot: np.ndarray | np.void, mask: np.ndarray | None = None) -> Any:
        """Restores a snapshot into the environments of `mask` (None: all); one record is branched into all of them.

        Returns:
            The observations of the present states, as `step` returns them.
        """
        self._batch.set_state(snapshot, mask if mask is None else self._check_mask(mask))
        if mask is None or self._seeds is None:
            self._seeds = [-1] * self._batch.num_envs  # as in Gymnasium: not known
        return self._present(self._batch.observe().observations)

    def render(self) -> Any:
        """Frames of the first `render_envs` environments, drawn by Gymnasium's own renderer, or mpe2's.

        Returns:
            With "rgb_array" a tuple of `[H, W, 3]` uint8, one for each row: agents of one environment share a frame.
            With "human" None, and one window that tiles the environments.
        """
        if self.render_mode is None:
            logger.warn('render() without a render_mode: give one, as in make_vec(id, render_mode="rgb_array")')
            return None
        frames = self._renderer.frames()
        return frames and tuple(frames[row // self._batch.agents] for row in range(self._render_rows))

    def close_extras(self, **kwargs: Any) -> None:
        """Frees the core's memory and the window."""
        for name in ("_renderer", "_batch"):
            if hasattr(self, name):  # gymnasium before 1.3 closes what its constructor refused, too
                getattr(self, name).close()

    def __getstate__(self) -> dict[str, Any]:
        if self.closed:
            raise error.ClosedEnvironmentError("a closed environment cannot be copied or pickled")
        return self.__dict__
