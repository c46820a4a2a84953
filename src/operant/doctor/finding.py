"""A finding: what is wrong with a vector environment, how bad it is, and the lines that show it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How bad a finding is; members are ordered, worst first."""

    ERROR = "error"
    """Training on it is wrong, or it cannot be used."""
    WARNING = "warning"
    """It departs from what Gymnasium's own vector environments do, and code that relies on that breaks."""
    NOTE = "note"
    """Worth knowing, or could not be examined."""


@dataclass(frozen=True)
class Finding:
    """One departure from Gymnasium's contract.

    Attributes:
        rule: which rule is broken, such as "final-obs".
        severity: how bad that is.
        sentence: what was seen.
        reproduction: a Python program that ends with the exception that shows it; "" for what could not be examined.
    """

    rule: str
    severity: Severity
    sentence: str
    reproduction: str = ""
