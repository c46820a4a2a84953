"""`operant monitor`: shows a run in any terminal, during training or afterwards."""

from __future__ import annotations

import math
import os
import sys
import time
from importlib.util import find_spec

from operant.cli.parser import Parser
from operant.cli.runs import add_run_options, chosen_run
from operant.monitor.run_view import RunView
from operant.monitor.summary import status_lines, summary
from operant.runs.run_directory import RunError

DESCRIPTION = """\
Shows the curves, losses, speed and use of the machine of RUN_ID, or of the run that was started last, during training
or afterwards. It only reads, so any number of monitors may watch a run. Keys: 1 to 4 choose a page, q quits. In a
notebook, a pipe or a file it prints a line now and then until the run ends.
"""

PERIOD = 10.0  # seconds between lines, without a terminal


def command(argv: list[str]) -> int:
    """Shows the run until q is pressed, or prints it once."""
    parser = Parser("operant monitor", description=DESCRIPTION)
    add_run_options(parser)
    parser.add_argument("--once", action="store_true", help="print the newest metrics as text and exit")
    options = parser.parse(argv)
    options.latest |= options.run is None
    try:
        run = chosen_run(parser, options)
    except RunError as problem:
        parser.error(str(problem))
    view = RunView(run)
    if not options.once and not _has_screen():
        how = f"a line is printed every {PERIOD:g} s" if run.in_progress else "the run is printed once (as with --once)"
        print(f"operant monitor: not a terminal, so {how}", file=sys.stderr)
        _follow(view)
    elif not options.once:
        if missing := missing_package():
            parser.error(f"it needs {missing}: pip install 'operant[monitor]', or use --once")
        from operant.monitor.screen import MonitorApp

        MonitorApp(view).run()
        return 0
    print(summary(view))
    view.close()
    return 0


def missing_package() -> str | None:
    """The first package that the screen lacks; None if it lacks none, or there is no terminal for it."""
    packages = ("textual", "textual_plotext", "psutil") if _has_screen() else ()
    return next((name for name in packages if find_spec(name) is None), None)


def _has_screen() -> bool:
    """Tells whether the output is a terminal on which the screen can be drawn; a notebook's is none."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    plain = os.environ.get("TERM") == "dumb" or "JPY_PARENT_PID" in os.environ
    return not plain and all(stream.isatty() for stream in streams)


def _follow(view: RunView) -> None:
    """Prints a line now and then until the run ends."""
    while view.run.in_progress:
        mean = view.latest("episode_return")
        print(status_lines(view) + ("" if math.isnan(mean) else f" | return {mean:.4g}"), flush=True)
        end = time.monotonic() + PERIOD
        while view.run.in_progress and time.monotonic() < end:
            time.sleep(0.2)
            view.refresh()
