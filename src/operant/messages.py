"""Errors that name the value and the remedy; text of files without control characters."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np

LARGEST = (1 << 63) - 1  # an int64
FEW, MOST = 8, 20  # how many known names a message lists: with a nearest one, and without


class NotCopyable:
    """Base of classes whose objects cannot be copied or pickled, because they hold memory or threads of the core.

    `instead` is the remedy that the error names.
    """

    instead: ClassVar[str]

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} cannot be copied or pickled: {self.instead}")


class FixedAttributes(NotCopyable):
    """Base of classes with attributes that were read when an object was made: another value would have no effect.

    `fixed` has the remedy of each by its name; an assignment is an AttributeError that names it. The same object may be
    assigned again, as `attribute *= 2` does with an array.
    """

    fixed: ClassVar[Mapping[str, str]] = {}

    if not TYPE_CHECKING:  # mypy would take it for leave to assign any attribute

        def __setattr__(self, name: str, value: Any) -> None:
            if name in self.fixed and getattr(self, name, value) is not value:
                raise AttributeError(f"{type(self).__name__}.{name} cannot be replaced: {self.fixed[name]}")
            super().__setattr__(name, value)


class CudaError(RuntimeError):
    """Raised when there is no GPU to compute on, or it refused; the message says what to change."""


class EngineError(RuntimeError):
    """Raised after a fatal error of an engine such as MuJoCo, with its text. The batch cannot go on: make a new one."""


class NotFiniteError(ValueError):
    """Raised when training met an infinite number or NaN. Nothing that it made is saved: the last checkpoint stays."""


def not_finite(update: int) -> NotFiniteError:
    """Returns the error that ends training at the update with the number `update`."""
    return NotFiniteError(
        f"update {update} met an infinite number or NaN in the rewards, the observations or the gradient, and training "
        "ends: the last checkpoint stays; try a lower learning_rate, or check the environment"
    )


def printable(text: str) -> str:
    """Returns a line of a file's text, or a file's name, with control characters and others that draw nothing escaped.

    In a terminal they could move the cursor, and hide or fake what is printed.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def printable_lines(text: str) -> str:
    """`printable` for each line; tabs become spaces."""
    return "\n".join(map(printable, text.expandtabs().split("\n")))


def unknown(kind: str, value: object, known: Iterable[str]) -> str:
    """The message for a name that does not exist."""
    return f"unknown {kind} {value!r}: {suggestion(value, known)}"


def suggestion(value: object, known: Iterable[str]) -> str:
    """The remedy for an unknown name: the nearest known one, or a list of them."""
    names = list(dict.fromkeys(known))
    listed = f"choose from {', '.join(names[:MOST])}{', ...' if len(names) > MOST else ''}"
    near = [name for name in difflib.get_close_matches(str(value), names) if name != value]
    if not near:
        by_lower_case = {name.lower(): name for name in reversed(names)}
        near = [by_lower_case[found] for found in difflib.get_close_matches(str(value).lower(), by_lower_case)]
        near = [name for name in near if name != value]
    if not near:
        return listed
    return f"did you mean {near[0]!r}?{f' ({listed})' if len(names) <= FEW else ''}"


def integer(name: str, value: Any, low: int, high: int = LARGEST) -> int:
    """Returns `value` as an int from `low` to `high`.

    Raises:
        TypeError, ValueError: it is not; the text names it.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}={value!r} must be an int, not {type(value).__name__}")
    if not low <= value <= high:
        raise ValueError(f"{name}={value} must be from {low} to {high}")
    return int(value)


def boolean(name: str, value: Any) -> bool:
    """Returns `value` as a bool; raises a TypeError that names anything else: "no" would count as True."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}={value!r} must be True or False")
    return bool(value)


def mapping(name: str, value: Any) -> dict[str, Any]:
    """Returns a mapping as a new dict, empty for None; raises a TypeError that names anything else."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}={value!r} must be a dict of names and values")
    return dict(value)


def is_number(value: Any) -> bool:
    """Returns True for a real number of Python's or NumPy's types, infinity and NaN included; False for a bool."""
    return isinstance(value, Real) and not isinstance(value, bool)


def float_array(value: Any) -> np.ndarray:
    """Returns a number, or numbers in lists or arrays, as a float64 array of the same shape.

    Raises:
        OverflowError, TypeError, ValueError: a part is no number. NumPy would read numbers in text, and None as NaN.
    """
    given = np.asarray(value)
    kind = given.dtype.kind  # "V" has bfloat16; Python's large integers and fractions are objects
    if kind not in "biufVO" or (kind == "O" and not all(isinstance(each, Real) for each in given.ravel().tolist())):
        raise TypeError(f"{value!r} has parts that are not numbers")
    return given.astype(np.float64)


def as_float(name: str, value: float) -> float:
    """Returns a file's number as a float; raises a ValueError that names it for an integer beyond all floats."""
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is an integer beyond the largest float: write inf") from None
