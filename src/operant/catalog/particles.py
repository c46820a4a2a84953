"""Shared parts of the descriptors of the Multi-Agent Particle Environments; see native/envs/mpe/particles.h."""

import math
from typing import Any

from operant.catalog.gymnasiums import constant
from operant.spec import Bound, Member, Observation, Quantity

CONTINUOUS_ACTION: tuple[tuple[Bound, Bound], ...] = ((0, 1),) * 5  # amounts of none, left, right, down, up

# mpe2's constructor arguments that accept only their defaults here.
ONLY = {"dynamic_rescaling": True, "benchmark_data": False}
ONLY_OF_SCENARIOS = ONLY | {
    "curriculum": False,
    "terminate_on_success": False,
    "num_agent_neighbors": None,
    "num_landmark_neighbors": None,
}


WORLD = {name: f"world.{name}" for name in ("dt", "damping", "contact_force", "contact_margin")}
"""mpe2's attributes of the parameters that all its environments share."""


def members(**others: Any) -> dict[str, Member]:
    """mpe2's attributes that cannot be assigned here, as its constructor's arguments set them; `others` among them."""
    return {name: constant(value) for name, value in ({"continuous_actions": False} | ONLY | others).items()}


def bodies(agents: tuple[str, ...], landmarks: tuple[str, ...]) -> tuple[Quantity, ...]:
    """The state: positions, then velocities of the agents, then positions of the landmarks, x before y."""
    return (
        *(Quantity(f"{name}_{axis}", "m") for name in agents for axis in "xy"),
        *(Quantity(f"{name}_{axis}_dot", "m/s") for name in agents for axis in "xy"),
        *(Quantity(f"{name}_{axis}", "m") for name in landmarks for axis in "xy"),
    )


def unbounded(*names: str) -> tuple[Observation, ...]:
    """Two components for each name, without bounds."""
    return tuple(Observation(f"{name}_{axis}", -math.inf, math.inf) for name in names for axis in "xy")
