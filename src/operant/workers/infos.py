"""Infos of single environments: packed in columns for their way to the caller, and merged as SyncVectorEnv does.

A message is `(finals, rows, columns)`. `finals` are `(row, info)` with the last observation and info of episodes that
ended in SAME_STEP mode. If the infos have the same keys and types, `columns` has a column for each key, and `rows` are
the environments they belong to. If not, `columns` is None and `rows` are `(row, info)`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv

Entry = tuple[int, dict[str, Any]]
Message = tuple[list[Entry], list[Any], "dict[str, Any] | None"]

PYTHON_NUMBERS = (int, float, bool)
NOT_PACKED = ("final_obs", "final_info")  # Gymnasium treats one differently, and `finals` use both


def kept(info: dict[str, Any]) -> dict[str, Any]:
    """Copies an info, its dicts and its arrays, which a reset may change: SyncVectorEnv merges them before it."""
    copied = copy.copy(info)
    for key, value in info.items():
        if isinstance(value, dict):
            copied[key] = kept(value)
        elif isinstance(value, np.ndarray):
            copied[key] = value.copy()
    return copied


def pack(finals: list[Entry], infos: list[Entry]) -> Message:
    """Makes the message of one step of some environments; rows ascend in both lists."""
    if len(infos) > 1 and (columns := _columns([info for _, info in infos])) is not None:
        return finals, [row for row, _ in infos], columns
    return finals, infos, None


def _columns(infos: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The columns of infos with the same keys and types: an array, a list of other objects, or a dict of columns.

    Python's numbers become `(type, list)`, because pickling an array takes longer. Returns None if infos differ.
    """
    first = infos[0]
    if any(type(info) is not dict or len(info) != len(first) for info in infos):
        return None
    columns: dict[str, Any] = {}
    for key, value in first.items():
        if type(key) is not str or key[:1] == "_" or key in NOT_PACKED:  # "_key" is the mask of "key"
            return None
        try:
            values = [info[key] for info in infos]
        except KeyError:
            return None
        kind = type(value)
        if set(map(type, values)) != {kind}:
            return None
        column: Any = values
        if kind in PYTHON_NUMBERS:
            column = (kind, values)
        elif isinstance(value, dict):
            column = _columns(values)
        elif issubclass(kind, np.number):
            column = np.array(values, kind) if np.dtype(kind).kind in "iufc" else None
        elif isinstance(value, np.ndarray):
            same = {(each.dtype, each.shape) for each in values}
            stacks = kind is np.ndarray and len(same) == 1 and value.dtype.kind in "?iufc" and value.dtype.isnative
            column = np.stack(values) if stacks else None
        if column is None:
            return None
        columns[key] = column
    return columns


class Infos:
    """The infos of a vector environment with N rows, as `SyncVectorEnv` would return them.

    `merged` is the result so far. Messages are added in the order of their rows.
    """

    def __init__(self, num_envs: int):
        self._adder: VectorEnv[Any, Any, Any] = VectorEnv()
        self._adder.num_envs = num_envs
        self.merged: dict[str, Any] = {}

    def add(self, row: int, info: dict[str, Any]) -> None:
        """Adds one environment's info."""
        self.merged = self._adder._add_info(self.merged, info, row)

    def add_message(self, message: Message) -> None:
        """Adds the infos of a slice of environments."""
        finals, rows, columns = message
        if columns is None:
            # The same row's final info comes first: sorting is stable.
            entries = sorted([*finals, *rows], key=_row) if finals else rows
            for row, info in entries:
                self.add(row, info)
            return
        # Keys keep the order in which the first environment of each kind adds them.
        first = not finals or rows[0] < finals[0][0]
        if first:
            self._add_columns(rows, columns)
        for row, info in finals:
            self.add(row, info)
        if not first:
            self._add_columns(rows, columns)

    def _add_columns(self, rows: list[int], columns: dict[str, Any]) -> None:
        if _fits(self.merged, columns):
            low, high = rows[0], rows[-1] + 1
            _spread(self.merged, slice(low, high) if high - low == len(rows) else rows, columns, self._adder.num_envs)
        else:
            for row, info in zip(rows, _unpacked(columns, len(rows)), strict=True):
                self.add(row, info)


def entries(message: Message) -> list[Entry]:
    """The infos of a message without finals, one for each environment."""
    _, rows, columns = message
    return rows if columns is None else list(zip(rows, _unpacked(columns, len(rows)), strict=True))


def _row(entry: Entry) -> int:
    return entry[0]


def _fits(merged: dict[str, Any], columns: dict[str, Any]) -> bool:
    """Returns True if whole columns can be assigned to what is there already, with the result of one at a time."""
    for key, column in columns.items():
        there = merged.get(key)
        if there is None:
            if f"_{key}" in merged:
                return False
        elif isinstance(column, dict) or isinstance(there, dict):
            if not (isinstance(column, dict) and isinstance(there, dict) and _fits(there, column)):
                return False
        elif (there.dtype, there.shape[1:]) != _form(column):
            return False
    return True


def _form(column: Any) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The dtype of a column's array, and the shape of its rows."""
    if isinstance(column, np.ndarray):
        return column.dtype, column.shape[1:]
    return np.dtype(column[0] if isinstance(column, tuple) else object), ()


def _spread(merged: dict[str, Any], at: Any, columns: dict[str, Any], num_envs: int) -> None:
    """Assigns columns to rows of the merged arrays, and makes those that are missing."""
    for key, column in columns.items():
        mask = f"_{key}"
        if key not in merged:
            merged[key] = {} if isinstance(column, dict) else _empty(column, num_envs)
            merged[mask] = np.zeros(num_envs, np.bool_)
        there = merged[key]
        if isinstance(column, dict):
            _spread(there, at, column, num_envs)
        elif isinstance(column, list):
            for row, each in zip(range(at.start, at.stop) if isinstance(at, slice) else at, column, strict=True):
                there[row] = each
        else:
            there[at] = column[1] if isinstance(column, tuple) else column
        merged[mask][at] = True


def _empty(column: Any, num_envs: int) -> np.ndarray:
    """The array for a column, as SyncVectorEnv would begin it."""
    if isinstance(column, list):
        return np.full(num_envs, None, object)
    dtype, shape = _form(column)
    return np.zeros((num_envs, *shape), dtype)


def _unpacked(columns: dict[str, Any], count: int) -> Iterator[dict[str, Any]]:
    """The infos of which columns were made."""
    values: dict[str, Any] = {}
    for key, column in columns.items():
        if isinstance(column, dict):
            values[key] = list(_unpacked(column, count))
        elif isinstance(column, tuple):
            values[key] = column[1]
        else:
            values[key] = list(column)
    for k in range(count):
        yield {key: each[k] for key, each in values.items()}
