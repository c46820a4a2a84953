"""CartPole-v0 and CartPole-v1."""

import dataclasses
import math

from operant.spec import LOW_HIGH, EnvSpec, Observation, Quantity

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
