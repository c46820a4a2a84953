"""The log of a training: SB3's table on the terminal and its TensorBoard file, under SB3's names."""

from __future__ import annotations

import math
import re
import time
from pathlib import Path

from operant.files.atomic import disk_errors
from operant.monitor.event_file import EventFile

NOT_IN_TENSORBOARD = ("time/iterations", "time/time_elapsed", "time/total_timesteps", "train/n_updates")


class Log:
    """Writes rows of numbers to the terminal with `verbose`, and to an event file in `folder`, if there is one."""

    def __init__(self, verbose: int, folder: Path | None):
        self._verbose, self._folder = verbose, folder
        self._file: EventFile | None = None
        if folder is None:
            return
        with disk_errors("write TensorBoard's file in", folder):
            folder.mkdir(parents=True, exist_ok=True)
            earlier = len(list(folder.glob("events.out.tfevents.*")))
            self._file = EventFile(folder, f".{earlier}")

    def write(self, row: dict[str, float], step: int) -> None:
        """Writes numbers by SB3's names; an int is a count. Those that are NaN are left out."""
        row = {name: row[name] for name in sorted(row) if not math.isnan(row[name])}
        if self._verbose:
            print(table(row), flush=True)
        if self._file is not None:
            with disk_errors("write TensorBoard's file in", str(self._folder)):
                self._file.add(time.time(), step, {k: v for k, v in row.items() if k not in NOT_IN_TENSORBOARD})
                self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()


def table(row: dict[str, float]) -> str:
    """Draws SB3's table of numbers by names such as "train/value_loss"."""
    lines: list[tuple[str, str]] = []
    for name, value in row.items():
        group, _, own = name.partition("/")
        if not lines or (f"{group}/", "") not in lines:
            lines.append((f"{group}/", ""))
        lines.append((f"   {own}", f"{value:<8.3g}" if isinstance(value, float) else str(value)))
    left, right = (max(len(line[k]) for line in lines) for k in (0, 1))
    rule = "-" * (left + right + 7)
    return "\n".join([rule, *(f"| {name:{left}} | {text:{right}} |" for name, text in lines), rule])


def run_folder(root: str | Path, name: str, new: bool) -> Path:
    """Returns SB3's folder of a run in `root`: the name and the next number, or the last one unless it is `new`."""
    numbers = [0]
    for path in Path(root).glob("*"):
        if match := re.fullmatch(re.escape(name) + r"_(\d+)", path.name):
            numbers.append(int(match[1]))
    return Path(root) / f"{name}_{max(numbers) + new if new else max(max(numbers), 1)}"
