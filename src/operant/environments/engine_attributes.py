"""EngineAttributes: the attributes and methods of Gymnasium's class, read for an environment on an engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np

from operant.batch.base import BatchBase
from operant.engines.batch import EngineBatch
from operant.engines.mujoco_model import MujocoModel
from operant.environments.attributes import Attributes
from operant.environments.engine_rendering import EngineRenderer, reference_class
from operant.environments.rendering import Renderer
from operant.messages import unknown

ANY_MODEL = "ant.xml"  # Gymnasium's base class looks whether there is a file
CHANGING = ("do_simulation", "reset_model", "set_state", "step", "_step_mujoco_simulation")
"""The methods of Gymnasium's classes that change the environment."""
RANDOM = ("np_random", "np_random_seed")
"""The attributes of Gymnasium's classes that a batch does not have: its environments have their generators in C."""


def open_attributes(
    batch: BatchBase, given: Mapping[str, Any], renderer: Renderer, env: gymnasium.Env[Any, Any] | None = None
) -> Attributes:
    """The attributes of a batch's environments, which `renderer` draws.

    `given` are the parameters by name, as they were given; `env` is the single environment whose batch this is, if any.
    """
    if isinstance(batch, EngineBatch) and isinstance(renderer, EngineRenderer):
        return EngineAttributes(batch, renderer, env)
    return Attributes(batch, given)


def _instance(model: MujocoModel, data: Any) -> Any:
    """An instance of Gymnasium's class with a model that was compiled: its file may be gone."""
    task, kind = model.task, reference_class(model.task)

    def _initialize_simulation(self: Any) -> tuple[Any, Any]:
        return model.model, data

    # The timestep may be another by now, and v4 compares the class's rate with it.
    metadata = {**kind.metadata, "render_fps": model.render_fps}
    members = {"_initialize_simulation": _initialize_simulation, "metadata": metadata}
    compiled = type(kind.__name__, (kind,), members)
    drawing = {name: value for name, value in task.drawing.items() if value is not None}
    if not task.reference:
        return compiled(ANY_MODEL, task.frame_skip, None, **drawing)
    skips = {"frame_skip": task.frame_skip} if "frame_skip" in task.takes else {}
    return compiled(**skips, **task.options, **drawing)


class EngineAttributes(Attributes):
    """Attributes of Gymnasium's class: an instance of it, which is given the environment's model and data.

    They are read, not assigned. Those of a single environment, `env`, are its own: what is changed in place in `data`,
    `model` and `init_qpos` takes effect. Those of a batch's environments are copies.
    """

    batch: EngineBatch
    live = True

    def __init__(self, batch: EngineBatch, renderer: EngineRenderer, env: gymnasium.Env[Any, Any] | None):
        super().__init__(batch, {})
        self._renderer, self._env = renderer, env
        self._instance: Any = None

    @property
    def _theirs(self) -> Any:
        if self._instance is None:
            model = self.batch.model
            self._instance = _instance(model, model.mujoco.MjData(model.model))
            self._instance.fullpath = model.path
        return self._instance

    @_theirs.setter
    def _theirs(self, names: object) -> None:
        """Does nothing: the names are the instance's."""

    def __contains__(self, name: str) -> bool:
        return not name.startswith("__") and name not in RANDOM and hasattr(self._theirs, name)

    @property
    def names(self) -> list[str]:
        return [name for name in dir(self._theirs) if not name.startswith("_") and name not in RANDOM]

    def read(self, name: str, environments: Iterable[int]) -> list[Any]:
        if name not in self:
            raise AttributeError(unknown("attribute", name, self.names))
        if self._env is None and name in CHANGING:
            raise AttributeError(
                f"{name} of {self.batch.spec.full_id} would change a copy of what a batch holds: change one that "
                "get_state returns and give it to set_state, or make single environments"
            )
        if name == "mujoco_renderer":
            return [self._renderer.painter(i) for i in environments]
        values: list[Any] = []
        held = None
        for i in environments:
            theirs = self._with_data(i, held)
            if name == "reset_model" and self._env is not None:  # which draws random numbers
                theirs.np_random = self._env.np_random
            values.append(getattr(theirs, name))
            # What is no part of them lets the next environment have the same model and data.
            held = (theirs.model, theirs.data) if isinstance(values[-1], int | float | str) else None
        return values

    def _with_data(self, i: int, held: tuple[Any, Any] | None) -> Any:
        batch, theirs = self.batch, object.__new__(type(self._theirs))
        theirs.__dict__.update(self._theirs.__dict__)  # copy.copy would make Gymnasium's class anew, model and all
        start = batch.model.init_qpos, batch.model.init_qvel
        if self._env is None:
            theirs.model, theirs.data = batch.simulation(i, held)
            theirs.init_qpos, theirs.init_qvel = (each.copy() for each in start)
        else:
            theirs.model, theirs.data = batch.model.model, batch.lend()
            theirs.init_qpos, theirs.init_qvel = start
        return theirs

    def write(self, name: str, values: Sequence[Any], environments: np.ndarray) -> None:
        if name not in self:
            raise AttributeError(unknown("attribute", name, self.names))
        raise AttributeError(
            f"{name} of {self.batch.spec.full_id} cannot be assigned: make the environment with other arguments, or "
            "with params={...} for fields of the model"
        )

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_instance": None}
