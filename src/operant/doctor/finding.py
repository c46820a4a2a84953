"""A finding: a fault of a vector environment, its severity, and the lines that reproduce it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """The severity of a finding; members are ordered, worst first."""

    ERROR = "error"
    """Training on the environment gives wrong results, or it cannot be used."""
    WARNING = "warning"
    """It behaves differently from Gymnasium's own vector environments, which breaks code that relies on them."""
    NOTE = "note"
    """A fact worth knowing, or an aspect that could not be examined."""


@dataclass(frozen=True)
class Finding:
    """One departure from Gymnasium's contract.

    Attributes:
        rule: the broken rule, such as "final-obs".
        severity: how bad the departure is.
        sentence: a description of it.
        reproduction: a Python program that ends with an exception that shows it; "" if nothing could be examined.
    """

    rule: str
    severity: Severity
    sentence: str
    reproduction: str = ""
