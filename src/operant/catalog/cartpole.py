"""CartPole-v0 and CartPole-v1."""

import dataclasses
import math

from operant.spec import LOW_HIGH, EnvSpec, Observation, Parameter, Quantity

SPEC = EnvSpec(
    id="CartPole-v1",
    header="cartpole",
    summary="Balance a pole hinged to a cart by pushing the cart left or right.",
    state=(Quantity("x", "m"), Quantity("x_dot", "m/s"), Quantity("theta", "rad"), Quantity("theta_dot", "rad/s")),
    parameters=(
        Parameter("gravity", "m/s2", 0, 1000, attribute="gravity"),
        Parameter("cart_mass", "kg", 1e-3, 1e6, attribute="masscart"),
        Parameter("pole_mass", "kg", 0, 1e6, attribute="masspole"),
        Parameter("half_length", "m", 1e-3, 1e3, attribute="length"),
        Parameter("force", "N", 0, 1e6, attribute="force_mag"),
        Parameter("dt", "s", 1e-6, 1, attribute="tau"),
        Parameter("x_limit", "m", 0, attribute="x_threshold"),
        Parameter("theta_limit", "rad", 0, attribute="theta_threshold_radians"),
        Parameter("sutton_barto_reward", "bool", 0, 1, option="sutton_barto_reward"),
        Parameter("low", "m, m/s, rad, rad/s", -1e9, 1e9),
        Parameter("high", "m, m/s, rad, rad/s", -1e9, 1e9),
    ),
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
