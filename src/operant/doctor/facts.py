"""Facts: observations of a subject made before the rules run; they tell each rule if and where to look."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.spaces.utils import is_space_dtype_shape_equiv
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector.utils import batch_space

from operant.doctor.script import HIGHS, SAMPLED, ZEROS, Dialect, Situation, close, plain_action
from operant.doctor.subject import Subject

STARTS = 64  # resets from which the range of first observations is taken
SUSPECTS = 12  # steps in a play that are examined as hidden resets: those with the largest jumps
SLACK = 0.25  # a first observation may lie outside the range of those seen, by this fraction of the range's width


@dataclass(frozen=True)
class Facts:
    """The known facts about a subject.

    Attributes:
        dialect: writes programs for it.
        mode: its declared `AutoresetMode`; None if it declares none.
        array: True if its observations are arrays.
        steps: the largest number of steps in a play.
        most: the largest number of environments in a play.
        seeded: True if reset(seed=s) begins the same episode every time.
        repeatable: True if a new instance with the same seed and actions returns the same.
        starts: the number of different first observations seen.
        distinct: True if no two resets began alike, so that a first observation can be recognised.
        endings: situations of one environment whose last step ends its first episode, shortest first.
        terminations: the endings by termination.
        suspects: situations of one environment whose last step may begin an episode without a flag.
        low, high: the range of first observations, flattened and with slack; None if they cannot be flattened.
        early: the first step at which an episode of plain actions ends; None if none does.
        moves: True if every step of an episode changes the observation.
    """

    dialect: Dialect
    mode: gym.vector.AutoresetMode | None
    array: bool
    steps: int
    most: int
    seeded: bool = True
    repeatable: bool = True
    starts: int = 1
    distinct: bool = False
    endings: tuple[Situation, ...] = ()
    terminations: tuple[Situation, ...] = ()
    suspects: tuple[Situation, ...] = ()
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    early: int | None = None
    moves: bool = False

    def begins(self, observations: Any) -> bool:
        """Returns True if all rows look like first observations; False if this is unknown."""
        flat = _flat(observations)
        if flat is None or self.low is None or self.high is None:
            return False
        return bool(((self.low <= flat) & (flat <= self.high)).all())


def is_array(space: Any) -> bool:
    """Returns True if a batch of the space's members is one array."""
    return isinstance(space, spaces.Box | spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary)


def dialect_of(subject: Subject, envs: Any, seed: int, num_envs: int) -> Dialect:
    """Makes the dialect of a subject; `envs` is an instance of it with `num_envs` environments."""
    rows, rest = divmod(envs.num_envs, num_envs)
    return Dialect(
        subject,
        seed,
        envs.single_action_space,
        rows=1 if rest else max(rows, 1),
        batched=envs.action_space == batch_space(envs.single_action_space, envs.num_envs)
        and is_space_dtype_shape_equiv(
            envs.observation_space, batch_space(envs.single_observation_space, envs.num_envs)
        ),
        nested=not is_array(envs.single_observation_space),
    )


def gather(subject: Subject, seed: int, num_envs: int, steps: int) -> Facts:
    """Plays the subject with plain and with random actions, and returns the facts."""
    envs = subject.make(2)
    try:
        mode = envs.metadata.get("autoreset_mode")
        facts = Facts(
            dialect_of(subject, envs, seed, 2),
            mode if isinstance(mode, gym.vector.AutoresetMode) else None,
            is_array(envs.single_observation_space),
            steps,
            num_envs,
        )
    finally:
        close(envs)
    plays = [
        _play(facts, Situation(steps=steps, actions=actions))
        for actions in (ZEROS, HIGHS, SAMPLED)
        if actions == SAMPLED or plain_action(facts.dialect.action_space, actions) is not None
    ]
    if any(_has_nan(each) for play in plays for each in play.observations):
        facts = replace(facts, dialect=replace(facts.dialect, nan=facts.array))
    facts = _with_starts(facts)
    again = _play(facts, plays[-1].situation)
    facts = replace(facts, repeatable=_same(facts, plays[-1].observations, again.observations))
    ends = [play for play in plays if play.end is not None and play.together and facts.repeatable]
    early = plays[0].end if plays[0].situation.actions == ZEROS else None
    endings = [replace(play.situation, steps=play.end or 0) for play in ends]
    if subject.limitable and (early is None or early > 2):
        limited = Situation(steps=2, actions=plays[0].situation.actions, limit=2)
        if _play(facts, limited).end == 2:
            endings.append(limited)
    return replace(
        facts,
        endings=tuple(sorted(endings, key=lambda situation: situation.steps)),
        terminations=tuple(replace(play.situation, steps=play.end or 0) for play in ends if play.terminated),
        suspects=tuple(_suspects(facts, plays)) if facts.distinct and facts.repeatable else (),
        early=early,
        moves=not any(_same(facts, *pair) for play in plays for pair in _steps_within(play)),
    )


@dataclass(frozen=True)
class _Play:
    """The results of playing one environment.

    Attributes:
        situation: the situation that was played.
        observations: all observations in order, beginning with that of reset.
        flagged: for each observation, True if terminated or truncated came with it.
        together: True if all rows ended at the step at which the first one did.
        terminated: True if they all ended by termination only.
    """

    situation: Situation
    observations: list[Any]
    flagged: list[bool]
    together: bool
    terminated: bool

    @property
    def end(self) -> int | None:
        return self.flagged.index(True) if True in self.flagged else None


def _play(facts: Facts, situation: Situation) -> _Play:
    """Plays one environment; stops early if it raises, which the rules will find."""
    envs = facts.dialect.subject.make(1, situation.limit)
    observations: list[Any] = []
    flagged, together, terminated = [False], False, False
    names = {"envs": envs, "np": np}
    if not facts.dialect.batched:
        names["actions"] = batch_space(envs.single_action_space, envs.num_envs)
    names.get("actions", envs.action_space).seed(0)
    step = compile(facts.dialect.step(situation), "<step>", "exec")
    try:
        observations.append(_kept(envs.reset(seed=facts.dialect.seed)[0]))
        for _ in range(situation.steps):
            exec(step, names)
            flags = np.asarray(names["terminated"]) | np.asarray(names["truncated"])
            ended = bool(np.any(flags))
            observations.append(_kept(names["observations"]))
            if ended and True not in flagged:
                together = bool(np.all(flags))
                terminated = together and not np.any(names["truncated"])
            flagged.append(ended)
            if ended and facts.mode in (None, gym.vector.AutoresetMode.DISABLED):
                break
    except Exception:
        return _Play(situation, observations, flagged[: len(observations)], together, terminated)
    finally:
        close(envs)
    return _Play(situation, observations, flagged, together, terminated)


def _steps_within(play: _Play) -> Iterator[tuple[Any, Any]]:
    """Yields the observations before and after each step of a play's first episode, except the last step."""
    last = len(play.observations) if play.end is None else play.end
    yield from zip(play.observations[: last - 1], play.observations[1:last], strict=True)


def _kept(observations: Any) -> Any:
    """Copies observations, because the environment may reuse its arrays."""
    return deepcopy(observations)


def _same(facts: Facts, one: Any, other: Any) -> bool:
    if facts.dialect.nan:
        return len(one) == len(other) and all(
            np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True)
        )
    return data_equivalence(one, other, exact=True)


def _with_starts(facts: Facts) -> Facts:
    """Adds the facts about first observations."""
    envs = facts.dialect.subject.make(2)
    try:
        seeded = [_kept(envs.reset(seed=facts.dialect.seed)[0]) for _ in range(2)]
        starts = [_kept(envs.reset(seed=facts.dialect.seed + k)[0]) for k in range(STARTS // 2)]
        starts += [_kept(envs.reset()[0]) for _ in range(STARTS // 2)]
    finally:
        close(envs)
    facts = replace(facts, seeded=_same(facts, seeded[:1], seeded[1:]))
    flat = [each for start in starts if (each := _flat(start)) is not None]
    if not flat:
        return facts
    different = {each[0].tobytes() for each in flat}
    values = np.concatenate(flat)
    low, high = values.min(axis=0), values.max(axis=0)
    return replace(
        facts,
        starts=len(different),
        distinct=len(different) == len(flat),
        low=low - SLACK * (high - low),
        high=high + SLACK * (high - low),
    )


def _has_nan(observations: Any) -> bool:
    flat = _flat(observations)
    return flat is not None and bool(np.isnan(flat).any())


def _flat(observations: Any) -> np.ndarray | None:
    """Flattens observations to float64 rows `[N, F]`, nested parts side by side; None if a part is not numeric."""
    if isinstance(observations, dict | tuple):
        parts = observations.values() if isinstance(observations, dict) else observations
        flat = [_flat(part) for part in parts]
        known = [part for part in flat if part is not None]
        return np.concatenate(known, axis=1) if known and len(known) == len(flat) else None
    rows = np.asarray(observations)
    return rows.reshape(len(rows), -1).astype(np.float64) if rows.ndim and rows.dtype.kind in "biuf" else None


def _suspects(facts: Facts, plays: list[_Play]) -> Iterator[Situation]:
    """Yields the steps, neither flagged nor after a flag, that look like first observations.

    Only the SUSPECTS largest jumps of each play are yielded.
    """
    for play in plays:
        jumps = []
        for k in range(1, len(play.observations)):
            if play.flagged[k] or play.flagged[k - 1] or not facts.begins(play.observations[k]):
                continue
            now, before = (_flat(play.observations[each]) for each in (k, k - 1))
            if now is not None and before is not None and now.shape == before.shape and (now != before).any():
                jumps.append((float(np.abs(now - before).max()), k))
        farthest = sorted(jumps, reverse=True)[:SUSPECTS]
        yield from (replace(play.situation, steps=k) for _, k in sorted(farthest, key=lambda jump: jump[1]))
