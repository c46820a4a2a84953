"""Constructor arguments of environments on an engine: checked, and joined with the catalog's defaults."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from operant.catalog.mujoco import MujocoTask
from operant.environments.parameters import keywords
from operant.messages import as_float, integer, is_number, suggestion
from operant.spec import EnvSpec

MOST_NOISE = float(np.finfo(np.float64).max) / 2  # NumPy draws from no interval whose length is infinite, or negative
DRAWING = ("width", "height", "camera_id", "camera_name", "max_geom", "default_camera_config", "visual_options")


def configure_task(
    spec: EnvSpec,
    options: Mapping[str, Any],
    params: Mapping[str, Any] | None,
    randomize: Mapping[str, tuple[float, float]] | None,
    presenter: type,
) -> EnvSpec:
    """A descriptor with the task that these constructor arguments of Gymnasium's, `params` and `randomize` make.

    Raises:
        TypeError: an argument is unknown; the error also lists those of `presenter`'s constructor.
        ValueError: a value is of another kind than the default.
    """
    task: MujocoTask = spec.task
    values, drawing = dict(task.options), dict(task.drawing)
    changes: dict[str, Any] = {}
    for name, value in options.items():
        if name in task.options:
            values[name] = _checked(name, value, task.options[name])
        elif name in drawable(task):
            drawing[name] = integer(name, value, 1, 1 << 15) if name in ("width", "height", "max_geom") else value
        elif name == "frame_skip" and name in task.takes:
            changes[name] = integer(name, value, 1, 1 << 20)
        elif name == "set_const" or (name == "xml_file" and name in task.takes):
            kind = bool if name == "set_const" else str
            if not isinstance(value, kind):
                raise ValueError(f"{name}={value!r} must be a {kind.__name__}")
            # A plain name is one of Gymnasium's models; another is found again from every working directory.
            changes[name] = os.path.abspath(value) if isinstance(value, str) and value.startswith(".") else value
        else:
            known = dict.fromkeys((*task.options, *task.takes, "set_const", *drawable(task), *keywords(presenter)))
            # In Python's own words: TorchRL's GymEnv tries again without the argument that this text names.
            raise TypeError(f"{spec.full_id} got an unexpected keyword argument {name!r}: {suggestion(name, known)}")
    if "main_body" in values:
        changes["bodies"] = (values["main_body"],)
    task = dataclasses.replace(
        task, options=values, drawing=drawing, params=dict(params or {}), randomize=dict(randomize or {}), **changes
    )
    return dataclasses.replace(spec, task=task)


def drawable(task: MujocoTask) -> tuple[str, ...]:
    """The constructor arguments about drawing that the task's class has."""
    return tuple(name for name in DRAWING if name != "default_camera_config" or name in task.takes)


def _checked(name: str, value: Any, default: Any) -> Any:
    """A value of the default's kind: a bool, a number, a pair of numbers, or for a body a name or an index."""
    if name == "main_body":
        if isinstance(value, str | int | np.integer) and not isinstance(value, bool):
            return value if isinstance(value, str) else int(value)
        raise ValueError(f"{name}={value!r} must be a body's name or index")
    if isinstance(default, bool):
        if isinstance(value, bool | np.bool_):
            return bool(value)
        raise ValueError(f"{name}={value!r} must be True or False")
    if isinstance(default, tuple):
        pair = np.asarray(value)
        if pair.shape == (2,) and pair.dtype.kind in "fiu" and not np.isnan(pair).any():
            return (float(pair[0]), float(pair[1]))
        raise ValueError(f"{name}={value!r} must be a pair (low, high) of numbers")
    if not is_number(value) or np.isnan(as_float(name, value)):
        raise ValueError(f"{name}={value!r} must be a number")
    if name == "reset_noise_scale" and not 0 <= value <= MOST_NOISE:
        raise ValueError(f"{name}={value!r} must be from 0 to {MOST_NOISE:.2g}")
    return value
