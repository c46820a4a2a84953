"""`operant runs`: lists the saved runs, the oldest first."""

from __future__ import annotations

import json
import math
import time
from typing import Any

from operant.cli.parser import Parser
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
        print(
            f"no runs in {runs_root(options.runs)}: start one with `operant train`, or name its folder with --runs DIR"
        )
    return 0


def add_runs_option(parser: Parser) -> None:
    """Adds the option --runs DIR."""
    parser.add_argument("--runs", metavar="DIR", help="folder of the runs (default: $OPERANT_RUNS, else ./runs)")


def add_trust_option(parser: Parser) -> None:
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
        names = [record[key] or "-" for key in ("id", "environment", "algorithm", "status")]
        rows.append([*names, number(record["steps"]), "-" if score is None else f"{score:.4g}", started])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if place in (4, 5) else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
