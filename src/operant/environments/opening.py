"""Opens a batch for a class that presents it: a vector environment, a single one, a pool or an adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import gymnasium

from operant.batch.base import BatchBase
from operant.environments.engine_options import configure_task
from operant.environments.lookup import check_one_agent, find_spec
from operant.environments.parameters import configure, constructor_parameters, extremes
from operant.environments.spaces import action_space, observation_space
from operant.messages import mapping
from operant.spec import EnvSpec

B = TypeVar("B", bound=BatchBase)


@dataclass(frozen=True)
class OpenedBatch(Generic[B]):
    """A configured batch with its descriptor, parameters and spaces.

    Attributes:
        batch: the batch, not yet reset.
        spec: its descriptor; some ids choose among variants by constructor arguments.
        given: the parameters that were given, by name, including those set by constructor arguments.
        lows, highs: each parameter's smallest and largest value in the batch, randomisation included.
        observation_space, action_space: of one agent.
    """

    batch: B
    spec: EnvSpec
    given: Mapping[str, Any]
    lows: Mapping[str, float]
    highs: Mapping[str, float]
    observation_space: gymnasium.spaces.Space[Any]
    action_space: gymnasium.spaces.Space[Any]


def open_batch(
    env_id: str,
    presenter: type,
    make: Callable[..., B],
    options: Mapping[str, Any],
    *,
    params: Mapping[str, Any] | None = None,
    randomize: Mapping[str, tuple[float, float]] | None = None,
    max_episode_steps: int | None = None,
    for_one_agent: str | None = None,
) -> OpenedBatch[B]:
    """Opens the batch of an id and sets its parameters.

    Args:
        env_id: an id in any form that `find_spec` accepts.
        presenter: the class that presents the batch. Its keyword arguments appear in the error for an unknown option.
        make: makes the batch from a descriptor and `max_episode_steps`.
        options: the environment's own constructor arguments.
        params: parameters by name, each a number or one number per environment.
        randomize: ranges of the parameters to draw for every episode.
        max_episode_steps: the time limit. None: the id's own limit; -1: no limit.
        for_one_agent: the caller's name, for the error that refuses environments of several agents; None accepts them.
    """
    params, randomize = mapping("params", params), mapping("randomize", randomize)
    rest = dict(options)
    spec = find_spec(env_id, rest)
    if for_one_agent is not None:
        check_one_agent(spec, for_one_agent)
    if spec.engine:
        return _open_engine(configure_task(spec, rest, params, randomize, presenter), make, max_episode_steps)
    given = constructor_parameters(spec, params, rest, presenter)
    batch = make(spec, max_episode_steps=_limit(spec, max_episode_steps))
    configure(batch, given, randomize)
    lows, highs = extremes(batch, randomize, given)
    spaces = observation_space(spec, lows, highs), action_space(spec, highs)
    return OpenedBatch(batch, spec, given, lows, highs, *spaces)


def _limit(spec: EnvSpec, max_episode_steps: int | None) -> int | None:
    """The time limit; None for none."""
    limit = spec.max_episode_steps if max_episode_steps is None else max_episode_steps
    if limit == -1:
        return None
    if isinstance(limit, int) and limit < 1:
        raise ValueError(f"max_episode_steps={limit} must be at least 1, or -1 for no limit")
    return limit


def _open_engine(spec: EnvSpec, make: Callable[..., B], max_episode_steps: int | None) -> OpenedBatch[B]:
    """Opens the batch of a task on an engine, whose sizes are those of its model."""
    batch = make(spec, max_episode_steps=_limit(spec, max_episode_steps))
    spec = batch.spec
    return OpenedBatch(batch, spec, {}, {}, {}, observation_space(spec, {}, {}), action_space(spec, {}))
