"""Checkpoints: files that hold state dicts of tensors and NumPy arrays, and are complete or absent."""

from __future__ import annotations

import errno
import math
import os
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from operant.files.atomic import disk_error, write_atomically

FORMAT = "operant checkpoint"
VERSION = 1
_ARRAY, _SCALAR = "numpy.ndarray", "numpy.generic"


class CheckpointError(ValueError):
    """Raised when a checkpoint cannot be loaded; the message is one line that names the file and its fault."""


def save_checkpoint(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Writes `state` to a temporary file and renames it to `path`, so that a crash leaves the old file or the new one.

    `state` may hold tensors, NumPy arrays and scalars (structured dtypes included), numbers, strings, bytes and None,
    in dicts, lists and tuples.

    Raises:
        TypeError: it holds something else; the message names the place.
        OSError: the file cannot be written; the message names it and the remedy.
    """
    _save(path, {"state": _encode(state, "state")})


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Loads a state written by `save_checkpoint`, with tensors on the CPU. It never runs code from the file.

    Raises:
        CheckpointError: the file is missing, corrupt, truncated, of another program, or written by a newer operant.
    """
    state: dict[str, Any] = _decode(_load(path)["state"])
    return state


class CheckpointFolder:
    """The checkpoints of a run in the folder `path`: the last `keep` and the best.

    `save` writes step-000008192.pt. If its score is higher than that of best.pt, best.pt becomes a hard link to it
    (or a copy, if the file system has no hard links); this also holds after a resume.
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
        path = self.path / f"step-{steps:09d}.pt"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise disk_error("write checkpoints to", self.path, problem) from None
        _save(path, {"state": _encode(state, "state"), "steps": steps, "score": score})
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
        """Lists the step-*.pt checkpoints, the one with the fewest steps first; best.pt is not included."""
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
        best = self.path / "best.pt"
        return best if best.exists() else self.latest()

    def _score_to_beat(self) -> float:
        if self._best_score is None:
            best = self.path / "best.pt"
            self._best_score = float(_load(best)["score"]) if best.exists() else -math.inf
        return self._best_score

    def _link_best(self, path: Path) -> None:
        temporary = self.path / f".best.pt.{os.getpid()}.tmp"
        temporary.unlink(missing_ok=True)
        try:
            os.link(path, temporary)
        except OSError:  # a file system without hard links
            write_atomically(self.path / "best.pt", path.read_bytes())
            return
        os.replace(temporary, self.path / "best.pt")


_STEP = re.compile(r"step-(\d+)\.pt")


def _save(path: str | os.PathLike[str], contents: dict[str, Any]) -> None:
    import torch

    write_atomically(path, lambda file: torch.save({"format": FORMAT, "version": VERSION, **contents}, file))


def _load(path: str | os.PathLike[str]) -> dict[str, Any]:
    import torch

    try:
        with open(path, "rb") as file:
            if problem := _damage(file):
                raise CheckpointError(f"{path} {problem}")
            contents = torch.load(file, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist") from None
    except OSError as unreadable:
        reason = "it is a directory" if unreadable.errno == errno.EISDIR else unreadable.strerror
        raise CheckpointError(f"{path} cannot be read: {reason}") from None
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path} is not a checkpoint of operant: it holds Python objects, not only numbers"
        ) from None
    except Exception:  # torch's errors for a zip file of another program vary
        raise CheckpointError(f"{path} is not a checkpoint of operant") from None
    if not isinstance(contents, dict) or contents.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of operant, though torch can read it")
    if contents["version"] > VERSION:
        raise CheckpointError(
            f"{path} was written by a newer operant (version {contents['version']}, this one reads {VERSION}): update"
        )
    return contents


def _damage(file: BinaryIO) -> str | None:
    """Describes the damage of a file written by torch.save, or returns None; torch itself compares no checksums."""
    start = file.read(4)
    file.seek(0)
    if not start:
        return "is empty"
    if start != b"PK\x03\x04":
        return "is not a checkpoint of operant"
    try:
        with zipfile.ZipFile(file) as archive:
            # torch reads an entry flagged as a directory (0x10) as empty, so a flipped bit would go unnoticed.
            broken = archive.testzip() or any(entry.external_attr & 0x10 for entry in archive.infolist())
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, ValueError):
        return "is truncated or corrupt: use an earlier checkpoint"
    file.seek(0)
    return "is corrupt: use an earlier checkpoint" if broken else None


def _encode(value: Any, place: str) -> Any:
    """Converts `value` to types that torch.load(weights_only=True) accepts.

    An array becomes a dict of its dtype, shape and raw bytes. `place` names the value in errors.
    """
    import torch

    if value is None or type(value) in (bool, int, float, str, bytes) or isinstance(value, torch.Tensor):
        return value
    if isinstance(value, dict):
        if wrong := [key for key in value if type(key) not in (str, int)]:
            raise TypeError(f"a checkpoint cannot hold the key {wrong[0]!r} in {place}: only strings and integers")
        return {key: _encode(item, f"{place}[{key!r}]") for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_encode(item, f"{place}[{k}]") for k, item in enumerate(value))
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        data = torch.frombuffer(bytearray(value.tobytes()) or bytearray(1), dtype=torch.uint8)
        kind = _SCALAR if isinstance(value, np.generic) else _ARRAY
        return {"type": kind, "dtype": np.lib.format.dtype_to_descr(value.dtype), "shape": value.shape, "data": data}
    raise TypeError(f"a checkpoint cannot hold {place}, a {type(value).__name__}: convert it to arrays and numbers")


def _decode(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    if value.get("type") not in (_ARRAY, _SCALAR) or set(value) != {"type", "dtype", "shape", "data"}:
        return {key: _decode(item) for key, item in value.items()}
    dtype = np.lib.format.descr_to_dtype(value["dtype"])
    array: np.ndarray[Any, Any] = np.ndarray(value["shape"], dtype, bytearray(value["data"].numpy().tobytes()))
    return array[()] if value["type"] == _SCALAR else array
