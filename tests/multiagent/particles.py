"""mpe2's environments beside ours: the same arbitrary state in both."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from operant.catalog import MULTIAGENT
from operant.environments.parallel import OperantParallelEnv
from operant.environments.vector import OperantVectorEnv

NAMES = tuple(name.replace("-", "_") for name in MULTIAGENT)
# The compiled variants: the module's name in PettingZoo's form, and the constructor's arguments.
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    (name, dict(zip(spec.variant_options, key, strict=True)))
    for name, spec in zip(NAMES, MULTIAGENT.values(), strict=True)
    for key in spec.variants
]


def variant_id(value: Any) -> str:
    """A readable id of a test's parameter."""
    return ",".join(f"{key}={each}" for key, each in value.items()) if isinstance(value, dict) else str(value)


def mpe2_env(name: str, options: dict[str, Any]) -> Any:
    return import_module(f"mpe2.{name}").parallel_env(**options)


def random_state(agents: int, landmarks: int, random: np.random.Generator) -> np.ndarray:
    """A state `[2A + L, 2]` with overlapping bodies, speeds beyond the limits and positions outside the arena."""
    scale = random.choice([0.1, 0.5, 1.5])
    positions = random.uniform(-scale, scale, (agents, 2))
    velocities = random.uniform(-2, 2, (agents, 2)) * random.choice([0, 1, 1], (agents, 1))
    return np.concatenate([positions, velocities, random.uniform(-1, 1, (landmarks, 2))])


def put_mpe2(env: Any, state: np.ndarray) -> None:
    """Writes a state into an mpe2 environment after its reset."""
    world = env.unwrapped.world
    agents = len(world.agents)
    for k, agent in enumerate(world.agents):
        agent.state.p_pos, agent.state.p_vel = state[k].copy(), state[agents + k].copy()
    for k, landmark in enumerate(world.landmarks):
        landmark.state.p_pos = state[2 * agents + k].copy()


def put_ours(env: OperantParallelEnv | OperantVectorEnv, states: np.ndarray) -> None:
    """Writes states `[N, 2A + L, 2]` into the environments of a batch after its reset."""
    batch = env.batch
    records = batch.get_state()
    for part, column in zip(batch.spec.state, states.reshape(len(states), -1).T, strict=True):
        records[part.name] = column
    batch.set_state(records)


def bodies(env: OperantParallelEnv | OperantVectorEnv) -> tuple[int, int]:
    """The numbers of agents and landmarks."""
    agents = env.batch.agents
    return agents, len(env.batch.spec.state) // 2 - 2 * agents


def random_actions(space: Any, count: int, random: np.random.Generator) -> np.ndarray:
    """Random actions: `[count]` integers, or `[count, 5]` float32 that reach a little beyond [0, 1]."""
    if hasattr(space, "n"):
        return random.integers(0, space.n, count)
    return random.uniform(-0.2, 1.2, (count, *space.shape)).astype(np.float32)
