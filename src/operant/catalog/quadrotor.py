"""Quadrotor-v0."""

import math

from operant.spec import EnvSpec, Observation, Quantity

ROTORS = ("front_left", "front_right", "back_right", "back_left")

SPEC = EnvSpec(
    id="Quadrotor-v0",
    header="quadrotor",
    summary="Fly to a point and hover there with the four rotors of a Crazyflie.",
    state=(
        *(Quantity(name, "m") for name in "xyz"),
        *(Quantity(f"v{name}", "m/s") for name in "xyz"),
        *(Quantity(f"q{name}", "1") for name in "wxyz"),
        *(Quantity(f"{name}_rate", "rad/s") for name in ("roll", "pitch", "yaw")),
        *(Quantity(name, "rad/s", low=0) for name in ROTORS),
    ),
    observation=(
        *(Observation(f"{name} - goal_{name}", -math.inf, math.inf) for name in "xyz"),
        *(Observation(f"v{name}", -math.inf, math.inf) for name in "xyz"),
        Observation("rotation", -1.0, 1.0, shape=(3, 3)),
        *(Observation(f"{name}_rate", -math.inf, math.inf) for name in ("roll", "pitch", "yaw")),
        *(Observation(f"{name} / max_rotor_speed", 0.0, 1.0) for name in ROTORS),
    ),
    action_bounds=((-1.0, 1.0),) * 4,
    max_episode_steps=500,
    reference="operant.reference.quadrotor:Quadrotor",
    render_fps=100,
)
