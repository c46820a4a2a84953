"""TUILogger: a Logger that also shows its last row on one line of the terminal."""

from __future__ import annotations

import operator
import os
import shutil
import sys
import time
from typing import Any

from operant.runs.logger import Logger, Number

PAUSE = 0.1  # seconds between two lines


class TUILogger(Logger):
    """A `Logger` that also shows its last row on one line of the terminal.

        with TUILogger(csv_path="training.csv") as logger:
            logger.log(steps=8192, reward=21.5, length=21.5)

    The line goes to the standard error, and only if that is a terminal; it is as wide as the terminal at most, and
    replaced in place, ten times a second at most. `close` leaves the last row there.
    """

    def __init__(self, csv_path: str | os.PathLike[str]):
        self._hidden: dict[str, Number] = {}  # the last row, if it is not shown yet
        self._shown_at: float | None = None
        self._width = 0  # of the line that is shown
        super().__init__(csv_path)

    def log_row(self, values: dict[str, Number]) -> None:
        super().log_row(values)
        self._hidden = values
        if self._shown_at is None or time.monotonic() - self._shown_at >= PAUSE:
            self._show()

    def close(self) -> None:
        """Closes the file and ends the line; a second call does nothing."""
        super().close()
        if self._hidden:
            self._show()
        if self._shown_at is not None and sys.stderr.isatty():
            print(file=sys.stderr, flush=True)
        self._shown_at = None

    def _show(self) -> None:
        values, self._hidden = self._hidden, {}
        if sys.stderr is None or not sys.stderr.isatty():
            return
        self._shown_at = time.monotonic()
        line = "  ".join(f"{name} {_text(value)}" for name, value in values.items())
        line = line[: shutil.get_terminal_size().columns - 1]
        print(f"\r{line:{self._width}}", end="", file=sys.stderr, flush=True)
        self._width = len(line)


def _text(value: Any) -> str:
    """A number for people: an integer with separators, any other with four digits."""
    try:
        return f"{operator.index(value):,}"
    except TypeError:
        return f"{float(value):.4g}"
