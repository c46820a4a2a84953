"""Physical parameters as attributes of an `OperantVecEnv`: `get_attr("length")`, `set_attr("gravity", 3.7, [0, 1])`.

A row is an environment, or one of its agents. Agents of one environment share its parameters.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from operant.batch.batch import Batch
from operant.environments.parameters import parameter_names
from operant.environments.vector import OperantVectorEnv
from operant.messages import unknown


def check_rows(caller: str, indices: Iterable[int], num_rows: int) -> np.ndarray:
    """The rows `[K]` that `indices` name, where -1 is the last; raises an IndexError for one out of range."""
    rows = np.array([*indices])
    if rows.size and rows.dtype.kind not in "iu":
        raise TypeError(f"{caller}: indices must be numbers of environments, not {rows.tolist()}")
    wrong = rows[(rows < -num_rows) | (rows >= num_rows)]
    if wrong.size:
        raise IndexError(f"{caller}: index {wrong[0]} is not from 0 to {num_rows - 1}")
    return rows.astype(np.int64) % num_rows


def get_parameter(envs: OperantVectorEnv, attribute: str, rows: np.ndarray) -> list[float]:
    """A parameter's value for each of the rows."""
    values = envs.parameter(_parameter(envs.batch, attribute))
    numbers: list[float] = values[rows // envs.batch.agents].tolist()
    return numbers


def set_parameter(envs: OperantVectorEnv, attribute: str, value: Any, rows: np.ndarray) -> None:
    """Sets a parameter in the environments of the rows.

    Args:
        value: a number; or one for each row, equal for agents of one environment; or, if `rows` are all rows, one for
            each environment.

    Raises:
        AttributeError: the parameter is unknown.
        ValueError: it is randomised for every episode; or the number of values, or one of them, is invalid. Nothing is
            set then.
    """
    batch, caller = envs.batch, f"set_attr({attribute!r})"
    name = _parameter(batch, attribute)
    if name in batch.ranges:
        raise ValueError(f"{caller}: it is randomised for every episode: remove it from randomize to set it")
    given = _numbers(caller, value)
    everywhere = np.array_equal(rows, np.arange(envs.num_envs))
    if given.shape == (batch.num_envs,) and everywhere:
        given = given.repeat(batch.agents)
    if given.shape not in ((), rows.shape):
        raise ValueError(
            f"{caller} got an array of shape {given.shape}: give a number, or one for each of {len(rows)} indices"
        )
    _check_bounds(batch, caller, name, np.broadcast_to(given, rows.shape), rows)
    if everywhere and given.shape == ():
        batch.set_parameter(name, float(given))
        return
    environments = rows // batch.agents
    values = batch.parameter(name).astype(np.float64)
    values[environments] = given
    differing = np.flatnonzero(values[environments] != given)
    if differing.size:
        raise ValueError(
            f"{caller}: indices {rows[environments == environments[differing[0]]].tolist()} are agents of one "
            "environment, which share its value, but got different ones: give them the same"
        )
    batch.set_parameter(name, values)


def _parameter(batch: Batch, attribute: str) -> str:
    """The parameter with this name, ours or Gymnasium's."""
    names = parameter_names(batch)
    if attribute not in names:
        raise AttributeError(unknown("attribute", attribute, names))
    return names[attribute]


def _numbers(caller: str, value: Any) -> np.ndarray:
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{caller}: {value!r} must be a number, or one for each environment") from None


def _check_bounds(batch: Batch, caller: str, name: str, values: np.ndarray, rows: np.ndarray) -> None:
    try:
        batch.check_bounds(name, values)
    except ValueError:
        for row, number in zip(rows, values, strict=True):
            try:
                batch.check_bounds(name, np.array([number]))
            except ValueError as problem:
                raise ValueError(f"{caller} at index {row}: {problem}") from None
