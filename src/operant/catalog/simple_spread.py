"""simple_spread_v3, for several numbers of agents and landmarks, N."""

import dataclasses

from operant.catalog.particles import CONTINUOUS_ACTION, ONLY_OF_SCENARIOS, WORLD, bodies, members, unbounded
from operant.spec import EnvSpec


def _spec(count: int, header: str) -> EnvSpec:
    """The descriptor for `count` agents and as many landmarks."""
    agents = tuple(f"agent_{i}" for i in range(count))
    landmarks = tuple(f"landmark_{i}" for i in range(count))
    others = range(1, count)
    return EnvSpec(
        id="simple_spread-v3",
        header=header,
        summary="Agents cover as many landmarks without bumping into each other.",
        agents=agents,
        state=bodies(agents, landmarks),
        attributes=WORLD | {"radius": "agent.size", "force": "agent.accel"},
        members=members(curriculum_stage=0),
        options={"local_ratio": "local_ratio"},
        observation=unbounded(
            "velocity",
            "position",
            *(f"to_{name}" for name in landmarks),
            *(f"to_other_{i}" for i in others),
            *(f"message_{i}" for i in others),
        ),
        actions=5,
        max_episode_steps=25,
        reference="mpe2.simple_spread.simple_spread:raw_env",
        reference_arguments={"N": count},
        render_fps=10,
        picture_keeps="original_cam_range",
        variant_options={"N": 3, "continuous_actions": False},
        only_options=ONLY_OF_SCENARIOS,
    )


_THREE = _spec(3, "simple_spread")
_CONTINUOUS = dataclasses.replace(
    _THREE,
    header="simple_spread_continuous",
    members=members(curriculum_stage=0, continuous_actions=True),
    actions=0,
    action_bounds=CONTINUOUS_ACTION,
)

SPEC = dataclasses.replace(
    _THREE,
    variants={
        (2, False): _spec(2, "simple_spread_2"),
        (3, False): _THREE,
        (4, False): _spec(4, "simple_spread_4"),
        (5, False): _spec(5, "simple_spread_5"),
        (3, True): _CONTINUOUS,
    },
)
