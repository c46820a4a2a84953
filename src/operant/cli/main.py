"""The `operant` command: finds the subcommand and passes it the remaining arguments."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from operant.cli.parser import Parser, fail
from operant.files.atomic import disk_error
from operant.messages import CudaError, unknown

COMMANDS = {
    "list": ("operant.cli.catalog_list", "lists environments with their spaces, limits and physical parameters"),
    "train": ("operant.cli.train", "trains an algorithm on an environment and saves the run"),
    "eval": ("operant.cli.eval", "measures the episode returns of a trained policy"),
    "enjoy": ("operant.cli.enjoy", "shows a trained agent as it plays, in a window or a video"),
    "resume": ("operant.cli.resume", "continues an interrupted run"),
    "repeat": ("operant.cli.repeat", "trains a run again and compares the weights bit for bit"),
    "new": ("operant.cli.new", "writes a header and a descriptor as a start for your own environment"),
    "build": ("operant.cli.build", "compiles the header of your own environment"),
    "check": ("operant.cli.check", "checks that an environment keeps operant's promises"),
    "bench": ("operant.cli.bench", "measures operant, Gymnasium and EnvPool on this machine"),
    "doctor": ("operant.cli.doctor", "examines any vector environment and shows its faults"),
    "export": ("operant.cli.export", "writes a policy as ONNX or C, or an environment as a C header"),
    "sweep": ("operant.cli.sweep", "searches an algorithm's options with many runs"),
    "study": ("operant.cli.study", "compares algorithms or options on environments, with many seeds each"),
    "plot": ("operant.cli.plot", "draws the curves, final returns or profiles of runs, or of a study"),
    "monitor": ("operant.cli.monitor", "shows a training run's curves, during training or afterwards"),
    "runs": ("operant.cli.runs", "lists training runs with their status, steps and return"),
    "run": ("operant.cli.run", "runs a script that uses operant/* ids without importing operant"),
    "autoload": ("operant.cli.autoload", "makes `import gymnasium` register operant/*, in this Python environment"),
}
"""Each subcommand's module and summary. The module's `command(argv)` returns the exit code."""

TORCH_LACKS_MEMORY = ("allocate memory", "Storage size calculation overflowed")
"""Parts of the RuntimeErrors that torch raises on a CPU instead of a MemoryError."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line `argv` (None: this process's) and returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] != ["run"]:  # which leaves to the script what Python gives it
        _open_streams()
    if not arguments or arguments[0].startswith("-"):
        return _finish("operant", lambda: _without_command(arguments))
    name, *rest = arguments
    if name not in COMMANDS:
        fail("operant", f"{unknown('command', name, COMMANDS)} (see operant --help)")

    def command() -> int:
        found: Callable[[list[str]], int] = import_module(COMMANDS[name][0]).command
        return found(rest)

    # The exceptions of a script pass through unchanged.
    return command() if name == "run" else _finish(f"operant {name}", command, debug="--debug" in rest)


def _finish(program: str, command: Callable[[], int], debug: bool = False) -> int:
    """Runs a command, flushes its output, and returns the exit code.

    An error that the user can mend is one line, and exit code 1; with `debug` it is a traceback.
    """
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
    except Exception as problem:
        if debug:
            raise
        fail(program, _remedy(problem), 1)


def _remedy(problem: Exception) -> str:
    """The line for an error that the user can mend; any other is raised again, since it is a fault of operant's."""
    from gymnasium.error import Error

    from operant.headers.library import CompileError

    if isinstance(problem, RuntimeError) and any(text in str(problem) for text in TORCH_LACKS_MEMORY):
        return "out of memory: choose smaller networks, or fewer environments"
    if not isinstance(problem, OSError | ValueError | TypeError | ImportError | MemoryError | Error | CudaError):
        raise problem
    if isinstance(problem, CompileError):  # the compiler's messages have lines of their own
        return str(problem)
    if isinstance(problem, OSError) and problem.strerror is not None:
        if problem.filename is None:
            _discard_output()
            problem = disk_error("write", "its output", problem)
        else:
            problem = disk_error("use", problem.filename, problem)
    return " ".join(str(problem).split()) or "out of memory"  # only Python's own MemoryError has no text


def _open_streams() -> None:
    """Opens the null device for each standard stream that was closed when the process started; Python has None there.

    The lowest free descriptor is the stream's own, and processes that are started inherit it: no file that is opened
    later takes its place, here or there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode))


def _discard_output() -> None:
    """Redirects stdout to the null device, so that Python's flush at exit does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _without_command(arguments: list[str]) -> int:
    width = max(map(len, COMMANDS))
    parser = Parser(
        "operant",
        usage="operant COMMAND ...",
        description="Gymnasium environments as one native SIMD batch.",
        epilog="commands:\n"
        + "".join(f"  {name:{width}}  {summary}\n" for name, (_, summary) in COMMANDS.items())
        + "\n`operant COMMAND --help` shows a command's options.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        debug=False,
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
