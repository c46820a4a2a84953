"""Registers every environment with Gymnasium, and those of several agents with PettingZoo too, as `operant/<id>`.

Gymnasium 0.29 runs `register_environments` while it is itself being imported, so nothing of it but
`gymnasium.envs.registration` may be imported here, and that not before this module is whole: importing operant first
imports Gymnasium, which then comes back for `register_environments`.
"""

from __future__ import annotations

from operant.catalog import CATALOG, MULTIAGENT
from operant.spec import EnvSpec


def register_environments() -> None:
    """Adds the ids to Gymnasium's registry; those already there stay as they are."""
    from gymnasium.envs.registration import registry

    for spec in (*CATALOG.values(), *MULTIAGENT.values()):
        if spec.full_id not in registry:
            register_spec(spec)


def register_spec(spec: EnvSpec) -> None:
    """Adds one environment, built in or a user's. Of several agents, `gymnasium.make` says where they are made."""
    from gymnasium.envs.registration import register

    register(
        id=spec.full_id,
        entry_point="operant.environments.single:OperantEnv",
        vector_entry_point="operant.environments.vector:make_vector_env",
        max_episode_steps=spec.max_episode_steps,
        reward_threshold=spec.reward_threshold,
        kwargs={"env_id": spec.source or spec.id},
    )


def register_parallel_environments() -> None:
    """Adds the ids of several agents to PettingZoo's registry, which it has from 1.26 on."""
    import pettingzoo

    if not all(hasattr(pettingzoo, name) for name in ("register", "parallel_registry", "aec_registry")):
        return
    for spec in MULTIAGENT.values():
        module = f"operant.multiagent.{spec.id.replace('-', '_')}"
        for kind, registry, maker in (
            ("parallel", pettingzoo.parallel_registry, "parallel_env"),
            ("aec", pettingzoo.aec_registry, "env"),
        ):
            if f"operant/{spec.id}" not in registry:
                cycles = spec.max_episode_steps
                pettingzoo.register(kind, f"operant/{spec.id}", f"{module}:{maker}", max_cycles=cycles)
