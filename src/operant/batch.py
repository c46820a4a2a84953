"""Batch: N environments in C memory, stepped together. The only importer of the compiled core.

Everything above it (vector, single, pool, adapters) is a way of presenting a Batch; it knows nothing of Gymnasium's
infos or spaces.
"""

from __future__ import annotations

import functools
import math
import operator
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.error import ClosedEnvironmentError, ResetNeeded

from operant import library, outputs
from operant._native import ffi, lib
from operant.batch_base import PRECISIONS, BatchBase, whole
from operant.batch_base import unknown as unknown
from operant.recorder import Recorder
from operant.spec import EnvSpec, spans

AUTORESET = {"NextStep": lib.OPERANT_NEXT_STEP, "SameStep": lib.OPERANT_SAME_STEP, "Disabled": lib.OPERANT_DISABLED}

_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_OBSERVATION_TYPES: dict[int, np.dtype] = {
    lib.OPERANT_FLOAT32: _FLOAT32,
    lib.OPERANT_INT64: _INT64,
    lib.OPERANT_UINT8: np.dtype(np.uint8),
}
_OK = lib.OPERANT_OK
_step_one = lib.operant_step_one

# NumPy evaluates float32 trigonometry with its own polynomials where the CPU allows; the exact Acrobot follows it.
# This cosine comes out one unit in the last place apart.
_PROBE = np.float32(1.2333984375)


class _NoneFinished:
    """What a closed batch says of the last step."""

    count = 0


_NONE_FINISHED: Any = _NoneFinished()


def isas() -> dict[str, bool]:
    """The targets compiled in, best first, and whether this CPU runs each; "exact" is the float64 build."""
    names: dict[str, bool] = {}
    while (name := lib.operant_isa(len(names))) != ffi.NULL:
        names[ffi.string(name).decode()] = bool(lib.operant_isa_runs_here(len(names)))
    return names


def defaults(spec: EnvSpec) -> dict[str, float]:
    """Each parameter's default, as the environment's header gives it."""
    _, info = _find_environment(spec)
    return {parameter.name: info.defaults[k] for k, parameter in enumerate(spec.parameters)}


def _find_environment(spec: EnvSpec) -> tuple[Any, Any]:
    """The library that holds an environment, NULL for the core itself, and its operant_env_info.

    A header of the user's is compiled, unless that has been done.

    Raises:
        ValueError: it does not compile, or its sizes are not those that the descriptor names.
    """
    if spec.source:
        loaded = load_library(library.build(spec.source).path)
        info = lib.operant_library_env(loaded)
        check_sizes(spec, info)
        return loaded, info
    for index in range(lib.operant_env_count()):
        info = lib.operant_env(index)
        if ffi.string(info.name).decode() == spec.header:
            return ffi.NULL, info
    raise ValueError(f"the compiled core has no environment {spec.header!r}: rebuild operant")


def load_library(path: Path) -> Any:
    """A compiled header as the core's operant_library; ValueError if the core cannot use it."""
    message = ffi.new("char[512]")
    loaded = lib.operant_load(os.fsencode(path), message, 512)
    if loaded == ffi.NULL:
        text = ffi.string(message).decode(errors="replace")
        raise ValueError(f"{text}: `operant build --again` compiles it anew; after an update of operant, rebuild that")
    return loaded


def check_sizes(spec: EnvSpec, info: Any) -> None:
    """Raises a ValueError where a descriptor does not name what its header has."""
    agents, counts = max(1, len(spec.agents)), spec.action_counts
    for what, found, named in (
        ("state", info.state_size, spec.state_size),
        ("params", info.param_count, len(spec.parameters)),
        ("observation_size", info.observation_size, spec.observation_size),
        ("actions", info.actions, max(counts, default=0)),
        ("action_size", info.action_size, len(counts or spec.action_bounds)),
        ("agents", info.agents, agents),
    ):
        if found != named:
            where = f"{spec.header}_{what}"
            members = f"{where} has {found} members" if what in ("state", "params") else f"{where} is {found}"
            raise ValueError(
                f"{spec.header}.h and the descriptor of {spec.id} differ: {members}, described are {named}"
            )

    if (written := _OBSERVATION_TYPES[info.observation_dtype]) != (described := np.dtype(spec.number_type)):
        how = {"float32": "vf *", "int64": "vi *", "uint8": f"vi * and #define {spec.header}_observes_bytes 1"}
        raise ValueError(
            f"{spec.header}.h and the descriptor of {spec.id} differ: {spec.header}_observe writes {written}, a "
            f"{spec.observation_kind} of {described} is described, which is written as {how[described.name]}"
        )
    if counts and (have := _choices(info)) != counts:
        raise ValueError(
            f"{spec.header}.h and the descriptor of {spec.id} differ: actions have {have} choices, described are "
            f"{counts}"
        )


def _choices(info: Any) -> tuple[int, ...]:
    """How many choices each component of a discrete action has; () if actions are continuous."""
    return tuple(info.action_counts[k] or info.actions for k in range(info.action_size)) if info.actions else ()


def trajectory_hash(header: str, isa: str, workers: int = 1) -> int:
    """FNV-1a over a fixed trajectory of an environment on one target; see `operant_certificate` in operant.h."""
    return int(lib.operant_certificate(ffi.NULL, header.encode(), isa.encode(), isa == "exact", workers))


def library_hash(path: Path, header: str, isa: str) -> int:
    """`trajectory_hash` of the environment that is compiled into a library."""
    return int(lib.operant_certificate(load_library(path), header.encode(), isa.encode(), isa == "exact", 1))


def seed_words(seed: int, num_envs: int) -> np.ndarray:
    """The seeds `seed + i` as 32-bit words, least significant first: `[N, W]` uint32."""
    if seed + num_envs < 1 << 63:
        return np.arange(seed, seed + num_envs, dtype="<u8").view("<u4").reshape(num_envs, 2)
    return words_of([seed + i for i in range(num_envs)])


def words_of(seeds: Sequence[int]) -> np.ndarray:
    """Seeds as 32-bit words, least significant first, as many as the largest needs: `[N, W]` uint32."""
    width = max(1, max((seed.bit_length() + 31) // 32 for seed in seeds))
    return np.frombuffer(b"".join(seed.to_bytes(4 * width, "little") for seed in seeds), "<u4").reshape(
        len(seeds), width
    )


def check_seed(seed: object) -> int:
    """A seed as an int, or an error that names it."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed {seed!r} must be an int, not {type(seed).__name__}")
    if seed < 0:
        raise ValueError(f"seed {seed} must not be negative")
    return int(seed)


class ActionReader:
    """What one batch takes for actions, and the exceptions for what it does not take.

    `shape` is that of all actions; `wide` and `narrow` are the dtypes that the core reads in place, with their codes.
    `counts` says how many choices a discrete action has, `[A]` if it has several components.
    """

    def __init__(self, spec: EnvSpec, num_envs: int):
        self.env_id = spec.id
        self.agents = spec.agents
        self.discrete = bool(spec.actions)
        self.counts = np.array(spec.actions)
        self.shape = (num_envs, *spec.action_shape)
        self.wide: tuple[Any, Any] = (_INT64, lib.OPERANT_INT64) if self.discrete else (_FLOAT64, lib.OPERANT_FLOAT64)
        self.narrow: tuple[Any, Any] = (_INT32, lib.OPERANT_INT32) if self.discrete else (_FLOAT32, lib.OPERANT_FLOAT32)

    def convert(self, actions: Any, shape: tuple[int, ...] | None = None) -> tuple[np.ndarray, int]:
        """Actions as the core reads them: contiguous, of the wide dtype."""
        array, shape = np.asarray(actions), shape or self.shape
        if array.shape != shape:
            raise ValueError(f"actions have shape {array.shape}, but {self.env_id} needs {shape}")
        if array.dtype.kind not in ("iub" if self.discrete else "fiu"):
            needed = "int32 or int64" if self.discrete else "float32 or float64"
            raise ValueError(f"actions have dtype {array.dtype}, but {self.env_id} needs {needed}")
        if array.dtype == np.uint64:
            array = np.minimum(array, np.uint64(np.iinfo(np.int64).max))  # out of range either way
        dtype, code = self.wide
        return np.ascontiguousarray(array, dtype), code

    def check(self, actions: Any, rows: np.ndarray) -> np.ndarray:
        """Actions for the environments `rows` as the core reads them, or the error that a step would raise."""
        array, _ = self.convert(actions, (len(rows), *self.shape[1:]))
        bad = (array < 0) | (array >= self.counts) if self.discrete else ~np.isfinite(array)
        if bad.any():
            first = int(np.argwhere(bad)[0][0])
            raise self.unusable(array[first], int(rows[first]))
        return array

    def unusable(self, value: Any, index: int, outcome: str = "nothing was stepped") -> ValueError:
        """The exception for an action that row `index` cannot take."""
        allowed = self.allowed()
        whose = f"environment {index}"
        if self.agents:
            whose = f"{self.agents[index % len(self.agents)]} of environment {index // len(self.agents)}"
        return ValueError(f"action {value} of {whose} must be {allowed}; {outcome}")

    def allowed(self) -> str:
        """What an action must be, for a message."""
        if not self.discrete:
            return "finite"
        if self.counts.ndim:
            return f"integers, each at least 0 and below its own of {self.counts.tolist()}"
        return f"an integer in [0, {self.counts})"

    def failure(self, handle: Any, status: int, actions: Any = None) -> Exception:
        """The exception for a status other than OPERANT_OK; `handle` is None after close."""
        if handle is None:
            return ClosedEnvironmentError("the environment is closed: make a new one")
        if status == lib.OPERANT_BAD_ACTION:
            index = lib.operant_culprit(handle)
            return self.unusable(actions[index], index)
        if status == lib.OPERANT_NOT_RESET:
            return ResetNeeded("reset the whole environment before the first step or masked reset")
        if status == lib.OPERANT_FINISHED:
            return ResetNeeded(
                f"the episode of environment {lib.operant_culprit(handle) // max(1, len(self.agents))} is over: "
                "reset it with options={'reset_mask': mask} before the next step"
            )
        if status == lib.OPERANT_BUSY:
            return RuntimeError("another thread is inside this environment: give each thread its own, or take turns")
        if status == lib.OPERANT_NO_MEMORY:
            return MemoryError("out of memory")
        return ValueError(f"the core refused the call (status {status})")


class Batch(BatchBase):
    """N environments of one kind.

    What agents have comes in rows, R = N * `agents`: agent k of environment i has row i * agents + k. With one agent, a
    row is an environment.

    Args:
        spec: which environment.
        num_envs: N.
        precision: "float32", the fast build, or "float64", Gymnasium's bits on one lane.
        workers: threads, the caller's included.
        autoreset: "NextStep", "SameStep" or "Disabled".
        isa: a target by name; None takes the best that runs here, or what the variable OPERANT_ISA says.
        max_episode_steps: truncates after so many steps; None never does.
        copy: whether the arrays that `step` returns are the caller's to keep. With False every call writes into the
            same four arrays.
    """

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
        self.num_envs = whole("num_envs", num_envs, 1, 1 << 30)
        self.workers = whole("workers", workers, 1, 1024)
        self.max_episode_steps = (
            None if max_episode_steps is None else whole("max_episode_steps", max_episode_steps, 1, (1 << 31) - 1)
        )
        self.precision = precision
        self.exact = precision == "float64"
        self.autoreset = autoreset
        self.copy = copy
        self._ranges: dict[str, tuple[float, float]] = {}
        self._requested_isa = isa
        if isa is None and not self.exact:
            isa = os.environ.get("OPERANT_ISA") or None
        if isa is not None:
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
        options.library, self._info = _find_environment(self.spec)
        message = ffi.new("char[256]")
        handle = lib.operant_open(options, message, 256)
        if handle == ffi.NULL:
            text = ffi.string(message).decode()
            raise MemoryError(text) if "memory" in text else ValueError(text)
        view = lib.operant_view(handle)
        self.isa: str = ffi.string(view.isa).decode()
        self.real = _FLOAT64 if self.exact else _FLOAT32
        self.observation_size: int = self._info.observation_size
        self.observation_shape = self.spec.observation_shape
        self.observation_type = _OBSERVATION_TYPES[self._info.observation_dtype]
        self.agents: int = self._info.agents
        self.num_rows = self.num_envs * self.agents
        self._actions = ActionReader(self.spec, self.num_rows)
        self._handle = ffi.gc(handle, lib.operant_close, size=view.bytes)
        self.last_finished: Any = lib.operant_last_finished(handle)
        self._finished_views = self._view_finished()
        self.stepper = self.make_stepper()
        # For step_one, which returns a row: [D] instead of [1, D].
        self._rows = self._make_ring(outputs, self.observation_shape) if self.num_rows == 1 else None
        if self.exact:
            lib.operant_numpy_simd_trig(np.cos(_PROBE) != np.float32(math.cos(float(_PROBE))))

    def make_stepper(self, module: Any = outputs) -> outputs.Stepper:
        """What steps this batch, of the classes of `module`: `outputs`, or for the benchmark its uncompiled twin."""
        ring = self._make_ring(module, (self.num_rows, *self.observation_shape))
        stepper: outputs.Stepper = module.Stepper(
            ring,
            lib.operant_step,
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
        # Nothing here may refer to the batch: its memory goes when the last reference to it does, not with the next
        # collection of cycles.
        make_slot = functools.partial(
            module.Slot, observation_shape, self.observation_type, self.num_rows, self.real, _output
        )
        return module.OutputRing(make_slot, module.trustworthy_policy(self.copy))

    def write_into(self, observations: Any, rewards: Any, terminated: Any, truncated: Any) -> None:
        """From now on every `step` and `reset` writes into these arrays of the caller's, and returns them.

        Not `step_one`; and a pickled batch comes back with arrays of its own.
        For libraries that give an environment its place in a larger or shared buffer; the batch has `copy=False`.

        Args:
            observations: `[R, *D]` float32, or of the environment's observation dtype.
            rewards: `[R]` reals.
            terminated, truncated: `[R]` bool.
        """
        if self.copy:
            raise ValueError("write_into writes into the same arrays every time: open the batch with copy=False")
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
    ) -> Recorder:
        """What steps this batch with the rows of `actions` and writes the results into rows of the caller's arrays.

        `step` goes on to work as before. Nothing is copied, and no pointer is made while stepping.

        Args:
            observations: `[T + 1, R, *D]`, of the environment's observation dtype; row t + 1 is what step t leads to.
            actions: `[T, R]` int32 or int64 if discrete (of several components `[T, R, A]`), else `[T, R, A]` float32
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
        return Recorder(stepper, actions, pointers, by_dtype[actions.dtype], outputs_of, observe, held)

    # The step path.

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Steps every environment: observations `[R, *D]`, rewards, terminated and truncated `[R]`, and an empty info.

        Args:
            actions: `[R]` int32 or int64 if discrete (`[R, A]` of several components), else `[R, A]` float32 or
                float64. Anything else is converted.
        """
        return self.stepper.step(actions)

    def step_one(self, action: Any) -> tuple[np.ndarray, float, bool]:
        """Steps a batch of one without batched arrays: observation `[*D]`, reward, terminated."""
        handle = self._open_handle()
        if self._rows is None:
            raise ValueError(f"step_one is for a batch of one, not of {self.num_rows}")
        slot = self._rows.take()
        observation = slot.observations  # held from here on: see Stepper.step
        if self._actions.discrete and len(self._actions.shape) == 1:
            try:
                status = _step_one(handle, action if action.__class__ is int else operator.index(action), slot.output)
            except (TypeError, OverflowError):
                raise ValueError(f"action {action!r} must be {self._actions.allowed()}") from None
        else:
            actions = np.asarray(action)
            if actions.ndim == 1:
                actions = actions[None]
            actions, code = self._actions.convert(actions)
            status = lib.operant_step(handle, ffi.from_buffer(actions), code, slot.output)
        if status != _OK:
            raise self._error(status, [action])
        return observation, slot.reward_cell[0], slot.terminated_cell[0] != 0

    def check_actions(self, actions: Any, rows: np.ndarray) -> np.ndarray:
        """Actions for the environments `rows` as the core reads them, or the error that `step` would raise."""
        return self._actions.check(actions, rows)

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
        """Seeds environment i with `seeds + i`, or with `seeds[i]` unless that is None."""
        handle = self._open_handle()
        if isinstance(seeds, int):
            words, mask = seed_words(seeds, self.num_envs), ffi.NULL
        else:
            words = words_of([0 if seed is None else seed for seed in seeds])
            mask = ffi.from_buffer("uint8_t[]", np.array([seed is not None for seed in seeds]))
        words = np.ascontiguousarray(words)
        self._check(lib.operant_seed(handle, ffi.from_buffer("uint32_t[]", words), words.shape[1], mask))

    def reset(self, mask: np.ndarray | None = None, overrides: Mapping[str, float] | None = None) -> outputs.Slot:
        """Begins an episode in the environments of `mask` (`[N]` bool; None: all); returns all observations.

        `overrides` replaces parameters for this reset only. Flags and rewards of the slot are zero.
        """
        handle = self._open_handle()
        numbers = ffi.NULL
        if overrides:
            numbers = ffi.new("double[]", [overrides.get(part.name, math.nan) for part in self.spec.parameters])
        slot = self.stepper.ring.take()
        masked = ffi.NULL if mask is None else ffi.from_buffer("uint8_t[]", np.ascontiguousarray(mask, np.bool_))
        self._check(lib.operant_reset(handle, masked, numbers, slot.output.observations))
        if mask is not None:
            self._check(lib.operant_observe(handle, slot.output.observations))
        slot.rewards.fill(0)
        slot.terminated.fill(False)
        slot.truncated.fill(False)
        return slot

    def observe(self) -> outputs.Slot:
        """The observation of every present state."""
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
        """A parameter's present value in each environment: `[N]` reals, a copy."""
        view = lib.operant_view(self._open_handle())
        index = self.parameter_index(name)
        if not view.params_vary:
            value = self._array(view.params, (len(self.spec.parameters),), self.real)[index]
            return np.full(self.num_envs, value)
        table = self._array(view.params, (len(self.spec.parameters), view.stride), self.real)
        return table[index, : self.num_envs].copy()

    # The generator of an exact batch of one, shared with a NumPy one.

    def set_generator(self, generator: np.random.Generator) -> None:
        """Continues where `generator`, a PCG64, stands."""
        state = generator.bit_generator.state
        if state["bit_generator"] != "PCG64":
            raise ValueError(f"np_random must be a PCG64, not a {state['bit_generator']}")
        words = [
            state["state"]["state"] >> 64,
            state["state"]["state"],
            state["state"]["inc"] >> 64,
            state["state"]["inc"],
        ]
        half = state["has_uint32"] << 32 | state["uinteger"]
        self._views()["generator"][0] = [word & 0xFFFFFFFFFFFFFFFF for word in (*words, half)]

    def get_generator(self, generator: np.random.Generator) -> None:
        """Makes `generator` continue where the core stands."""
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

    def finished(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The episodes that ended in the last step: rows int64, returns (reals), lengths int64, each `[K]`."""
        self._open_handle()
        count, agents = self.last_finished.count, self.agents
        index, returns, length, _ = self._finished_views
        rows, lengths = index[:count].astype(np.int64), length[:count].astype(np.int64)
        if agents > 1:
            rows, lengths = (rows[:, None] * agents + np.arange(agents)).ravel(), lengths.repeat(agents)
        return rows, returns[: count * agents].copy(), lengths

    def finished_returns(self) -> np.ndarray:
        """The returns alone of the episodes that ended in the last step: `[K]` reals, a copy."""
        self._open_handle()
        return self._finished_views[1][: self.last_finished.count * self.agents].copy()

    def final_observations(self) -> np.ndarray:
        """What the episodes that ended in the last step ended on, under "SameStep": `[K, *D]`, a copy."""
        self._open_handle()
        return self._finished_views[3][: self.last_finished.count * self.agents].copy()

    def _view_finished(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The core's lists of finished episodes at full length: environments, returns, lengths, observations."""
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
        real, integer = (_FLOAT64, _INT64) if self.exact else (_FLOAT32, _INT32)
        columns: dict[str, np.ndarray] = {}
        table = self._array(view.state, (self.spec.state_size, view.stride), real)[:, :n]
        for part, span in spans(self.spec.state):
            rows = table[span].view(integer if part.integer else real)
            columns[part.name] = rows[0] if not part.shape else np.moveaxis(rows.reshape(*part.shape, n), -1, 0)
        if self.exact:
            columns["generator"] = self._array(view.generator, (n, 5), np.dtype(np.uint64))
        else:
            columns["seed"] = self._array(view.seed, (2, view.stride), np.dtype(np.uint32))[:, :n].T
        columns["episode"] = self._array(view.episode, (n,), np.dtype(np.uint32))
        returns = self._array(view.episode_return, (self.agents, view.stride), real)[:, :n]
        columns["episode_return"] = returns[0] if self.agents == 1 else returns.T
        return columns

    def _columns(self) -> dict[str, np.ndarray]:
        return {**self._views(), "elapsed": self._elapsed(self._deadlines()), "finished": self._pending()}

    def _pending(self) -> np.ndarray:
        """Which environments ended their episode in the last step and have not been reset since: `[N]` bool."""
        pending = np.empty(self.num_envs, np.bool_)
        self._check(lib.operant_get_pending(self._open_handle(), ffi.from_buffer("uint8_t[]", pending)))
        return pending

    def _deadlines(self) -> np.ndarray:
        return self._array(lib.operant_view(self._open_handle()).deadline, (self.num_envs,), _INT32)

    def _write(self, rows: np.ndarray, records: np.ndarray) -> None:
        for name, column in self._views().items():
            column[rows] = records[name]
        start = np.uint32(lib.operant_clock(self._handle)) - records["elapsed"].astype(np.uint32)
        self._deadlines()[rows] = (start + np.uint32(self.max_episode_steps or 0)).astype(_INT32)
        finished = self._pending()
        finished[rows] = records["finished"]
        self.set_finished(finished)
        lib.operant_mark_ready(self._handle)

    def set_finished(self, finished: np.ndarray) -> None:
        """Says which environments (`[N]` bool) ended their episode in the last step and wait for their reset."""
        self._check(lib.operant_set_pending(self._open_handle(), ffi.from_buffer("uint8_t[]", finished)))

    def copy_rows(self, rows: np.ndarray | None, source: Batch, source_rows: np.ndarray | None, count: int) -> None:
        """Makes `rows` of this batch copies of `source_rows` of another of the same environment and precision.

        Rows are `[count]` int64; None means 0, 1, 2, ...
        """
        pointers = [
            ffi.NULL if index is None else ffi.from_buffer("int64_t[]", np.ascontiguousarray(index, _INT64))
            for index in (rows, source_rows)
        ]
        self._check(lib.operant_copy_rows(self._open_handle(), pointers[0], source._open_handle(), pointers[1], count))

    # Memory and lifetime.

    @property
    def bytes(self) -> int:
        """Memory that the core holds for this batch, the returned arrays not included."""
        return int(lib.operant_view(self._open_handle()).bytes)

    @property
    def ready(self) -> bool:
        """Whether steps are allowed: after the first reset or `set_state`."""
        return bool(lib.operant_is_ready(self._open_handle()))

    @property
    def closed(self) -> bool:
        return self._handle is None

    def close(self) -> None:
        """Frees the memory; every later call raises."""
        if self._handle is not None:
            # The core's memory goes with the last reference to the handle; a call under way in a thread holds one.
            self._handle = self.stepper.handle = None
            self._finished_views = (np.empty(0),) * 4
            self.last_finished = _NONE_FINISHED

    def _array(self, pointer: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """A view of the core's memory."""
        size = math.prod(shape) * dtype.itemsize
        if size == 0:
            return np.empty(shape, dtype)
        return np.frombuffer(ffi.buffer(pointer, size), dtype).reshape(shape)

    def _elapsed(self, deadline: np.ndarray) -> np.ndarray:
        """Steps since the episode began; the clock and its differences are modulo 2^32."""
        end = np.uint32((lib.operant_clock(self._handle) + (self.max_episode_steps or 0)) & 0xFFFFFFFF)
        return (end - deadline.view(np.uint32)).view(_INT32)

    def _arguments(self) -> dict[str, Any]:
        names = ("spec", "num_envs", "precision", "workers", "autoreset", "max_episode_steps", "copy")
        return {name: getattr(self, name) for name in names} | {"isa": self._requested_isa}


def _output(memory: Any, offsets: list[int], reward_type: str) -> tuple[Any, Any, Any]:
    """The core's operant_output over a slot's memory, and its first reward and terminated flag as cells to read."""
    start = ffi.from_buffer("char[]", memory)
    output = ffi.new("operant_output *")
    output.observations = start + offsets[0]
    output.rewards = start + offsets[1]
    output.terminated = ffi.cast("uint8_t *", start + offsets[2])
    output.truncated = ffi.cast("uint8_t *", start + offsets[3])
    return output, ffi.cast("double *" if reward_type == "float64" else "float *", output.rewards), output.terminated


def _check_array(name: str, array: Any, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Raises a ValueError unless the core can write rows of numbers of that type into the array as it is."""
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"{name} must be an array {dtype} {shape}, not {found}")
    if not (array.flags.c_contiguous and array.flags.aligned and array.flags.writeable):
        raise ValueError(f"{name} must be contiguous, aligned and writeable")
