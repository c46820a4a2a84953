"""`operant plot`: draws a study, or training runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from operant.cli.parser import Parser
from operant.cli.runs import add_runs_option
from operant.messages import printable, unknown

if TYPE_CHECKING:
    from operant.studies.study import Study

DESCRIPTION = """\
Draws a study, which is named by its file, its folder or its name, or training runs, which are named by their ids or
beginnings of them. Runs of one environment and the same options are the seeds of one line. Lines are the interquartile
mean or the mean, with a band that is its 95% interval.
"""
PROGRAM = "operant plot"


def command(argv: list[str]) -> int:
    """Writes the picture; the exit code is 0, or 1 if there is nothing to draw."""
    parser = Parser(PROGRAM, description=DESCRIPTION)
    parser.add_argument("what", metavar="STUDY | RUN_ID", nargs="+", help="a study, or runs (`operant runs`)")
    kinds = "curves (the default), solved: the share of seeds that reach the goal, returns, or profiles"
    parser.add_argument("--kind", metavar="KIND", default="curves", help=kinds)
    parser.add_argument("--x", metavar="AXIS", default="steps", help="steps (the default) or seconds")
    parser.add_argument("--log", action="store_true", help="a logarithmic x axis")
    parser.add_argument("--statistic", metavar="NAME", default="iqm", help="iqm (the default) or mean")
    parser.add_argument("--dark", action="store_true", help="on a dark background")
    parser.add_argument("--output", metavar="FILE", help="a PNG or SVG file (default: KIND.png, in a study's folder)")
    add_runs_option(parser)
    arguments = parser.parse(argv)

    from operant import studies
    from operant.studies.tables import caveats

    study = _find(arguments.what, arguments.runs)
    style = "dark" if arguments.dark else "light"
    how = {"x": arguments.x, "log": arguments.log, "statistic": arguments.statistic, "style": style}
    picture = studies.plot(study, arguments.kind, **how)
    output = arguments.output or str(study.folder / f"{arguments.kind}{'-dark' * arguments.dark}.png")
    picture.save(output)
    for line in caveats(study):
        print(printable(f"warning: {line}"), file=sys.stderr)
    print(printable(output))
    return 0


def _find(names: list[str], runs: str | None) -> Study:
    """Returns the study that is named, or one that is made of the runs that are."""
    from operant.cli.study_config import study_name
    from operant.runs.run_directory import RunDirectory, RunError, runs_root
    from operant.studies.of_runs import study_of_runs
    from operant.studies.study import PLAN, RESULTS, read

    root = runs_root(runs)
    first = study_name(Path(names[0])) if names[0].endswith(".toml") else names[0]
    folders = [Path(first), root / first, root / f"study-{first}"]
    found = [folder for folder in folders if (folder / PLAN).is_file() or (folder / RESULTS).is_file()]
    if found and len(names) > 1:
        raise ValueError(f"{names[0]} is a study: draw it alone")
    if found:
        return read(found[0])
    if names[0].endswith(".toml"):
        raise ValueError(
            f"the study {first!r} has no results in {root} yet: make them with `operant study {names[0]}`, or name "
            "their folder with --runs DIR"
        )
    if os.sep in names[0] and not (Path(names[0]) / "run.json").is_file():
        return read(names[0])  # whose error says that this is no study
    studies = sorted(plan.parent.name.removeprefix("study-") for plan in root.glob(f"study-*/{PLAN}"))
    if len(names) == 1 and studies and not RunDirectory.all(root):
        raise ValueError(unknown("study", first, studies))
    try:
        chosen = [RunDirectory.find(root, name) for name in names]
    except RunError as problem:
        if len(names) > 1:
            raise
        known = f"; {unknown('study', first, studies)}" if studies else "; nor are there studies"
        raise ValueError(f"{problem}{known}") from None
    return study_of_runs(chosen)
