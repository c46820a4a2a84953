"""`make study`: every algorithm on every classic-control task, with the shipped options, as a Markdown table.

    python -m operant.bench.study [--environments NAME ...] [--algorithms NAME ...] [--seeds N]

Each seed does the same as `operant train NAME --algorithm ALGORITHM --seed SEED`: it trains until 100 greedy episodes
of Gymnasium's own environment reach the task's goal, or the timesteps are done. The return is the mean of another 100
greedy episodes with different seeds. Seconds are processor time on one thread, without the start of the interpreter;
on an idle machine they equal the clock's.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from statistics import median

HEAD = "| command | goal | reached | return | worst | steps | CPU seconds |"


@dataclass(frozen=True)
class Outcome:
    """The result of one seed: goal reached or not, mean return of 100 later episodes, steps and CPU seconds."""

    solved: bool
    score: float
    steps: int
    seconds: float


def train(environment: str, algorithm: str, seed: int) -> Outcome:
    """Trains one seed like the command line, but saves nothing."""
    from operant.cli.run_config import merge
    from operant.cli.training import Training
    from operant.models.evaluation import evaluate, reference_id

    begun = time.process_time()
    config = merge({"environment": environment, "algorithm": algorithm, "seed": seed}, {})
    made = config.make()
    try:
        training = Training(config, made, None, every=float("inf"), keep=1, show=False)
        if training.train():  # Ctrl-C ended the training; it ends the study too
            raise KeyboardInterrupt
        seconds = time.process_time() - begun
        judge = reference_id(config.environment) or config.environment
        score = float(evaluate(made, judge, 100, seed=1_000_000).mean())
        return Outcome(training.solved is not None, score, made.steps, seconds)
    finally:
        made.close()


def line(environment: str, algorithm: str, goal: float, outcomes: list[Outcome]) -> str:
    """Writes a row of the table: medians over the seeds, and the worst return."""
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
    """Prints the table, each row as soon as its seeds are done."""
    from operant.cli.names import ALGORITHMS, short_name
    from operant.cli.parser import Parser, at_least
    from operant.models.algorithms.tuned import GOALS, TUNED

    goals = {short_name(name): goal for name, goal in GOALS.items()}
    whole = [short_name(name) for name, options in TUNED.items() if len(options) == len(ALGORITHMS)]
    parser = Parser("python -m operant.bench.study", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--environments", nargs="+", default=whole, choices=list(goals), metavar="NAME")
    parser.add_argument("--algorithms", nargs="+", default=list(ALGORITHMS), choices=list(ALGORITHMS), metavar="NAME")
    parser.add_argument("--seeds", type=at_least(1), default=5, metavar="N", help="number of seeds, from 0 on (5)")
    given = parser.parse(sys.argv[1:] if argv is None else argv)
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
