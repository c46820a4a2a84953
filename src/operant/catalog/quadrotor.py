"""Quadrotor-v0."""

import math

from operant.spec import EnvSpec, Observation, Parameter, Quantity

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
        *(Quantity(name, "rad/s") for name in ROTORS),
    ),
    parameters=(
        Parameter("gravity", "m/s2", 0, 100, attribute="gravity"),
        Parameter("mass", "kg", 1e-3, 100, attribute="mass"),
        Parameter("inertia_x", "kg m2", 1e-9, 100, attribute="inertia_x"),
        Parameter("inertia_y", "kg m2", 1e-9, 100, attribute="inertia_y"),
        Parameter("inertia_z", "kg m2", 1e-9, 100, attribute="inertia_z"),
        Parameter("arm", "m", 1e-3, 10, attribute="arm"),
        Parameter("thrust_coefficient", "N s2/rad2", 1e-12, 1, attribute="thrust_coefficient"),
        Parameter("torque_coefficient", "N m s2/rad2", 0, 1, attribute="torque_coefficient"),
        Parameter("drag_coefficient", "kg/rad", 0, 1, attribute="drag_coefficient"),
        Parameter("inflow_coefficient", "kg/rad", 0, 1, attribute="inflow_coefficient"),
        Parameter("max_rotor_speed", "rad/s", 1, 1e5, attribute="max_rotor_speed"),
        Parameter("motor_time", "s", 1e-6, 10, attribute="motor_time"),
        Parameter("dt", "s", 1e-6, 0.1, attribute="dt"),
        Parameter("goal_x", "m", -1e3, 1e3, attribute="goal_x"),
        Parameter("goal_y", "m", -1e3, 1e3, attribute="goal_y"),
        Parameter("goal_z", "m", 0, 1e3, attribute="goal_z"),
        Parameter("half_width", "m", 0, 1e3, attribute="half_width"),
        Parameter("ceiling", "m", 0, 1e3, attribute="ceiling"),
        Parameter("max_rate", "rad/s", 0, 1e3, attribute="max_rate"),
        Parameter("position_spread", "m", 0, 1e3, attribute="position_spread"),
        Parameter("velocity_spread", "m/s", 0, 1e3, attribute="velocity_spread"),
        Parameter("tilt_spread", "1", 0, 1e3, attribute="tilt_spread"),
        Parameter("rate_spread", "rad/s", 0, 1e3, attribute="rate_spread"),
        Parameter("position_cost", "1/m2", 0, 1e6, attribute="position_cost"),
        Parameter("velocity_cost", "s2/m2", 0, 1e6, attribute="velocity_cost"),
        Parameter("rate_cost", "s2/rad2", 0, 1e6, attribute="rate_cost"),
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
