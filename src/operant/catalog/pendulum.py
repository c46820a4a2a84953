"""Pendulum-v1."""

from operant.spec import EnvSpec, Observation, Parameter, Quantity

SPEC = EnvSpec(
    id="Pendulum-v1",
    header="pendulum",
    summary="Swing a pendulum up and hold it there with a torque too weak to lift it directly.",
    state=(Quantity("theta", "rad"), Quantity("theta_dot", "rad/s")),
    parameters=(
        Parameter("gravity", "m/s2", -1000, 1000, attribute="g", option="g"),
        Parameter("mass", "kg", 1e-3, 1e6, attribute="m"),
        Parameter("length", "m", 1e-3, 1e3, attribute="l"),
        Parameter("dt", "s", 1e-6, 1, attribute="dt"),
        Parameter("max_speed", "rad/s", 0, attribute="max_speed"),
        Parameter("max_torque", "N m", 0, attribute="max_torque"),
        Parameter("x_init", "rad", 0, 1e9),
        Parameter("y_init", "rad/s", 0, 1e9),
    ),
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
