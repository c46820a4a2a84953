"""`make study`: every algorithm on every classic-control task, by the options that ship, as a Markdown table.

    python -m operant.bench.study [--environments NAME ...] [--algorithms NAME ...] [--seeds N]

A seed is what `operant train NAME --algorithm ALGORITHM --seed SEED` does: it trains until 100 greedy episodes of
Gymnasium's own environment reach the task's goal, or the timesteps are made. The return is that of another 100 greedy
episodes, with other seeds than those that ended the run. Seconds are of the processor, on one thread and without the
start of the interpreter: those of the clock on a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from statistics import median

HEAD = "| command | goal | reached | return | worst | steps | CPU seconds |"


@dataclass(frozen=True)
class Outcome:
    """One seed: whether it reached the goal, the mean of its 100 last episodes, and what it took."""

    solved: bool
    score: float
    steps: int
    seconds: float


def train(environment: str, algorithm: str, seed: int) -> Outcome:
    """Trains one seed, as the command line does, keeping nothing."""
    from operant.cli.run_config import merge
    from operant.cli.training import Training
    from operant.models.evaluation import evaluate, reference_id

    begun = time.process_time()
    config = merge({"environment": environment, "algorithm": algorithm, "seed": seed}, {})
    made = config.make()
    try:
        training = Training(config, made, None, every=float("inf"), keep=1, show=False)
        if training.train():  # Ctrl-C ended it, and is to end the study
            raise KeyboardInterrupt
        seconds = time.process_time() - begun
        judge = reference_id(config.environment) or config.environment
        score = float(evaluate(made, judge, 100, seed=1_000_000).mean())
        return Outcome(training.solved is not None, score, made.steps, seconds)
    finally:
        made.close()


def line(environment: str, algorithm: str, goal: float, outcomes: list[Outcome]) -> str:
    """A row of the table: medians over the seeds, and the worst of their returns."""
    scores = [each.score for each in outcomes]
    cells = [
        f"`operant train {environment}" + ("`" if algorithm == "ppo" else f" --algorithm {algorithm}`"),
        f"{goal:g}",
        f"{sum(each.solved for each in outcomes)} of {len(outcomes)}",
        f"{median(scores):.1f}",
        f"{min(scores):.1f}",
        f"{median(each.steps for each in outcomes):,.0f}",
        f"{median(each.seconds for each in outcomes):.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def main(argv: list[str] | None = None) -> int:
    """Prints the table, a row as soon as its seeds are done."""
    from operant.cli.names import ALGORITHMS, short_name
    from operant.models.algorithms.tuned import GOALS, TUNED

    goals = {short_name(name): goal for name, goal in GOALS.items()}
    whole = [short_name(name) for name, options in TUNED.items() if len(options) == len(ALGORITHMS)]
    parser = argparse.ArgumentParser(prog="python -m operant.bench.study", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--environments", nargs="+", default=whole, choices=list(goals), metavar="NAME")
    parser.add_argument("--algorithms", nargs="+", default=list(ALGORITHMS), choices=list(ALGORITHMS), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="0 to N - 1 (5)")
    given = parser.parse_args(argv)
    if given.seeds < 1:
        parser.error(f"--seeds {given.seeds} must be at least 1")
    print(HEAD, "|---" + "|--:" * (HEAD.count("|") - 2) + "|", sep="\n", flush=True)
    try:
        for environment in given.environments:
            for algorithm in given.algorithms:
                outcomes = [train(environment, algorithm, seed) for seed in range(given.seeds)]
                print(line(environment, algorithm, goals[environment], outcomes), flush=True)
    except KeyboardInterrupt:
        print("study: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
