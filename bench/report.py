"""The rows of the benchmark as data, tables and JSON.

Every printed figure is a `Measure`: one sample per round, and the target for their median.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from operant.bench.timing import Comparison, Summary, summarize


@dataclasses.dataclass(frozen=True)
class Target:
    """A bound on a median. Missing an `aim` is reported, but not as a failure."""

    at_least: float | None = None
    at_most: float | None = None
    aim: bool = False

    def met(self, median: float) -> bool:
        return (self.at_least is None or median >= self.at_least) and (self.at_most is None or median <= self.at_most)

    def describe(self, unit: str) -> str:
        if self.at_most is not None:
            return f"at most {quantity(self.at_most, unit)}"
        return f"{'aim for' if self.aim else 'at least'} {quantity(self.at_least or 0.0, unit)}"


@dataclasses.dataclass(frozen=True)
class Measure:
    """One figure.

    Attributes:
        label: the name of the measured quantity, understandable without the table.
        unit: "steps/s", "x" (a ratio), "us", "ms", "%", "B/env", "GB/s"; "" for a bare number.
        samples: one number per round.
        target: the figure to reach, if any.
        subject: the contender in whose line of the table the figure is shown.
        restated: True if the table shows the figure already, and it is listed only for its target.
    """

    label: str
    unit: str
    samples: Sequence[float]
    target: Target | None = None
    subject: str | None = None
    restated: bool = False

    @property
    def summary(self) -> Summary:
        return summarize(self.samples)

    @property
    def verdict(self) -> str:
        """The verdict: "met" or "NOT MET", "not reached" for a missed aim, "" without a target."""
        if self.target is None:
            return ""
        if self.target.met(self.summary.median):
            return "met"
        return "not reached" if self.target.aim else "NOT MET"

    def as_dict(self) -> dict[str, Any]:
        summary = self.summary
        return {
            "label": self.label,
            "unit": self.unit,
            "subject": self.subject,
            "median": summary.median,
            "min": summary.low,
            "max": summary.high,
            "rounds": list(self.samples),
            "target": None if self.target is None else dataclasses.asdict(self.target),
            "met": None if self.target is None else self.target.met(summary.median),
        }


@dataclasses.dataclass
class Row:
    """One row of the benchmark: contenders that were timed in turn, and figures derived from their times.

    Attributes:
        name: its name for `--rows`.
        title: the workload.
        comparison: the times of the contenders; None if there are none.
        ratio: heading of the column of ratios.
        rate: heading of the column of rates, and its unit as a multiple of the contenders' unit of work per second.
        measures: the figures. Those with a subject are shown in its line, the others below the table.
        notes: explanations that a reader of the figures needs.
        skipped: the reason why it was not run; None if it was.
    """

    name: str
    title: str
    comparison: Comparison | None = None
    ratio: str = "ratio"
    rate: tuple[str, float] = ("M steps/s", 1e6)
    measures: list[Measure] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    skipped: str | None = None

    def add_ratio(self, subject: str, label: str, samples: Sequence[float], target: Target | None = None) -> None:
        """Adds a ratio, which is shown in the line of contender `subject`."""
        self.measures.append(Measure(label, "x", samples, target, subject))

    def without_targets(self) -> Row:
        """Returns the row without its targets, as a mere comparison."""
        kept = [dataclasses.replace(measure, target=None) for measure in self.measures if not measure.restated]
        return dataclasses.replace(self, measures=kept)

    def as_dict(self) -> dict[str, Any]:
        return {
            "row": self.name,
            "title": self.title,
            "skipped": self.skipped,
            "work": "bytes" if self.rate[0] == "GB/s" else "environment steps",
            "contenders": []
            if self.comparison is None
            else [_contender(self.comparison, contender.name) for contender in self.comparison.contenders],
            "measures": [measure.as_dict() for measure in self.measures],
            "notes": self.notes,
        }


def _contender(comparison: Comparison, name: str) -> dict[str, Any]:
    contender = next(each for each in comparison.contenders if each.name == name)
    rate, seconds = summarize(comparison.rates(name)), summarize(comparison.seconds[name])
    return {
        "name": name,
        "work_per_call": contender.work,
        "calls_per_round": comparison.calls[name],
        "work_per_second": {"median": rate.median, "min": rate.low, "max": rate.high},
        "microseconds_per_call": {
            "median": seconds.median * 1e6,
            "min": seconds.low * 1e6,
            "max": seconds.high * 1e6,
        },
        "seconds_per_call_rounds": comparison.seconds[name],
    }


def number(value: float) -> str:
    """Writes three significant digits, with separated thousands, and large numbers without an exponent."""
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    if abs(value) >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.995 else f"{value:.3g}"


def quantity(value: float, unit: str) -> str:
    """Writes a number with its unit; steps/s in millions."""
    if unit == "steps/s":
        return f"{number(value / 1e6)} M steps/s"
    return f"{number(value)}{'' if unit in ('x', '%', '') else ' '}{unit}"


def spread(measure: Measure) -> str:
    """Writes the smallest and the largest sample."""
    scale = 1e-6 if measure.unit == "steps/s" else 1.0
    return f"({number(measure.summary.low * scale)} .. {number(measure.summary.high * scale)})"


def table(rows: Sequence[Sequence[str]], header: Sequence[str] | None = None, right: Iterable[int] = ()) -> str:
    """Pads columns to their widest cell; those with indices `right` are flush right. Empty columns are omitted."""
    kept = [k for k in range(len(rows[0])) if any(row[k] for row in rows)]
    shown = [*([header] if header else []), *rows]
    widths = {k: max(len(row[k]) for row in shown) for k in kept}
    flush = set(right)

    def pad(row: Sequence[str]) -> str:
        cells = [row[k].rjust(widths[k]) if k in flush else row[k].ljust(widths[k]) for k in kept]
        return f"  {'  '.join(cells)}".rstrip()

    return "\n".join(map(pad, shown))


def format_row(row: Row) -> str:
    """Writes a row as a small table, with its further figures and its notes below."""
    parts = [f"{row.name}: {row.title}"]
    if row.skipped is not None:
        return f"{parts[0]}\n  skipped: {row.skipped}"
    if row.comparison is not None:
        heading, scale = row.rate
        header = ["", heading, "(min .. max)", "us a call", row.ratio, "(min .. max)", "target", ""]
        lines = []
        for contender in row.comparison.contenders:
            name = contender.name
            rate = Measure(name, "", [each / scale for each in row.comparison.rates(name)])
            cells = [name, number(rate.summary.median), spread(rate)]
            cells.append(number(summarize(row.comparison.seconds[name]).median * 1e6))
            about = [measure for measure in row.measures if measure.subject == name]
            cells += _cells(about[0]) if about else [""] * 4
            lines.append(cells)
        parts.append(table(lines, header, right=(1, 3, 4)))
    others = [[measure.label, *_cells(measure)] for measure in row.measures if measure.subject is None]
    if others:
        parts.append(table(others, right=(1,)))
    parts += [f"  {note}" for note in row.notes]
    return "\n".join(parts)


def _cells(measure: Measure) -> list[str]:
    target = measure.target.describe(measure.unit) if measure.target else ""
    return [quantity(measure.summary.median, measure.unit), spread(measure), target, measure.verdict]


def format_facts(facts: dict[str, str]) -> str:
    """Writes versions and CPU, one per line."""
    return table([[name, value] for name, value in facts.items()])


def format_summary(rows: Sequence[Row]) -> str:
    """Writes every figure that has a target, with the verdict; "" if there is none."""
    lines = [
        [f"{row.name}: {measure.label}", *_cells(measure)] for row in rows for measure in row.measures if measure.target
    ]
    if not lines:
        return ""
    missed = sum(line[4] == "NOT MET" for line in lines)
    judged = missed + sum(line[4] == "met" for line in lines)
    text = table(lines, ["", "measured", "(min .. max)", "target", ""], right=(1,))
    return f"summary\n{text}\n  {judged - missed} of {judged} targets met"


def as_json(facts: dict[str, str], options: dict[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    """Returns all results with the raw rounds: `{"machine": ..., "options": ..., "rows": [...]}`."""
    return {"machine": facts, "options": options, "rows": [row.as_dict() for row in rows]}
