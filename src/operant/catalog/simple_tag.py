"""simple_tag_v3."""

import dataclasses

from operant.catalog.particles import CONTINUOUS_ACTION, ONLY_OF_SCENARIOS, WORLD, bodies, members, unbounded
from operant.spec import EnvSpec

AGENTS = ("adversary_0", "adversary_1", "adversary_2", "agent_0")
OBSTACLES = ("obstacle_0", "obstacle_1")

_DISCRETE = EnvSpec(
    id="simple_tag-v3",
    header="simple_tag",
    summary="Three slow adversaries chase one fast agent between obstacles.",
    agents=AGENTS,
    observation_sizes=(16, 16, 16, 14),  # adversaries also observe the agent's velocity
    state=bodies(AGENTS, OBSTACLES),
    attributes=WORLD
    | {
        "adversary_radius": "adversary.size",
        "agent_radius": "agent.size",
        "obstacle_radius": "landmark.size",
        "adversary_force": "adversary.accel",
        "agent_force": "agent.accel",
        "adversary_max_speed": "adversary.max_speed",
        "agent_max_speed": "agent.max_speed",
    },
    members=members(local_ratio=None, curriculum_stage=0),
    observation=unbounded(
        "velocity",
        "position",
        *(f"to_{name}" for name in OBSTACLES),
        *(f"to_other_{i}" for i in (1, 2, 3)),
        "agent_velocity",
    ),
    actions=5,
    max_episode_steps=25,
    reference="mpe2.simple_tag.simple_tag:raw_env",
    render_fps=10,
    picture_keeps="original_cam_range",
    variant_options={"continuous_actions": False},
    only_options=ONLY_OF_SCENARIOS | {"num_good": 1, "num_adversaries": 3, "num_obstacles": 2},
)
_CONTINUOUS = dataclasses.replace(
    _DISCRETE,
    header="simple_tag_continuous",
    members=members(local_ratio=None, curriculum_stage=0, continuous_actions=True),
    actions=0,
    action_bounds=CONTINUOUS_ACTION,
)

SPEC = dataclasses.replace(_DISCRETE, variants={(False,): _DISCRETE, (True,): _CONTINUOUS})
