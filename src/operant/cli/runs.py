"""`operant runs`: lists the saved runs, the oldest first."""

from __future__ import annotations

import argparse
import json
import math
import time
from typing import Any

from operant.agents import PREFIX, find
from operant.cli.parser import Parser
from operant.messages import printable
from operant.monitor.run_view import RunView
from operant.monitor.summary import number
from operant.runs.run_directory import RunDirectory, runs_root

DESCRIPTION = """\
Lists the runs in a folder, the oldest first. STEPS and RETURN are the values after the last update. STATUS is "crashed"
if the run's process died without recording an end; `operant resume` continues such a run. It is "starting" before the
first update begins.
"""


def command(argv: list[str]) -> int:
    """Prints the table."""
    parser = Parser("operant runs", description=DESCRIPTION)
    add_runs_option(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON list; unknown values are null")
    options = parser.parse(argv)
    records = [_record(run) for run in RunDirectory.all(options.runs)]
    if options.json:
        print(json.dumps(records, indent=2, allow_nan=False))
    elif records:
        _print_table(records)
    else:
        folder = printable(str(runs_root(options.runs)))
        print(f"no runs in {folder}: start one with `operant train`, or name its folder with --runs DIR")
    return 0


def add_run_options(parser: Parser, *, agents: bool = False) -> None:
    """Adds the argument RUN_ID, --latest and --runs, for `chosen_run`."""
    meaning = "a run's id or its beginning; see `operant runs`"
    if agents:
        meaning += f"; or {PREFIX}NAME, an agent of `operant enjoy`"
    parser.add_argument("run", metavar="RUN_ID", nargs="?", help=meaning)
    add_run_choice(parser)


def add_run_choice(parser: Parser) -> None:
    """Adds --latest and --runs."""
    parser.add_argument("--latest", action="store_true", help="take the run that was started last")
    add_runs_option(parser)


def add_checkpoint_option(parser: argparse._ActionsContainer) -> None:
    """Adds --checkpoint."""
    parser.add_argument("--checkpoint", metavar="WHICH", default="best", help="best (the default), latest, or a file")


def chosen_run(parser: Parser, options: argparse.Namespace, *, agents: bool = False) -> RunDirectory:
    """Returns the run that the options name; with `agents`, that may be the run of one: for what changes nothing.

    Raises:
        RunError: there is no such run.
        ValueError: there is no such agent.
    """
    if options.latest and options.run is not None:
        parser.error(f"--latest and RUN_ID {options.run!r} contradict each other: leave one out")
    if options.latest:
        return RunDirectory.latest(options.runs)
    if options.run is None:
        parser.error("name a run, or take the newest with --latest (`operant runs` lists them)")
    if agents and options.run.startswith(PREFIX):
        return find(options.run.removeprefix(PREFIX))
    return RunDirectory.find(options.runs, options.run)


def add_runs_option(parser: argparse._ActionsContainer) -> None:
    """Adds the option --runs DIR."""
    parser.add_argument("--runs", metavar="DIR", help="folder of the runs (default: $OPERANT_RUNS, else ./runs)")


def add_trust_option(parser: argparse._ActionsContainer) -> None:
    """Adds the option --trust."""
    parser.add_argument(
        "--trust", action="store_true", help="run the code of the header or module that the file names, from now on"
    )


def _record(run: RunDirectory) -> dict[str, Any]:
    view = RunView(run)
    steps, mean = view.latest("steps"), view.latest("episode_return")
    view.close()
    return {
        "id": run.id,
        "environment": run.record.get("environment") or None,
        "algorithm": run.record.get("algorithm") or None,
        "status": view.status,
        "steps": None if math.isnan(steps) else int(steps),
        "total_steps": view.total_steps,
        "return": mean if math.isfinite(mean) else None,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(run.created)),
        "path": str(run.path),
    }


def _print_table(records: list[dict[str, Any]]) -> None:
    rows = [["RUN", "ENVIRONMENT", "ALGORITHM", "STATUS", "STEPS", "RETURN", "STARTED"]]
    for record in records:
        score = record["return"]
        started = record["started"][:16].replace("T", " ")
        names = [printable(record[key] or "-") for key in ("id", "environment", "algorithm", "status")]
        rows.append([*names, number(record["steps"]), "-" if score is None else f"{score:.4g}", started])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if place in (4, 5) else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
