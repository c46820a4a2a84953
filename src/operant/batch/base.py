"""BatchBase: the parameters and snapshots of a batch, on the CPU and on a GPU alike."""

from __future__ import annotations

import math
import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded

from operant.messages import float_array, printable, unknown
from operant.spec import EnvSpec, Parameter

PRECISIONS = ("float32", "float64")
SNAPSHOT_VERSION = 3


class BatchBase(ABC):
    """N environments of one kind, with their parameters and snapshots. See `Batch`."""

    spec: EnvSpec
    parameters: tuple[Parameter, ...]
    num_envs: int
    num_rows: int
    agents: int
    precision: str
    autoreset: str
    exact: bool
    real: np.dtype
    max_episode_steps: int | None
    ranges: dict[str, tuple[float, float]]

    # Implemented for each kind of memory.

    @abstractmethod
    def seed(self, seeds: int | Sequence[int | None]) -> None:
        """Seeds environment i with `seeds + i`, or with `seeds[i]`, where None leaves its generator as it is."""

    @abstractmethod
    def close(self) -> None:
        """Frees the memory; every later call raises."""

    @abstractmethod
    def _arguments(self) -> dict[str, Any]:
        """The constructor's arguments, for copies."""

    @property
    @abstractmethod
    def ready(self) -> bool:
        """True once steps are allowed: after the first reset or `set_state`."""

    @property
    @abstractmethod
    def episode_lengths(self) -> Any:
        """The number of steps of each running episode so far: `[R]` int32."""

    @abstractmethod
    def parameter(self, name: str) -> np.ndarray:
        """A parameter's current value in each environment: `[N]` reals, a copy."""

    @abstractmethod
    def _set_parameter(self, index: int, values: np.ndarray) -> None:
        """Sets a parameter to `values`, `[1]` or `[N]` float64."""

    @abstractmethod
    def _params_vary(self) -> bool:
        """True if every environment has its own parameters."""

    @abstractmethod
    def _randomize(self, index: int, low: float, high: float) -> None:
        """Makes every later reset draw the parameter uniformly from [low, high)."""

    @abstractmethod
    def _columns(self) -> dict[str, np.ndarray]:
        """The fields of a snapshot except the parameters, each `[N]` or `[N, ...]`."""

    @abstractmethod
    def _write(self, indices: np.ndarray, records: np.ndarray) -> None:
        """Writes records, without their parameters, into these environments."""

    @property
    def has_generators(self) -> bool:
        """True if each environment has a generator of NumPy's; else its random numbers follow from its seed."""
        return self.exact or bool(self.spec.engine)

    def seed_from_entropy(self) -> int:
        """Seeds from the operating system; returns the seed of environment 0."""
        seed = secrets.randbits(62)
        self.seed(seed)
        return seed

    # Parameters.

    @property
    def defaults(self) -> dict[str, float]:
        """Each parameter's default by name, as the environment's header gives it."""
        return {part.name: part.default for part in self.parameters}

    def set_parameter(self, name: str, value: Any) -> None:
        """Sets a parameter to one number, or to a number per environment (`[N]`)."""
        index = self.parameter_index(name)
        try:
            values = np.atleast_1d(float_array(value))
        except (OverflowError, TypeError, ValueError):
            raise ValueError(f"parameter {name!r} = {value!r} must be a number, or one for each environment") from None
        if values.shape not in ((1,), (self.num_envs,)):
            raise ValueError(
                f"parameter {name!r} has shape {np.shape(value)}: give a number, or one for each of {self.num_envs}"
            )
        self.check_bounds(name, values)
        self._set_parameter(index, np.ascontiguousarray(values))

    def write_parameter(self, name: str, values: np.ndarray) -> None:
        """Writes values `[N]` that `parameter` returned; equal values stay one value shared by all environments."""
        alike = not self._params_vary() and bool((values == values[0]).all())
        self._set_parameter(
            self.parameter_index(name), np.ascontiguousarray(values[:1] if alike else values, np.float64)
        )

    def randomize(self, name: str, low: float, high: float) -> None:
        """Makes every later reset draw the parameter uniformly from [low, high)."""
        index = self.parameter_index(name)
        self.check_bounds(name, np.array([low, high], np.float64))
        if low > high:
            raise ValueError(f"randomize[{name!r}]: low {low} is above high {high}")
        if not all(map(math.isfinite, (low, high, high - low))):
            raise ValueError(f"randomize[{name!r}] = ({low}, {high}) must be finite, and high - low too")
        self._randomize(index, low, high)
        self.ranges[name] = (low, high)

    def extremes(self, name: str) -> tuple[float, float]:
        """The smallest and largest value that a parameter has, or can be drawn as, in this batch."""
        if name in self.ranges:
            return self.ranges[name]
        values = self.parameter(name)
        return float(values.min()), float(values.max())

    def parameter_index(self, name: str) -> int:
        """The position of a parameter; raises a ValueError with the nearest name for an unknown one."""
        for index, parameter in enumerate(self.parameters):
            if parameter.name == name:
                return index
        raise ValueError(unknown("parameter", name, (part.name for part in self.parameters)))

    def check_bounds(self, name: str, values: np.ndarray) -> None:
        """Raises a ValueError that names the first of `values` (`[K]`) outside the parameter's bounds."""
        part = self.parameters[self.parameter_index(name)]
        # A value equal to its bound may cross it when rounded to float32, so the rounded bound is allowed too.
        low = min(part.low, float(self.real.type(part.low)))
        high = max(part.high, float(self.real.type(part.high)))
        bad = ~((values >= low) & (values <= high))
        if bad.any():
            unit = "" if part.unit == "1" else f" {part.unit}"
            raise ValueError(f"parameter {name!r} = {values[bad][0]} is outside [{part.low:g}, {part.high:g}]{unit}")

    @property
    def snapshot_dtype(self) -> np.dtype:
        """One environment's complete state as a structured dtype; see `get_state`."""
        real, integer = (np.float64, np.int64) if self.exact else (np.float32, np.int32)
        number = np.float64 if self.spec.engine else real
        fields: list[Any] = [(part.name, integer if part.integer else number, part.shape) for part in self.spec.state]
        fields += [(f"param:{part.name}", real) for part in self.parameters]
        fields.append(("generator", np.uint64, 5) if self.has_generators else ("seed", np.uint32, 2))
        returns = ("episode_return", real, self.agents) if self.agents > 1 else ("episode_return", real)
        fields += [("episode", np.uint32), ("elapsed", np.int32), returns]
        fields += [("finished", np.bool_), ("environment", f"S{len(self.spec.header)}"), ("version", np.uint16)]
        return np.dtype(fields)

    def get_state(self, mask: np.ndarray | None = None) -> np.ndarray:
        """The complete state of the environments of `mask` (`[N]` bool; None: all), as a structured array.

        One record per environment: its state, parameters, generator or seed and episode number, steps elapsed, return
        so far, and whether it waits for its reset. After `set_state` with the same records, the environments continue
        identically.
        """
        indices: Any = slice(None) if mask is None else np.flatnonzero(mask)
        columns = self._columns()
        snapshot = np.empty(columns["elapsed"][indices].shape, self.snapshot_dtype)
        for name, column in columns.items():
            snapshot[name] = column[indices]
        for part in self.parameters:
            snapshot[f"param:{part.name}"] = self.parameter(part.name)[indices]
        snapshot["environment"], snapshot["version"] = self.spec.header.encode(), SNAPSHOT_VERSION
        return snapshot

    def set_state(self, snapshot: np.ndarray | np.void | None, mask: np.ndarray | None = None) -> None:
        """Writes records that `get_state` returned into the environments of `mask` (None: all), in order.

        A single record is written into each of them: one state branches into many.

        Raises:
            ValueError: the snapshot is of another environment, precision or version, or a number in it is impossible.
                Nothing was written.
        """
        if not isinstance(snapshot, np.ndarray | np.void) or snapshot.dtype.names is None:
            raise ValueError(
                f"a snapshot is the structured array that get_state returns, not {type(snapshot).__name__}"
            )
        records = np.atleast_1d(np.asarray(snapshot))
        self._check_origin(records)
        indices = np.arange(self.num_envs) if mask is None else np.flatnonzero(mask)
        if records.shape not in ((1,), indices.shape):
            raise ValueError(f"the snapshot holds {records.size} environments, but {len(indices)} are to be set")
        self._check_numbers(records)
        if mask is not None and not self.ready:
            raise ResetNeeded("reset the whole batch before set_state with a mask")
        self._restore(records, indices)

    def _restore(self, records: np.ndarray, indices: np.ndarray) -> None:
        for part in self.parameters:
            values, wanted = self.parameter(part.name), records[f"param:{part.name}"]
            if not np.array_equal(values[indices], np.broadcast_to(wanted, indices.shape)):
                values[indices] = wanted
                self.write_parameter(part.name, values)
        self._write(indices, records)

    def _check_origin(self, records: np.ndarray) -> None:
        """Raises a ValueError for records of another environment, precision or version of snapshots."""
        fields, ours = records.dtype.names or (), self.snapshot_dtype
        kinds = [records.dtype[name].kind for name in ("environment", "version") if name in fields]
        if kinds == ["S", "u"]:
            wide = "episode_return" in fields and records.dtype["episode_return"].base == np.float64
            precision = "float64" if wide else "float32"
            names, versions = records["environment"], records["version"]
            differs = names != self.spec.header.encode()
            differs |= (versions != SNAPSHOT_VERSION) | (precision != self.precision)
            if differs.any():
                name = printable(names[differs][0].decode("ascii", "backslashreplace"))
                raise ValueError(
                    f"the snapshot is of {name} in {precision}, version {versions[differs][0]}, but this "
                    f"environment is {self.spec.header} in {self.precision}, version {SNAPSHOT_VERSION}"
                )
        if records.dtype != ours:
            raise ValueError(f"the snapshot has the fields {records.dtype.descr}, but here they are {ours.descr}")

    def _check_numbers(self, records: np.ndarray) -> None:
        """Raises a ValueError for records that no environment could have produced."""
        for part in self.spec.state:
            values = records[part.name]
            valid = np.isfinite(values) & (values >= part.low) & (values <= part.high)
            bounds = "" if part.low == -np.inf and part.high == np.inf else f", and in [{part.low:g}, {part.high:g}]"
            _refuse(part.name, values, valid, f"finite{bounds}")
        returns = records["episode_return"]
        _refuse("episode_return", returns, np.isfinite(returns), "finite")
        if self.has_generators:
            increment, half = records["generator"][:, 3], records["generator"][:, 4]
            _refuse("generator", increment, increment % 2 == 1, "PCG64's increment, an odd number")
            _refuse("generator", half, half >> 33 == 0, "a 32-bit number, with bit 32 if it is drawn next")
        for parameter in self.parameters:
            self.check_bounds(parameter.name, records[f"param:{parameter.name}"])
        finished = records["finished"].view(np.uint8)
        _refuse("finished", finished, finished <= 1, "True or False")
        if self.autoreset == "SameStep":
            _refuse("finished", finished, finished == 0, "False, because SAME_STEP begins the next episode at once")
        # An unfinished episode has at least one step left.
        elapsed, limit = records["elapsed"], (self.max_episode_steps or 1 << 31) - 1 + records["finished"]
        wrong = (elapsed < 0) | (elapsed > limit)
        if wrong.any():
            raise ValueError(
                f"the snapshot's record {wrong.argmax()} has elapsed {elapsed[wrong.argmax()]} steps, but "
                f"max_episode_steps is {self.max_episode_steps} here: give the environment a longer limit, or none"
            )
        if self.spec.is_possible is not None and not (possible := self.spec.is_possible(records)).all():
            numbers = {part.name: records[part.name][possible.argmin()].tolist() for part in self.spec.state}
            raise ValueError(f"the snapshot's record {possible.argmin()} has a state that cannot be: {numbers}")

    # Copies, which continue identically.

    def __getstate__(self) -> dict[str, Any]:
        return {
            "arguments": self._arguments(),
            "parameters": {part.name: self.parameter(part.name) for part in self.parameters},
            "randomized": self.ranges,
            "snapshot": self.get_state() if self.ready else None,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state["arguments"])  # type: ignore[misc]
        for name, values in state["parameters"].items():
            self.write_parameter(name, values)
        for name, (low, high) in state["randomized"].items():
            self.randomize(name, low, high)
        if state["snapshot"] is not None:
            self._restore(state["snapshot"], np.arange(self.num_envs))


def _refuse(name: str, values: np.ndarray, valid: np.ndarray, needed: str) -> None:
    """Raises a ValueError that names the first of the snapshot's values, `[K]` or `[K, ...]`, that is not valid."""
    if not valid.all():
        first = tuple(np.argwhere(~valid)[0])
        raise ValueError(f"the snapshot's {name} is {values[first]} in record {first[0]}: it must be {needed}")
