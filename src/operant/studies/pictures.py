"""Pictures of a study, by matplotlib: learning curves, shares of solved seeds, final returns, performance profiles.

Colours are those of Okabe and Ito, which colour-blind readers tell apart, darker on white where they would be pale.
Lines differ in their dashes, too, for print in grey.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from PIL import Image

from operant.files.atomic import write_atomically
from operant.messages import unknown
from operant.studies.statistics import band, estimate, iqm, mean, profile, scipy_stats
from operant.studies.study import Outcome, Run, Study
from operant.studies.tables import common_scores, normalizable

KINDS = ("curves", "solved", "returns", "profiles")
AXES = ("steps", "seconds")
STATISTICS: dict[str, tuple[str, Callable[..., Any]]] = {"iqm": ("interquartile mean", iqm), "mean": ("mean", mean)}
POINTS = 200  # of a curve
LONGEST = 1e9  # last by first place of a logarithmic axis, of which no end is at 0
COLUMNS = 3  # of panels
WIDTH, HEIGHT = 4.0, 2.8  # inches of a panel
DPI = 160
LINE, DOT, BAND = 1.5, 5, 0.2  # the width of lines and dots in points, and the opacity of bands
FILL = 0.6  # the share of a contender's colour in a bar, and the rest is the background's
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1)), "-", (0, (8, 2)))


@dataclass(frozen=True)
class Style:
    """The colours of a picture: of contenders, of text and lines, and of the background."""

    colours: tuple[str, ...]
    ink: str
    faint: str
    paper: str

    def line(self, place: int) -> dict[str, Any]:
        """Returns the colour and the dashes of the contender at `place`."""
        return {"color": self.colours[place % len(self.colours)], "linestyle": DASHES[place % len(DASHES)]}


STYLES = {
    "light": Style(
        ("#0072B2", "#D55E00", "#008F68", "#C4619A", "#000000", "#B07A00", "#2F8FC9"), "#222222", "#C9CCD1", "#FFFFFF"
    ),
    "dark": Style(
        ("#56B4E9", "#E69F00", "#2BC79A", "#E79AC6", "#FFFFFF", "#F0E442", "#E0885A"), "#DDDDDD", "#3A3F47", "#14171C"
    ),
}


class Picture(Figure):
    """A figure that a notebook shows, and that `save` writes as PNG or SVG."""

    def _repr_png_(self) -> bytes:
        return self._written("png")

    def save(self, path: str | Path) -> None:
        """Writes the picture as PNG or SVG, by the ending of `path`, atomically.

        Raises:
            ValueError: the file has another ending.
            OSError: it cannot be written; the message names it and the remedy.
        """
        ending = Path(path).suffix.removeprefix(".").lower()
        if ending not in ("png", "svg"):
            raise ValueError(f"{path} must end with .png or .svg")
        write_atomically(path, self._written(ending))

    def _written(self, ending: str) -> bytes:
        content = io.BytesIO()
        # Without a date and random names of its parts, the same study gives the same file.
        with rc_context({"svg.hashsalt": "operant"}):
            self.savefig(content, format=ending, dpi=DPI, metadata={"Date": None} if ending == "svg" else None)
        return _with_a_palette(content) if ending == "png" else content.getvalue()


def _with_a_palette(png: io.BytesIO) -> bytes:
    """Returns the picture in 256 colours, which look the same in a third of the bytes."""
    small = io.BytesIO()
    Image.open(png).convert("RGB").quantize(256).save(small, "png", optimize=True)
    return small.getvalue()


def draw(
    study: Study,
    kind: str = "curves",
    *,
    x: str = "steps",
    log: bool = False,
    statistic: str = "iqm",
    style: str = "light",
) -> Picture:
    """Draws a study.

    Args:
        kind: "curves" of the mean training return, shares of seeds that have "solved" the run, final "returns", or
            "profiles": the shares of seeds with scores above each score.
        x: "steps" or "seconds", of curves and solved seeds.
        log: draw them on a logarithmic axis, on which contenders of very different speed are seen.
        statistic: "iqm", the interquartile mean, or "mean", of curves and returns. Bands and bars are 95% intervals.
        style: "light", for print too, or "dark".

    Raises:
        ValueError: an argument is unknown, or the study has not what would be drawn; the message says what to change.
    """
    for name, value, known in (
        ("kind", kind, KINDS), ("x", x, AXES), ("statistic", statistic, tuple(STATISTICS)), ("style", style, STYLES)
    ):  # fmt: skip
        if value not in known:
            raise ValueError(unknown(name, value, known))
    if kind in ("returns", "profiles") and (log or x != "steps"):
        asked = "log" if log else f"x={x!r}"
        raise ValueError(f"kind={kind!r} has no axis of steps or seconds: leave out {asked}, or draw curves or solved")
    if not study.outcomes:
        raise ValueError(f"the study {study.name!r} has no results yet")
    look = STYLES[style]
    if kind == "profiles":
        return _profiles(study, look)
    runs = [run for run in study.runs.values() if any(study.of(run.name, name) for name in study.contenders)]
    if kind == "solved":
        runs = [run for run in runs if study.has_goal(run.name)]
        if not runs:
            raise ValueError(f"no run of the study {study.name!r} has a goal: draw curves or returns")
    figure, panels = _panels(len(runs), look)
    for place, (run, axes) in enumerate(zip(runs, panels, strict=True)):
        _title(axes, run.name, look)
        if kind == "curves":
            _curves(axes, study, run, x, log, statistic, look)
        elif kind == "solved":
            _shares(axes, study, run, x, log, look)
        else:
            _bars(axes, study, run, statistic, look)
        if place % _columns(len(runs)) == 0:
            name, _ = STATISTICS[statistic]
            words = {"curves": f"return, {name}", "solved": "share of seeds", "returns": f"final return, {name}"}
            axes.set_ylabel(words[kind])
    if kind != "returns":
        _legend(figure, study, look, of_curves=kind == "curves")
    return figure


def _columns(count: int) -> int:
    return 2 if count == 4 else min(count, COLUMNS)


def _panels(count: int, look: Style) -> tuple[Picture, list[Axes]]:
    columns = _columns(count)
    rows = math.ceil(count / columns)
    figure = Picture(figsize=(WIDTH * columns, HEIGHT * rows + 0.4), layout="constrained", facecolor=look.paper)
    grid = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axes in grid[count:]:
        axes.set_visible(False)
    for axes in grid[:count]:
        axes.set_facecolor(look.paper)
        axes.grid(True, color=look.faint, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.tick_params(colors=look.ink, labelsize=8)
        axes.xaxis.label.set_color(look.ink)
        axes.yaxis.label.set_color(look.ink)
        for name, spine in axes.spines.items():
            spine.set_color(look.ink)
            spine.set_visible(name in ("left", "bottom"))
    return figure, grid[:count]


def _title(axes: Axes, text: str, look: Style) -> None:
    axes.set_title(text, color=look.ink, fontsize=10, loc="left")


def _legend(figure: Figure, study: Study, look: Style, of_curves: bool = False) -> None:
    lines = [Line2D([], [], linewidth=2, **look.line(place)) for place in range(len(study.contenders))]
    names = list(study.contenders)
    if of_curves:
        lines.append(Line2D([], [], color=look.ink, marker="o", markersize=DOT, linestyle=""))
        names.append("greedy, after the training")
    figure.legend(
        lines,
        names,
        loc="outside upper left",
        ncols=min(len(lines), 5),
        frameon=False,
        labelcolor=look.ink,
        handlelength=3,
    )


def _curves(axes: Axes, study: Study, run: Run, x: str, log: bool, statistic: str, look: Style) -> None:
    _, compute = STATISTICS[statistic]
    for place, contender in enumerate(study.contenders):
        outcomes = [each for each in study.of(run.name, contender) if len(each.curve.steps)]
        if not outcomes:
            continue
        grid, values = _on_one_grid(outcomes, x, log)
        middle, low, high = band(values, compute)
        line = look.line(place)
        axes.fill_between(grid, low, high, color=line["color"], alpha=BAND, linewidth=0)
        axes.plot(grid, middle, linewidth=LINE, **line)
        _final(axes, study.of(run.name, contender), x, compute, line["color"])
    target = run.goal if run.threshold is None else run.threshold
    if target is not None:
        axes.axhline(target, color=look.ink, linewidth=0.8, alpha=0.6)
        axes.annotate(
            "goal", (0.01, target), xycoords=("axes fraction", "data"), color=look.ink, fontsize=7, va="bottom"
        )
    _x_axis(axes, x, log)


def _final(axes: Axes, outcomes: Sequence[Outcome], x: str, compute: Callable[..., Any], colour: str) -> None:
    """Draws a dot for the return after the training, at the median end of the trials."""
    found = estimate([np.array([each.score for each in outcomes])], compute)
    end = float(np.median([getattr(each, x) for each in outcomes]))
    axes.plot(end, found.value, "o", color=colour, markersize=DOT)
    if not math.isnan(found.low):
        axes.plot([end, end], [found.low, found.high], color=colour, linewidth=1)


def _on_one_grid(outcomes: Sequence[Outcome], x: str, log: bool) -> tuple[np.ndarray, np.ndarray]:
    """Returns places on the x axis `[K]`, and the returns there `[K, N]`; a trial that has ended keeps its last."""
    places = [np.asarray(getattr(each.curve, x), float) for each in outcomes]
    first, last = (max(each[end] for each in places) for end in (0, -1))
    grid = np.geomspace(max(first, last / LONGEST), last, POINTS) if log else np.linspace(first, last, POINTS)
    values = [np.interp(grid, place, each.curve.returns) for place, each in zip(places, outcomes, strict=True)]
    return grid, np.stack(values, axis=1)


def _shares(axes: Axes, study: Study, run: Run, x: str, log: bool, look: Style) -> None:
    """Draws one minus the Kaplan-Meier curve of each contender."""
    stats = scipy_stats()
    untils = {
        contender: [each.until(run.threshold) for each in study.of(run.name, contender)]
        for contender in study.contenders
    }
    everything = [each[AXES.index(x)] for those in untils.values() for each in those]
    first, longest = min(everything) / 2 if log else 0, max(everything)
    for place, those in enumerate(untils.values()):
        if not those:
            continue
        times = np.array([each[AXES.index(x)] for each in those])
        reached = np.array([each[2] for each in those])
        curve = stats.ecdf(stats.CensoredData.right_censored(times, ~reached)).sf
        ends = np.concatenate([[first], curve.quantiles, [longest]])
        shares = 1 - np.concatenate([[1], curve.probabilities, curve.probabilities[-1:]])
        axes.step(ends, shares, where="post", linewidth=LINE, **look.line(place))
    axes.set_ylim(-0.03, 1.03)
    _x_axis(axes, x, log)


def _bars(axes: Axes, study: Study, run: Run, statistic: str, look: Style) -> None:
    _, compute = STATISTICS[statistic]
    base = 0.0 if run.random is None else run.random
    generator = np.random.default_rng(0)
    drawn = [name for name in study.contenders if study.of(run.name, name)]
    for place, contender in enumerate(drawn):
        returns = np.array([each.score for each in study.of(run.name, contender)])
        found = estimate([returns], compute)
        colour = np.array(to_rgb(look.line(study.contenders.index(contender))["color"]))
        fill = FILL * colour + (1 - FILL) * np.array(to_rgb(look.paper))
        axes.bar(place, found.value - base, bottom=base, width=0.6, color=fill)
        jitter = generator.uniform(-0.18, 0.18, len(returns))
        axes.plot(place + jitter, returns, ".", color=look.ink, markersize=3.5, alpha=0.5)
        if not math.isnan(found.low):
            axes.errorbar(
                place,
                found.value,
                [[found.value - found.low], [found.high - found.value]],
                color=look.ink,
                capsize=4,
                linewidth=1.6,
            )
    axes.axhline(base, color=look.ink, linewidth=0.8)
    crowded = len(drawn) * max(map(len, drawn)) > 40
    turned: dict[str, Any] = {"rotation": 25, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    axes.set_xticks(range(len(drawn)), drawn, **turned)
    middle, half = (len(drawn) - 1) / 2, max(len(drawn), 3) / 2  # so that one bar is no wall
    axes.set_xlim(middle - half, middle + half)
    if run.random is not None:
        axes.set_xlabel("from the return of random play upwards", fontsize=7)
    axes.grid(False, axis="x")


def _profiles(study: Study, look: Style) -> Picture:
    runs = [run for run in study.runs.values() if normalizable(run)]
    alone = next(iter(study.runs.values())) if len(study.runs) == 1 else None
    if alone is None and len(runs) < len(study.runs):
        lacking = next(run.name for run in study.runs.values() if not normalizable(run))
        raise ValueError(f"profiles need scores: add random = and reference = to the run {lacking!r}")
    samples = {
        contender: [np.array([each.score for each in study.of(alone.name, contender)])]
        if alone is not None
        else common_scores(study, runs, contender)
        for contender in study.contenders
    }
    samples = {name: each for name, each in samples.items() if all(map(len, each))}
    if not samples:
        raise ValueError(f"the study {study.name!r} has no seed that all contenders have on all runs: let it go on")
    figure, [axes] = _panels(1, look)
    everything = np.concatenate([sample for each in samples.values() for sample in each])
    margin = 0.05 * (np.ptp(everything) or 1.0)
    thresholds = np.linspace(everything.min() - margin, everything.max() + margin, POINTS)
    for place, contender in enumerate(study.contenders):
        if contender in samples:
            shares, low, high = profile(samples[contender], thresholds)
            line = look.line(place)
            axes.fill_between(thresholds, low, high, color=line["color"], alpha=BAND, linewidth=0)
            axes.plot(thresholds, shares, linewidth=LINE, **line)
    axes.set_ylim(-0.03, 1.03)
    if alone is None:
        axes.set_xlabel("score: 0 is random play, 1 the reference")
        _title(axes, f"{len(runs)} runs", look)
    else:
        axes.set_xlabel("final return")
        _title(axes, alone.name, look)
    axes.set_ylabel("share of seeds above")
    _legend(figure, study, look)
    return figure


def _x_axis(axes: Axes, x: str, log: bool) -> None:
    axes.set_xlabel("environment steps" if x == "steps" else "seconds")
    if log:
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
        return
    axes.set_xlim(left=0)
    if x == "steps":
        axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
    axes.xaxis.set_major_locator(MaxNLocator(5))


def _thousands(value: float, place: int | None = None) -> str:
    """Writes 20 k, 1.5 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
