"""simple_v3."""

from operant.catalog.particles import PHYSICS, bodies, positive, unbounded
from operant.spec import EnvSpec

SPEC = EnvSpec(
    id="simple-v3",
    header="simple",
    summary="One agent goes to one landmark.",
    agents=("agent_0",),
    state=bodies(("agent_0",), ("landmark_0",)),
    parameters=(*PHYSICS, positive("force", "N"), positive("extent", "m")),
    observation=unbounded("velocity", "to_landmark_0"),
    actions=5,
    max_episode_steps=25,
    reset_options=(),
    reference="mpe2.simple.simple:raw_env",
    render_fps=10,
)
