"""`operant build`: compiles headers and prints the library's path, the time taken and the compiler's warnings."""

from __future__ import annotations

from pathlib import Path

from operant.batch.core import isas
from operant.cli.parser import Parser
from operant.environments.register import check_parameters
from operant.headers.descriptor import is_task, read_descriptor
from operant.headers.library import TASK, build, check_header, find_compiler
from operant.headers.trust import remember
from operant.messages import printable_lines

DESCRIPTION = """\
Compiles HEADER for every instruction set that operant supports on this kind of CPU, checks the result against the
descriptor, and notes that you trust the header, so that runs may name it. The library goes into the user's cache
folder, or into the folder named by the variable OPERANT_CACHE; if it is there already, nothing is compiled. The
variable CC chooses the compiler. This command is optional: `operant.register_env`, `operant train` and the other
commands compile when they need to.
"""
PROGRAM = "operant build"


def command(argv: list[str]) -> int:
    """Builds the headers; the exit code is 0, or 1 if a header or its descriptor has an error."""
    parser = Parser(PROGRAM, description=DESCRIPTION)
    parser.add_argument("headers", metavar="HEADER", nargs="+", help="a C header, such as lander.h")
    parser.add_argument("--again", action="store_true", help="compile even if the library is in the cache")
    options = parser.parse(argv)
    for name in options.headers:
        _build(find_header(name), options.again)
    return 0


def find_header(name: str) -> Path:
    """Returns the path of an existing header, from its name with or without the ending ".h"."""
    path = Path(name)
    return check_header(path if path.suffix or not path.name else path.with_suffix(".h"))


def _build(header: Path, again: bool) -> None:
    task = is_task(header)
    built = build(header, again=again, extra=(TASK,) if task else ())
    if built.warnings:
        print(printable_lines(built.warnings))
    remember(str(header))
    spec = read_descriptor(header)
    check_parameters(spec)
    targets = "MuJoCo" if task else ", ".join(isas())
    compiled = f"compiled in {built.seconds:.1f} s by {' '.join(find_compiler())} for {targets}"
    print(f"{spec.id}: {'in the cache' if built.cached else compiled}: {built.path}")
