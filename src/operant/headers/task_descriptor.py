"""Reads the descriptor of a user's task on an engine, walker.toml beside walker.h, as an EnvSpec.

id = "walker-v0"
engine = "mujoco"
xml_file = "walker.xml"                           # the model; a path from the descriptor's folder
frame_skip = 5                                    # simulated steps for each step
max_episode_steps = 500
bodies = ["torso"]                                # whose positions the header reads
needs = {nq = 3, nv = 3}                          # the least sizes of a model
[options]
healthy_z_range = [0.7, inf]                      # constructor arguments: numbers, truths or pairs
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operant.catalog.mujoco import MujocoTask
from operant.messages import as_float, is_number, unknown
from operant.spec import EnvSpec

REQUIRED = ("id", "engine", "xml_file", "frame_skip", "max_episode_steps")
KEYS = (*REQUIRED, "summary", "reward_threshold", "bodies", "needs", "options")
MOST_BODIES = 4
MOST_SKIPPED = 1 << 20
MOST_STEPS = (1 << 31) - 1


def task_spec(path: Path, table: Mapping[str, Any]) -> EnvSpec:
    """The descriptor in a TOML file's table.

    Raises:
        ValueError: a key is missing or unknown, or its value is of another kind.
    """
    for key in table:
        if key not in KEYS:
            raise ValueError(unknown("key of a task on MuJoCo", key, KEYS))
    for key in REQUIRED:
        if key not in table:
            raise ValueError(f"the descriptor lacks {key!r}")
    if table["engine"] != "mujoco":
        raise ValueError(f"engine = {table['engine']!r} must be 'mujoco'")
    task = MujocoTask(
        reference="",
        options={name: _option(name, value) for name, value in _of(dict, table, "options", {}).items()},
        xml_file=str((path.parent / _of(str, table, "xml_file")).resolve()),
        frame_skip=_count(table, "frame_skip", MOST_SKIPPED),
        fixed={},
        takes=("xml_file", "frame_skip", "default_camera_config"),
        bodies=_bodies(table),
        needs={name: _count(table["needs"], name) for name in _of(dict, table, "needs", {})},
    )
    threshold = table.get("reward_threshold")
    if threshold is not None and not is_number(threshold):
        raise ValueError(f"reward_threshold = {threshold!r} must be a number")
    return EnvSpec(
        id=_of(str, table, "id"),
        header="",
        summary=_of(str, table, "summary", ""),
        state=(),
        observation=(),
        observation_dtype="float64",
        max_episode_steps=_count(table, "max_episode_steps", MOST_STEPS),
        reward_threshold=None if threshold is None else as_float("reward_threshold", threshold),
        numpy_rewards=True,
        engine="mujoco",
        task=task,
    )


def _of(kind: type, table: Mapping[str, Any], key: str, default: Any = None) -> Any:
    value = table.get(key, default)
    if not isinstance(value, kind):
        forms: dict[type, str] = {str: "a string", dict: f"a table: [{key}]", list: "a list"}
        raise ValueError(f"{key} = {value!r} must be {forms[kind]}")
    return value


def _count(table: Mapping[str, Any], key: str, most: int = MOST_STEPS) -> int:
    value = table[key]
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{key} = {value!r} must be an integer from 1 to {most}")
    return value


def _bodies(table: Mapping[str, Any]) -> tuple[str, ...]:
    bodies = _of(list, table, "bodies", [])
    if len(bodies) > MOST_BODIES or not all(isinstance(name, str) for name in bodies):
        raise ValueError(f"bodies = {bodies!r} must be a list of at most {MOST_BODIES} names")
    return tuple(bodies)


def _option(name: str, value: Any) -> Any:
    """The default of a constructor argument."""
    if isinstance(value, bool | int | float):
        as_float(f"options.{name}", value)
        return value
    if isinstance(value, list) and len(value) == 2:
        return tuple(as_float(f"options.{name}", each) for each in value)
    raise ValueError(f"options.{name} = {value!r} must be a number, true or false, or a pair [low, high]")
