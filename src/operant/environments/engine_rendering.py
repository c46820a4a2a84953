"""EngineRenderer: draws environments on an engine with Gymnasium's renderer, from their last step simulated again."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from typing import Any

from operant.batch.base import BatchBase
from operant.catalog.mujoco import MujocoTask
from operant.engines.batch import EngineBatch
from operant.environments.rendering import Renderer


def open_renderer(batch: BatchBase, mode: str | None, count: int) -> Renderer:
    """The renderer of the first `count` environments of a batch."""
    return EngineRenderer(batch, mode, count) if isinstance(batch, EngineBatch) else Renderer(batch, mode, count)


def reference_class(task: MujocoTask) -> Any:
    """Gymnasium's class of a task; for a user's its base class."""
    if not task.reference:
        return import_module("gymnasium.envs.mujoco.mujoco_env").MujocoEnv
    module, name = task.reference.split(":")
    return getattr(import_module(f"gymnasium.envs.mujoco.{module}"), name)


class EngineRenderer(Renderer):
    """Draws the first `count` environments, each with a MujocoRenderer of its own, as Gymnasium does."""

    batch: EngineBatch

    def __init__(self, batch: EngineBatch, mode: str | None, count: int):
        super().__init__(batch, mode, count)
        self._drawn: dict[int, tuple[Any, Any]] = {}  # by environment: its mjModel and mjData, and what draws them

    def frames(self) -> tuple[Any, ...] | None:
        """A picture of each environment in the render mode's form; in mode "human" None, and a window for each.

        Before the first reset it is of the model as it was loaded, as in Gymnasium.
        """
        frames = tuple(self._picture(i) for i in self.indices)
        return None if self.mode == "human" else frames

    def _picture(self, i: int) -> Any:
        return self.painter(i).render(self.mode)

    def painter(self, i: int) -> Any:
        """The MujocoRenderer of an environment, whose mjData is brought to where the environment is."""
        if i not in self._drawn:
            held = self._simulation(i, None)
            self._drawn[i] = (held, self._open(*held))
        held, painter = self._drawn[i]
        self._simulation(i, held)
        return painter

    def _simulation(self, i: int, held: Any) -> tuple[Any, Any]:
        batch, model = self.batch, self.batch.model
        if batch.num_envs == 1:
            return model.model, batch.lend()
        return batch.simulation(i, held) if batch.ready else (model.model, model.mujoco.MjData(model.model))

    def _open(self, model: Any, data: Any) -> Any:
        from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer

        task = self.batch.model.task
        drawing = dict(task.drawing)
        camera = drawing.pop("default_camera_config", _camera(task))
        return MujocoRenderer(model, data, camera, **drawing)

    def look(self) -> None:
        """Does nothing: a picture keeps nothing of earlier ones."""

    def close(self) -> None:
        for _, painter in self._drawn.values():
            painter.close()
        self._drawn = {}

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_drawn": {}}


def _camera(task: MujocoTask) -> Any:
    """The camera that Gymnasium's class has unless one is given."""
    kind = reference_class(task)
    argument = inspect.signature(kind.__init__).parameters.get("default_camera_config")
    if argument is None:  # v4
        return getattr(sys.modules[kind.__module__], "DEFAULT_CAMERA_CONFIG", None)
    return argument.default
