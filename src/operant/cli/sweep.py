"""`operant sweep`: searches an algorithm's options with many runs, using Optuna."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operant.cli.parser import Parser, at_least
from operant.cli.runs import add_runs_option, add_trust_option
from operant.messages import printable

if TYPE_CHECKING:
    from operant.cli.sweep_config import SweepConfig

DESCRIPTION = """\
Trains a run for each trial of a sweep. FILE says what to train, which options to search and how many trials to make.
A trial whose mean return is worse than the median of the other trials is ended early. Ctrl-C ends the sweep; the same
command continues it.
"""
PROGRAM = "operant sweep"
EXAMPLE = """\
an example FILE:

  [sweep]
  name = "cartpole"
  trials = 20                 # in total
  direction = "maximize"      # maximize the mean return (the default) or minimize it
  seed = 0                    # seed of the search (default: 0)
  prune_every = 10000         # steps between comparisons with the median; 0 ends no trial early

  [run]                       # the same keys as in a file for operant train --config
  environment = "cartpole"
  timesteps = 100000

  [parameters.learning_rate]
  low = 1e-4
  high = 1e-2
  log = true

  [parameters.activation]
  choices = ["tanh", "relu"]
"""


def command(argv: list[str]) -> int:
    """Runs the trials; the exit code is 0, 130 after Ctrl-C, or 1 if the file is invalid or a trial fails."""
    import argparse

    parser = Parser(
        PROGRAM, description=DESCRIPTION, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="a TOML file")
    parser.add_argument(
        "--jobs", metavar="N", type=at_least(1), default=1, help="trials at the same time, one process each (1)"
    )
    add_runs_option(parser)
    add_trust_option(parser)
    arguments = parser.parse(argv)
    return _sweep(arguments)


def _sweep(arguments: Any) -> int:
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise ImportError("a sweep needs optuna: pip install 'operant[sweep]'") from None
    from operant.cli.sweep_config import read_sweep
    from operant.cli.sweep_trials import SweepTrials
    from operant.runs.results import Results
    from operant.runs.run_directory import runs_root

    config = read_sweep(arguments.file, trust=arguments.trust)
    folder = runs_root(arguments.runs) / f"sweep-{config.name}"
    with Results(folder / "results.jsonl") as results:
        trials = SweepTrials(config, results)
        code = trials.run(arguments.jobs)
        _report(config, trials, folder, code)
    return code


def _report(config: SweepConfig, trials: Any, folder: Path, code: int) -> None:
    """Prints the best trial, and the command that trains it again."""
    counts = trials.counts()
    made = ", ".join(f"{count} {state}" for state, count in counts.items()) or f"0 of {config.trials} trials"
    print(f"sweep {config.name}: {made}, in {folder}")
    if code:
        print("interrupted: the same command continues it")
    best = trials.best()
    if best is None:
        print("no trial has been completed")
        return
    key, row = best
    run = str(row["run"])
    print(f"best: {key.replace('-', ' ')}, mean return {row['value']:.4g}, run {printable(run)}")
    for name, value in row["options"].items():
        print(printable(f"  {name} = {value}"))
    print("train it again: " + shlex.join(["operant", "train", "--config", str(folder / run / "config.toml")]))
