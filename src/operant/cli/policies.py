"""Loads the policy of a run, for commands that do not train it further."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from operant.cli.run_config import RunConfig, merge
from operant.messages import integer
from operant.models.algorithms.algorithm import Algorithm, backend_of
from operant.runs.checkpoint import MISFITS, CheckpointError, CheckpointFolder, load_checkpoint
from operant.runs.run_directory import RunDirectory


@dataclass(frozen=True)
class Trained:
    """A run's algorithm on one environment, with a checkpoint's weights and observation statistics."""

    run: RunDirectory
    config: RunConfig
    algorithm: Algorithm
    checkpoint: Path
    steps: int


def load_policy(run: RunDirectory, checkpoint: str, *, trust: bool) -> Trained:
    """Loads the policy of a run. `checkpoint` is best, latest, or a path; `trust` is that of `merge`.

    Raises:
        ValueError: the checkpoint does not exist, is corrupt, or does not fit the run's configuration.
    """
    config = merge(run.config, {}, trust=trust)
    folder = CheckpointFolder(run.checkpoints)
    named = {"best": folder.best, "latest": folder.latest}
    path = named[checkpoint]() if checkpoint in named else Path(checkpoint)
    if not path.exists():
        raise ValueError(f"{checkpoint} does not exist: give --checkpoint best, latest or a file")
    state = load_checkpoint(path)
    algorithm = config.make_small(backend_of(state))
    try:
        algorithm.restore_policy(state)
        steps = integer("steps", state["counters"]["steps"], 0)
    except (ValueError, *MISFITS):
        algorithm.close()
        raise CheckpointError(f"{path} does not fit the network that {run.path / 'config.toml'} describes") from None
    return Trained(run, config, algorithm, path, steps)
