"""Breakout-v0, MinAtar's game."""

from operant.spec import EnvSpec, Observation, Quantity

SPEC = EnvSpec(
    id="Breakout-v0",
    header="breakout",
    summary="Keep a ball in play with a paddle, and break bricks with it.",
    state=(
        Quantity("ball_row", integer=True, low=0, high=9),
        Quantity("ball_column", integer=True, low=0, high=9),
        Quantity("trail_row", integer=True, low=0, high=9),
        Quantity("trail_column", integer=True, low=0, high=9),
        Quantity("course", integer=True, low=0, high=3),
        Quantity("paddle", "column", integer=True, low=0, high=9),
        Quantity("strike", integer=True, low=0, high=1),
        Quantity("last_action", integer=True, low=0, high=2),
        Quantity("bricks", "bits", integer=True, low=0, high=(1 << 30) - 1),
    ),
    observation=(Observation("grid", 0, 1, shape=(10, 10, 4)),),
    observation_dtype="uint8",
    actions=3,
    max_episode_steps=1000,  # MinAtar has no time limit
    reward_threshold=20.0,
    reference="operant.reference.breakout:BreakoutEnv",
    render_fps=15,
)
