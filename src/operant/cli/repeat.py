"""`operant repeat`: trains a run again, and compares the weights bit for bit."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from operant.cli.parser import Parser, at_least
from operant.cli.runs import add_run_options, add_trust_option, chosen_run
from operant.messages import printable
from operant.runs.run_directory import RunDirectory, RunError

if TYPE_CHECKING:
    from operant.cli.run_config import RunConfig
    from operant.models.algorithms.algorithm import Algorithm
    from operant.models.algorithms.progress import ProgressBar

DESCRIPTION = """\
Trains a run again from its configuration and its seed, makes as many updates as it made, and compares the hash of the
weights. PPO in the core gives the same bits on every CPU and with any number of threads, in operant's environments and
in a header of your own. Torch and other people's environments, MuJoCo's among them, cannot promise it, and another
version of the training arithmetic computes other bits: then the command says so, and compares nothing. The run is not
changed.
"""
PROGRAM = "operant repeat"


def command(argv: list[str]) -> int:
    """Trains and compares; the exit code is 0, or 1 if the weights differ or cannot be compared."""
    parser = Parser(PROGRAM, description=DESCRIPTION)
    add_run_options(parser, agents=True)
    parser.add_argument("--threads", metavar="N", type=at_least(0), help="another number of threads; 0: all cores")
    parser.add_argument("--quiet", action="store_true", help="show no progress bar")
    add_trust_option(parser)
    arguments = parser.parse(argv)
    run = chosen_run(parser, arguments, agents=True)
    ended = Ended.read(run)
    from operant.cli.run_config import merge

    options = {"backend": "native", "threads": arguments.threads}
    config = merge(run.config, {"options": options}, trust=arguments.trust)
    algorithm = config.make()
    try:
        _train(algorithm, config, ended, show=not arguments.quiet and sys.stderr.isatty())
        return _compare(algorithm, run, ended)
    finally:
        algorithm.close()


@dataclass(frozen=True)
class Part:
    """A part of a run; a resumption begins the next one.

    Attributes:
        end: the number of steps at which it ended; infinite for the last one.
        total_steps: the number of steps that it was to reach, on which the learning rate depends.
        arithmetic: the version of the training arithmetic; None if the weights may have other bits elsewhere.
    """

    end: float
    total_steps: int
    backend: str
    arithmetic: int | None


@dataclass(frozen=True)
class Ended:
    """The end of a run: the hash of its weights after so many updates. `version` is of the operant that began it."""

    updates: int
    weights: str
    parts: list[Part]
    version: str

    @classmethod
    def read(cls, run: RunDirectory) -> Ended:
        """Reads run.json.

        Raises:
            ValueError: the weights cannot be compared; the message says why.
        """
        record = run.record
        if (reason := _why_unfinished(run)) is None:
            try:
                parts = [_part(part, part["steps"]) for part in record.get("parts", ())]
                parts.append(_part(record, math.inf))
                updates, weights, version = record["updates"], record["weights"], record["versions"]["operant"]
                ended = cls(int(updates), str(weights), _without_discarded(parts), str(version))
            except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
                raise RunError(f"{run.path / 'run.json'} does not say how the run was trained") from None
            reason = _why_not(run, ended)
            if reason is None:
                return ended
        raise ValueError(printable(f"run {run.id} cannot be compared: {reason}"))


def _part(record: dict[str, Any], end: float) -> Part:
    version = record["arithmetic"]
    arithmetic = None if version is None else int(version)
    return Part(float(end), int(record["total_steps"]), str(record["backend"]), arithmetic)


def _without_discarded(parts: Sequence[Part]) -> list[Part]:
    """Returns the parts without the steps that were made again, by a resumption from an earlier checkpoint."""
    kept: list[Part] = []
    for part in parts:
        covering = part
        while kept and kept[-1].end >= part.end:
            covering = kept.pop()
        kept.append(replace(covering, end=part.end))
    return kept


def _why_unfinished(run: RunDirectory) -> str | None:
    if run.in_progress:
        return f"it is {run.status} (process {run.record.get('pid')}); wait for its end"
    if not run.record.get("weights"):
        return f"its status is {run.status}, without final weights: `operant resume {run.id}` trains it to its end"
    return None


def _why_not(run: RunDirectory, ended: Ended) -> str | None:
    """The reason why the weights may have other bits here, or None."""
    from operant.headers.trust import code_hash
    from operant.models.native.trainer import train_version

    record = run.record
    if any(part.backend != "native" for part in ended.parts):
        return "torch trained it, or a part of it, and may compute other bits elsewhere"
    versions = {part.arithmetic for part in ended.parts} - {train_version()}
    if None in versions:
        return (
            f"the physics of its environment, {record.get('environment')}, are not operant's: bits may differ elsewhere"
        )
    if versions:
        return f"it has version {versions.pop()} of the training arithmetic, and this operant version {train_version()}"
    environment = str(run.config.get("environment"))
    if code_hash(environment) != record.get("code"):
        return f"the code of its environment, {environment}, has changed"
    return None


def _train(algorithm: Algorithm, config: RunConfig, ended: Ended, *, show: bool) -> None:
    """Makes the updates of the run.

    Raises:
        ValueError: its configuration ends after fewer.
    """
    from operant.models.algorithms.progress import ProgressBar

    steps = ended.updates * config.options.rollout_steps * algorithm.environments.num_envs
    with ProgressBar(steps) if show else contextlib.nullcontext() as bar:
        for part in ended.parts:
            _train_part(algorithm, part, ended.updates, bar)
    if algorithm.updates != ended.updates:
        raise ValueError(
            f"config.toml describes a run of {algorithm.updates} updates, but run.json has {ended.updates}"
        )


def _train_part(algorithm: Algorithm, part: Part, updates: int, bar: ProgressBar | None) -> None:
    if algorithm.updates >= updates or algorithm.steps >= part.end:
        return
    for metrics in algorithm.iterate(part.total_steps):
        if bar is not None:
            bar.update(metrics)
        if algorithm.updates >= updates or algorithm.steps >= part.end:
            return


def _compare(algorithm: Algorithm, run: RunDirectory, ended: Ended) -> int:
    """Prints the result; returns the exit code."""
    from operant import __version__

    found = algorithm.weights_hash()
    updates = f"{algorithm.updates:,} update{'s' * (algorithm.updates != 1)}"
    after = f"after {updates}, {algorithm.steps:,} steps in {algorithm.seconds:.2f} s"
    if found == ended.weights:
        print(f"the same weights: {found} {after}")
        return 0
    line = f"other weights: {found} {after}, but run {run.id} has {ended.weights}"
    if ended.version != __version__:
        line += f"; operant {ended.version} trained it, and this is {__version__}: the environment may have changed"
    print(printable(line))
    return 1
