"""EnvSpec: the names, units and bounds of an environment, and Gymnasium's facts about it. Data only."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

LOW_HIGH = (("low", "low"), ("high", "high"))
"""Gymnasium's usual reset options: bounds of the fresh state."""

Bound = float | tuple[str, float]
"""A number, or the name of a parameter and the factor it is multiplied by."""

OBSERVATION_KINDS = ("Box", "Discrete", "MultiDiscrete", "Tuple")


@dataclasses.dataclass(frozen=True)
class Quantity:
    """One named number of a state, or a named array of numbers.

    `low` and `high` bound what it can be, inclusive. It is finite in any case.
    """

    name: str
    unit: str = ""
    integer: bool = False
    shape: tuple[int, ...] = ()
    low: float = -math.inf
    high: float = math.inf

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One parameter of the physics, as the environment's header lists it; see `operant.batch.parameters`.

    `low` and `high` bound what a user may set, inclusive.
    """

    name: str
    default: float
    unit: str
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Observation:
    """One component of an observation, or an array of components, with inclusive bounds."""

    name: str
    low: Bound
    high: Bound
    shape: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """The number of components."""
        return math.prod(self.shape)


Part = TypeVar("Part", Quantity, Observation)

Values = Mapping[str, Any]
"""The parameters and the state of one environment by name, and the truths `fresh` (before an episode's first step),
`finished` (after its last) and `ready` (after the first reset)."""


@dataclasses.dataclass(frozen=True)
class Member:
    """An attribute or a method of the reference class, unless it is one of our parameters under another name.

    Attributes:
        read: its value.
        write: the parameters and the numbers of the state that an assigned value stands for; `fresh` and `finished` may
            be among them. It raises an AttributeError for a value that the physics here cannot have.
        kept: True if an assigned value has no effect on the reference class's steps: it is kept, and read back.
        stored: True if the reference class computes it once, so that it stays as it is when other attributes change.
        table: True if it depends on parameters alone; then it is computed once for these.
        instead: for one that cannot be assigned, what to use.
    """

    read: Callable[[Values], Any]
    write: Callable[[Values, Any], Mapping[str, Any]] | None = None
    kept: bool = False
    stored: bool = False
    table: bool = False
    instead: str = "make the environment with other arguments"


@dataclasses.dataclass(frozen=True)
class EnvSpec:
    """An environment's descriptor.

    Attributes:
        id: Gymnasium's id; that of a built-in environment is registered as `operant/<id>`.
        header: the file that holds the physics, without ".h".
        source: the path of that file; "" for one of native/envs/, which the compiled core contains.
        summary: one sentence on the task.
        state: the members of the header's struct, in order.
        observation: one entry for each component or array of components, in order.
        observation_kind: the space: "Box", "Discrete" (one component), "MultiDiscrete" or "Tuple" (of Discrete). In the
            last three, components are integers: with low 0 and high k, one has k + 1 values.
        observation_dtype: "float32" or "uint8" for a Box, with an engine also "float64". Integers are always int64.
        max_episode_steps: the time limit, or None.
        actions: the number of discrete actions; a tuple of numbers for several components (MultiDiscrete); 0 if
            continuous.
        action_bounds: low and high of each component of a continuous action.
        attributes: the reference class's names of parameters, where they differ from ours. In mpe2's "body.attribute",
            "body" is the beginning of the bodies' names. "" for a parameter that the class does not have, although it
            has an attribute with that name.
        members: the reference class's other attributes and its methods, except what it draws with. One with the name of
            a parameter hides the parameter.
        whole: the parameters whose default is an int in the reference class. Those of the unit "bool" are bools there.
        rewards: the rewards that are not floats in the reference class, each a number or the name of a parameter.
        numpy_rewards: True if the reference class's rewards are NumPy's float64.
        chances: for drawn outcomes of a step, their probabilities, Gymnasium's info "prob"; () where no draw decides.
            `outcome` in the state is the index of the one that was drawn, 3 if no draw decided. Without an `outcome`
            all are equally likely.
        reset_chance: Gymnasium's info "prob" of a reset.
        options: constructor arguments that set a parameter, with its name: {"g": "gravity"}.
        reset_options: keys of `reset(options=...)` that override a parameter for that reset, as (key, parameter).
        reference: "module:name" of a class with Gymnasium's `reset` and `step`, which draws the frames and judges the
            exact build; "" without one.
        reference_arguments: constructor arguments that make the reference the same environment.
        picture_keeps: the attribute of the reference that a picture takes over from earlier pictures of its episode,
            and that is 0 when an episode begins (in mpe2, the scale of its first state); "" if there is none.
        agents: the agents' names; () for Gymnasium's single agent, which has no name.
        observation_sizes: the number of components that each agent observes, if they differ; the rest of a row is 0.
        variant_options, variants: constructor arguments that choose a descriptor, with their defaults; and the
            descriptors by the arguments' values.
        joint_options: constructor arguments that together set several parameters, each group with a function. It is
            called with the arguments that were given, and returns parameters by name.
        action_masks: for each value of a Discrete observation, whether each action has an effect; () if all always do.
        only_options: the reference's constructor arguments that accept only their default value here.
        engine: the engine whose physics it is, such as "mujoco"; "" for a header's. The sizes and bounds are then those
            of the engine's usual model, until an environment is made.
        task: what the engine's module needs, as the catalog or the constructor arguments configured it.
        is_possible: a function of snapshots `[K]` whose result is True where a state can be, `[K]` bool; None if
            any within their bounds do.
    """

    id: str
    header: str
    summary: str
    state: tuple[Quantity, ...]
    observation: tuple[Observation, ...]
    max_episode_steps: int | None
    source: str = ""
    reference: str = ""
    observation_kind: str = "Box"
    observation_dtype: str = "float32"
    actions: int | tuple[int, ...] = 0
    action_bounds: tuple[tuple[Bound, Bound], ...] = ()
    reward_threshold: float | None = None
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    members: Mapping[str, Member] = dataclasses.field(default_factory=dict, hash=False)
    whole: tuple[str, ...] = ()
    rewards: tuple[int | str, ...] = ()
    numpy_rewards: bool = False
    chances: Callable[[Values], tuple[float, ...]] | None = None
    reset_chance: float = 1
    options: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    reset_options: tuple[tuple[str, str], ...] = ()
    render_fps: int = 30
    picture_keeps: str = ""
    reference_arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)
    agents: tuple[str, ...] = ()
    observation_sizes: tuple[int, ...] = ()
    variant_options: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)
    variants: Mapping[tuple[Any, ...], EnvSpec] = dataclasses.field(default_factory=dict, hash=False)
    joint_options: Mapping[tuple[str, ...], Callable[..., Mapping[str, float]]] = dataclasses.field(
        default_factory=dict, hash=False
    )
    action_masks: tuple[tuple[bool, ...], ...] = dataclasses.field(default=(), hash=False)
    only_options: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)
    is_possible: Callable[[np.ndarray], np.ndarray] | None = dataclasses.field(default=None, hash=False)
    engine: str = ""
    task: Any = dataclasses.field(default=None, hash=False)

    @property
    def precision(self) -> str:
        """The precision that an environment has unless one is asked for."""
        return "float64" if self.engine else "float32"

    @property
    def full_id(self) -> str:
        """The id in Gymnasium's registry."""
        return self.id if self.source else f"operant/{self.id}"

    @property
    def state_size(self) -> int:
        """The number of numbers in a state."""
        return sum(part.size for part in self.state)

    @property
    def observation_size(self) -> int:
        """The number of numbers that an agent observes."""
        return sum(part.size for part in self.observation)

    @property
    def number_type(self) -> str:
        """The dtype of every number that an agent observes."""
        return self.observation_dtype if self.observation_kind == "Box" else "int64"

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """The shape of one observation as the core writes it: () if Discrete, a single array's shape, else flat."""
        if self.observation_kind == "Discrete":
            return ()
        if len(self.observation) == 1 and self.observation[0].shape:
            return self.observation[0].shape
        return (self.observation_size,)

    @property
    def observation_names(self) -> list[str]:
        """One name for each number that an agent observes."""
        return [name for part in self.observation for name in element_names(part.name, part.shape)]

    @property
    def state_names(self) -> list[str]:
        """One name for each number of a state."""
        return [name for part in self.state for name in element_names(part.name, part.shape)]

    @property
    def action_counts(self) -> tuple[int, ...]:
        """The number of choices of each component of a discrete action; () if actions are continuous."""
        if isinstance(self.actions, tuple):
            return self.actions
        return (self.actions,) if self.actions else ()

    @property
    def action_shape(self) -> tuple[int, ...]:
        """The shape of one agent's action: () if Discrete."""
        return (
            () if isinstance(self.actions, int) and self.actions else (len(self.action_counts or self.action_bounds),)
        )

    def attribute(self, parameter: str) -> str:
        """The reference class's name for a parameter; "" if it has none."""
        return self.attributes.get(parameter, parameter)

    @property
    def named_parameters(self) -> set[str]:
        """The parameters that the descriptor names, all of which the header must have."""
        bounds = [bound for part in self.observation for bound in (part.low, part.high)]
        bounds += [bound for pair in self.action_bounds for bound in pair]
        of_bounds = {bound[0] for bound in bounds if isinstance(bound, tuple)}
        of_rewards = {part for part in self.rewards if isinstance(part, str)}
        of_options = {*self.options.values(), *(name for _, name in self.reset_options)}
        return of_bounds | of_rewards | of_options | {*self.attributes, *self.whole}


def spans(parts: Iterable[Part]) -> Iterator[tuple[Part, slice]]:
    """Yields each quantity of a state, or component of an observation, with its slice of the flat numbers."""
    first = 0
    for part in parts:
        yield part, slice(first, first + part.size)
        first += part.size


def element_names(name: str, shape: tuple[int, ...]) -> list[str]:
    """The names of an array's elements, such as "cells[1,2]"; a single number keeps its name."""
    if not shape:
        return [name]
    return [f"{name}[{','.join(map(str, index))}]" for index in itertools.product(*map(range, shape))]
