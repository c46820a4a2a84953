"""Bandit-v0."""

import math

from operant.spec import EnvSpec, Observation, Quantity

ARMS = 10

SPEC = EnvSpec(
    id="Bandit-v0",
    header="bandit",
    summary="Find the best of ten slot machines while playing them.",
    state=(
        Quantity("means", "1", shape=(ARMS,)),
        Quantity("reward", "1"),
        Quantity("arm", "1", integer=True, low=-1, high=ARMS - 1),  # -1 before the first pull
    ),
    observation=(
        Observation("reward", -math.inf, math.inf),
        Observation("pulled", 0.0, 1.0, shape=(ARMS,)),
    ),
    actions=ARMS,
    max_episode_steps=1000,
    reference="operant.reference.bandit:Bandit",
)
