"""Acrobot-v1."""

from typing import Any

from operant.catalog.gymnasiums import constant, only, state_member
from operant.spec import LOW_HIGH, EnvSpec, Member, Observation, Quantity, Values


def _torques(values: Values) -> list[Any]:
    torque = values["torque"]
    return [-torque, 0.0, 1 if torque == 1 else torque]


def _set_torques(values: Values, given: Any) -> dict[str, Any]:
    low, none, high = given
    if none != 0 or low != -high:
        raise AttributeError(f"AVAIL_TORQUE = {given!r} must be [-torque, 0, torque], for the parameter 'torque'")
    return {"torque": high}


def _equations(values: Values) -> str:
    return "nips" if values["nips"] else "book"


def _set_equations(values: Values, given: Any) -> dict[str, Any]:
    return {"nips": given == "nips"}


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
    attributes={  # in Gymnasium, gravity is a literal in its step
        "mass1": "LINK_MASS_1",
        "mass2": "LINK_MASS_2",
        "length1": "LINK_LENGTH_1",
        "com1": "LINK_COM_POS_1",
        "com2": "LINK_COM_POS_2",
        "inertia": "LINK_MOI",
        "max_theta1_dot": "MAX_VEL_1",
        "max_theta2_dot": "MAX_VEL_2",
    },
    members={
        "AVAIL_TORQUE": Member(_torques, _set_torques),
        "LINK_LENGTH_2": constant(1.0, kept=True),  # its equations do not contain it
        "actions_num": constant(3, kept=True),
        "book_or_nips": Member(_equations, _set_equations),
        "state": state_member("theta1", "theta2", "theta1_dot", "theta2_dot", fresh="float32"),
        "torque_noise_max": only(0.0, "there is no parameter for noise; use Gymnasium's own Acrobot"),
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
