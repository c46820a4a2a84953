"""Draws the chart of speeds as SVG, without a package for it.

    operant bench --rows vector --json > docs/pictures/speed.json && python docs/charts.py

Text and lines are of a grey that can be read on white and on black. Learning curves are of studies: `operant plot`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("pictures")
GREY, BLUE, PALE = "#768390", "#2f81f7", "#8ab8ee"
WIDTH = 720

Rate = tuple[float, float, float]
"""The median of all rounds, the least and the greatest."""


def bars(title: str, rates: Mapping[str, Rate], below: str) -> str:
    """A chart of rates per second, the first of them ours, on a logarithmic axis that begins at a power of ten."""
    medians = [median for median, _, _ in rates.values()]
    lowest = 10 ** math.floor(math.log10(min(medians)))
    span = math.log10(max(medians) / lowest)
    parts = [_text(0, 18, title, 15, "start", bold=True)]
    for row, (name, (median, low, high)) in enumerate(rates.items()):
        y, width = 36 + 34 * row, 250 * math.log10(median / lowest) / span
        colour = BLUE if row == 0 else PALE
        parts.append(_text(288, y + 16, name, 13, "end"))
        parts.append(f'<rect x="298" y="{y}" width="{width:.1f}" height="22" rx="3" fill="{colour}"/>')
        parts.append(_text(298 + width + 8, y + 16, _rate(median), 13, "start", bold=row == 0))
        parts.append(_text(298 + width + 66, y + 16, f"{_rate(low)} to {_rate(high)}", 11, "start"))
    height = 36 + 34 * len(rates) + 20
    parts.append(_text(0, height - 8, below, 11, "start"))
    return _svg(height, parts)


def _rate(value: float) -> str:
    for unit, name in ((1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def _text(x: float, y: float, text: str, size: int, anchor: str, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text {place}{weight} fill="{GREY}">{escape(text)}</text>'


def _svg(height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif">'
    return "\n".join([head, *parts, "</svg>"]) + "\n"


def speed(report: Mapping[str, Any]) -> str:
    """The chart of a row of `operant bench --json` in which contenders take turns."""
    row, machine = report["rows"][0], report["machine"]
    ours, *others = row["contenders"]
    others.sort(key=lambda each: -each["work_per_second"]["median"])
    rates = {
        each["name"]: tuple(each["work_per_second"][key] for key in ("median", "min", "max"))
        for each in (ours, *others)
    }
    below = (
        f"operant bench at {machine['git']}: {machine['CPU']}, {machine['instruction set']}; "
        f"medians and ranges of {len(ours['seconds_per_call_rounds'])} rounds; logarithmic axis"
    )
    return bars(f"Steps per second: {row['title']}", rates, below)


def main() -> None:
    """Draws the chart of the report beside it."""
    report = json.loads((FOLDER / "speed.json").read_text())
    (FOLDER / "speed.svg").write_text(speed(report))


if __name__ == "__main__":
    main()
