"""The descriptor of each built-in environment, by id: Gymnasium's in CATALOG, PettingZoo's in MULTIAGENT.

ENGINES holds those that stand on an engine that is installed apart, such as MuJoCo.
"""

import re

from operant.catalog import (
    acrobot,
    bandit,
    blackjack,
    breakout,
    cartpole,
    cliff_walking,
    frozen_lake,
    memory,
    mountain_car,
    mountain_car_continuous,
    mujoco,
    mujoco_v4,
    pendulum,
    quadrotor,
    simple,
    simple_spread,
    simple_tag,
    snake,
    squared,
    taxi,
)
from operant.spec import EnvSpec

CATALOG: dict[str, EnvSpec] = {
    spec.id: spec
    for spec in (
        cartpole.SPEC_V0,
        cartpole.SPEC,
        mountain_car.SPEC,
        mountain_car_continuous.SPEC,
        pendulum.SPEC,
        acrobot.SPEC,
        frozen_lake.SPEC,
        frozen_lake.SPEC_8X8,
        cliff_walking.SPEC,
        cliff_walking.SPEC_SLIPPERY,
        taxi.SPEC,
        blackjack.SPEC,
        bandit.SPEC,
        memory.SPEC,
        quadrotor.SPEC,
        squared.SPEC,
        snake.SPEC,
        breakout.SPEC,
    )
}
"""Environments of one agent, by id."""

MULTIAGENT: dict[str, EnvSpec] = {spec.id: spec for spec in (simple.SPEC, simple_spread.SPEC, simple_tag.SPEC)}
"""Environments of several agents, by id."""

ENGINES: dict[str, EnvSpec] = {spec.id: spec for spec in (*mujoco_v4.SPECS, *mujoco.SPECS)}
"""Environments on an engine, by id."""


def bare_id(env_id: str) -> str:
    """The catalog's key for an id in Gymnasium's or PettingZoo's form.

    "operant/CartPole-v1" and "operant:operant/CartPole-v1" are "CartPole-v1", and "simple_tag_v3" is "simple_tag-v3".
    """
    return re.sub(r"_v(\d+)$", r"-v\1", env_id.removeprefix("operant:").removeprefix("operant/"))


def header_names() -> list[str]:
    """The headers of all environments, variants included, in alphabetical order."""
    return list(specs_by_header())


def specs_by_header() -> dict[str, EnvSpec]:
    """A descriptor for each header, variants included, in the headers' alphabetical order."""
    specs = [*CATALOG.values(), *MULTIAGENT.values()]
    found = {each.header: each for spec in specs for each in (spec, *spec.variants.values())}
    return dict(sorted(found.items()))
