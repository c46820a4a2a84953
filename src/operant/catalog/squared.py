"""Squared-v0: PufferLib's grid task."""

from operant.spec import EnvSpec, Observation, Quantity

SPEC = EnvSpec(
    id="Squared-v0",
    header="squared",
    summary="Walk from the middle of a grid to its target.",
    state=(
        Quantity("row", integer=True, low=-1, high=11),  # one step outside ends the episode
        Quantity("column", integer=True, low=-1, high=11),
        Quantity("target", "cell", integer=True, low=0, high=120),
        Quantity("ticks", "steps", integer=True, low=0, high=1_000_001),  # the largest patience, and one more
    ),
    observation=(Observation("grid", 0, 2, shape=(11, 11)),),
    observation_dtype="uint8",
    actions=5,
    max_episode_steps=1000,  # PufferLib has no time limit: `patience` ends an episode
    reward_threshold=0.95,
    reference="operant.reference.squared:SquaredEnv",
    render_fps=5,
)
