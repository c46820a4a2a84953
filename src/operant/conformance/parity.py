"""Compares the float64 build with a reference class: a Python environment with Gymnasium's `reset` and `step`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces

from operant.conformance.trajectories import Failed, bounded
from operant.environments.rendering import reference_env
from operant.environments.single import OperantEnv
from operant.spec import EnvSpec

EPISODES, STEPS = 20, 5000  # whichever comes first


def parity(spec: EnvSpec, tolerance: float = 0.0) -> str:
    """Resets both with the same seeds, steps them with the same actions, and compares the results field by field.

    Observations are compared in float32 or as integers, rewards in float64. The state is compared in float64 if the
    reference has a `state` of as many numbers. With `tolerance` 0 all bits must be equal; else
    |ours - theirs| <= tolerance * (1 + |theirs|).

    Raises:
        Failed: they differ; the text is a table of the first step with a difference.
    """
    if not spec.reference:
        raise ValueError(f'{spec.id} has no reference: name one in its descriptor, reference = "module:Class"')
    ours, theirs = OperantEnv(spec.source or spec.id, precision="float64"), reference_env(spec)
    random, steps = np.random.default_rng(0), 0
    for episode in range(EPISODES):
        act = _policy(ours.action_space, random, episode)
        seen = _fields(spec, ours, ours.reset(seed=episode)[0])
        expected = _fields(spec, theirs, _first(theirs.reset(seed=episode)), theirs)
        _compare(spec, seen, expected, tolerance, f"the reset with seed {episode}")
        for step in range(1, (spec.max_episode_steps or STEPS) + 1):
            given = act()
            observation, reward, terminated, _, _ = ours.step(given)
            returned = theirs.step(given)
            if len(returned) != 5:
                raise Failed(f"{spec.reference}.step must return five values like Gymnasium's, not {len(returned)}")
            if returned[3]:
                raise Failed(f"{spec.reference} truncates by itself: leave the time limit to the descriptor")
            seen = _fields(spec, ours, observation) | {"reward": float(reward), "terminated": terminated}
            expected = _fields(spec, theirs, returned[0], theirs)
            expected |= {"reward": float(returned[1]), "terminated": bool(returned[2])}
            _compare(spec, seen, expected, tolerance, f"step {step} of the episode with seed {episode}, action {given}")
            steps += 1
            if terminated or steps == STEPS:
                break
        if steps == STEPS:
            break
    ours.close()
    exactly = "bit for bit" if tolerance == 0 else f"within {tolerance:g}"
    return f"{steps} steps equal those of {spec.reference} {exactly}"


def _policy(space: spaces.Space[Any], random: np.random.Generator, episode: int) -> Callable[[], Any]:
    """The actions of an episode: random, random and held for ten steps, or one extreme throughout.

    Purely random actions cancel each other and seldom lead far.
    """
    hold = (1, 10, 10**9)[episode % 3]
    taken, held = 0, None

    def act() -> Any:
        nonlocal taken, held
        if taken % hold == 0:
            held = _draw(space, random, extreme=hold > 10)
        taken += 1
        return held

    return act


def _draw(space: spaces.Space[Any], random: np.random.Generator, extreme: bool) -> Any:
    if isinstance(space, spaces.Discrete):
        return int(random.integers(space.n))
    if isinstance(space, spaces.MultiDiscrete):
        return random.integers(space.nvec)
    assert isinstance(space, spaces.Box)
    low, high = bounded(space)
    share = random.integers(2, size=space.shape) if extreme else random.random(space.shape)
    return (low + share * (high - low)).astype(np.float32)


def _first(returned: Any) -> Any:
    """The observation in a reset's result, which is (observation, info) or, in an older class, the observation."""
    return returned[0] if isinstance(returned, tuple) and len(returned) == 2 else returned


def _fields(spec: EnvSpec, env: Any, observation: Any, reference: Any = None) -> dict[str, Any]:
    """State and observation by name; the state only if the reference shows one."""
    fields: dict[str, Any] = {}
    state = np.ravel(np.asarray(getattr(env, "state", ()) if reference is None else _state(reference), object))
    if len(state) == spec.state_size:
        fields |= {f"state {name}": float(value) for name, value in zip(spec.state_names, state, strict=True)}
    dtype = np.float32 if spec.observation_kind == "Box" and spec.observation_dtype == "float32" else np.int64
    array = np.ravel(np.asarray(observation, dtype))
    if len(array) != spec.observation_size:
        raise Failed(
            f"{spec.reference} observes {len(array)} numbers, but {spec.header}.h observes {spec.observation_size}"
        )
    return fields | {f"observation {name}": value for name, value in zip(spec.observation_names, array, strict=True)}


def _state(reference: Any) -> Any:
    try:
        return np.asarray(getattr(reference, "state", ()), np.float64)
    except (TypeError, ValueError):
        return ()  # not an array of numbers


def _compare(spec: EnvSpec, ours: dict[str, Any], theirs: dict[str, Any], tolerance: float, where: str) -> None:
    names = [name for name in ours if name in theirs]
    if all(_equal(ours[name], theirs[name], tolerance) for name in names):
        return
    width = max(map(len, names))
    lines = [f"{where}:", f"  {'field':{width}}  {spec.header + '.h':>24}  {spec.reference.split(':')[1]:>24}"]
    for name in names:
        a, b = ours[name], theirs[name]
        apart = "" if _equal(a, b, tolerance) else f"  differs{_distance(a, b)}"
        lines.append(f"  {name:{width}}  {a!s:>24}  {b!s:>24}{apart}")
    if where.startswith("the reset"):
        lines.append("  a reset must draw what the reference draws from self.np_random, in the same order")
    raise Failed("\n".join(lines))


def _equal(a: Any, b: Any, tolerance: float) -> bool:
    if isinstance(a, bool):
        return bool(a == b)
    if tolerance:
        return abs(float(a) - float(b)) <= tolerance * (1 + abs(float(b)))
    return np.asarray(a).tobytes() == np.asarray(b).tobytes()


def _distance(a: Any, b: Any) -> str:
    if isinstance(a, bool) or not (np.isfinite(a) and np.isfinite(b)):
        return ""
    return f" by {abs(float(a) - float(b)):.3g}"
