"""Plays trajectories, holds them as arrays, and describes the first difference of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from operant.batch.core import isas
from operant.environments.spaces import array_of
from operant.environments.vector import OperantVectorEnv
from operant.spec import EnvSpec, element_names


class Failed(Exception):
    """Raised when a check fails; the text says what differs, where, and with which values."""


def fast_targets() -> list[str]:
    """The targets of the fast build that this CPU runs, best first."""
    return [name for name, runs in isas().items() if runs and name != "exact"]


def open_vector(spec: EnvSpec, num_envs: int, **options: Any) -> OperantVectorEnv:
    """Makes N environments of a descriptor, built in or a user's."""
    return OperantVectorEnv(spec.source or spec.id, num_envs, **options)


def actions_for(space: spaces.Space[Any], random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random actions: `[*shape]` or `[*shape, A]` int64, or `[*shape, A]` float32 up to 1.5 times the bounds."""
    if isinstance(space, spaces.Discrete):
        return random.integers(0, space.n, shape)
    if isinstance(space, spaces.MultiDiscrete):
        return random.integers(0, space.nvec, (*shape, *space.shape))
    assert isinstance(space, spaces.Box)
    low, high = bounded(space)
    return random.uniform(1.5 * low, 1.5 * high, (*shape, *space.shape)).astype(np.float32)


def bounded(space: spaces.Box) -> tuple[np.ndarray, np.ndarray]:
    """The bounds of actions, with a million in place of infinity."""
    return np.maximum(space.low, -1e6), np.minimum(space.high, 1e6)


@dataclass
class Trajectory:
    """The results of T steps of N environments with R rows.

    Attributes:
        observations: `[T + 1, R, *D]`; row 0 is the reset's.
        rewards: `[T, R]` reals.
        terminated, truncated: `[T, R]` bool.
        states: snapshots `[T + 1, N]`, or only the last, `[1, N]`.
    """

    observations: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    states: np.ndarray

    def fields(self, spec: EnvSpec) -> dict[str, np.ndarray]:
        """Arrays `[T + 1, rows]` by their field's name; before the first step rewards and flags are zero."""
        fields: dict[str, np.ndarray] = {}
        for part in spec.state:
            numbers = self.states[part.name].reshape(*self.states.shape, part.size)
            for d, name in enumerate(element_names(part.name, part.shape)):
                fields[f"state {name}"] = numbers[..., d]
        numbers = self.observations.reshape(*self.observations.shape[:2], spec.observation_size)
        for d, name in enumerate(spec.observation_names):
            fields[f"observation {name}"] = numbers[..., d]
        for name in ("rewards", "terminated", "truncated"):
            array = getattr(self, name)
            fields[name.removesuffix("s")] = np.concatenate([np.zeros_like(array[:1]), array])
        return fields

    def first(self, rows: int, environments: int) -> Trajectory:
        """The trajectory of the first rows only."""
        return Trajectory(
            self.observations[:, :rows],
            self.rewards[:, :rows],
            self.terminated[:, :rows],
            self.truncated[:, :rows],
            self.states[:, :environments],
        )

    def same(self, other: Trajectory) -> bool:
        """True if all bits are equal; of the states, only the last are compared."""
        arrays = zip(self._arrays(), other._arrays(), strict=True)
        return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in arrays)

    def _arrays(self) -> tuple[np.ndarray, ...]:
        return self.observations, self.rewards, self.terminated, self.truncated, self.states[-1]


def play(env: OperantVectorEnv, actions: np.ndarray, seed: int | None = 0, every_state: bool = False) -> Trajectory:
    """Resets the environments with `seed`, steps them with `actions[t]`, and closes them."""
    steps, rows = actions.shape[:2]
    observations = array_of(env.reset(seed=seed)[0])
    trajectory = Trajectory(
        np.empty((steps + 1, *observations.shape), observations.dtype),
        np.empty((steps, rows), env.batch.real),
        np.empty((steps, rows), np.bool_),
        np.empty((steps, rows), np.bool_),
        np.empty(0),
    )
    trajectory.observations[0] = observations
    states = [env.get_state()] if every_state else []
    for t in range(steps):
        result = env.step(actions[t])
        trajectory.observations[t + 1], trajectory.rewards[t] = array_of(result[0]), result[1]
        trajectory.terminated[t], trajectory.truncated[t] = result[2], result[3]
        if every_state:
            states.append(env.get_state())
    trajectory.states = np.stack(states or [env.get_state()])
    env.close()
    return trajectory


def describe_difference(spec: EnvSpec, ours: Trajectory, theirs: Trajectory, names: tuple[str, str]) -> str:
    """The first difference of two trajectories with every state: step, environment, and each field that differs.

    `names` are the names of the two in the text.
    """
    mine, other = ours.fields(spec), theirs.fields(spec)
    agents = max(1, len(spec.agents))
    first: dict[str, tuple[int, int]] = {}
    for name, array in mine.items():
        differ = np.argwhere(_bits(array) != _bits(other[name]))
        if len(differ):
            per_environment = 1 if name.startswith("state ") else agents
            first[name] = (int(differ[0][0]), int(differ[0][1]) // per_environment)
    if not first:
        return f"{names[0]} and {names[1]} differ in the state of their random generators"
    step, environment = min(first.values())
    lines = [f"{names[0]} and {names[1]} differ first in environment {environment}, step {step}:"]
    for name, place in first.items():
        if place == (step, environment):
            rows = (
                [environment] if name.startswith("state ") else range(environment * agents, (environment + 1) * agents)
            )
            for row in rows:
                a, b = mine[name][step, row], other[name][step, row]
                if _bits(a) != _bits(b):
                    lines.append(f"  {name}: {a!s} and {b!s}, {_apart(a, b)}")
    return "\n".join(lines)


def _bits(array: Any) -> Any:
    """Views numbers as integers with the same bits, so that NaN equals itself and -0.0 differs from 0.0."""
    array = np.asarray(array)
    return array if array.dtype.kind != "f" else array.view(f"i{array.dtype.itemsize}")


def _apart(a: Any, b: Any) -> str:
    if np.asarray(a).dtype.kind != "f" or not (np.isfinite(a) and np.isfinite(b)):
        return "not the same"
    spacing = np.spacing(np.maximum(np.abs(a), np.abs(b)))
    return f"{abs(float(a) - float(b)) / float(spacing):.3g} ulp apart"
