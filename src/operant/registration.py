"""Registers every environment of the catalog with Gymnasium as `operant/<id>`.

Gymnasium 0.29 runs `register_environments` while it is itself being imported, so nothing of it but
`gymnasium.envs.registration` may be imported here, and that not before this module is whole: importing operant first
imports Gymnasium, which then comes back for `register_environments`.
"""

from __future__ import annotations

from operant.catalog import CATALOG


def register_environments() -> None:
    """Adds the ids to Gymnasium's registry; those already there stay as they are."""
    from gymnasium.envs.registration import register, registry

    for spec in CATALOG.values():
        if f"operant/{spec.id}" in registry:
            continue
        register(
            id=f"operant/{spec.id}",
            entry_point="operant.single:OperantEnv",
            vector_entry_point="operant.vector:OperantVectorEnv",
            max_episode_steps=spec.max_episode_steps,
            reward_threshold=spec.reward_threshold,
            kwargs={"env_id": spec.id},
        )
