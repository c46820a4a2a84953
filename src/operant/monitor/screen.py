"""MonitorApp: a run's curves in the terminal."""

from __future__ import annotations

import math
import socket
import time
from collections import deque
from typing import ClassVar

import numpy as np
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.widgets import Footer, Static, TabbedContent, TabPane

from operant.monitor.curve import Curve, Lines
from operant.monitor.machine_use import MachineReader, MachineUse
from operant.monitor.run_view import RunView
from operant.monitor.summary import duration, status_lines

PERIOD = 0.5  # seconds between reads of the metrics file
_MACHINE_PERIOD = 1.0
_MACHINE_POINTS = 600
_STATUS_COLOURS = {
    "starting": "green",
    "running": "green",
    "finished": "cyan",
    "interrupted": "yellow",
    "failed": "red",
    "crashed": "red",
}
_PAGES = {
    "return": "1 Return",
    "losses": "2 Losses",
    "throughput": "3 Throughput",
    "machine": "4 Machine",
}


def _seconds(value: float) -> str:
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


def _percent(value: float) -> str:
    return f"{value:.3g}%"


def _gigabytes(value: float) -> str:
    return f"{value:.2f} GB"


class MonitorApp(App[None]):
    """Shows `view` as four pages of curves. It reads the run twice a second and writes nothing; q quits.

    Raises:
        ImportError: psutil is not installed.
    """

    TITLE = "operant monitor"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #status { height: auto; padding: 0 1; }
    TabbedContent, ContentSwitcher, TabPane { height: 1fr; padding: 0; }
    Grid { grid-size: 2; }
    #losses-grid { grid-size: 3; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", show=False),
        *[Binding(title[0], f"page('{page}')", title[2:]) for page, title in _PAGES.items()],
    ]

    def __init__(self, view: RunView):
        super().__init__()
        self._view = view
        pid, host = view.run.record.get("pid", 0), view.run.record.get("host")
        self._machine = MachineReader(int(pid), local=host == socket.gethostname() and view.run.in_progress)
        self._uses: deque[tuple[float, MachineUse]] = deque(maxlen=_MACHINE_POINTS)
        # Stored here, because the timers still run after the screen is closed.
        self._status, self._pages = Static(id="status"), TabbedContent(id="pages")
        self._curves = {
            "return": [
                Curve("Episode return", ["episode_return"]),
                Curve("Episode length", ["episode_length"]),
                Curve("Steps per second", ["steps_per_second"]),
                Curve("Explained variance", ["explained_variance"]),
            ],
            "losses": [
                Curve("Policy loss", ["policy_loss"]),
                Curve("Value loss", ["value_loss"]),
                Curve("Entropy", ["entropy"]),
                Curve("Approximate KL", ["approximate_kl"]),
                Curve("Clip fraction", ["clip_fraction"]),
                Curve("Learning rate", ["learning_rate"]),
            ],
            "throughput": [
                Curve("Steps per second", ["steps_per_second"]),
                Curve(
                    "Time per update", ["seconds_rollout", "seconds_update", "seconds_other"], _seconds, from_zero=True
                ),
            ],
            "machine": [
                Curve("CPU of the run (of one core)", ["cpu"], _percent, from_zero=True),
                Curve("CPU of the machine", ["machine_cpu"], _percent, from_zero=True),
                Curve("Memory of the run", ["memory"], _gigabytes, from_zero=True),
                Curve("Memory of the machine", ["machine_memory"], _gigabytes, from_zero=True),
            ],
        }
        for index, gpu in enumerate(self._machine.read().gpus):
            name = f"GPU {index} {gpu.name}"
            self._curves["machine"] += [
                Curve(f"{name}, busy", [f"gpu_{index}"], _percent, from_zero=True),
                Curve(f"{name}, memory", [f"gpu_{index}_memory"], _gigabytes, from_zero=True),
            ]

    def compose(self) -> ComposeResult:
        """Yields the status line, the pages and the footer."""
        yield self._status
        with self._pages:
            for page, title in _PAGES.items():
                with TabPane(title, id=page):
                    yield Grid(*self._curves[page], id=f"{page}-grid")
        yield Footer()

    def on_mount(self) -> None:
        """Shows the present state of the run, and starts the timers that refresh it."""
        if self._view.rows.columns and "learning_rate" not in self._view.rows.columns:
            self._curves["losses"].pop().remove()
        self._look()
        self._measure()
        self.set_interval(PERIOD, self._look)
        self.set_interval(_MACHINE_PERIOD, self._measure)

    def on_resize(self) -> None:
        """Fits the status into the new width."""
        self._show_status()

    def on_unmount(self) -> None:
        """Closes the metrics file."""
        self._view.close()

    def on_tabbed_content_tab_activated(self) -> None:
        """Draws the page that was just selected; hidden pages are not updated."""
        self._draw()

    def action_page(self, page: str) -> None:
        """Selects a page."""
        self._pages.active = page

    def _look(self) -> None:
        count, status = self._view.rows.count, self._view.status
        self._view.refresh()
        if (count, status) != (self._view.rows.count, self._view.status):
            self._draw()
        self._show_status()

    def _show_status(self) -> None:
        padding = 2
        lines = status_lines(self._view, self.size.width - padding)
        self._status.update(Text(lines, style=f"bold {_STATUS_COLOURS[self._view.status]}"))

    def _measure(self) -> None:
        self._uses.append((time.monotonic(), self._machine.read()))
        if self._pages.active == "machine":
            self._draw()

    def _draw(self) -> None:
        page = self._pages.active
        if page == "machine":
            now = self._uses[-1][0] if self._uses else 0.0
            x = np.array([when - now for when, _ in self._uses])
            lines = _machine_lines([use for _, use in self._uses])
            for curve in self._curves[page]:
                curve.show(x, lines, lambda seconds: f"-{duration(-seconds)}" if seconds else "now")
            return
        for curve in self._curves.get(page, []):
            curve.show(self._view.column("steps"), {name: self._view.column(name) for name in curve.names})


def _machine_lines(uses: list[MachineUse]) -> Lines:
    gigabyte = 1e9
    lines = {
        "cpu": [use.cpu for use in uses],
        "machine_cpu": [use.machine_cpu for use in uses],
        "memory": [use.memory / gigabyte if use.memory else math.nan for use in uses],
        "machine_memory": [use.machine_memory / gigabyte for use in uses],
    }
    for index in range(min((len(use.gpus) for use in uses), default=0)):
        lines[f"gpu_{index}"] = [use.gpus[index].percent for use in uses]
        lines[f"gpu_{index}_memory"] = [use.gpus[index].memory / gigabyte for use in uses]
    return {name: np.array(values) for name, values in lines.items()}
