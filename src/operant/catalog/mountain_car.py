"""MountainCar-v0."""

from operant.spec import LOW_HIGH, EnvSpec, Observation, Parameter, Quantity

STATE = (Quantity("position", "m"), Quantity("velocity", "m/step"))
OBSERVATION = (
    Observation("position", ("min_position", 1), ("max_position", 1)),
    Observation("velocity", ("max_speed", -1), ("max_speed", 1)),
)
BOUNDARIES = (
    Parameter("min_position", "m", attribute="min_position"),
    Parameter("max_position", "m", attribute="max_position"),
    Parameter("max_speed", "m/step", 0, attribute="max_speed"),
    Parameter("goal_position", "m", attribute="goal_position"),
    Parameter("goal_velocity", "m/step", attribute="goal_velocity", option="goal_velocity"),
    Parameter("low", "m", -1e9, 1e9),
    Parameter("high", "m", -1e9, 1e9),
)

SPEC = EnvSpec(
    id="MountainCar-v0",
    header="mountain_car",
    summary="Drive an underpowered car up a hill by swinging back and forth, with three throttle positions.",
    state=STATE,
    parameters=(
        Parameter("force", "m/step2", 0, 1, attribute="force"),
        Parameter("gravity", "m/step2", 0, 1, attribute="gravity"),
        *BOUNDARIES,
    ),
    observation=OBSERVATION,
    actions=3,
    max_episode_steps=200,
    reward_threshold=-110.0,
    reset_options=LOW_HIGH,
    reference="gymnasium.envs.classic_control.mountain_car:MountainCarEnv",
)
