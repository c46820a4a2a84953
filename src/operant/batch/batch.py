"""Batch: N environments in C memory, stepped together.

Vector environments, single environments, pools and adapters all present a Batch, which knows nothing of Gymnasium's
infos or spaces.
"""

from __future__ import annotations

import functools
import math
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from gymnasium.error import ClosedEnvironmentError

from operant._native import ffi, lib
from operant.batch import outputs
from operant.batch.actions import ActionReader
from operant.batch.base import PRECISIONS, BatchBase
from operant.batch.core import AUTORESET, OBSERVATION_TYPES, find_environment, info_parameters, isas
from operant.batch.seeds import seed_words, words_of
from operant.batch.stepping import RolloutStepper
from operant.messages import NotCopyable, integer, unknown
from operant.spec import EnvSpec, spans

_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_OK = lib.OPERANT_OK
_step_one = lib.operant_step_one

# NumPy evaluates float32 trigonometry with its own polynomials on some CPUs; the exact Acrobot does the same. For this
# number, their cosine and libm's differ by one unit in the last place.
_PROBE = np.float32(1.2333984375)


class _Memory(NotCopyable):
    """Memory of the core for NumPy, which holds this object as long as there is a view."""

    instead = "copy the array"

    def __init__(self, handle: Any, pointer: Any, shape: tuple[int, ...], dtype: np.dtype):
        self.handle = handle
        address = int(ffi.cast("uintptr_t", pointer))
        self.__array_interface__ = {"version": 3, "data": (address, False), "shape": shape, "typestr": dtype.str}


def _forget(handle: Any, pointer: Any) -> None:
    """Does nothing when a pointer is dropped: it held the handle until then."""


class _NoneFinished:
    """The list of finished episodes of a closed batch: empty."""

    count = 0


class Batch(BatchBase):
    """N environments of one kind.

    Actions, rewards, observations and flags come in rows, one per agent: R = N * `agents`, and agent k of environment i
    has row i * agents + k. With one agent, a row is an environment.

    Args:
        spec: the environment's descriptor.
        num_envs: N.
        precision: "float32", the fast build, or "float64", which computes Gymnasium's bits on one lane.
        workers: the number of threads, the caller's included.
        autoreset: "NextStep", "SameStep" or "Disabled".
        isa: the name of a target; None takes the environment variable OPERANT_ISA, or else the best for this CPU.
        max_episode_steps: the time limit after which episodes are truncated; None never truncates.
        copy: True: the arrays that `step` returns are the caller's to keep. False: every call writes into the same
            four arrays.
    """

    # The class holds what `close` needs: at the interpreter's exit the module's own names may be gone.
    _NONE_FINISHED: ClassVar[Any] = _NoneFinished()
    _NO_VIEWS: ClassVar[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = (np.empty(0),) * 4
    core_step: ClassVar[Callable[..., int]] = staticmethod(lib.operant_step)
    core_reset: ClassVar[Callable[..., int]] = staticmethod(lib.operant_reset)

    def __init__(
        self,
        spec: EnvSpec,
        num_envs: int,
        *,
        precision: str = "float32",
        workers: int = 1,
        autoreset: str = "NextStep",
        isa: str | None = None,
        max_episode_steps: int | None = None,
        copy: bool = True,
    ):
        self._handle: Any = None
        if precision not in PRECISIONS:
            raise ValueError(unknown("precision", precision, PRECISIONS))
        if autoreset not in AUTORESET:
            raise ValueError(unknown("autoreset_mode", autoreset, AUTORESET))
        self.spec = spec
        self.num_envs = integer("num_envs", num_envs, 1, 1 << 30)
        self.workers = integer("workers", workers, 1, 1024)
        self.max_episode_steps = (
            None if max_episode_steps is None else integer("max_episode_steps", max_episode_steps, 1, (1 << 31) - 1)
        )
        self.precision = precision
        self.exact = precision == "float64"
        self.autoreset = autoreset
        self.copy = copy
        self.ranges: dict[str, tuple[float, float]] = {}
        self._requested_isa = isa
        if isa is None and not self.exact and not spec.engine:
            isa = os.environ.get("OPERANT_ISA") or None
        if isa is not None:
            if spec.engine:
                raise ValueError(
                    f"isa={isa!r}: {spec.full_id} is computed by {spec.engine}, not by a target of the core"
                )
            available = [name for name, runs in isas().items() if runs and (name == "exact") == self.exact]
            if isa not in available:
                raise ValueError(f"isa {isa!r} is unknown, or not for precision={precision!r} on this CPU: {available}")
        self._open(isa)

    def _open(self, isa: str | None) -> None:
        names = [
            ffi.new("char[]", self.spec.header.encode()),
            ffi.NULL if isa is None else ffi.new("char[]", isa.encode()),
        ]
        options = ffi.new("operant_options *")
        options.env, options.isa = names
        options.num_envs, options.workers = self.num_envs, self.workers
        options.max_episode_steps = self.max_episode_steps or 0
        options.exact, options.autoreset = self.exact, AUTORESET[self.autoreset]
        options.library, self._info = find_environment(self.spec)
        self.parameters = info_parameters(self._info)
        message = ffi.new("char[256]")
        handle = lib.operant_open(options, message, 256)
        check_opened(handle, message)
        self._begin(handle, lib.operant_close)

    def _begin(self, handle: Any, close: Callable[[Any], None]) -> None:
        """Takes over a batch of the core, which `close` frees; `_info` and `parameters` are set."""
        view = lib.operant_view(handle)
        self.isa: str = ffi.string(view.isa).decode()
        self.real = _FLOAT64 if self.exact else _FLOAT32
        self.observation_size: int = self._info.observation_size
        self.observation_shape = self.spec.observation_shape
        self.observation_type = OBSERVATION_TYPES[self._info.observation_dtype]
        self.agents: int = self._info.agents
        self.num_rows = self.num_envs * self.agents
        self._actions = ActionReader(self.spec, self.num_rows)
        self._handle = ffi.gc(handle, close, size=view.bytes)
        # Holds the handle, and with it the memory that it points into.
        self.last_finished: Any = ffi.gc(lib.operant_last_finished(handle), functools.partial(_forget, self._handle))
        self._finished_views = self._view_finished()
        self.stepper = self.make_stepper()
        # For step_one, whose observation is [D] and not [1, D].
        self._single_ring = self._make_ring(outputs, self.observation_shape) if self.num_rows == 1 else None
        if self.exact:
            lib.operant_numpy_simd_trig(np.cos(_PROBE) != np.float32(math.cos(float(_PROBE))))

    def make_stepper(self, module: Any = outputs) -> outputs.Stepper:
        """Makes the stepper from the classes of `module`: `outputs`, or in the benchmark its uncompiled twin."""
        ring = self._make_ring(module, (self.num_rows, *self.observation_shape))
        stepper: outputs.Stepper = module.Stepper(
            ring,
            self.core_step,
            self._handle,
            ffi.from_buffer,
            self._actions.shape,
            self._actions.wide,
            self._actions.narrow,
            self._actions.convert,
            self._actions.failure,
        )
        return stepper

    def _make_ring(self, module: Any, observation_shape: tuple[int, ...]) -> Any:
        # Nothing here may refer to the batch: a cycle would keep its memory until the next garbage collection.
        make_slot = functools.partial(
            module.Slot, observation_shape, self.observation_type, self.num_rows, self.real, _output
        )
        return module.OutputRing(make_slot, module.choose_reuse(self.copy))

    def write_into(self, observations: Any, rewards: Any, terminated: Any, truncated: Any) -> None:
        """Makes every later `step` and `reset` write into these arrays and return them.

        For libraries that assign an environment a part of a larger or shared buffer. The batch must have `copy=False`.
        `step_one` does not use them, and a pickled batch gets new arrays.

        Args:
            observations: `[R, *D]` float32, or of the environment's observation dtype.
            rewards: `[R]` reals.
            terminated, truncated: `[R]` bool.
        """
        if self.copy:
            raise ValueError("write_into reuses the same arrays for every step: open the batch with copy=False")
        n, flag = self.num_rows, np.dtype(np.bool_)
        _check_array("observations", observations, (n, *self.observation_shape), self.observation_type)
        _check_array("rewards", rewards, (n,), self.real)
        _check_array("terminated", terminated, (n,), flag)
        _check_array("truncated", truncated, (n,), flag)
        # The slot holds the arrays, and with them the memory that the core is pointed to.
        slot = self.stepper.ring.take()
        slot.observations, slot.rewards, slot.terminated, slot.truncated = observations, rewards, terminated, truncated
        slot.output.observations = ffi.from_buffer(observations)
        slot.output.rewards = ffi.from_buffer("char[]", rewards)
        slot.output.terminated = ffi.from_buffer("uint8_t[]", terminated)
        slot.output.truncated = ffi.from_buffer("uint8_t[]", truncated)

    def record_into(
        self,
        observations: np.ndarray,
        actions: np.ndarray,
        rewards: np.ndarray,
        terminated: np.ndarray,
        truncated: np.ndarray,
    ) -> RolloutStepper:
        """Makes a stepper that reads the rows of `actions` and writes the results into rows of the caller's arrays.

        Nothing is copied, and no pointer is made while stepping. `step` works as before.

        Args:
            observations: `[T + 1, R, *D]`, of the environment's observation dtype; step t writes row t + 1.
            actions: `[T, R]` int32 or int64 if discrete (`[T, R, A]` with several components), else `[T, R, A]` float32
                or float64.
            rewards: `[T, R]` reals.
            terminated, truncated: `[T, R]` bool.
        """
        self._open_handle()
        steps, rows, flag = len(actions), self.num_rows, np.dtype(np.bool_)
        by_dtype = dict((self._actions.wide, self._actions.narrow))
        if actions.dtype not in by_dtype:
            raise ValueError(f"actions must be an array of {' or '.join(map(str, by_dtype))}, not {actions.dtype}")
        _check_array("observations", observations, (steps + 1, rows, *self.observation_shape), self.observation_type)
        _check_array("actions", actions, (steps, *self._actions.shape), actions.dtype)
        _check_array("rewards", rewards, (steps, rows), self.real)
        _check_array("terminated", terminated, (steps, rows), flag)
        _check_array("truncated", truncated, (steps, rows), flag)
        slots = ffi.new("operant_output[]", steps)
        for t in range(steps):
            slots[t].observations = ffi.from_buffer(observations[t + 1])
            slots[t].rewards = ffi.from_buffer("char[]", rewards[t])
            slots[t].terminated = ffi.from_buffer("uint8_t[]", terminated[t])
            slots[t].truncated = ffi.from_buffer("uint8_t[]", truncated[t])
        first, stepper, fail = ffi.from_buffer(observations[0]), self.stepper, self._actions.failure

        def observe() -> None:
            handle = stepper.handle  # None once the batch is closed
            status = _OK if handle is None else lib.operant_observe(handle, first)
            if handle is None or status != _OK:
                raise fail(handle, status)

        held = (slots, observations, rewards, terminated, truncated)  # the memory that the core is pointed to
        pointers = [ffi.from_buffer(actions[t]) for t in range(steps)]
        outputs_of = [ffi.addressof(slots, t) for t in range(steps)]
        return RolloutStepper(stepper, actions, pointers, by_dtype[actions.dtype], outputs_of, observe, held)

    # The step path.

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Steps every environment: observations `[R, *D]`, rewards, terminated and truncated `[R]`, and an empty info.

        Args:
            actions: `[R]` int32 or int64 if discrete (`[R, A]` with several components), else `[R, A]` float32 or
                float64. Anything else is converted.
        """
        return self.stepper.step(actions)

    def step_one(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Steps a batch of one without batched arrays and time limit.

        Returns:
            Observation `[*D]`, reward, terminated, False and an empty info.
        """
        handle = self._open_handle()
        if self._single_ring is None:
            raise ValueError(f"step_one is for a batch of one, not of {self.num_rows}")
        slot = self._single_ring.take()
        observation = slot.observations  # held from here on: see Stepper.step
        if self._actions.discrete and len(self._actions.shape) == 1:
            try:
                status = _step_one(handle, action if action.__class__ is int else operator.index(action), slot.output)
            except (TypeError, OverflowError):
                raise ValueError(f"action {action!r} must be {self._actions.allowed()}") from None
        else:
            actions, code = self._actions.convert(action, self._actions.shape[1:])
            status = self.core_step(handle, ffi.from_buffer(actions), code, slot.output)
        if status != _OK:
            raise self._error(status, [action])
        return observation, slot.reward_cell[0], slot.terminated_cell[0] != 0, False, {}

    def check_actions(self, actions: Any, rows: np.ndarray) -> np.ndarray:
        """Converts actions for these rows; raises the error that `step` would raise."""
        return self._actions.check(actions, rows)

    @staticmethod
    def raising(call: Callable[..., int]) -> Callable[..., int]:
        """Returns a function of the core that steps a batch, so that it raises what an engine's callbacks raised."""
        return call

    def failure(self, status: int) -> Exception:
        """Returns the exception for a status, other than OPERANT_OK, of a function that steps this batch."""
        return self._error(status)

    def _error(self, status: int, actions: Any = None) -> Exception:
        return self._actions.failure(self._handle, status, actions)

    def _check(self, status: int) -> None:
        if status != _OK:
            raise self._error(status)

    def _open_handle(self) -> Any:
        if self._handle is None:
            raise ClosedEnvironmentError("the environment is closed: make a new one")
        return self._handle

    # Resets.

    def seed(self, seeds: int | Sequence[int | None]) -> None:
        """Seeds environment i with `seeds + i`, or with `seeds[i]`, where None leaves its generator as it is."""
        handle = self._open_handle()
        if isinstance(seeds, int):
            words, mask = seed_words(seeds, self.num_envs), ffi.NULL
        else:
            words = words_of([0 if seed is None else seed for seed in seeds])
            mask = ffi.from_buffer("uint8_t[]", np.array([seed is not None for seed in seeds]))
        words = np.ascontiguousarray(words)
        self._check(lib.operant_seed(handle, ffi.from_buffer("uint32_t[]", words), words.shape[1], mask))

    def reset(self, mask: np.ndarray | None = None, overrides: Mapping[str, float] | None = None) -> outputs.Slot:
        """Begins an episode in the environments of `mask` (`[N]` bool; None: all).

        Returns a slot with the observations of all environments; its flags and rewards are zero. `overrides` replaces
        parameters for this reset only.
        """
        handle = self._open_handle()
        numbers = ffi.NULL
        if overrides:
            numbers = ffi.new("double[]", [overrides.get(part.name, math.nan) for part in self.parameters])
        slot = self.stepper.ring.take()
        masked = ffi.NULL if mask is None else ffi.from_buffer("uint8_t[]", np.ascontiguousarray(mask, np.bool_))
        self._check(self.core_reset(handle, masked, numbers, slot.output.observations))
        if mask is not None:
            self._check(lib.operant_observe(handle, slot.output.observations))
        slot.rewards.fill(0)
        slot.terminated.fill(False)
        slot.truncated.fill(False)
        return slot

    def observe(self) -> outputs.Slot:
        """The observations of the current states."""
        slot = self.stepper.ring.take()
        self._check(lib.operant_observe(self._open_handle(), slot.output.observations))
        return slot

    # Parameters.

    def _set_parameter(self, index: int, values: np.ndarray) -> None:
        data = ffi.from_buffer("double[]", values)
        self._check(lib.operant_set_param(self._open_handle(), index, data, len(values)))

    def _params_vary(self) -> bool:
        return bool(lib.operant_view(self._open_handle()).params_vary)

    def _randomize(self, index: int, low: float, high: float) -> None:
        self._check(lib.operant_randomize(self._open_handle(), index, low, high))

    def parameter(self, name: str) -> np.ndarray:
        """A parameter's current value in each environment: `[N]` reals, a copy."""
        view = lib.operant_view(self._open_handle())
        index = self.parameter_index(name)
        if not view.params_vary:
            value = self._array(view.params, (len(self.parameters),), self.real)[index]
            return np.full(self.num_envs, value)
        table = self._array(view.params, (len(self.parameters), view.stride), self.real)
        return table[index, : self.num_envs].copy()

    # The generator of an exact batch of one, exchanged with a NumPy generator.

    def set_generator(self, generator: np.random.Generator) -> None:
        """Sets the core's generator to the state of `generator`, which must be a PCG64."""
        state = generator.bit_generator.state
        if state["bit_generator"] != "PCG64":
            raise ValueError(f"np_random must be a PCG64, not {state['bit_generator']}")
        words = [
            state["state"]["state"] >> 64,
            state["state"]["state"],
            state["state"]["inc"] >> 64,
            state["state"]["inc"],
        ]
        half = state["has_uint32"] << 32 | state["uinteger"]
        self._views()["generator"][0] = [word & 0xFFFFFFFFFFFFFFFF for word in (*words, half)]

    def get_generator(self, generator: np.random.Generator) -> None:
        """Sets `generator` to the state of the core's generator."""
        high, low, inc_high, inc_low, half = (int(word) for word in self._views()["generator"][0])
        state = dict(generator.bit_generator.state)
        state["state"] = {"state": high << 64 | low, "inc": inc_high << 64 | inc_low}
        state["has_uint32"], state["uinteger"] = half >> 32, half & 0xFFFFFFFF
        generator.bit_generator.state = state

    # Statistics.

    @property
    def episode_returns(self) -> np.ndarray:
        """Sum of rewards in each running episode: `[R]` reals, a copy."""
        return self._views()["episode_return"].reshape(self.num_rows).copy()

    @property
    def episode_lengths(self) -> np.ndarray:
        """Steps of each running episode so far: `[R]` int32, a copy."""
        return self._elapsed(self._deadlines()).repeat(self.agents)

    def finished_rows(self) -> np.ndarray:
        """The rows whose episode ended in the last step, in ascending order: `[K]` int64."""
        self._open_handle()
        environments = self._finished_views[0][: self.last_finished.count].astype(np.int64)
        if self.agents == 1:
            return environments
        return (environments[:, None] * self.agents + np.arange(self.agents)).ravel()

    def finished(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The episodes that ended in the last step: rows int64, returns (reals), lengths int64, each `[K]`."""
        lengths = self._finished_views[2][: self.last_finished.count].astype(np.int64)
        return self.finished_rows(), self.finished_returns(), lengths.repeat(self.agents)

    def finished_returns(self) -> np.ndarray:
        """The returns of the episodes that ended in the last step: `[K]` reals, a copy."""
        self._open_handle()
        return self._finished_views[1][: self.last_finished.count * self.agents].copy()

    def final_observations(self) -> np.ndarray:
        """The final observations of the episodes that ended in the last step, under "SameStep": `[K, *D]`, a copy."""
        self._open_handle()
        return self._finished_views[3][: self.last_finished.count * self.agents].copy()

    def spread_final_observations(self, rows: np.ndarray, observations: Any) -> np.ndarray:
        """An array `[R]` of objects, the caller's to keep: `observations[k]` in rows[k], None in other rows.

        Args:
            rows: `[K]` int64, from `finished`.
            observations: `[K, *D]`, from `final_observations`, or an iterable of K objects.
        """
        slot = self._final_ring.take()
        spread: np.ndarray = slot.array  # held from here on: see Stepper.step
        slot.put(rows, observations)
        return spread

    def time_episodes(self, watch: Any, now: float, to: Any) -> None:
        """Calls operant_time_episodes, for `EpisodeStatistics`."""
        self._check(lib.operant_time_episodes(self._open_handle(), watch, now, to))

    @functools.cached_property
    def _final_ring(self) -> outputs.OutputRing[outputs.FinalSlot]:
        shape, dtype = self.observation_shape, self.observation_type
        make = functools.partial(outputs.FinalSlot, self.num_rows, shape, dtype, _view_memory)
        return outputs.OutputRing(make, outputs.choose_reuse(True))

    def _view_finished(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Full-length views of the core's lists of finished episodes: environments, returns, lengths, observations."""
        last, n = self.last_finished, self.num_envs
        rows = (self.num_rows if self.autoreset == "SameStep" else 0, *self.observation_shape)
        return (
            self._array(ffi.cast("void *", last.index), (n,), _INT32),
            self._array(ffi.cast("void *", last.episode_return), (self.num_rows,), self.real),
            self._array(ffi.cast("void *", last.length), (n,), _INT32),
            self._array(ffi.cast("void *", last.observations), rows, self.observation_type),
        )

    # Snapshots.

    def _views(self) -> dict[str, np.ndarray]:
        """Views of the core's memory, `[N]` or `[N, ...]`, by field of the snapshot."""
        view, n = lib.operant_view(self._open_handle()), self.num_envs
        columns = self._state_views(view)
        if self.has_generators:
            columns["generator"] = self._array(view.generator, (n, 5), np.dtype(np.uint64))
        else:
            columns["seed"] = self._array(view.seed, (2, view.stride), np.dtype(np.uint32))[:, :n].T
        columns["episode"] = self._array(view.episode, (n,), np.dtype(np.uint32))
        returns = self._array(view.episode_return, (self.agents, view.stride), self.real)[:, :n]
        columns["episode_return"] = returns[0] if self.agents == 1 else returns.T
        return columns

    def _state_views(self, view: Any) -> dict[str, np.ndarray]:
        """Views of the states' quantities, `[N]` or `[N, ...]`, by name."""
        n, integer = self.num_envs, _INT64 if self.exact else _INT32
        columns: dict[str, np.ndarray] = {}
        table = self._array(view.state, (self.spec.state_size, view.stride), self.real)[:, :n]
        for part, span in spans(self.spec.state):
            numbers = table[span].view(integer if part.integer else self.real)
            columns[part.name] = numbers[0] if not part.shape else np.moveaxis(numbers.reshape(*part.shape, n), -1, 0)
        return columns

    def column(self, name: str) -> np.ndarray:
        """A view of a number of the state in each environment, `[N]`, valid until the batch is closed."""
        return self._views()[name]

    def _columns(self) -> dict[str, np.ndarray]:
        return {**self._views(), "elapsed": self._elapsed(self._deadlines()), "finished": self._pending()}

    def _pending(self) -> np.ndarray:
        """True where an environment's episode ended in the last step and it has not been reset since: `[N]` bool."""
        pending = np.empty(self.num_envs, np.bool_)
        self._check(lib.operant_get_pending(self._open_handle(), ffi.from_buffer("uint8_t[]", pending)))
        return pending

    def _deadlines(self) -> np.ndarray:
        return self._array(lib.operant_view(self._open_handle()).deadline, (self.num_envs,), _INT32)

    def _write(self, indices: np.ndarray, records: np.ndarray) -> None:
        for name, column in self._views().items():
            column[indices] = records[name]
        start = np.uint32(lib.operant_clock(self._open_handle())) - records["elapsed"].astype(np.uint32)
        self._deadlines()[indices] = (start + np.uint32(self.max_episode_steps or 0)).astype(_INT32)
        finished = self._pending()
        finished[indices] = records["finished"]
        self.set_finished(finished)
        lib.operant_mark_ready(self._open_handle())

    def set_finished(self, finished: np.ndarray) -> None:
        """Marks the environments (`[N]` bool) whose episode ended in the last step and that wait for their reset."""
        self._check(lib.operant_set_pending(self._open_handle(), ffi.from_buffer("uint8_t[]", finished)))

    def copy_environments(
        self, indices: np.ndarray | None, source: Batch, source_indices: np.ndarray | None, count: int
    ) -> None:
        """Copies environments of another batch, which has the same header, precision and time limit, into this one.

        Indices are `[count]` int64; None means 0, 1, 2, ...
        """
        pointers = [
            ffi.NULL if each is None else ffi.from_buffer("int64_t[]", np.ascontiguousarray(each, _INT64))
            for each in (indices, source_indices)
        ]
        to, of = self._open_handle(), source._open_handle()
        self._check(lib.operant_copy_environments(to, pointers[0], of, pointers[1], count))

    # Memory and lifetime.

    @property
    def bytes(self) -> int:
        """The core's memory for this batch in bytes, without the returned arrays."""
        return int(lib.operant_view(self._open_handle()).bytes)

    @property
    def ready(self) -> bool:
        """True once steps are allowed: after the first reset or `set_state`."""
        return bool(lib.operant_is_ready(self._open_handle()))

    @property
    def closed(self) -> bool:
        """True after `close`: every later call raises."""
        return self._handle is None

    def close(self) -> None:
        """Frees the memory; every later call raises."""
        if self._handle is not None:
            # The core's memory is freed with the last reference to the handle; a call under way in a thread holds one.
            self._handle = self.stepper.handle = None
            self._finished_views, self.last_finished = self._NO_VIEWS, self._NONE_FINISHED

    def _array(self, pointer: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """A view of the core's memory, which stays valid if another thread closes the batch."""
        if 0 in shape:
            return np.empty(shape, dtype)
        return np.asarray(_Memory(self._open_handle(), pointer, shape, dtype))

    def _elapsed(self, deadline: np.ndarray) -> np.ndarray:
        """Steps since the episode began: `[N]` int32. The clock and its differences are modulo 2^32."""
        end = np.uint32((lib.operant_clock(self._open_handle()) + (self.max_episode_steps or 0)) & 0xFFFFFFFF)
        return (end - deadline.view(np.uint32)).view(_INT32)

    def _arguments(self) -> dict[str, Any]:
        names = ("spec", "num_envs", "precision", "workers", "autoreset", "max_episode_steps", "copy")
        return {name: getattr(self, name) for name in names} | {"isa": self._requested_isa}


def check_opened(handle: Any, message: Any) -> None:
    """Raises the error with the core's message if a batch was not opened."""
    if handle == ffi.NULL:
        text = ffi.string(message).decode(errors="replace")
        raise MemoryError(text) if "memory" in text else ValueError(text)


def _output(memory: Any, offsets: list[int], reward_type: str) -> tuple[Any, Any, Any]:
    """The core's operant_output for a slot's memory, and pointers to its first reward and terminated flag."""
    start = ffi.from_buffer("char[]", memory)
    output = ffi.new("operant_output *")
    output.observations = start + offsets[0]
    output.rewards = start + offsets[1]
    output.terminated = ffi.cast("uint8_t *", start + offsets[2])
    output.truncated = ffi.cast("uint8_t *", start + offsets[3])
    return output, ffi.cast("double *" if reward_type == "float64" else "float *", output.rewards), output.terminated


def _view_memory(array: Any) -> Any:
    """The bytes of an array's memory, which must be kept: a memoryview, also of an array of objects."""
    memory = ffi.cast("char *", array.__array_interface__["data"][0])
    return memoryview(ffi.buffer(memory, array.nbytes))


def _check_array(name: str, array: Any, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Raises a ValueError unless the core can use the array in place."""
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"{name} must be an array {dtype} {shape}, not {found}")
    if not (array.flags.c_contiguous and array.flags.aligned and array.flags.writeable):
        raise ValueError(f"{name} must be contiguous, aligned and writeable")
