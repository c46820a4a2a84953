"""MountainCar-v0."""

from typing import Any

from operant.catalog.gymnasiums import bounds, state_member
from operant.spec import LOW_HIGH, EnvSpec, Member, Observation, Quantity, Values

STATE = (Quantity("position", "m"), Quantity("velocity", "m/step"))
OBSERVATION = (
    Observation("position", ("min_position", 1), ("max_position", 1)),
    Observation("velocity", ("max_speed", -1), ("max_speed", 1)),
)


def _keys_to_action(values: Values) -> Any:
    return _key_map


def _key_map() -> dict[tuple[int, ...], int]:
    """Actions by the pressed keys, the arrows to the left and right, for gymnasium.utils.play."""
    return {(): 1, (276,): 0, (275,): 2, (275, 276): 1}


SPEC = EnvSpec(
    id="MountainCar-v0",
    header="mountain_car",
    summary="Drive an underpowered car up a hill by swinging back and forth, with three throttle positions.",
    state=STATE,
    attributes={"low": "", "high": ""},  # its low and high are bounds of observations
    members={
        "low": bounds("min_position", -1),
        "high": bounds("max_position", 1),
        "get_keys_to_action": Member(_keys_to_action),
        "state": state_member("position", "velocity", in_tuple=True),
    },
    whole=("goal_velocity",),
    options={"goal_velocity": "goal_velocity"},
    observation=OBSERVATION,
    actions=3,
    max_episode_steps=200,
    reward_threshold=-110.0,
    reset_options=LOW_HIGH,
    reference="gymnasium.envs.classic_control.mountain_car:MountainCarEnv",
)
