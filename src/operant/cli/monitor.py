"""`operant monitor`: shows a run in any terminal, during training or afterwards."""

from __future__ import annotations

import sys

from operant.cli.parser import Parser
from operant.cli.runs import add_run_options, chosen_run
from operant.monitor.run_view import RunView
from operant.monitor.summary import summary
from operant.runs.run_directory import RunError

DESCRIPTION = """\
Shows the curves, losses, speed and use of the machine of RUN_ID, or of the run that was started last, during training
or afterwards. It only reads, so any number of monitors may watch a run. Keys: 1 to 4 choose a page, q quits.
"""


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
    if not options.once and not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        print("operant monitor: not a terminal, so the run is printed once (as with --once)", file=sys.stderr)
    elif not options.once:
        try:
            from operant.monitor.screen import MonitorApp

            app = MonitorApp(view)
        except ImportError as missing:
            name = (missing.name or str(missing)).partition(".")[0]
            parser.error(f"it needs {name}: pip install 'operant[monitor]', or use --once")
        app.run()
        return 0
    print(summary(view))
    view.close()
    return 0
