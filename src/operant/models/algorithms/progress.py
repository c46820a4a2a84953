"""A progress bar of a training: steps done and in total, time left, speed, and the mean return."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType

DRAWN, LOGGED = 0.2, 10.0  # least seconds between drawings on a terminal, and in a file or a notebook
# The most important comes first, because a narrow terminal cuts off the end.
FORMAT = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}, {rate_fmt}]"


def _draw(line: str) -> None:
    """Replaces the line. tqdm would overwrite the last one with spaces, which wrap where the terminal has narrowed."""
    sys.stderr.write(f"\r{line}\033[K")
    sys.stderr.flush()


class ProgressBar:
    """A bar on stderr, in a with block; it fits the terminal, also after a change of its width.

    Raises:
        ImportError: tqdm is not installed.
    """

    def __init__(self, total_steps: int, steps: int = 0):
        try:
            from tqdm import tqdm
        except ImportError:
            raise ImportError("a progress bar needs tqdm: pip install 'operant[train]'", name="tqdm") from None
        terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=total_steps,
            initial=steps,
            unit=" steps",
            unit_scale=True,
            mininterval=DRAWN if terminal else LOGGED,
            dynamic_ncols=True,
            bar_format=FORMAT,
        )
        if terminal:
            self._bar.sp = _draw

    def update(self, metrics: Mapping[str, float]) -> None:
        """Shows the metrics of an update."""
        self._bar.set_postfix_str(f"return {metrics['episode_return']:.1f}", refresh=False)
        self._bar.update(min(metrics["steps"], self._bar.total) - self._bar.n)  # the last update may go beyond the end

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
