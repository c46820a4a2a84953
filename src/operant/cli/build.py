"""`operant build`: compiles headers, and says where, how long and what the compiler thinks."""

from __future__ import annotations

from pathlib import Path

from operant.batch.core import isas
from operant.cli.parser import Parser, fail
from operant.environments.register import check_parameters
from operant.headers.descriptor import read_descriptor
from operant.headers.library import build, check_header, find_compiler

DESCRIPTION = """\
Compiles HEADER for every instruction set that operant has for this kind of CPU, into the user's cache folder (or that
of the variable OPERANT_CACHE), unless it is there already, and holds it against its descriptor. CC names the compiler.
`operant.register_env`, `operant train` and all others do the same by themselves.
"""
PROGRAM = "operant build"


def command(argv: list[str]) -> int:
    """Builds; the exit code is 0, or 1 where a header or its descriptor has an error."""
    parser = Parser(PROGRAM, description=DESCRIPTION)
    parser.add_argument("headers", metavar="HEADER", nargs="+", help="such as lander.h")
    parser.add_argument("--again", action="store_true", help="compile even what is in the cache")
    options = parser.parse(argv)
    for name in options.headers:
        try:
            _build(find_header(name), options.again)
        except ValueError as problem:
            fail(PROGRAM, str(problem), 1)
    return 0


def find_header(name: str) -> Path:
    """The path of "lander.h" or, where that is there, "lander"."""
    path = Path(name)
    return check_header(path if path.suffix else path.with_suffix(".h"))


def _build(header: Path, again: bool) -> None:
    built = build(header, again=again)
    if built.warnings:
        print(built.warnings)
    spec = read_descriptor(header)
    check_parameters(spec)
    what = f"compiled in {built.seconds:.1f} s by {' '.join(find_compiler())} for {', '.join(isas())}"
    print(f"{spec.id}: {'in the cache' if built.cached else what}: {built.path}")
