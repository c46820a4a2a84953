"""EngineRenderer: draws environments on an engine with Gymnasium's renderer, from their last step simulated again."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
from gymnasium import logger

from operant.batch.base import BatchBase
from operant.catalog.mujoco import MujocoTask
from operant.engines.batch import EngineBatch
from operant.engines.mujoco_model import MujocoModel
from operant.environments.rendering import Renderer
from operant.messages import unknown


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
    """Draws the first `count` environments, each with a MujocoRenderer of its own, as Gymnasium does.

    Raises:
        ValueError: a constructor argument about drawing is one that no picture can be drawn with.
    """

    batch: EngineBatch

    def __init__(self, batch: EngineBatch, mode: str | None, count: int):
        super().__init__(batch, mode, count)
        _check_drawing(batch.model)
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


def _check_drawing(model: MujocoModel) -> None:
    """Raises a ValueError for what Gymnasium's renderer fails at; MuJoCo ends the process at unknown cameras."""
    drawing, cameras, mujoco = model.task.drawing, int(model.model.ncam), model.mujoco
    number, name = drawing["camera_id"], drawing["camera_name"]
    if number is not None and name is not None:
        raise ValueError(f"camera_id={number!r} and camera_name={name!r} both choose a camera: give one of them")
    if number is not None and not (isinstance(number, int | np.integer) and -1 <= number < cameras):
        raise ValueError(
            f"camera_id={number!r} must be from -1, the free camera, to {cameras - 1}: the model has {cameras} cameras"
        )
    if name is not None:
        if not isinstance(name, str):
            raise ValueError(f"camera_name={name!r} must be a camera's name")
        names = [known for k in range(cameras) if (known := model.model.camera(k).name)]
        if name not in names:
            known = unknown("camera", name, names) if names else "the model has no named camera"
            logger.warn(f"camera_name={name!r}: the free camera draws, as in Gymnasium: {known}")
    camera, flags = mujoco.MjvCamera(), mujoco.MjvOption().flags

    def set_camera(field: Any, value: Any) -> None:
        if isinstance(value, np.ndarray):
            getattr(camera, field)[:] = value
        else:
            setattr(camera, field, value)

    config = drawing.get("default_camera_config")
    _try_each("default_camera_config", config, set_camera)
    kind = mujoco.mjtCamera
    looks_at = {
        kind.mjCAMERA_TRACKING: ("trackbodyid", int(model.model.nbody), "bodies"),
        kind.mjCAMERA_FIXED: ("fixedcamid", cameras, "cameras"),
    }
    if camera.type in looks_at:
        field, count, things = looks_at[camera.type]
        number = getattr(camera, field)
        if not 0 <= number < count:
            raise ValueError(
                f"default_camera_config={config!r}: {field} is {number}, but the model has {count} {things}"
            )
    _try_each("visual_options", drawing.get("visual_options"), flags.__setitem__)


def _try_each(name: str, given: Any, set_one: Callable[[Any, Any], None]) -> None:
    """Raises a ValueError unless each item of a dict can be set, as Gymnasium's renderer sets it."""
    if given is None:
        return
    if not isinstance(given, Mapping):
        raise ValueError(f"{name}={given!r} must be a dict")
    for key, value in given.items():
        try:
            set_one(key, value)
        except (AttributeError, IndexError, OverflowError, TypeError, ValueError):
            raise ValueError(f"{name}={given!r}: MuJoCo cannot set {key!r} to {value!r}") from None


def _camera(task: MujocoTask) -> Any:
    """The camera that Gymnasium's class has unless one is given."""
    kind = reference_class(task)
    argument = inspect.signature(kind.__init__).parameters.get("default_camera_config")
    if argument is None:  # v4
        return getattr(sys.modules[kind.__module__], "DEFAULT_CAMERA_CONFIG", None)
    return argument.default
