"""Shared parts of the tables of Gymnasium's attributes: states held in arrays, constants, and tables of transitions."""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from operant.spec import Member, Values

Transitions = list[tuple[float, Any, Any, bool]]
"""Gymnasium's P[state][action]: probability, next state, reward and termination of each outcome."""


def state_member(*names: str, fresh: str = "float64", later: str = "float64", in_tuple: bool = False) -> Member:
    """The attribute `state`: the named numbers in an array.

    Args:
        fresh, later: its dtype after a reset and after a step.
        in_tuple: True if after a step it is a tuple.
    """
    kept_apart = fresh != later
    return Member(
        partial(_read_state, names, fresh, later, in_tuple), partial(_write_state, names, kept_apart and later)
    )


def _read_state(names: tuple[str, ...], fresh: str, later: str, in_tuple: bool, values: Values) -> Any:
    if not values["ready"]:
        return None
    numbers = np.array([values[name] for name in names], np.float64)
    if in_tuple and not values["fresh"]:
        return tuple(numbers)
    rounded = numbers.astype(fresh if values["fresh"] else later)
    return rounded if (rounded == numbers).all() else numbers  # an assigned state is not rounded


def _write_state(names: tuple[str, ...], later: str | bool, values: Values, given: Any) -> dict[str, Any]:
    numbers = np.asarray(given)
    if numbers.shape != (len(names),):
        raise ValueError(f"the state is {len(names)} numbers, {', '.join(names)}, not an array {numbers.shape}")
    written = dict(zip(names, numbers.astype(np.float64).tolist(), strict=True))
    # Where steps hold the state in float32, the next one computes in the precision of the array that was assigned.
    return written | ({"fresh": numbers.dtype != np.float32} if later == "float32" else {})


def constant(value: Any, *, kept: bool = False) -> Member:
    """An attribute that is the same in every environment; `kept` as in `Member`."""
    return Member(partial(_value, value), kept=kept)


def _value(value: Any, values: Values) -> Any:
    return value.copy() if isinstance(value, list | dict | np.ndarray) else value


def number(name: str, kind: type = int) -> Member:
    """An attribute that is a number of the state."""
    return Member(partial(_number, name, kind), partial(_named, name, kind))


def _number(name: str, kind: type, values: Values) -> Any:
    return kind(values[name])


def _named(name: str, kind: type, values: Values, given: Any) -> dict[str, Any]:
    return {name: int(kind(given))}


def parameter_kept(name: str) -> Member:
    """An attribute that shows a parameter, which Gymnasium reads only in the constructor."""
    return Member(itemgetter(name), kept=True)


def only(value: Any, why: str) -> Member:
    """An attribute that cannot have another value, which the error explains with `why`."""
    return Member(partial(_value, value), partial(_refuse_other, value, why))


def _refuse_other(value: Any, why: str, values: Values, given: Any) -> dict[str, Any]:
    if given != value:
        raise AttributeError(f"{given!r} is not supported: {why}")
    return {}


def bounds(position: str, sign: int) -> Member:
    """Bounds of the mountain cars' observations, `[2]` float32: a position, and the speed limit times `sign`."""
    return Member(partial(_bounds, position, sign), kept=True)


def _bounds(position: str, sign: int, values: Values) -> np.ndarray:
    return np.array([values[position], sign * values["max_speed"]], np.float32)
