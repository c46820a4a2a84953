"""Acrobot-v1."""

from operant.spec import LOW_HIGH, EnvSpec, Observation, Parameter, Quantity

SPEC = EnvSpec(
    id="Acrobot-v1",
    header="acrobot",
    summary="Swing the free end of a two-link chain above a line by torque on the middle joint.",
    state=(
        Quantity("theta1", "rad"),
        Quantity("theta2", "rad"),
        Quantity("theta1_dot", "rad/s"),
        Quantity("theta2_dot", "rad/s"),
    ),
    parameters=(
        Parameter("gravity", "m/s2", 0, 1000),  # a literal in Gymnasium's step
        Parameter("mass1", "kg", 1e-3, 1e6, attribute="LINK_MASS_1"),
        Parameter("mass2", "kg", 1e-3, 1e6, attribute="LINK_MASS_2"),
        Parameter("length1", "m", 1e-3, 1e3, attribute="LINK_LENGTH_1"),
        Parameter("com1", "m", 0, 1e3, attribute="LINK_COM_POS_1"),
        Parameter("com2", "m", 0, 1e3, attribute="LINK_COM_POS_2"),
        Parameter("inertia", "kg m2", 1e-6, 1e6, attribute="LINK_MOI"),
        Parameter("max_theta1_dot", "rad/s", 0, attribute="MAX_VEL_1"),
        Parameter("max_theta2_dot", "rad/s", 0, attribute="MAX_VEL_2"),
        Parameter("torque", "N m", -1e6, 1e6),  # a list of the three torques in Gymnasium
        Parameter("dt", "s", 1e-6, 1, attribute="dt"),
        Parameter("low", "rad, rad/s", -1e9, 1e9),
        Parameter("high", "rad, rad/s", -1e9, 1e9),
    ),
    observation=(
        Observation("cos(theta1)", -1.0, 1.0),
        Observation("sin(theta1)", -1.0, 1.0),
        Observation("cos(theta2)", -1.0, 1.0),
        Observation("sin(theta2)", -1.0, 1.0),
        Observation("theta1_dot", ("max_theta1_dot", -1), ("max_theta1_dot", 1)),
        Observation("theta2_dot", ("max_theta2_dot", -1), ("max_theta2_dot", 1)),
    ),
    actions=3,
    max_episode_steps=500,
    reward_threshold=-100.0,
    reset_options=LOW_HIGH,
    reference="gymnasium.envs.classic_control.acrobot:AcrobotEnv",
    render_fps=15,
)
