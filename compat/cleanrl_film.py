"""Videos of environment 0, of the episodes that gymnasium's RecordVideo picks: CleanRL's `capture_video`.

film = Film(batch, f"videos/{run_name}")
film.look(begins=True)
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from operant.batch.batch import Batch
from operant.environments.rendering import Renderer


def _gymnasiums() -> Any:
    """gymnasium.utils.save_video, which needs moviepy. A module cannot be pickled, so that nobody may keep it."""
    return import_module("gymnasium.utils.save_video")


class Film:
    """Films environment 0 of a batch; a pickled copy films on, into the same folder.

    Raises:
        gymnasium.error.DependencyNotInstalled: moviepy is missing.
    """

    def __init__(self, batch: Batch, folder: str):
        _gymnasiums()
        self._options: dict[str, Any] = {"video_folder": folder, "fps": batch.spec.render_fps}
        self.renderer = Renderer(batch, "rgb_array", 1)
        self._episode, self._frames = -1, list[np.ndarray]()

    def look(self, begins: bool, actions: Any = None) -> None:
        """Films the present state; `begins`: it is the first of an episode, and the one before is written."""
        if begins:
            self._write()
            self._episode += 1
        if _gymnasiums().capped_cubic_video_schedule(self._episode):
            self.renderer.last_actions = actions
            self._frames.extend(self.renderer.frames() or ())

    def _write(self) -> None:
        if self._frames:
            _gymnasiums().save_video(self._frames, episode_index=self._episode, **self._options)
            self._frames = []

    def close(self) -> None:
        """Writes the video that is being recorded."""
        self._write()
        self.renderer.close()
