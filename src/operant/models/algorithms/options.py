"""Options of an algorithm: fields of a frozen dataclass, with their meaning and limits.

The flags of the command line and the keys of TOML files are derived from them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_type_hints

import numpy as np

from operant.messages import as_float, suggestion, unknown

T = TypeVar("T")


def option(
    default: Any,
    meaning: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    choices: Sequence[str] | None = None,
    infinite: bool = False,
) -> Any:
    """Makes a dataclass field with its default, its meaning in one line, and its limits.

    A number must be finite unless `infinite`: infinity is then no limit.
    """
    limits = {"meaning": meaning, "at_least": at_least, "above": above, "at_most": at_most, "choices": choices}
    limits |= {"infinite": infinite}
    return dataclasses.field(default=default, metadata=limits)


_types: dict[type[Any], dict[str, Any]] = {}  # by class, because their annotations take long to evaluate


def option_types(config: type[Any]) -> dict[str, Any]:
    """Returns the type of each option of a config's class."""
    if config not in _types:
        _types[config] = get_type_hints(config)
    return _types[config]


def check_options(config: Any) -> None:
    """Checks all options; raises ValueError for the first invalid one, with its name and the allowed values."""
    kinds = option_types(type(config))
    for field in dataclasses.fields(config):
        value = _convert(field.name, getattr(config, field.name), kinds[field.name])
        object.__setattr__(config, field.name, value)
        _check_limits(field, value)


def _convert(name: str, value: Any, kind: Any) -> Any:
    """Returns a value in the type of its option; numbers and arrays may be NumPy's."""
    value = _plain(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return as_float(name, value)
    if kind == tuple[int, ...]:
        value = tuple(map(_plain, value)) if isinstance(value, list | tuple) else value
        if isinstance(value, tuple) and all(type(each) is int and each > 0 for each in value):
            return value
        raise ValueError(f"{name}={value!r} must be a list of positive integers, such as (64, 64)")
    if kind in (int, float, str, bool) and (type(value) is not kind):
        raise ValueError(f"{name}={value!r} must be {describe(kind)}")
    if kind is float and math.isnan(value):
        raise ValueError(f"{name}={value!r} must be a number")
    return value


def _plain(value: Any) -> Any:
    """Returns a number or an array of NumPy's as Python's numbers, and anything else as it is."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def describe(kind: Any) -> str:
    """Writes a type in words."""
    words = {int: "an integer", float: "a number", bool: "true or false", str: "a word"}
    return words.get(kind, "a list of integers")


def _check_limits(field: dataclasses.Field[Any], value: Any) -> None:
    limits = field.metadata
    if limits["choices"] is not None and value not in limits["choices"]:
        raise ValueError(f"{field.name}={value!r}: {suggestion(value, limits['choices'])}")
    if isinstance(value, float) and math.isinf(value) and not limits["infinite"]:
        raise ValueError(f"{field.name}={value!r} must be finite")
    wrong = []
    if limits["at_least"] is not None and value < limits["at_least"]:
        wrong.append(f"at least {limits['at_least']:g}")
    if limits["above"] is not None and value <= limits["above"]:
        wrong.append(f"above {limits['above']:g}")
    if limits["at_most"] is not None and value > limits["at_most"]:
        wrong.append(f"at most {limits['at_most']:g}")
    if wrong:
        raise ValueError(f"{field.name}={value!r} must be {' and '.join(wrong)}")


def make_config(kind: type[T], *layers: Mapping[str, Any]) -> T:
    """Makes a config of class `kind` from the values of `layers`; later layers override earlier ones.

    Raises:
        ValueError: a key is not an option; the message names the nearest option.
    """
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if key not in names:
                raise ValueError(unknown("option", key, names))
            merged[key] = value
    return kind(**merged)
