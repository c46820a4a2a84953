"""Renderer: draws with Gymnasium's, mpe2's or a user's class, after writing our state into an instance of it."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded

from operant.batch.base import BatchBase
from operant.environments.window import Window
from operant.messages import unknown
from operant.spec import EnvSpec

RENDER_MODES = ("human", "rgb_array")
ENGINE_RENDER_MODES = ("human", "rgb_array", "depth_array", "rgbd_tuple")  # of Gymnasium's renderer for MuJoCo
DRAWN = 16  # how many environments are drawn unless `render_envs` says so


def render_modes(spec: EnvSpec) -> list[str]:
    """The render modes of an environment: none if it has no reference class, which draws."""
    if spec.engine:
        return list(ENGINE_RENDER_MODES)
    return list(RENDER_MODES) if spec.reference else []


def check_render_mode(spec: EnvSpec, mode: str | None) -> str | None:
    known = ENGINE_RENDER_MODES if spec.engine else RENDER_MODES
    if mode is not None and mode not in known:
        raise ValueError(unknown("render_mode", mode, known))
    if mode is not None and not (spec.reference or spec.engine):
        raise TypeError(  # Stable-Baselines3 tries again without the argument after a TypeError
            f"render_mode={mode!r}: {spec.id} cannot be drawn: name a reference class with render() in its descriptor"
        )
    return mode


def reference_env(spec: EnvSpec, **kwargs: Any) -> Any:
    """Makes an environment of the descriptor's reference class, without wrappers.

    The module of a user's reference class may lie beside the header.

    Raises:
        ValueError: a user's descriptor names something else than a class with reset and step.
    """
    module, name = spec.reference.split(":")
    if spec.source and (folder := str(Path(spec.source).parent)) not in sys.path:
        sys.path.append(folder)
    try:
        found = getattr(import_module(module), name, None)
        # A descriptor may be a stranger's, and its arguments go to any callable that it names.
        if spec.source and not (isinstance(found, type) and {"reset", "step"} <= {*dir(found)}):
            raise ValueError(f"the descriptor of {spec.id} names {spec.reference}, no class with reset and step")
        return found(**spec.reference_arguments, **kwargs)  # type: ignore[misc]
    except ModuleNotFoundError as missing:
        if missing.name != "mpe2":
            raise
        raise ImportError(f"{spec.id} is drawn by mpe2: pip install 'operant[pettingzoo]'", name="mpe2") from None


def flat_state(spec: EnvSpec, record: Any) -> np.ndarray:
    """The physical state in a snapshot's record: `[S]` float64, in the descriptor's order."""
    return np.concatenate([np.ravel(record[part.name]) for part in spec.state], dtype=np.float64)


def _is_mpe2(spec: EnvSpec) -> bool:
    return spec.reference.startswith("mpe2.")


def _scale(spec: EnvSpec, record: Any) -> float:
    """Half the width of mpe2's first frame in metres: the largest coordinate of a record."""
    return max(abs(float(record[part.name])) for part in spec.state if part.unit == "m")


class Renderer:
    """Draws the first `count` environments of a batch."""

    def __init__(self, batch: BatchBase, mode: str | None, count: int):
        self.batch = batch
        self.mode = mode
        self.indices = range(min(count, batch.num_envs))
        self.last_actions: Any = None  # [N, *A], or None before the first step
        self._artist: Any = None
        self._window: Window | None = None
        # By environment: what its picture keeps of its episode, in the reference's attribute `picture_keeps`.
        self._kept: dict[int, Any] = {}

    def frames(self) -> tuple[np.ndarray, ...] | None:
        """A frame `[H, W, 3]` uint8 of each environment; in mode "human" None, and one window that shows them."""
        if self._artist is None:
            self._artist = reference_env(self.batch.spec, render_mode="rgb_array")
        frames = tuple(self._draw(i, record) for i, record in enumerate(self._records()))
        if self.mode == "rgb_array":
            return frames
        if self._window is None:
            self._window = Window(self.batch.spec.full_id, self.batch.spec.render_fps)
        self._window.append(tile(frames))
        return None

    def _records(self) -> np.ndarray:
        if not self.batch.ready:
            raise ResetNeeded("reset the environment before it is drawn")
        mask = np.zeros(self.batch.num_envs, np.bool_)
        mask[self.indices] = True
        return self.batch.get_state(mask)

    def follow(self, actions: Any) -> None:
        """Notes the actions of a step, `[N, *A]`, and the episodes that began with it; call it after every step."""
        if self.mode is not None:
            self.last_actions = actions
            self.look()

    def look(self) -> None:
        """Notes the episodes that begin, without drawing; call it after a reset."""
        if self.mode is None or not self.batch.spec.picture_keeps:
            return
        agents = self.batch.agents
        if 0 in self.batch.episode_lengths[: len(self.indices) * agents : agents].tolist():
            for i, record in enumerate(self._records()):
                self._begin(i, record)

    def _begin(self, i: int, record: Any) -> None:
        """Notes what a picture keeps at the start of an episode; an episode that was not seen before starts here."""
        if record["elapsed"] == 0 or i not in self._kept:
            self._kept[i] = _scale(self.batch.spec, record) if _is_mpe2(self.batch.spec) else 0

    def _draw(self, i: int, record: Any) -> np.ndarray:
        artist, kept = self._artist, self.batch.spec.picture_keeps
        self._pose(i, record)
        if kept:
            self._begin(i, record)
            setattr(artist, kept, self._kept[i])
        frame: np.ndarray = artist.render()
        if kept:
            self._kept[i] = getattr(artist, kept)
        return frame

    def _pose(self, i: int, record: Any) -> None:
        """Writes a record into the artist."""
        artist, spec = self._artist, self.batch.spec
        state = flat_state(spec, record)
        if _is_mpe2(spec):
            parameters = {attribute: float(record[f"param:{name}"]) for name, attribute in spec.attributes.items()}
            place_particles(artist, state, parameters)
            return
        for parameter in self.batch.parameters:
            attribute = spec.attribute(parameter.name)
            if hasattr(artist, attribute):
                setattr(artist, attribute, float(record[f"param:{parameter.name}"]))
        artist.state = state
        artist.last_u = None  # Pendulum's arrow, which is absent after a reset
        artist.lastaction = None  # the direction in which Taxi's taxi faces
        if self.last_actions is not None and spec.actions and record["elapsed"] > 0:
            artist.lastaction = self.last_actions[i]
        if self.last_actions is not None and hasattr(artist, "max_torque") and record["elapsed"] > 0:
            artist.last_u = float(np.clip(self.last_actions[i], -artist.max_torque, artist.max_torque)[0])

    def close(self) -> None:
        if self._artist is not None:
            self._artist.close()
        if self._window is not None:
            self._window.close()
        self._artist = self._window = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_artist": None, "_window": None}


def place_particles(artist: Any, state: np.ndarray, parameters: Mapping[str, float]) -> None:
    """Writes a state (agents' positions, their velocities, landmarks' positions) into an mpe2 environment.

    The keys of `parameters` are attributes: "agent.size" is the size of each body whose name begins with "agent".
    """
    world, points = artist.world, state.reshape(-1, 2)
    agents = len(world.agents)
    for entity, position in zip(world.agents, points[:agents], strict=True):
        entity.state.p_pos = position
    for entity, position in zip(world.landmarks, points[2 * agents :], strict=True):
        entity.state.p_pos = position
    for attribute, value in parameters.items():
        body, _, name = attribute.partition(".")
        if body == "world":
            setattr(world, name, value)
        for entity in world.entities:
            if entity.name.startswith(body):
                setattr(entity, name, value)


def calling_wrapper() -> Any:
    """Gymnasium's vector `RecordVideo` or `HumanRendering` if it called our caller, `render`; None otherwise.

    They assert, without a message, that there is a frame for each row. Other wrappers may lie between.
    """
    frame = sys._getframe(1)
    while frame.f_code.co_name == "render" and frame.f_back is not None:
        frame = frame.f_back
    if frame.f_globals.get("__name__") != "gymnasium.wrappers.vector.rendering":
        return None
    return frame.f_locals["self"]


def tile(frames: tuple[np.ndarray, ...]) -> np.ndarray:
    """Joins frames `[H, W, 3]` into a nearly square grid, row by row; empty cells are black."""
    columns = math.ceil(math.sqrt(len(frames)))
    rows = math.ceil(len(frames) / columns)
    height, width, channels = frames[0].shape
    grid = np.zeros((rows * columns, height, width, channels), frames[0].dtype)
    grid[: len(frames)] = frames
    return (
        grid.reshape(rows, columns, height, width, channels)
        .swapaxes(1, 2)
        .reshape(rows * height, columns * width, channels)
    )
