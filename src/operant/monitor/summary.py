"""A run in plain text: its status and its newest metrics."""

from __future__ import annotations

import math
import time

from operant.messages import printable
from operant.monitor.run_view import RunView


def status_lines(view: RunView, width: float = math.inf) -> str:
    """Writes the run's id, environment, algorithm, steps done and in total, time left and status.

    They are in one line, or in several of at most `width` characters. No part is divided, unless it is longer itself.
    """
    record = view.run.record
    steps, total, left = view.latest("steps"), view.total_steps, view.seconds_left()
    parts = [
        view.run.id,
        printable(record.get("environment") or ""),
        printable(record.get("algorithm") or ""),
        f"{number(steps)} / {number(total)} steps" if total else f"{number(steps)} steps",
        "" if math.isnan(left) else f"{duration(left)} left",
        view.status,
    ]
    if view.status == "running" and not view.rows.count:
        parts[-1] += "  waiting for the first update"
    lines: list[str] = []
    for part in filter(None, parts):
        if lines and len(lines[-1]) + len(" | ") + len(part) <= width:
            lines[-1] += f" | {part}"
        else:
            lines.append(part)
    return "\n".join(lines)


def summary(view: RunView) -> str:
    """Writes the status line, and each metric's newest value on a line of its own."""
    lines = [status_lines(view)]
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(view.run.created))
    lines.append(f"started {began}, {view.rows.count} updates, in {printable(str(view.run.path))}")
    if view.problem and view.rows.count == 0:
        lines.append(f"no metrics yet: {printable(view.problem)}")
    elif view.problem:
        lines.append(f"read from the CSV file: {printable(view.problem)}")
    width = max(map(len, view.rows.columns), default=0)
    lines += [f"{name:{width}}  {view.latest(name):.6g}" for name in view.rows.columns]
    return "\n".join(lines)


def number(value: float | None) -> str:
    """Writes 1234567 as 1.23M; NaN and None as "-"."""
    if value is None or math.isnan(value):
        return "-"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}" if value != int(value) else str(int(value))


def duration(seconds: float) -> str:
    """Writes 3720 seconds as 1 h 02 min, 125 as 2 min 05 s, and 7.2 as 7 s."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"
