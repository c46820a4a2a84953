"""Acrobot-v1."""

from operant.spec import LOW_HIGH, EnvSpec, Observation, Quantity

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
    attributes={  # in Gymnasium, gravity is a literal in its step, and the torques are in a list
        "mass1": "LINK_MASS_1",
        "mass2": "LINK_MASS_2",
        "length1": "LINK_LENGTH_1",
        "com1": "LINK_COM_POS_1",
        "com2": "LINK_COM_POS_2",
        "inertia": "LINK_MOI",
        "max_theta1_dot": "MAX_VEL_1",
        "max_theta2_dot": "MAX_VEL_2",
    },
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
