"""Pendulum-v1."""

from operant.catalog.gymnasiums import state_member
from operant.spec import EnvSpec, Observation, Quantity

SPEC = EnvSpec(
    id="Pendulum-v1",
    header="pendulum",
    summary="Swing a pendulum up and hold it there with a torque too weak to lift it directly.",
    state=(Quantity("theta", "rad"), Quantity("theta_dot", "rad/s")),
    attributes={"gravity": "g", "mass": "m", "length": "l"},
    members={"state": state_member("theta", "theta_dot")},
    whole=("max_speed",),
    numpy_rewards=True,
    options={"g": "gravity"},
    observation=(
        Observation("cos(theta)", -1.0, 1.0),
        Observation("sin(theta)", -1.0, 1.0),
        Observation("theta_dot", ("max_speed", -1), ("max_speed", 1)),
    ),
    action_bounds=((("max_torque", -1), ("max_torque", 1)),),
    max_episode_steps=200,
    reset_options=(("x_init", "x_init"), ("y_init", "y_init")),
    reference="gymnasium.envs.classic_control.pendulum:PendulumEnv",
)
