"""The progress of trials on stderr, with the time left: one line in a terminal, a line for each trial elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from types import TracebackType

from operant.messages import printable


class Progress:
    """Shows trials, in a with block.

    Args:
        kinds: of the trials to make, by their keys: trials of one kind take about as long.
        done: how many others have ended before.
        jobs: how many are made at a time.
    """

    def __init__(self, kinds: Mapping[str, tuple[str, str]], done: int, jobs: int):
        self._kinds, self._done, self._jobs = kinds, done, jobs
        self._total = done + len(kinds)
        self._begun: dict[str, float] = {}
        self._shares: dict[str, float] = {}
        self._took: dict[tuple[str, str], list[float]] = {}
        self._left = set(kinds)
        self._terminal = sys.stderr.isatty()

    def begin(self, key: str) -> None:
        """Notes that a trial begins."""
        self._begun[key], self._shares[key] = time.monotonic(), 0.0

    def show(self, key: str, share: float) -> None:
        """Shows that `share` of a trial is done."""
        self._shares[key] = min(share, 1.0)
        if self._terminal:
            self._draw(f"{' '.join(self._kinds[key])}: {share:.0%}")

    def end(self, key: str, text: str) -> None:
        """Shows the result of a trial."""
        self._took.setdefault(self._kinds[key], []).append(time.monotonic() - self._begun.pop(key))
        self._left.discard(key)
        self._done += 1
        self._draw(text)

    def seconds_left(self) -> float | None:
        """Estimates the time until all trials have ended, from those that have; None before the first.

        A trial takes as long as the others of its kind, or else as all others; a running one also as its share tells.
        """
        now = time.monotonic()
        known = [each for those in self._took.values() for each in those]
        total = 0.0
        for key in self._left:
            own = self._took.get(self._kinds[key], known)
            spent, share = now - self._begun.get(key, now), self._shares.get(key, 0.0)
            if own:
                total += max(0.0, sum(own) / len(own) - spent)
            elif share > 0:
                total += spent * (1 - share) / share
            else:
                return None
        return total / self._jobs

    def _draw(self, text: str) -> None:
        left = self.seconds_left()
        words = "" if left is None else f", {duration(left)} left"
        line = printable(f"[{self._done}/{self._total}{words}] {text}")
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r{line[:width]}\033[K" if self._terminal else f"{line}\n")
        sys.stderr.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal and self._kinds:
            sys.stderr.write("\n")


def duration(seconds: float) -> str:
    """Writes a time: 8 s, 2 min 05 s, 3 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
