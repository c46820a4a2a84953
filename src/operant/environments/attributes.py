"""Attributes: the reference class's attributes and methods, and our parameters, of the environments of a batch.

`OperantEnv` has them as its own; vector environments and adapters read and write them by `get_attr` and `set_attr`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import logger
from gymnasium.error import ClosedEnvironmentError

from operant.batch.base import BatchBase
from operant.messages import float_array, unknown
from operant.spec import Parameter

ALIKE = 0.75
"""The similarity of names, from 0 to 1, above which one is taken for a misspelled other."""


class Attributes:
    """The attributes of a batch's environments, by the reference class's names and by ours.

    A parameter reads as the object that was assigned, or given when the environment was made, for as long as the batch
    holds that number: the fast build holds it in float32. By the reference class's names an assignment has exactly the
    effect that it has there; by our names it sets the parameter, and all that follows from it.

    Args:
        batch: the environments.
        given: parameters by name, as they were given.

    Attributes:
        live: what a single environment's attributes hold is its own, so that changes in place need no assignment.
    """

    live = False

    def __init__(self, batch: BatchBase, given: Mapping[str, Any]):
        self.batch = batch
        spec = batch.spec
        self.members = spec.members
        by_attribute = {attribute: name for name, attribute in spec.attributes.items() if attribute}
        names = {**spec.options, **by_attribute, **{part.name: part.name for part in batch.parameters}}
        self.parameters = {name: parameter for name, parameter in names.items() if name not in self.members}
        self._theirs = set(by_attribute)
        # For each parameter the objects that were given, one or one for each environment.
        self._given = {part.name: [_typed(part, part.default, spec.whole)] for part in batch.parameters}
        self._given |= {name: list(value) if np.ndim(value) else [value] for name, value in given.items()}
        self._kept: dict[str, list[Any]] = {}
        self._tables: dict[str, list[Any]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.members or name in self.parameters

    @property
    def names(self) -> list[str]:
        """All attributes, in alphabetical order."""
        return sorted({*self.members, *self.parameters})

    def read(self, name: str, environments: Iterable[int]) -> list[Any]:
        """An attribute's value in each of these environments; raises an AttributeError for an unknown one."""
        if name in self.parameters:
            numbers = self.numbers(self.parameters[name])
            return [numbers[i] for i in environments]
        member = self._member(name)
        if name in self._kept:
            return [self._kept[name][i] for i in environments]
        if not member.table:
            return [member.read(values) for values in self._values(environments)]
        if name not in self._tables or self.batch.ranges:
            self._tables[name] = self.of_parameters(member.read)
        return [self._tables[name][i] for i in environments]

    def of_parameters(self, function: Callable[[Mapping[str, Any]], Any]) -> list[Any]:
        """A function of the parameters for each environment, `[N]`; equal parameters share one result."""
        results: dict[tuple[Any, ...], Any] = {}
        found = []
        for parameters in self._parameters(range(self.batch.num_envs)):
            key = tuple(parameters.values())
            if key not in results:
                results[key] = function(parameters)
            found.append(results[key])
        return found

    @property
    def tables(self) -> Mapping[str, list[Any]]:
        """The tables that were read, `[N]` each, by name."""
        return self._tables

    def rewards(self) -> list[Any]:
        """The first environment's rewards that the descriptor lists, as the reference class has them."""
        return [self.numbers(each)[0] if isinstance(each, str) else each for each in self.batch.spec.rewards]

    def forget(self) -> None:
        """Forgets tables that were computed from the parameters; call it when these may have changed."""
        self._tables.clear()

    def write(self, name: str, values: Sequence[Any], environments: np.ndarray) -> None:
        """Assigns a value to an attribute of each of these environments, `[K]`.

        Raises:
            AttributeError: it is unknown, or the physics here cannot have the value; the text has the remedy.
            ValueError: a number is out of bounds, or is drawn anew for every episode. Nothing is set then.
        """
        if name in self.parameters:
            self._keep_stored(
                name in self._theirs,
                lambda: self._set(name, self.parameters[name], values, environments),
            )
            return
        member = self._member(name)
        if member.write is not None:
            updates = [
                _attempt(name, member.write, each, value)
                for each, value in zip(self._values(environments), values, strict=True)
            ]
            self.apply(name, updates, environments)
        elif member.kept:
            kept = self.read(name, range(self.batch.num_envs))
            for i, value in zip(environments.tolist(), values, strict=True):
                kept[i] = value
            self._kept[name] = kept
        else:
            raise AttributeError(f"{name} of {self.batch.spec.full_id} cannot be assigned: {member.instead}")

    def numbers(self, parameter: str) -> list[Any]:
        """A parameter's value in each environment, `[N]`, as it was given if the batch still holds it."""
        given, held = self._given[parameter], self.batch.parameter(parameter)
        wanted = np.array(given, np.float64).astype(held.dtype)
        if len(given) == 1 and (held == wanted).all():
            return given * len(held)
        each = given * len(held) if len(given) == 1 else given
        same = (held == wanted).tolist()
        return [each[i] if same[i] else number for i, number in enumerate(held.tolist())]

    def resembling(self, name: str) -> str | None:
        """The attribute that a name is probably a misspelling of, or None."""
        near = difflib.get_close_matches(name, self.names, 1, ALIKE)
        return near[0] if near else None

    def _member(self, name: str) -> Any:
        if name not in self.members:
            raise AttributeError(unknown("attribute", name, self.names))
        return self.members[name]

    def _parameters(self, environments: Iterable[int]) -> Iterable[dict[str, Any]]:
        """The parameters of each of these environments, by name."""
        numbers = {part.name: self.numbers(part.name) for part in self.batch.parameters}
        for i in environments:
            yield {name: each[i] for name, each in numbers.items()}

    def _values(self, environments: Iterable[int]) -> Iterable[dict[str, Any]]:
        """The `spec.Values` of each of these environments."""
        records, ready = self.batch.get_state(), self.batch.ready
        indices = list(environments)
        for i, values in zip(indices, self._parameters(indices), strict=True):
            record = records[i]
            state = {part.name: record[part.name].tolist() for part in self.batch.spec.state}
            moments = {"fresh": bool(record["elapsed"] == 0), "finished": bool(record["finished"]), "ready": ready}
            yield values | state | moments

    def _keep_stored(self, theirs: bool, assign: Callable[[], None]) -> None:
        """Assigns; and keeps what the reference class computed before, if the assignment is by its name."""
        everywhere = np.arange(self.batch.num_envs)
        stored = [name for name, member in self.members.items() if member.stored and theirs]
        before = {name: self.read(name, everywhere) for name in stored}
        assign()
        for name, values in before.items():
            if self.read(name, everywhere) != values:
                self.write(name, values, everywhere)

    def apply(self, name: str, updates: Sequence[Mapping[str, Any]], environments: np.ndarray) -> None:
        """Sets the parameters and the numbers of the state in `updates`, one for each of these environments.

        Errors mention the attribute `name`.
        """
        changed = {key for update in updates for key in update}
        for key in changed & self._given.keys():
            self._set(name, key, [update[key] for update in updates], environments)
        if not changed - self._given.keys():
            return
        records = self.batch.get_state()
        for i, update in zip(environments.tolist(), updates, strict=True):
            record = records[i]
            for key, value in update.items():
                if key == "fresh":
                    record["elapsed"] = 0 if value else max(1, record["elapsed"])
                elif key not in self._given:
                    record[key] = value
            record["finished"] = update.get("finished", False)  # in a state that was set, steps go on
        mask = np.zeros(self.batch.num_envs, np.bool_)
        mask[environments] = True
        self.batch.set_state(records[mask], None if mask.all() else mask)

    def _set(self, name: str, parameter: str, values: Sequence[Any], environments: np.ndarray) -> None:
        """Sets a parameter in these environments, which hold one value each."""
        batch = self.batch
        if parameter in batch.ranges:
            raise ValueError(f"{name}: it is randomised for every episode: remove it from randomize to set it")
        part = batch.parameters[batch.parameter_index(parameter)]
        numbers = np.array([_number(name, part, value) for value in values])
        batch.check_bounds(parameter, numbers)
        given = self.numbers(parameter)
        for i, value in zip(environments.tolist(), values, strict=True):
            given[i] = value
        if len(environments) == batch.num_envs and (numbers == numbers[0]).all():
            batch.set_parameter(parameter, float(numbers[0]))
        else:
            held = batch.parameter(parameter).astype(np.float64)
            held[environments] = numbers
            batch.set_parameter(parameter, held)
        self._note(parameter, given)

    def _note(self, parameter: str, given: list[Any]) -> None:
        self._given[parameter] = given
        self.forget()


def _attempt(name: str, write: Callable[..., Mapping[str, Any]], values: Mapping[str, Any], given: Any) -> Any:
    """The result of a member's `write`; an error about the value names the attribute."""
    try:
        return write(values, given)
    except (TypeError, KeyError, IndexError) as problem:
        raise ValueError(f"{name} = {given!r}: {problem}") from None


def _typed(part: Parameter, value: float, whole: Sequence[str]) -> Any:
    """A parameter's default as the reference class has it: a bool, an int or a float."""
    return bool(value) if part.unit == "bool" else int(value) if part.name in whole else value


def _number(name: str, part: Parameter, value: Any) -> float:
    try:
        return float(bool(value)) if part.unit == "bool" else float(float_array(value))
    except (OverflowError, TypeError, ValueError):
        raise ValueError(f"{name} = {value!r} must be a number") from None


class HasAttributes:
    """A single environment with the attributes of its batch of one.

    What a class or an instance defines itself comes first: subclasses are not affected. `_attributes` is set last in
    the constructor.
    """

    _attributes: Attributes
    _loans: dict[str, tuple[Any, Any]]  # what was read, and a copy of it

    def _has(self, name: str) -> bool:
        """True if the name is an attribute of the batch's environment, and of nothing else."""
        attributes = self.__dict__.get("_attributes")
        return attributes is not None and name in attributes and not hasattr(type(self), name)

    def __getattr__(self, name: str) -> Any:
        if not self._has(name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        try:
            return self._read(name)
        except ClosedEnvironmentError as closed:
            raise AttributeError(f"{name}: {closed}") from None  # so that hasattr() has an answer

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__dict__ and self._has(name):
            self._assign(name, value)
            return
        if name not in self.__dict__ and not name.startswith("_") and not hasattr(type(self), name):
            attributes = self.__dict__.get("_attributes")
            if attributes is not None and (near := attributes.resembling(name)) is not None:
                logger.warn(f"{name} is not an attribute of the environment, which has {near!r}: it has no effect")
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        attributes = self.__dict__.get("_attributes")
        return sorted({*super().__dir__(), *(attributes.names if attributes else ())})

    # Arrays, lists and dicts that were read. In the reference class they are the environment's own: who changes one in
    # place changes the environment. Here a changed one is assigned before the next step or reset.

    def _read(self, name: str) -> Any:
        loans = self._loans
        if name in loans:
            if name in self._attributes.tables:
                return loans[name][0]
            self._settle(name)
        value = self._attributes.read(name, (0,))[0]
        if isinstance(value, np.ndarray | list | dict) and not self._attributes.live:
            loans[name] = (value, _copy(value))
            self._watch()
        return value

    def _assign(self, name: str, value: Any) -> None:
        self._loans.pop(name, None)
        self._settle()
        self._attributes.write(name, [value], np.zeros(1, np.int64))
        self._changed()

    def _settle(self, *names: str) -> None:
        """Assigns what was changed in place since it was read: of these names, or all."""
        for name in names or [*self._loans]:
            value, before = self._loans.pop(name)
            if not _same(value, before):
                self._attributes.forget()
                self._assign(name, value)

    def _watch(self) -> None:
        """Called when a value was lent."""

    def _changed(self) -> None:
        """Called after an attribute was assigned."""


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_copy(each) for each in value]
    return value.copy() if isinstance(value, np.ndarray) else value


def _same(value: Any, before: Any) -> bool:
    if isinstance(value, np.ndarray):
        return bool(value.shape == before.shape and value.tobytes() == before.tobytes())
    return bool(value == before)


# Rows of a batch, as vector environments and adapters number them: agents of one environment share its attributes.


def check_rows(caller: str, indices: Iterable[int], num_rows: int) -> np.ndarray:
    """The rows `[K]` that `indices` name, where -1 is the last; raises an IndexError for one out of range."""
    rows = np.array([*indices])
    if rows.size and rows.dtype.kind not in "iu":
        raise TypeError(f"{caller}: indices must be numbers of environments, not {rows.tolist()}")
    wrong = rows[(rows < -num_rows) | (rows >= num_rows)]
    if wrong.size:
        raise IndexError(f"{caller}: index {wrong[0]} is not from 0 to {num_rows - 1}")
    return rows.astype(np.int64) % num_rows


def read_rows(attributes: Attributes, name: str, rows: np.ndarray) -> list[Any]:
    """An attribute's value for each of the rows."""
    environments, places = np.unique(rows // attributes.batch.agents, return_inverse=True)
    values = attributes.read(name, environments.tolist())
    return [values[place] for place in places.tolist()]


def write_rows(attributes: Attributes, name: str, value: Any, rows: np.ndarray) -> None:
    """Sets an attribute in the environments of the rows.

    Args:
        value: one for all; or a list or tuple with one for each row, equal for agents of one environment; or, if `rows`
            are all rows, with one for each environment. For a parameter also an array.

    Raises:
        AttributeError, ValueError: as `Attributes.write` raises them; or the number of values is wrong. Nothing is set
            then.
    """
    batch, caller = attributes.batch, f"set_attr({name!r})"
    several = (list, tuple, np.ndarray) if name in attributes.parameters else (list, tuple)
    everywhere = np.array_equal(rows, np.arange(batch.num_rows))
    if not isinstance(value, several):
        given = [value] * len(rows)
    elif everywhere and len(value) == batch.num_envs:
        given = [each for each in value for _ in range(batch.agents)]
    else:
        given = list(value)
    if len(given) != len(rows):
        raise ValueError(
            f"{caller} got an array of shape {np.shape(value)}: give a number, or one for each of {len(rows)} indices"
        )
    if name in attributes.parameters:
        _check_numbers(attributes, caller, name, given, rows)
    by_environment: dict[int, Any] = {}
    for row, each in zip(rows.tolist(), given, strict=True):
        environment = row // batch.agents
        if not np.array_equal(by_environment.setdefault(environment, each), each):
            raise ValueError(
                f"{caller}: indices {rows[rows // batch.agents == environment].tolist()} are agents of one "
                "environment, which share its value, but got different ones: give them the same"
            )
    attributes.write(name, list(by_environment.values()), np.array(list(by_environment), np.int64))


def _check_numbers(attributes: Attributes, caller: str, name: str, values: Sequence[Any], rows: np.ndarray) -> None:
    """Checks the values of a parameter for each row; an error names the row."""
    parameter, batch = attributes.parameters[name], attributes.batch
    if parameter in batch.ranges:
        raise ValueError(f"{caller}: it is randomised for every episode: remove it from randomize to set it")
    for row, value in zip(rows.tolist(), values, strict=True):
        try:
            number = float_array([value])
        except (OverflowError, TypeError, ValueError):
            raise ValueError(f"{caller}: {value!r} must be a number, or one for each environment") from None
        try:
            batch.check_bounds(parameter, number)
        except ValueError as problem:
            raise ValueError(f"{caller} at index {row}: {problem}") from None
