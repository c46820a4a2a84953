"""Snake-v0."""

from operant.spec import EnvSpec, Observation, Quantity

SPEC = EnvSpec(
    id="Snake-v0",
    header="snake",
    summary="Eat fruit and grow, without running into a wall or oneself.",
    state=(
        Quantity("head_row", integer=True, low=0, high=9),
        Quantity("head_column", integer=True, low=0, high=9),
        Quantity("tail_row", integer=True, low=0, high=9),
        Quantity("tail_column", integer=True, low=0, high=9),
        Quantity("fruit_row", integer=True, low=-1, high=9),  # -1 in a full grid
        Quantity("fruit_column", integer=True, low=-1, high=9),
        Quantity("heading", integer=True, low=0, high=3),
        Quantity("length", "cells", integer=True, low=1, high=100),
        Quantity("rows", "bits", integer=True, shape=(10,), low=0, high=(1 << 30) - 1),
    ),
    observation=(Observation("grid", 0, 1, shape=(10, 10, 4)),),
    observation_dtype="uint8",
    actions=4,
    max_episode_steps=1000,
    reward_threshold=20.0,
    reference="operant.reference.snake:SnakeEnv",
    render_fps=10,
)
