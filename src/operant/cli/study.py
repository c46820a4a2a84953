"""`operant study`: trains contenders on environments with many seeds each, and compares them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from operant.cli.parser import Parser, at_least
from operant.cli.runs import add_runs_option, add_trust_option
from operant.messages import printable, printable_lines

DESCRIPTION = """\
Trains each contender on each run with each seed, and prints how they compare. Each trial does as `operant train` does:
it ends when 100 greedy episodes reach the run's goal, or when the timesteps are done. Its return is the mean of another
100 episodes; seconds are of the processor. Results are kept in DIR/study-NAME, with a table in results.csv. Ctrl-C ends
the study, and so does a kill; the same command continues it. Seeds, contenders and runs may be added later.
"""
PROGRAM = "operant study"
EXAMPLE = """\
an example FILE:

  [study]
  environments = ["cartpole", "acrobot"]
  seeds = 30                  # of each contender in each environment; first_seed = 0

  [contenders]
  ppo = { algorithm = "ppo" }
  small = { algorithm = "ppo", options = { hidden = [8] } }
  trpo = { algorithm = "trpo" }

docs/studies.md has all keys.
"""


def command(argv: list[str]) -> int:
    """Makes the trials that are missing and prints the tables; the exit code is 0, or 130 after Ctrl-C."""
    parser = Parser(
        PROGRAM, description=DESCRIPTION, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="a TOML file")
    parser.add_argument(
        "--jobs", metavar="N", type=at_least(1), help="trials at the same time, one process each (the number of cores)"
    )
    add_runs_option(parser)
    add_trust_option(parser)
    arguments = parser.parse(argv)

    from operant.cli.study_config import read_study
    from operant.cli.study_trials import StudyTrials
    from operant.runs.results import Results
    from operant.runs.run_directory import runs_root
    from operant.studies.statistics import scipy_stats
    from operant.studies.study import RESULTS
    from operant.studies.tables import report, write_csv
    from operant.workers.choice import available_cores

    scipy_stats()  # a missing SciPy is named before hours of training
    config = read_study(arguments.file, trust=arguments.trust)
    with Results(runs_root(arguments.runs) / f"study-{config.name}" / RESULTS) as results:
        trials = StudyTrials(config, results)
        code = trials.run(arguments.jobs or available_cores())
        study = trials.study()
        table = write_csv(study)
    if study.outcomes:
        print(printable_lines(report(study)))
    print(f"{len(results.rows)} results are in {printable(str(table))}")
    if code:
        print(f"{PROGRAM}: interrupted: the same command continues it", file=sys.stderr)
    return code
