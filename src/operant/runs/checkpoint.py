"""Checkpoints: safetensors files that hold nested states of arrays and numbers, and are complete or absent."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

from operant.files.atomic import disk_error, replace, write_atomically
from operant.files.safetensors import read_safetensors, write_safetensors
from operant.runs.nested_state import flatten, unflatten

FORMAT = "operant checkpoint"
VERSION = 1
BEST = "best.safetensors"
MISFITS = (LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError)
"""Errors, besides ValueErrors, of an object that restores a state which was not its own."""


class CheckpointError(ValueError):
    """Raised when a checkpoint cannot be loaded; the message is one line that names the file and its fault."""


def save_checkpoint(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Writes `state` to a temporary file and renames it to `path`, so that a crash leaves the old file or the new one.

    `state` may hold tensors, NumPy arrays and scalars (structured dtypes included), numbers, strings, bytes and None,
    in dicts, lists and tuples. In the file, an array has the name of its place, such as "policy.0.weight".

    Raises:
        TypeError: it holds something else; the message names the place.
        OSError: the file cannot be written; the message names it and the remedy.
    """
    _save(path, state)


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Loads a state written by `save_checkpoint`; tensors have become NumPy arrays. It never runs code from the file.

    Raises:
        CheckpointError: the file is missing, corrupt, truncated, of another program, or written by a newer operant.
    """
    return _load(path)[0]


class CheckpointFolder:
    """The checkpoints of a run in the folder `path`: the last `keep` and the best.

    `save` writes step-000008192.safetensors. If its score is higher than that of best.safetensors, this becomes a hard
    link to it (or a copy, if the file system has no hard links); this also holds after a resume. A damaged
    best.safetensors is replaced by the next checkpoint that has a score.
    """

    def __init__(self, path: str | os.PathLike[str], keep: int = 3):
        if keep < 1:
            raise ValueError(f"keep={keep}: keep at least 1 checkpoint")
        self.path = Path(path)
        self._keep = keep
        self._best_score: float | None = None

    def save(self, state: dict[str, Any], steps: int, score: float = math.nan) -> Path:
        """Saves the state after `steps` steps, removes the oldest beyond `keep`, and returns the file's path.

        `score`, such as the mean return, decides which checkpoint is the best; NaN is never the best.
        """
        path = self.path / f"step-{steps:09d}.safetensors"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise disk_error("write checkpoints to", self.path, problem) from None
        _save(path, state, score)
        if score > self._score_to_beat():
            self._link_best(path)
            self._best_score = score
        others = [file for file in self.steps() if file != path]
        surplus = len(others) - (self._keep - 1)
        for old in others[: max(surplus, 0)]:
            old.unlink(missing_ok=True)
        for leftover in self.path.glob(".*.tmp"):  # from a process that was killed while saving
            leftover.unlink(missing_ok=True)
        return path

    def steps(self) -> list[Path]:
        """Lists the step-*.safetensors checkpoints, the one with the fewest steps first; the best is not included."""
        found = [(int(match[1]), file) for file in self.path.glob("*") if (match := _STEP.fullmatch(file.name))]
        return [file for _, file in sorted(found)]

    def latest(self) -> Path:
        """Returns the checkpoint with the most steps.

        Raises:
            CheckpointError: the folder has no checkpoint.
        """
        files = self.steps()
        if not files:
            raise CheckpointError(f"no checkpoint in {self.path}: the run has not saved one yet")
        return files[-1]

    def best(self) -> Path:
        """Returns the checkpoint with the highest score, or the latest if none has a score.

        Raises:
            CheckpointError: the folder has no checkpoint.
        """
        best = self.path / BEST
        return best if best.exists() else self.latest()

    def _score_to_beat(self) -> float:
        if self._best_score is None:
            best = self.path / BEST
            try:
                self._best_score = _load(best)[1] if best.exists() else -math.inf
            except CheckpointError:
                self._best_score = -math.inf
        return self._best_score

    def _link_best(self, path: Path) -> None:
        temporary = self.path / f".{BEST}.{os.getpid()}.tmp"
        temporary.unlink(missing_ok=True)
        try:
            os.link(path, temporary)
        except OSError:  # a file system without hard links
            write_atomically(self.path / BEST, path.read_bytes())
            return
        replace(temporary, self.path / BEST)


_STEP = re.compile(r"step-(\d+)\.safetensors")


def _save(path: str | os.PathLike[str], state: dict[str, Any], score: float = math.nan) -> None:
    text, arrays = flatten(state)
    metadata = {"format": FORMAT, "version": str(VERSION), "score": str(score), "state": text}
    write_safetensors(path, arrays, metadata)


def _load(path: str | os.PathLike[str]) -> tuple[dict[str, Any], float]:
    """Returns a checkpoint's state and score."""
    try:
        arrays, metadata = read_safetensors(path, "checkpoint")
    except ValueError as problem:
        raise CheckpointError(str(problem)) from None
    try:
        if metadata["format"] != FORMAT:
            raise ValueError
        version = int(metadata["version"])
        if version > VERSION:
            raise CheckpointError(
                f"{path} was written by a newer operant (version {version}, this one reads {VERSION}): update"
            )
        return unflatten(metadata["state"], arrays), float(metadata["score"])
    except (KeyError, ValueError) as problem:
        if isinstance(problem, CheckpointError):
            raise
        raise CheckpointError(f"{path} is not a checkpoint of operant") from None
