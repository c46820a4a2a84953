"""The `operant` command: finds the subcommand and hands it the remaining arguments."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from operant.cli.parser import Parser, fail
from operant.messages import unknown

COMMANDS = {
    "list": ("operant.cli.catalog_list", "environments with their spaces, limits and physical parameters"),
    "train": ("operant.cli.train", "trains an algorithm on an environment, and keeps the run"),
    "eval": ("operant.cli.eval", "says what a trained policy's episodes return"),
    "resume": ("operant.cli.resume", "goes on with a run that was interrupted"),
    "new": ("operant.cli.new", "writes a header and a descriptor to begin an environment of your own from"),
    "build": ("operant.cli.build", "compiles the header of an environment of your own"),
    "check": ("operant.cli.check", "holds an environment against what every one must hold"),
    "bench": ("operant.cli.bench", "measures operant, Gymnasium and EnvPool on this machine"),
    "doctor": ("operant.cli.doctor", "examines anybody's vector environment, and shows what is wrong with it"),
    "export": ("operant.cli.export", "writes a policy as ONNX or C, or an environment as a C header"),
    "sweep": ("operant.cli.sweep", "searches an algorithm's options by many runs"),
    "monitor": ("operant.cli.monitor", "shows a training run's curves while it trains, or afterwards"),
    "runs": ("operant.cli.runs", "lists training runs with their status, steps and return"),
    "run": ("operant.cli.run", "runs a script that names operant/* ids but does not import operant"),
    "autoload": ("operant.cli.autoload", "makes `import gymnasium` enough, in this Python environment"),
}
"""Each subcommand's module, whose `command(argv)` returns the exit code, and what it does."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line `argv` (None: this process's) and returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0].startswith("-"):
        return _finish("operant", lambda: _without_command(arguments))
    name, *rest = arguments
    if name not in COMMANDS:
        fail("operant", f"{unknown('command', name, COMMANDS)} (see operant --help)")
    command: Callable[[list[str]], int] = import_module(COMMANDS[name][0]).command
    if name == "run":  # what the script raises is the script's
        return command(rest)
    return _finish(f"operant {name}", lambda: command(rest))


def _finish(program: str, command: Callable[[], int]) -> int:
    """Runs a command until all that it prints is written, and returns the exit code."""
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader (`head`, a pager) has gone
        _discard_output()
        return 0
    except KeyboardInterrupt:
        return 130
    except OSError as problem:
        if problem.filename is not None:  # not of the standard output
            raise
        _discard_output()
        fail(program, f"cannot write its output: {problem.strerror}", 1)


def _discard_output() -> None:
    """Without this, Python complains again when it flushes at exit what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _without_command(arguments: list[str]) -> int:
    width = max(map(len, COMMANDS))
    parser = Parser(
        "operant",
        usage="operant COMMAND ...",
        description="Gymnasium environments as one native SIMD batch.",
        epilog="commands:\n"
        + "".join(f"  {name:{width}}  {summary}\n" for name, (_, summary) in COMMANDS.items())
        + "\n`operant COMMAND --help` says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print operant's version and exit")
    if parser.parse(arguments).version:
        from operant import __version__

        print(f"operant {__version__}")
    else:
        parser.print_help()
    return 0


if __name__ == "__main__":
    sys.exit(main())
