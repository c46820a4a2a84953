"""`operant new`: the beginning of an environment of one's own."""

from __future__ import annotations

from pathlib import Path

from operant.cli.parser import Parser, fail
from operant.headers.scaffold import write_scaffold

DESCRIPTION = """\
Writes NAME.h, the physics, and NAME.toml, what its numbers mean: a small environment that works, with comments that say
what to change. docs/add-an-environment.md goes through it.
"""
PROGRAM = "operant new"


def command(argv: list[str]) -> int:
    """Writes the two files; the exit code is 0, or 1 where one is there already."""
    parser = Parser(PROGRAM, description=DESCRIPTION)
    parser.add_argument("name", metavar="NAME", help="such as lander: what its functions and its id begin with")
    parser.add_argument("--folder", metavar="DIR", type=Path, default=Path(), help="where (the present folder)")
    options = parser.parse(argv)
    try:
        header, descriptor = write_scaffold(options.name, options.folder)
    except ValueError as problem:
        parser.error(str(problem))
    except OSError as problem:
        fail(PROGRAM, f"{problem.filename}: {problem.strerror}" if problem.strerror else str(problem), 1)
    print(f"wrote {header} and {descriptor}")
    print(f"next: operant build {header}; operant check {header}; operant train {header}")
    return 0
