"""Registers the catalog as `operant/<id>`: everything with Gymnasium, multi-agent environments with PettingZoo too.

Gymnasium 0.29 calls `register_environments` while it is itself being imported. So this module imports nothing of
Gymnasium but `gymnasium.envs.registration`, and that only inside functions: importing operant first imports Gymnasium,
which then needs `register_environments` to be defined.
"""

from __future__ import annotations

from operant.catalog import CATALOG, ENGINES, MULTIAGENT
from operant.spec import EnvSpec


def register_environments() -> None:
    """Adds the ids to Gymnasium's registry; existing entries are kept."""
    from gymnasium.envs.registration import registry

    for spec in (*CATALOG.values(), *MULTIAGENT.values(), *ENGINES.values()):
        if spec.full_id not in registry:
            register_spec(spec)


def register_spec(spec: EnvSpec) -> None:
    """Adds one environment, built in or a user's, to Gymnasium's registry.

    For a multi-agent one, `gymnasium.make_vec` works, and `gymnasium.make` raises an error that says what to use.
    """
    from gymnasium.envs.registration import register

    register(
        id=spec.full_id,
        entry_point="operant.environments.single:OperantEnv",
        vector_entry_point="operant.environments.vector:make_vector_env",
        max_episode_steps=spec.max_episode_steps,
        reward_threshold=spec.reward_threshold,
        kwargs={"env_id": spec.source or spec.id},
    )


def warn_of_old_gymnasium() -> None:
    """Warns where Gymnasium is older than 1.1: it ignores `vector_entry_point`, or has no autoreset modes."""
    import gymnasium

    if hasattr(getattr(gymnasium, "vector", None), "AutoresetMode"):
        return
    import warnings
    from importlib.metadata import version  # because a half imported gymnasium has no __version__

    warnings.warn(
        f"operant's native batch needs gymnasium 1.1 or newer, not {version('gymnasium')}: pip install -U gymnasium. "
        "The make_vec of 0.29 starts a process for each environment instead. Single environments work, and so do "
        "operant.compat.cleanrl and operant.compat.pufferlib.",
        stacklevel=3,
    )


def register_parallel_environments() -> None:
    """Adds the multi-agent ids to PettingZoo's registry, which exists from PettingZoo 1.26 on."""
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
