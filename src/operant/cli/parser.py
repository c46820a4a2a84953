"""The argument parser of every subcommand: errors are one line, and for a typo they suggest the nearest name."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from operant.messages import printable_lines, unknown

MOST = (1 << 63) - 1  # for seeds, and everything else


def fail(program: str, message: str, code: int = 2) -> NoReturn:
    """Prints one line on stderr and exits with `code`; a compiler's messages have several."""
    print(printable_lines(f"{program}: {message}"), file=sys.stderr)
    raise SystemExit(code)


def integer(text: str) -> int:
    """Reads a whole number: 1000000, 1_000_000 or 1e6. Commas are refused: 64,64 may be meant as two."""
    digits = text.replace("_", "")
    try:
        return int(digits)
    except ValueError:
        pass
    try:
        number = float(digits)
        if number.is_integer():
            return int(number)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} must be an integer, such as 1000000 or 1e6")


def number(text: str) -> float:
    """Reads a number other than NaN."""
    try:
        value = float(text.replace("_", ""))
        if value == value:
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} must be a number")


def number_of_at_least(least: float) -> Callable[[str], float]:
    """A `number` that is at least `least`."""

    def read(text: str) -> float:
        value = number(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{text} must be at least {least:g}")
        return value

    return read


def at_least(least: int) -> Callable[[str], int]:
    """An `integer` that is at least `least`."""

    def read(text: str) -> int:
        value = integer(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{text} must be at least {least}")
        if value > MOST:
            raise argparse.ArgumentTypeError(f"{text} must be at most {MOST}")
        return value

    return read


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` without abbreviations; errors exit with code 2. `main` reads --debug, which commands have."""

    def __init__(self, prog: str, *, debug: bool = True, **options: Any):
        super().__init__(prog, allow_abbrev=False, **options)
        # argparse's own takes -1e30 and -inf for options.
        self._negative_number_matcher = re.compile(r"-(inf|[\d_]*\.?[\d_]+|[\d_]+\.)(e[+-]?\d+)?$", re.IGNORECASE)
        if debug:
            self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def error(self, message: str) -> NoReturn:
        message = re.sub(r"^argument (-\S+): (?=.* must be )", r"\1 ", message)
        fail(self.prog, f"{message} (see {self.prog} --help)")

    def print_help(self, file: Any = None) -> None:
        """Prints the help; argparse's own method ignores that it cannot be written."""
        print(self.format_help(), end="", file=file)

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Returns the arguments; an unknown option exits with an error."""
        known, extra = self.parse_known_args(argv)
        for argument in extra:
            if argument.startswith("-"):
                self.error(unknown("option", argument.partition("=")[0], self._option_string_actions))
        if extra:
            self.error(f"unexpected argument {extra[0]!r}")
        return known
