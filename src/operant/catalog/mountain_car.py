"""MountainCar-v0."""

from operant.spec import LOW_HIGH, EnvSpec, Observation, Quantity

STATE = (Quantity("position", "m"), Quantity("velocity", "m/step"))
OBSERVATION = (
    Observation("position", ("min_position", 1), ("max_position", 1)),
    Observation("velocity", ("max_speed", -1), ("max_speed", 1)),
)
NOT_GYMNASIUMS = {"low": "", "high": ""}  # its low and high are bounds of observations

SPEC = EnvSpec(
    id="MountainCar-v0",
    header="mountain_car",
    summary="Drive an underpowered car up a hill by swinging back and forth, with three throttle positions.",
    state=STATE,
    attributes=NOT_GYMNASIUMS,
    options={"goal_velocity": "goal_velocity"},
    observation=OBSERVATION,
    actions=3,
    max_episode_steps=200,
    reward_threshold=-110.0,
    reset_options=LOW_HIGH,
    reference="gymnasium.envs.classic_control.mountain_car:MountainCarEnv",
)
