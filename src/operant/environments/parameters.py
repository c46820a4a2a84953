"""Parameters from keyword arguments and reset options: checked, joined and set in a batch."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from operant.batch.base import BatchBase
from operant.messages import float_array, suggestion, unknown
from operant.spec import EnvSpec


def constructor_parameters(
    spec: EnvSpec, params: Mapping[str, Any] | None, options: Mapping[str, Any], presenter: type
) -> dict[str, Any]:
    """`params` merged with Gymnasium's constructor arguments that set parameters (`g`, `goal_velocity`).

    Arguments in `spec.only_options` are accepted with their only value. The error for an unknown argument also lists
    the arguments of `presenter`'s constructor.
    """
    joint = {name: names for names in spec.joint_options for name in names}
    merged = dict(params or {})
    for names, parameters in spec.joint_options.items():
        given = {name: options[name] for name in names if name in options}
        for parameter, number in (parameters(**given) if given else {}).items():
            if parameter in merged:
                raise TypeError(
                    f"{', '.join(given)} and params[{parameter!r}] set the same parameter: give one of them"
                )
            merged[parameter] = number
    for name, value in options.items():
        if name in joint:
            continue
        if name in spec.only_options:
            if not np.array_equal(value, spec.only_options[name]):
                raise ValueError(f"{name}={value!r}: {spec.full_id} supports only {name}={spec.only_options[name]!r}")
            continue
        if name not in spec.options:
            known = (*spec.options, *joint, *spec.variant_options, *spec.only_options, *keywords(presenter))
            # In Python's own words: TorchRL's GymEnv tries again without the argument that this text names.
            raise TypeError(f"{spec.full_id} got an unexpected keyword argument {name!r}: {suggestion(name, known)}")
        if (parameter := spec.options[name]) in merged:
            raise TypeError(f"{name!r} and params[{parameter!r}] set the same parameter: give one of them")
        merged[parameter] = value
    return merged


def keywords(presenter: type) -> list[str]:
    """The names of the options of a class's constructor and of its base classes' constructors."""
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    signatures = [inspect.signature(vars(kind)["__init__"]) for kind in presenter.__mro__ if "__init__" in vars(kind)]
    found = [part for signature in signatures for part in signature.parameters.values() if part.kind in by_name]
    return sorted({part.name for part in found} - {"self", "env_id"})


def configure(batch: BatchBase, params: Mapping[str, Any], randomize: Mapping[str, tuple[float, float]] | None) -> None:
    """Sets and randomises parameters of a new batch; raises a ValueError if the reset's low is above its high."""
    for name, value in params.items():
        batch.set_parameter(name, value)
    for name, bounds in (randomize or {}).items():
        try:
            low, high = (float(float_array(bound)) for bound in bounds)
        except (OverflowError, TypeError, ValueError):
            raise ValueError(f"randomize[{name!r}] must be a pair (low, high), not {bounds!r}") from None
        batch.randomize(name, low, high)
    names = [part.name for part in batch.parameters]
    if "low" in names and "high" in names:
        if {"low", "high"} & {*(randomize or {})}:
            _check_order(batch.extremes("low")[1], batch.extremes("high")[0])
        else:
            lows, highs = batch.parameter("low"), batch.parameter("high")
            worst = np.argmax(lows - highs)
            _check_order(float(lows[worst]), float(highs[worst]))


def extremes(
    batch: BatchBase, randomize: Mapping[str, tuple[float, float]] | None, exact: Mapping[str, Any]
) -> tuple[dict[str, float], dict[str, float]]:
    """Each parameter's smallest and largest value in the batch, randomisation included.

    `exact` holds the values as given: the batch may have rounded them to float32.
    """
    lows = dict(batch.defaults)
    for name, value in exact.items():
        lows[name] = float(np.min(value))
    highs = lows | {name: float(np.max(value)) for name, value in exact.items()}
    for name, (low, high) in (randomize or {}).items():
        lows[name], highs[name] = float(low), float(high)
    return lows, highs


def reset_overrides(batch: BatchBase, options: Mapping[str, Any]) -> dict[str, float]:
    """The parameters that `reset(options=...)` replaces for that reset, by name.

    Everything is checked here, before any environment is seeded or reset.
    """
    spec = batch.spec
    names = dict(spec.reset_options)
    overrides: dict[str, float] = {}
    for key, value in options.items():
        if key not in names:
            raise ValueError(unknown(f"reset option of {spec.id}", key, (*names, "reset_mask")))
        try:
            overrides[names[key]] = float(value)
        except (OverflowError, TypeError, ValueError):
            raise ValueError(f"reset option {key!r} = {value!r} could not be converted to a float") from None
        if not np.isfinite(overrides[names[key]]):
            raise ValueError(f"reset option {key!r} = {value!r} must be finite")
        batch.check_bounds(names[key], np.array([overrides[names[key]]]))
    if "low" in overrides or "high" in overrides:
        low = overrides["low"] if "low" in overrides else batch.extremes("low")[1]
        high = overrides["high"] if "high" in overrides else batch.extremes("high")[0]
        _check_order(low, high)
    return overrides


def _check_order(low: float, high: float) -> None:
    if low > high:
        raise ValueError(f"lower bound ({low}) must be lower than higher bound ({high})")
