"""CartPole-v0 and CartPole-v1."""

import dataclasses
import math
from typing import Any

from operant.catalog.gymnasiums import only, state_member
from operant.spec import LOW_HIGH, EnvSpec, Member, Observation, Quantity, Values


def _total_mass(values: Values) -> Any:
    return values["pole_mass"] + values["cart_mass"] if values["total_mass"] < 0 else values["total_mass"]


def _set_total_mass(values: Values, given: Any) -> dict[str, Any]:
    return {"total_mass": given}


def _pole_moment(values: Values) -> Any:
    return values["pole_mass"] * values["half_length"] if values["pole_moment"] < 0 else values["pole_moment"]


def _set_pole_moment(values: Values, given: Any) -> dict[str, Any]:
    return {"pole_moment": given}


def _steps_beyond(values: Values) -> int | None:
    return 0 if values["finished"] else None


def _set_steps_beyond(values: Values, given: Any) -> dict[str, Any]:
    if given is not None and not (values["finished"] and given == 0):
        raise AttributeError(f"steps_beyond_terminated = {given!r}: it can only be set to None, which lets steps go on")
    return {"finished": given is not None}


SPEC = EnvSpec(
    id="CartPole-v1",
    header="cartpole",
    summary="Balance a pole hinged to a cart by pushing the cart left or right.",
    state=(Quantity("x", "m"), Quantity("x_dot", "m/s"), Quantity("theta", "rad"), Quantity("theta_dot", "rad/s")),
    attributes={
        "cart_mass": "masscart",
        "pole_mass": "masspole",
        "half_length": "length",
        "force": "force_mag",
        "dt": "tau",
        "x_limit": "x_threshold",
        "theta_limit": "theta_threshold_radians",
        "sutton_barto_reward": "_sutton_barto_reward",
        "total_mass": "",
    },
    members={
        "total_mass": Member(_total_mass, _set_total_mass, stored=True),
        "polemass_length": Member(_pole_moment, _set_pole_moment, stored=True),
        "kinematics_integrator": only("euler", "operant integrates by 'euler' alone; use Gymnasium's own CartPole"),
        "steps_beyond_terminated": Member(_steps_beyond, _set_steps_beyond),
        "state": state_member("x", "x_dot", "theta", "theta_dot"),
    },
    options={"sutton_barto_reward": "sutton_barto_reward"},
    observation=(
        Observation("x", ("x_limit", -2), ("x_limit", 2)),
        Observation("x_dot", -math.inf, math.inf),
        Observation("theta", ("theta_limit", -2), ("theta_limit", 2)),
        Observation("theta_dot", -math.inf, math.inf),
    ),
    actions=2,
    max_episode_steps=500,
    reward_threshold=475.0,
    reset_options=LOW_HIGH,
    reference="gymnasium.envs.classic_control.cartpole:CartPoleEnv",
    render_fps=50,
)

SPEC_V0 = dataclasses.replace(SPEC, id="CartPole-v0", max_episode_steps=200, reward_threshold=195.0)
