"""The argument parser of every subcommand: errors are one line, and for a typo they suggest the nearest name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from operant.messages import unknown


def fail(program: str, message: str, code: int = 2) -> NoReturn:
    """Prints one line on stderr and exits with `code`."""
    print(f"{program}: {message}", file=sys.stderr)
    raise SystemExit(code)


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` without abbreviations; errors exit with code 2. `main` reads --debug."""

    def __init__(self, prog: str, **options: Any):
        super().__init__(prog, allow_abbrev=False, **options)
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def error(self, message: str) -> NoReturn:
        fail(self.prog, f"{message} (see {self.prog} --help)")

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Returns the arguments; an unknown option exits with an error."""
        known, extra = self.parse_known_args(argv)
        for argument in extra:
            if argument.startswith("-"):
                self.error(unknown("option", argument.partition("=")[0], self._option_string_actions))
        if extra:
            self.error(f"unexpected argument {extra[0]!r}")
        return known
