"""The argument parser of every subcommand: errors are one line, and a typo is answered with the nearest name."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn


def fail(program: str, message: str, code: int = 2) -> NoReturn:
    """Ends the command with one line on stderr."""
    print(f"{program}: {message}", file=sys.stderr)
    raise SystemExit(code)


def unknown(kind: str, given: str, known: Iterable[str]) -> str:
    """The message for a name that does not exist: the nearest that does, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(given, names, n=1)
    return f"unknown {kind} {given!r}: " + (f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(names)}")


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` without abbreviations; errors exit with code 2."""

    def __init__(self, prog: str, **options: Any):
        super().__init__(prog, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        fail(self.prog, f"{message} (see {self.prog} --help)")

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """The arguments; an option that does not exist ends the command."""
        known, extra = self.parse_known_args(argv)
        for argument in extra:
            if argument.startswith("-"):
                self.error(unknown("option", argument.partition("=")[0], self._option_string_actions))
        if extra:
            self.error(f"unexpected argument {extra[0]!r}")
        return known
