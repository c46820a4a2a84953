"""operant.agents: trained policies that come with operant, each the folder of the run that trained it.

`operant enjoy cartpole` shows one, and `operant repeat agents/cartpole` trains it again to the same bits.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from operant.messages import unknown
from operant.runs.checkpoint import CheckpointFolder
from operant.runs.run_directory import RunDirectory

if TYPE_CHECKING:
    from operant import models

__all__ = ["find", "load", "names"]

FOLDER = Path(__file__).parent
PREFIX = "agents/"
"""The beginning of an agent's name wherever a run's id may stand."""


def names() -> list[str]:
    """Lists the agents: short names of their environments, sorted."""
    return sorted(record.parent.name for record in FOLDER.glob("*/run.json"))


def find(name: str) -> RunDirectory:
    """Returns the run that trained an agent: its configuration, its seed, and the hash of its weights.

    Of its checkpoints there is the last, without the state of optimiser and environments.

    Raises:
        ValueError: there is no such agent; the message names the nearest.
    """
    if not is_agent(name):
        raise ValueError(unknown("agent", name, names()))
    return RunDirectory(FOLDER / _short(name))


def is_agent(name: str) -> bool:
    """Returns True if an agent has this name, with underscores and capitals or without."""
    return _short(name) in names()


def _short(name: str) -> str:
    return name.replace("_", "").lower()


def load(name: str) -> models.PPO:
    """Loads an agent; torch is not needed, nor any extra.

        agent = operant.agents.load("cartpole")
        actions, _ = agent.predict(observations)

    `predict` returns greedy actions for observations `[N, ...]`, or for one; with deterministic=False sampled ones.
    `agent.environments.env_id` is the environment, and `agent.close()` closes the one that it has made.

    Raises:
        ValueError: there is no such agent; the message names the nearest.
    """
    from operant.models.algorithms.ppo import PPO

    return PPO.load_policy(CheckpointFolder(find(name).checkpoints).latest())
