"""simple_v3."""

import dataclasses

from operant.catalog.particles import CONTINUOUS_ACTION, ONLY, WORLD, bodies, members, unbounded
from operant.spec import EnvSpec

_DISCRETE = EnvSpec(
    id="simple-v3",
    header="simple",
    summary="One agent goes to one landmark.",
    agents=("agent_0",),
    state=bodies(("agent_0",), ("landmark_0",)),
    attributes=WORLD | {"force": "agent.accel"},
    members=members(local_ratio=None),
    observation=unbounded("velocity", "to_landmark_0"),
    actions=5,
    max_episode_steps=25,
    reference="mpe2.simple.simple:raw_env",
    render_fps=10,
    picture_keeps="original_cam_range",
    variant_options={"continuous_actions": False},
    only_options=ONLY,
)
_CONTINUOUS = dataclasses.replace(
    _DISCRETE,
    header="simple_continuous",
    members=members(local_ratio=None, continuous_actions=True),
    actions=0,
    action_bounds=CONTINUOUS_ACTION,
)

SPEC = dataclasses.replace(_DISCRETE, variants={(False,): _DISCRETE, (True,): _CONTINUOUS})
