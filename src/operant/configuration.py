"""What the single and the vector environment do alike with their keyword arguments and reset options."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from operant.authored import AUTHORED, authored_spec
from operant.batch import defaults, unknown
from operant.batch_base import BatchBase
from operant.catalog import CATALOG, MULTIAGENT, bare_id
from operant.spec import EnvSpec


def find_spec(env_id: str, options: MutableMapping[str, Any] | None = None) -> EnvSpec:
    """The descriptor of an id in any of the forms that `bare_id` knows, or of a user's header: see `authored`.

    Takes the constructor arguments that choose between variants, if the environment has any, out of `options`.
    """
    if not isinstance(env_id, str):
        raise TypeError(f"env_id={env_id!r} must be a str such as 'operant/CartPole-v1', not {type(env_id).__name__}")
    name = bare_id(env_id)
    spec = CATALOG.get(name) or MULTIAGENT.get(name) or authored_spec(env_id)
    if spec is None:
        raise ValueError(unknown("environment", env_id, (*CATALOG, *MULTIAGENT, *AUTHORED)))
    if options is not None and spec.variants:
        names = tuple(spec.variant_options)
        chosen = tuple(options.pop(name, spec.variant_options[name]) for name in names)
        if not any(chosen == each for each in spec.variants):  # what is not hashable is not among them
            known = "; ".join(_arguments(names, values) for values in spec.variants)
            raise ValueError(f"{spec.id} has no {_arguments(names, chosen)}; it has {known}")
        spec = spec.variants[chosen]
    return spec


def is_native(env_id: str) -> bool:
    """Whether an id is one of ours: "operant/CartPole-v1", or of a user's header. "CartPole-v1" is Gymnasium's."""
    return env_id.removeprefix("operant:").startswith("operant/") or authored_spec(env_id) is not None


def _arguments(names: tuple[str, ...], values: tuple[Any, ...]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in zip(names, values, strict=True))


class SeveralAgents(ValueError):
    """The environment has several agents, and is asked for where it would need to have one.

    Attributes:
        env_id: its id, such as "operant/simple_tag-v3".
    """

    def __init__(self, message: str, env_id: str):
        super().__init__(message)
        self.env_id = env_id

    def __reduce__(self) -> Any:  # exceptions of worker processes are pickled
        return type(self), (str(self), self.env_id)


def find_single_agent_spec(env_id: str, what: str) -> EnvSpec:
    """`find_spec` for what takes environments of one agent only; SeveralAgents for others."""
    spec = find_spec(env_id)
    if spec.agents:
        module = "operant.multiagent." + re.sub(r"-v(\d+)$", r"_v\1", spec.id)
        raise SeveralAgents(
            f"{spec.id} is a PettingZoo environment, and {what} is for one agent: use "
            f"{'operant.OperantParallelEnv' if spec.source else module}, or gymnasium.make_vec for thousands",
            spec.full_id,
        )
    return spec


def constructor_parameters(
    spec: EnvSpec, params: Mapping[str, Any] | None, options: Mapping[str, Any], keywords: tuple[str, ...]
) -> dict[str, Any]:
    """`params` joined with Gymnasium's own constructor arguments (`g`, `goal_velocity`), which name parameters too.

    Arguments that have but one value here are taken with that value.
    `keywords` are the environment's other keyword arguments, for the error that an unknown one raises.
    """
    by_option = {part.option: part.name for part in spec.parameters if part.option}
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
                raise ValueError(f"{name}={value!r}: {spec.full_id} has only {name}={spec.only_options[name]!r}")
            continue
        if name not in by_option:
            known = (*by_option, *joint, *spec.variant_options, *spec.only_options, *keywords)
            raise TypeError(unknown(f"keyword argument of {spec.full_id}", name, known))
        if by_option[name] in merged:
            raise TypeError(f"{name!r} and params[{by_option[name]!r}] set the same parameter: give one of them")
        merged[by_option[name]] = value
    return merged


def configure(batch: BatchBase, params: Mapping[str, Any], randomize: Mapping[str, tuple[float, float]] | None) -> None:
    """Sets and randomises parameters of a new batch; low and high bounds of the reset must agree."""
    for name, value in params.items():
        batch.set_parameter(name, value)
    for name, bounds in (randomize or {}).items():
        try:
            low, high = (float(bound) for bound in bounds)
        except (TypeError, ValueError):
            raise ValueError(f"randomize[{name!r}] must be a pair (low, high), not {bounds!r}") from None
        batch.randomize(name, low, high)
    names = [part.name for part in batch.spec.parameters]
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

    `exact` holds what the user gave: the batch may have rounded it to float32.
    """
    lows = defaults(batch.spec)
    for name, value in exact.items():
        lows[name] = float(np.min(value))
    highs = lows | {name: float(np.max(value)) for name, value in exact.items()}
    for name, (low, high) in (randomize or {}).items():
        lows[name], highs[name] = float(low), float(high)
    return lows, highs


def reset_overrides(batch: BatchBase, options: Mapping[str, Any]) -> dict[str, float]:
    """Parameters that `reset(options=...)` replaces for that reset, as Gymnasium's classes read them.

    All is checked here, before anything is seeded or reset.
    """
    spec = batch.spec
    names = dict(spec.reset_options)
    overrides: dict[str, float] = {}
    for key, value in options.items():
        if key not in names:
            raise ValueError(unknown(f"reset option of {spec.id}", key, (*names, "reset_mask")))
        try:
            overrides[names[key]] = float(value)
        except (TypeError, ValueError):
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
