"""`make study`: contenders on tasks, many seeds each, as Markdown tables.

    python -m operant.bench.study FILE [--jobs N] [--runs DIR]

FILE says what is compared; `bench/studies/` has two. Each trial does the same as `operant train`: it trains until 100
greedy episodes reach the task's goal, or the timesteps are done. The return is the mean of another 100 greedy episodes
with different seeds, in Gymnasium's own environment if it has the task. Seconds are processor time, without the start
of the interpreter.

A trial that has ended is a line of DIR/study-NAME/results.jsonl. The same command continues a study that was
interrupted or killed.

With two contenders a second table compares them on each task: whether as many seeds reach the goal, by Fisher's exact
test, and whether after as many steps, by a permutation test of ranks, in which seeds that did not reach it come last.
p-values are adjusted for the number of tests by Holm's method.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from operant.bench.significance import fisher_exact, holm, rank_test
from operant.bench.study_file import StudyFile, Trial, read_study
from operant.cli.parser import Parser, at_least
from operant.cli.runs import add_runs_option, add_trust_option
from operant.cli.training import Training
from operant.cli.trials import Ends, run_trials
from operant.messages import printable
from operant.models.evaluation import evaluate, reference_id
from operant.runs.results import Results
from operant.runs.run_directory import runs_root

EPISODES = 100
OUTCOMES = ("run", "contender", "goal", "reached", "return", "worst", "steps", "CPU seconds")
COMPARISONS = ("run", "compared", "first", "second", "p", "p by Holm", "verdict")
LEVEL = 0.05


@dataclass(frozen=True)
class Outcome:
    """The result of a trial: goal reached or not, mean return of 100 later episodes, steps and CPU seconds."""

    solved: bool
    score: float
    steps: int
    seconds: float


def train(trial: Trial, ends: Ends | None = None) -> dict[str, Any] | None:
    """Trains like the command line, but saves no run; returns the fields of an Outcome, or None if interrupted."""
    begun = time.process_time()
    config = trial.config
    made = config.make()
    try:
        training = Training(config, made, None, every=math.inf, keep=1, show=False)
        if training.train():
            return None
        seconds = time.process_time() - begun
        judge = reference_id(config.environment) or config.environment
        score = float(evaluate(made, judge, EPISODES, seed=1_000_000).mean())
        return dataclasses.asdict(Outcome(training.solved is not None, score, made.steps, seconds))
    finally:
        made.close()


class Study:
    """The trials of a study that have no result yet; see `cli.trials.Trials`."""

    def __init__(self, file: StudyFile, results: Results):
        self.file, self.results = file, results
        self._missing = [trial for trial in file.trials if trial.key not in results.rows]
        self._missing.reverse()
        self._running: dict[str, Trial] = {}

    def next(self) -> tuple[str, Trial] | None:
        """Takes the next trial that has no result."""
        if not self._missing:
            return None
        trial = self._missing.pop()
        self._running[trial.key] = trial
        return trial.key, trial

    def ends(self, key: str, steps: int, mean_return: float) -> bool:
        """Returns False: no trial ends early."""
        return False

    def finish(self, key: str, result: dict[str, Any]) -> None:
        """Records the result of a trial, and prints it on stderr."""
        trial, outcome = self._running.pop(key), Outcome(**result)
        about = {"run": trial.run, "contender": trial.contender, "seed": trial.config.seed}
        self.results.add(key, {**about, **result})
        words = "solved" if outcome.solved else "not solved"
        where = f"{trial.run} {trial.contender} seed {trial.config.seed}"
        print(printable(f"{where}: {words} in {outcome.steps:,} steps, {outcome.seconds:.1f} s"), file=sys.stderr)

    def outcomes(self) -> dict[tuple[str, str], list[Outcome]]:
        """Returns the outcomes so far by run and contender, in the order of the file."""
        found: dict[tuple[str, str], list[Outcome]] = {}
        fields = [field.name for field in dataclasses.fields(Outcome)]
        for trial in self.file.trials:
            row = self.results.rows.get(trial.key)
            if row is not None:
                outcome = Outcome(**{name: row[name] for name in fields})
                found.setdefault((trial.run, trial.contender), []).append(outcome)
        return found


def outcome_row(run: str, contender: str, goal: float, outcomes: list[Outcome]) -> tuple[str, ...]:
    """Returns the cells of OUTCOMES: medians over the seeds, and the worst return."""
    scores = [each.score for each in outcomes]
    return (
        run,
        contender,
        f"{goal:g}",
        f"{sum(each.solved for each in outcomes)} of {len(outcomes)}",
        f"{median(scores):.1f}",
        f"{min(scores):.1f}",
        f"{median(each.steps for each in outcomes):,.0f}",
        f"{median(each.seconds for each in outcomes):.2f}",
    )


def comparison_rows(pairs: dict[str, tuple[list[Outcome], list[Outcome]]]) -> list[tuple[str, ...]]:
    """Returns the cells of COMPARISONS for the outcomes of two contenders by run: seeds that reached the goal, steps.

    Each test is two-sided. Its verdict is at LEVEL, for all tests together.
    """
    rows, p_values = [], []
    for run, (first, second) in pairs.items():
        solved = (sum(each.solved for each in first), sum(each.solved for each in second))
        counts = (f"{solved[0]} of {len(first)}", f"{solved[1]} of {len(second)}")
        rows.append((run, "reached", *counts))
        p_values.append(fisher_exact(solved, (len(first), len(second))))
        steps = [[each.steps if each.solved else math.inf for each in outcomes] for outcomes in (first, second)]
        rows.append((run, "steps", *(f"{median(each):,.0f}" for each in steps)))
        p_values.append(rank_test(*steps))
    adjusted = holm(p_values)
    return [
        (*row, f"{p:.3g}", f"{q:.3g}", "differ" if q < LEVEL else "no difference found")
        for row, p, q in zip(rows, p_values, adjusted, strict=True)
    ]


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], words: int) -> str:
    """Writes a Markdown table, whose first `words` columns are text and the others numbers."""
    rule = ("---",) * words + ("--:",) * (len(head) - words)
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], f"|{'|'.join(rule)}|", *lines[1:]])


def report(study: Study) -> str:
    """Writes the tables of the outcomes so far."""
    outcomes, contenders = study.outcomes(), study.file.contenders
    text = table(
        OUTCOMES, (outcome_row(*names, study.file.goals[names[0]], each) for names, each in outcomes.items()), words=2
    )
    if len(contenders) == 2:
        pairs = {
            run: (outcomes[run, contenders[0]], outcomes[run, contenders[1]])
            for run in study.file.goals
            if all((run, contender) in outcomes for contender in contenders)
        }
        head = tuple({"first": contenders[0], "second": contenders[1]}.get(name, name) for name in COMPARISONS)
        text += "\n\n" + table(head, comparison_rows(pairs), words=2)
    return text


def main(argv: list[str] | None = None) -> int:
    """Makes the trials that are missing, and prints the tables."""
    parser = Parser("python -m operant.bench.study", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", metavar="FILE", type=Path, help="a TOML file, such as bench/studies/algorithms.toml")
    parser.add_argument("--jobs", metavar="N", type=at_least(1), default=1, help="trials at the same time (1)")
    add_runs_option(parser)
    add_trust_option(parser)
    given = parser.parse(sys.argv[1:] if argv is None else argv)
    try:
        file = read_study(given.file, trust=given.trust)
        with Results(runs_root(given.runs) / f"study-{file.name}" / "results.jsonl") as results:
            study = Study(file, results)
            code = run_trials(study, train, given.jobs)
            print(report(study))
    except (OSError, ValueError) as problem:
        print(f"study: {printable(str(problem))}", file=sys.stderr)
        return 1
    if code:
        print("study: interrupted: the same command continues it", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
