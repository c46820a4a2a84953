"""Writes frames into a video."""

from __future__ import annotations

import contextlib
import errno
import os
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from operant.files.atomic import disk_error, disk_errors


def check_film(path: Path) -> None:
    """Raises what `Film` raises, before anything is played for it; a full disk is found out later."""
    if path.suffix.lower() != ".mp4":
        raise ValueError(f"{path} must end in .mp4")
    try:
        for module in ("imageio.v2", "imageio_ffmpeg"):
            import_module(module)
    except ImportError as problem:
        raise ImportError(f"--video needs {problem.name}: pip install 'operant[video]'") from None
    if not path.parent.is_dir():
        raise disk_error("write", path, FileNotFoundError(errno.ENOENT, "no folder"))


class Film:
    """An MP4 file that appears at `path` whole or not at all, at the end of a with block.

    Raises:
        ImportError: a package of the extra `video` is missing.
        ValueError: the path does not end in .mp4.
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path, rate: float):
        check_film(path)
        import imageio.v2 as imageio
        import imageio_ffmpeg

        self._path, self._temporary = path, path.with_name(f".{path.stem}.{os.getpid()}.mp4")
        self._count, self.frames = imageio_ffmpeg.count_frames_and_secs, 0
        with disk_errors("write", path):
            self._temporary.touch()
        # H.264 needs sides that are multiples of 2. imageio's default of 16 would stretch most frames.
        self._writer: Any = imageio.get_writer(self._temporary, fps=rate, macro_block_size=2, ffmpeg_log_level="quiet")

    def append(self, frame: np.ndarray) -> None:
        """Adds a frame `[H, W, 3]` uint8."""
        try:
            self._writer.append_data(frame)
        except OSError:
            raise self._failure() from None
        self.frames += 1

    def _failure(self) -> OSError:
        return OSError(f"cannot write {self._path}: ffmpeg failed: is the disk full, or a limit (ulimit -f) reached?")

    def __enter__(self) -> Film:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with contextlib.suppress(OSError):
                self._writer.close()
            if kind is None:
                self._check()
                with disk_errors("write", self._path):
                    os.replace(self._temporary, self._path)
        finally:
            self._temporary.unlink(missing_ok=True)

    def _check(self) -> None:
        """Raises OSError unless the file holds all frames: ffmpeg does not say that the disk was full at its end."""
        try:
            written, _ = self._count(str(self._temporary))
        except RuntimeError:  # it cannot be read
            written = 0
        if written != self.frames:
            raise self._failure()
