"""Records videos of environment 0 in the episodes that gymnasium's RecordVideo records: CleanRL's `capture_video`.

film = Film(batch, f"videos/{run_name}")
film.look(begins=True)
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from operant.batch.batch import Batch
from operant.environments.engine_rendering import open_renderer


def _save_video_module() -> Any:
    """gymnasium.utils.save_video, which needs moviepy. Not kept in an attribute, because a module cannot be pickled."""
    return import_module("gymnasium.utils.save_video")


class Film:
    """Films environment 0 of a batch; a pickled copy continues, into the same folder.

    Raises:
        gymnasium.error.DependencyNotInstalled: moviepy is missing.
    """

    def __init__(self, batch: Batch, folder: str):
        _save_video_module()
        self._options: dict[str, Any] = {"video_folder": folder, "fps": batch.spec.render_fps}
        self.renderer = open_renderer(batch, "rgb_array", 1)
        self._episode, self._frames = -1, list[np.ndarray]()

    def look(self, begins: bool, actions: Any = None) -> None:
        """Films the current state. With `begins` it starts a new episode, and the last episode's video is written."""
        if begins:
            self._write()
            self._episode += 1
        if _save_video_module().capped_cubic_video_schedule(self._episode):
            self.renderer.last_actions = actions
            self._frames.extend(self.renderer.frames() or ())

    def _write(self) -> None:
        if self._frames:
            _save_video_module().save_video(self._frames, episode_index=self._episode, **self._options)
            self._frames = []

    def close(self) -> None:
        """Writes the video that is being recorded."""
        self._write()
        self.renderer.close()
