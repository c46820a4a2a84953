"""`operant export`: an environment as a C header for another framework."""

from __future__ import annotations

from pathlib import Path

from operant.cli.parser import Parser, fail, unknown
from operant.export import exportable, find_exportable, ocean_header

DESCRIPTION = """\
Writes one environment as a C header that stands alone: the same physics, random numbers and resets, for one float at a
time. Its first comment says how to compile it, and how to bind it to PufferLib.
"""


def command(argv: list[str]) -> int:
    """Prints or writes the header."""
    parser = Parser("operant export", description=DESCRIPTION)
    parser.add_argument("env", metavar="ENV", help="such as cartpole, or CartPole-v0 for that one's time limit")
    parser.add_argument("--pufferlib", action="store_true", help="in the form of PufferLib's Ocean: c_reset, c_step")
    parser.add_argument("--out", metavar="FILE", type=Path, help="write FILE instead of printing")
    options = parser.parse(argv)
    spec = find_exportable(options.env)
    if spec is None:
        parser.error(unknown("environment", options.env, exportable()))
    if not options.pufferlib:
        parser.error("say for which framework: --pufferlib")
    path: Path | None = options.out
    text = ocean_header(spec, path.name if path else f"{spec.header}.h")
    if path is None:
        print(text, end="")
        return 0
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        fail(parser.prog, f"cannot write {path}: {problem.strerror}", 1)
    return 0
