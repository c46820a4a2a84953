"""Makes a study of training runs: those of one environment and the same options are the seeds of one contender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from operant.monitor.run_view import RunView
from operant.runs.run_directory import RunDirectory
from operant.studies.study import Curve, Outcome, Run, Study, StudyError


def study_of_runs(runs: Sequence[RunDirectory]) -> Study:
    """Returns the study. Its outcomes are the runs' last mean training returns; its seconds are of the clock.

    Raises:
        StudyError: no episode has ended in one of the runs.
    """
    unique = {run.path.resolve(): run for run in runs}
    configs = [run.config for run in unique.values()]
    names = _contenders(configs, [str(run.record.get("backend") or "") for run in unique.values()])
    outcomes: dict[tuple[str, str], list[Outcome]] = {}
    plans: dict[str, Run] = {}
    for run, config, contender in zip(unique.values(), configs, names, strict=True):
        environment = str(config.get("environment"))
        goal = config.get("stop_at")
        goal = float(goal) if isinstance(goal, int | float) else None
        plans.setdefault(environment, Run(environment, environment, goal, None, None, None, ()))
        outcomes.setdefault((environment, contender), []).append(_outcome(run, environment, contender))
    return Study(
        "runs", Path(), "return", tuple(dict.fromkeys(names)), plans, {k: tuple(v) for k, v in outcomes.items()}
    )


def _outcome(run: RunDirectory, environment: str, contender: str) -> Outcome:
    view = RunView(run)
    try:
        steps, seconds, returns = (view.column(name) for name in ("steps", "seconds", "episode_return"))
    finally:
        view.close()
    known = np.isfinite(steps) & np.isfinite(seconds) & np.isfinite(returns)
    if not known.any():
        raise StudyError(f"run {run.id} has no return yet: wait until its first episodes have ended")
    curve = Curve(steps[known], seconds[known], returns[known])
    seed = run.record.get("seed")
    return Outcome(
        run=environment,
        contender=contender,
        seed=seed if isinstance(seed, int) else 0,
        solved=False,
        score=float(curve.returns[-1]),
        steps=int(curve.steps[-1]),
        seconds=float(curve.seconds[-1]),
        curve=curve,
        versions=_versions(run.record.get("versions")),
    )


def _versions(record: Any) -> dict[str, str]:
    return {str(name): str(version) for name, version in record.items() if version} if isinstance(record, dict) else {}


def _contenders(configs: Sequence[Mapping[str, Any]], backends: Sequence[str]) -> list[str]:
    """Names each run by its algorithm, and by what else differs between the runs of its environment."""
    flat = [_flat(config) | {"backend": backend} for config, backend in zip(configs, backends, strict=True)]
    names = []
    for own in flat:
        same = [each for each in flat if each["environment"] == own["environment"]]
        differing = [key for key in own if any(each.get(key) != own[key] for each in same)]
        words = [f"{key.removeprefix('options.')}={own[key]}" for key in differing if key not in ("algorithm", "seed")]
        names.append(" ".join([str(own.get("algorithm")), *words]))
    return names


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns the keys of nested tables, joined by dots."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found
