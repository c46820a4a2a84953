"""MountainCarContinuous-v0."""

from operant.catalog.gymnasiums import bounds, state_member
from operant.catalog.mountain_car import OBSERVATION, STATE
from operant.spec import LOW_HIGH, EnvSpec

SPEC = EnvSpec(
    id="MountainCarContinuous-v0",
    header="mountain_car_continuous",
    summary="Drive an underpowered car up a hill by swinging back and forth, with a continuous throttle that costs.",
    state=STATE,
    members={
        "low_state": bounds("min_position", -1),
        "high_state": bounds("max_position", 1),
        "state": state_member("position", "velocity", later="float32"),
    },
    whole=("goal_velocity",),
    options={"goal_velocity": "goal_velocity"},  # gravity is a literal in Gymnasium's step
    observation=OBSERVATION,
    action_bounds=((-1.0, 1.0),),
    max_episode_steps=999,
    reward_threshold=90.0,
    reset_options=LOW_HIGH,
    reference="gymnasium.envs.classic_control.continuous_mountain_car:Continuous_MountainCarEnv",
)
