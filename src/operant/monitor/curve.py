"""Curve: a plot of one or several metrics over the steps of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from textual_plotext import PlotextPlot

from operant.monitor.summary import number

_POINTS = 400  # more than a terminal has columns of dots
_TICKS = 5
_COLOURS = ("cyan", "orange", "green", "magenta")

Lines = dict[str, NDArray[np.float64]]


class Curve(PlotextPlot):
    """A plot with a title. `show` draws lines over x and omits NaN."""

    def __init__(
        self, title: str, names: Sequence[str], unit: Callable[[float], str] = number, from_zero: bool = False
    ):
        """Makes an empty plot.

        Args:
            title: the title; it also shows the newest value of a single line.
            names: the names of the lines. Two or more get a legend, without the prefix seconds_.
            unit: formats a value of y.
            from_zero: begin the y axis at 0.
        """
        super().__init__()
        self.title = title
        self.names = tuple(names)
        self._unit = unit
        self._from_zero = from_zero

    def show(self, x: NDArray[np.float64], lines: Lines, x_text: Callable[[float], str] = number) -> None:
        """Draws `lines[name]` [points] for each of `names` over x [points]."""
        plot = self.plt
        plot.clear_data()
        plot.clear_figure()
        values: list[float] = []
        places: list[float] = []
        newest = f"{self.title}: no data"
        for name, colour in zip(self.names, _COLOURS, strict=False):
            y = lines.get(name, np.empty(0))
            known = np.isfinite(y) & np.isfinite(x[: len(y)]) if len(y) == len(x) else np.zeros(0, bool)
            if not known.any():
                continue
            line_x, line_y = thinned(x[known], y[known])
            value = self._unit(float(y[known][-1]))
            label = f"{name.removeprefix('seconds_')} {value}" if len(self.names) > 1 else None
            plot.plot(line_x.tolist(), line_y.tolist(), marker="braille", color=colour, label=label)
            values += line_y.tolist()
            places += line_x.tolist()
            newest = self.title if label else f"{self.title}: {value}"
        plot.title(newest)
        if values:
            if self._from_zero:
                values.append(0.0)
                plot.ylim(0, max(values) or 1)
            self._ticks(places, values, x_text)
        self.refresh()

    def _ticks(self, x: list[float], y: list[float], x_text: Callable[[float], str]) -> None:
        for low, high, text, ticks in (
            (min(x), max(x), x_text, self.plt.xticks),
            (min(y), max(y), self._unit, self.plt.yticks),
        ):
            places = np.linspace(low, high, _TICKS).tolist() if high > low else [low]
            ticks(places, [text(place) for place in places])


def thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reduces a line to at most `_POINTS` points, each the mean of neighbours; the last includes the newest."""
    if len(x) <= _POINTS:
        return x, y
    edges = np.linspace(0, len(x), _POINTS + 1).astype(int)
    sizes = np.diff(edges)
    return np.add.reduceat(x, edges[:-1]) / sizes, np.add.reduceat(y, edges[:-1]) / sizes
