"""Squared-v0: PufferLib's grid task."""

from operant.spec import EnvSpec, Observation, Quantity

SPEC = EnvSpec(
    id="Squared-v0",
    header="squared",
    summary="Walk from the middle of a grid to its target.",
    state=(
        Quantity("row", integer=True),
        Quantity("column", integer=True),
        Quantity("target", "cell", integer=True),
        Quantity("ticks", "steps", integer=True),
    ),
    observation=(Observation("grid", 0, 2, shape=(11, 11)),),
    observation_dtype="uint8",
    actions=5,
    max_episode_steps=1000,  # PufferLib has no time limit: `patience` ends an episode
    reward_threshold=0.95,
    reference="operant.reference.squared:SquaredEnv",
    render_fps=5,
)
