"""Draws the charts of the docs as SVG, without a package for it.

    operant bench --rows vector --json > docs/pictures/speed.json && python docs/charts.py speed
    python docs/charts.py learning          # trains five seeds on each of four tasks, in under a minute

Text and lines are of a grey that can be read on white and on black.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).with_name("pictures")
GREY, BLUE, PALE = "#768390", "#2f81f7", "#8ab8ee"
WIDTH = 720

TASKS = {"CartPole-v1": 60_000, "Pendulum-v1": 200_000, "Acrobot-v1": 300_000, "MountainCar-v0": 700_000}
SEEDS = range(5)
Curve = tuple[np.ndarray, np.ndarray]
"""Steps and mean returns, `[K]` each."""
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


def lines(panels: Mapping[str, Sequence[Curve]], below: str) -> str:
    """Curves of several seeds, a panel for each task, two side by side."""
    parts = []
    for number, (name, curves) in enumerate(panels.items()):
        left, top = 60 + 365 * (number % 2), 24 + 170 * (number // 2)
        steps, returns = (np.concatenate(each) for each in zip(*curves, strict=True))
        low, high = float(returns.min()), float(returns.max())
        parts.append(_text(left, top - 8, name, 13, "start", bold=True))
        parts.append(f'<path d="M{left} {top}v110h290" fill="none" stroke="{GREY}"/>')
        for value, y in ((low, top + 110), (high, top + 6)):
            parts.append(_text(left - 6, y, f"{value:.0f}", 11, "end"))
        parts.append(_text(left + 290, top + 126, f"{steps.max():,.0f} steps", 11, "end"))
        for x, y in curves:
            points = zip(left + 290 * x / steps.max(), top + 110 - 106 * (y - low) / (high - low), strict=True)
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{BLUE}" stroke-width="1.3" opacity="0.7"/>')
    height = 170 * ((len(panels) + 1) // 2) + 20
    parts.append(_text(0, height - 4, below, 11, "start"))
    return _svg(height, parts)


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


def learning() -> str:
    """The curves of PPO in the core with the options that `operant train` has."""
    from operant.models import PPO
    from operant.models.algorithms.tuned import tuned

    panels = {}
    for name, steps in TASKS.items():
        env_id = f"operant/{name}"
        options = tuned(env_id, "ppo") | {"timesteps": steps}
        del options["timesteps"]
        panels[name] = [_curve(PPO(env_id, PPO.Config(**options), seed=seed), steps) for seed in SEEDS]
    return lines(panels, "Mean return of the episodes that ended, PPO in the core, five seeds each, tuned options")


def _curve(algorithm: Any, steps: int) -> Curve:
    rows = [(metrics["steps"], metrics["episode_return"]) for metrics in algorithm.iterate(steps)]
    known = np.array([row for row in rows if not math.isnan(row[1])])
    return known[:, 0], known[:, 1]


def main(arguments: Sequence[str]) -> int:
    """Draws one of the charts."""
    if list(arguments) == ["speed"]:
        chart = speed(json.loads((FOLDER / "speed.json").read_text()))
    elif list(arguments) == ["learning"]:
        chart = learning()
    else:
        print(__doc__, file=sys.stderr)
        return 2
    (FOLDER / f"{arguments[0]}.svg").write_text(chart)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
