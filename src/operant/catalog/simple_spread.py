"""simple_spread_v3, for several numbers of agents."""

import dataclasses

from operant.catalog.particles import PHYSICS, bodies, positive, unbounded
from operant.spec import EnvSpec, Parameter


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
        parameters=(
            *PHYSICS,
            positive("radius", "m"),
            positive("force", "N"),
            Parameter("local_ratio", "1", 0, 1, option="local_ratio"),
            positive("extent", "m"),
        ),
        observation=unbounded(
            "velocity",
            "position",
            *(f"to_{name}" for name in landmarks),
            *(f"to_other_{i}" for i in others),
            *(f"message_{i}" for i in others),
        ),
        actions=5,
        max_episode_steps=25,
        reset_options=(),
        reference="mpe2.simple_spread.simple_spread:raw_env",
        reference_arguments={"N": count},
        render_fps=10,
    )


SPEC = dataclasses.replace(
    _spec(3, "simple_spread"),
    variant_option="N",
    variants={count: _spec(count, "simple_spread" if count == 3 else f"simple_spread_{count}") for count in (2, 3, 4, 5)},
)
