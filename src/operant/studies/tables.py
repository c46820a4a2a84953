"""The tables of a study: Markdown for people, CSV for programs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from operant.files.atomic import write_atomically
from operant.studies.comparison import REACHED, Comparison, compare, sentences
from operant.studies.statistics import LEVEL, Estimate, estimate, holm, mean, median_time
from operant.studies.study import TABLE, Run, Study

FEW = 5  # seeds; fewer make an interval that is warned of
OUTCOMES = ("run", "contender", "goal", "reached", "return", "worst", "steps", "CPU seconds")
COLUMNS = (
    *("run", "contender", "seed", "environment", "goal", "reached", "return", "score", "steps", "cpu_seconds"),
    *("steps_to_goal", "cpu_seconds_to_goal"),
)


def report(study: Study) -> str:
    """Writes the tables and sentences of the outcomes so far, and what speaks against them."""
    parts = [outcome_table(study)]
    together = together_table(study)
    parts += [together] if together else []
    comparisons = against_the_first(study)
    if comparisons:
        parts.append(comparison_table(comparisons))
        parts.append("\n".join(sentences(comparisons)))
    warnings = caveats(study, comparisons)
    if warnings:
        parts.append("\n".join(f"warning: {each}" for each in warnings))
    return "\n\n".join(parts)


def against_the_first(study: Study) -> list[Comparison]:
    """Compares the first contender with each of the others."""
    found = (compare(study, study.contenders[0], other) for other in study.contenders[1:])
    return [each for each in found if each is not None]


def outcome_table(study: Study) -> str:
    """Writes a row for each run and contender: how many reach the goal, returns, steps and seconds with intervals."""
    rows = []
    for (name, contender), outcomes in study.outcomes.items():
        run = study.runs[name]
        returns = np.array([each.score for each in outcomes])
        times = np.array([each.until(run.threshold) for each in outcomes], float)
        goal = study.has_goal(name)
        reached = times[:, 2] == 1 if goal else np.ones(len(outcomes), bool)  # without a goal: the end of the training
        target = run.goal if run.threshold is None else run.threshold
        rows.append(
            (
                name,
                contender,
                "-" if target is None else f"{target:g}",
                f"{reached.sum()} of {len(outcomes)}" if goal else "-",
                interval(estimate([returns]), returns_format(returns)),
                returns_format(returns).format(returns.min()),
                interval(median_time(times[:, 0], reached), "{:,.0f}"),
                interval(median_time(times[:, 1], reached), "{:,.3g}"),
            )
        )
    return table(OUTCOMES, rows, words=2)


def together_table(study: Study) -> str | None:
    """Writes each contender's scores over all runs, if there are several whose random and reference returns are known.

    All contenders and runs take part with the seeds that all of them have.
    """
    runs = [run for run in study.runs.values() if normalizable(run)]
    if len(runs) < 2:
        return None
    scores = {contender: common_scores(study, runs, contender) for contender in study.contenders}
    if not all(len(each) for samples in scores.values() for each in samples):
        return None
    rows = [
        (
            contender,
            interval(estimate(samples), "{:.3f}"),
            interval(estimate(samples, mean), "{:.3f}"),
            f"{min(map(min, samples)):.3f}",
        )
        for contender, samples in scores.items()
    ]
    head = ("all runs", "interquartile mean", "mean", "worst")
    scale = ", ".join(f"{run.name} {run.random:.4g} to {run.reference:.4g}" for run in runs)
    seeds = len(next(iter(scores.values()))[0])
    return f"{table(head, rows, words=1)}\n\nScores of {seeds} seeds: 0 is random play, 1 the reference: {scale}."


def normalizable(run: Run) -> bool:
    """Returns True if the run's random and reference returns are known, and differ."""
    return run.random is not None and run.reference is not None and run.random != run.reference


def common_scores(study: Study, runs: Sequence[Run], contender: str) -> list[np.ndarray]:
    """Returns a contender's scores on each run, of the seeds that all contenders have on all of these runs."""
    places = [{each.seed for each in study.of(run.name, other)} for run in runs for other in study.contenders]
    common = set.intersection(*places)
    return [
        run.normalized(np.array([each.score for each in study.of(run.name, contender) if each.seed in common]))
        for run in runs
    ]


def comparison_table(comparisons: Sequence[Comparison]) -> str:
    """Writes rows for each comparison and run: the seeds that reach its goal, if any, and the study's measure."""
    rows, p_values = [], []
    for each in comparisons:
        for run, found in each.runs.items():
            if run in each.reached:
                first, second, p = each.reached[run]
                rows.append((run, each.first, each.second, REACHED, f"{first} and {second} of {each.seeds[run]}"))
                p_values.append(p)
            better = f"{found.probability:.2f} ({found.low:.2f} to {found.high:.2f})"
            rows.append((run, each.first, each.second, each.measure, better))
            p_values.append(found.p)
    head = ("run", "first", "second", "compared", "first is better", "p", "p by Holm", "verdict")
    cells = [
        (*row, f"{p:.2g}", f"{q:.2g}", "differ" if q < LEVEL else "no difference found")
        for row, p, q in zip(rows, p_values, holm(p_values), strict=True)
    ]
    return table(head, cells, words=4)


def caveats(study: Study, comparisons: Sequence[Comparison] = ()) -> list[str]:
    """Returns what the reader should know: missing seeds, few seeds, and versions that differ, each as one line."""
    found = []
    if missing := study.missing():
        found.append(f"{missing} of the study's trials are missing: the same command makes them")
    for each in comparisons:
        if each.left_out:
            found.append(f"{each.left_out} outcomes of {each.first} and {each.second} have no partner of the same seed")
    for (run, contender), outcomes in study.outcomes.items():
        if len(outcomes) < FEW:
            returns = np.array([each.score for each in outcomes])
            width = estimate([returns]).width
            words = "no interval" if math.isnan(width) else f"an interval of return that is {width:.4g} wide"
            seeds, gives, tells = (
                ("1 seed", "gives", "tells") if len(outcomes) == 1 else (f"{len(outcomes)} seeds", "give", "tell")
            )
            found.append(f"{seeds} of {contender} on {run} {gives} {words}, and {tells} too little: take 10 or more")
    return found + mixed_versions(study)


def mixed_versions(study: Study) -> list[str]:
    """Names the packages of which several versions trained what is compared."""
    versions: dict[str, dict[str, int]] = {}
    for outcomes in study.outcomes.values():
        for outcome in outcomes:
            for package, version in outcome.versions.items():
                count = versions.setdefault(package, {})
                count[version] = count.get(version, 0) + 1
    return [
        f"trials of several versions are compared: {package} "
        + ", ".join(f"{version} ({count})" for version, count in sorted(counts.items()))
        for package, counts in versions.items()
        if len(counts) > 1
    ]


def write_csv(study: Study) -> Path:
    """Writes results.csv into the study's folder, a row for each trial in the order of the plan; returns its path."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for (name, contender), outcomes in study.outcomes.items():
        run = study.runs[name]
        for each in outcomes:
            steps, seconds, reached = each.until(run.threshold)
            score = run.normalized(np.array(each.score)) if normalizable(run) else ""
            target = run.goal if run.threshold is None else run.threshold
            writer.writerow(
                (
                    *(name, contender, each.seed, run.environment or "", "" if target is None else target),
                    *(int(reached) if study.has_goal(name) else "", each.score, score, each.steps, each.seconds),
                    *((int(steps), seconds) if reached else ("", "")),
                )
            )
    write_atomically(study.folder / TABLE, text.getvalue().encode())
    return study.folder / TABLE


def returns_format(returns: np.ndarray) -> str:
    """Returns the format of returns: with one decimal, or with three where all are small."""
    return "{:.1f}" if np.abs(returns).max() >= 10 else "{:.3f}"


def interval(found: Estimate, form: str) -> str:
    """Writes an estimate and its interval."""
    if math.isnan(found.low):
        return form.format(found.value)
    return f"{form} ({form} to {form})".format(found.value, found.low, found.high)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], words: int) -> str:
    """Writes a Markdown table, whose first `words` columns are text and the others numbers."""
    rule = ("---",) * words + ("--:",) * (len(head) - words)
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], f"|{'|'.join(rule)}|", *lines[1:]])
