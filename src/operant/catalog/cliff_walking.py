"""CliffWalking-v1 and CliffWalkingSlippery-v1."""

import dataclasses

from operant.spec import EnvSpec, Observation, Quantity

SPEC = EnvSpec(
    id="CliffWalking-v1",
    header="cliff_walking",
    summary="Walk from one end of a cliff to the other without falling off.",
    state=(
        Quantity("row", "1", integer=True, low=0, high=3),
        Quantity("column", "1", integer=True, low=0, high=11),
    ),
    options={"is_slippery": "is_slippery"},
    observation=(Observation("cell", 0, 47),),
    observation_kind="Discrete",
    actions=4,
    max_episode_steps=None,
    reference="operant.reference.cliff_walking:CliffWalking",
    render_fps=4,
)

SPEC_SLIPPERY = dataclasses.replace(
    SPEC,
    id="CliffWalkingSlippery-v1",
    header="cliff_walking_slippery",
    summary="Walk from one end of a slippery cliff to the other without falling off.",
    reference_arguments={"is_slippery": True},
)
