"""Shared by several test files: the catalog as parameters, arbitrary states and actions, Gymnasium's environments."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from operant.batch.core import defaults
from operant.catalog import CATALOG
from operant.conformance.checks import MODES as MODES
from operant.conformance.checks import PRECISIONS as PRECISIONS
from operant.conformance.trajectories import actions_for as actions_for
from operant.conformance.trajectories import fast_targets
from operant.environments.rendering import reference_env
from operant.environments.single import OperantEnv
from operant.environments.vector import OperantVectorEnv

# Gymnasium's classic control. The rest of the catalog is tested by tests/conformance and tests/tasks.
CLASSIC_IDS = tuple(name for name, spec in CATALOG.items() if ".classic_control." in spec.reference)
GYMNASIUMS = tuple(name for name in CATALOG if name in gym.registry)
PHYSICS = tuple({CATALOG[name].header: name for name in CLASSIC_IDS}.values())  # one id for each header
TASKS = tuple(name for name in CATALOG if name not in CLASSIC_IDS)
FAST_ISAS = tuple(fast_targets())

# Valid states: those that an episode can reach, the step beyond a threshold included.
STATES: dict[str, list[tuple[float, float]]] = {
    "cartpole": [(-4.8, 4.8), (-10, 10), (-0.5, 0.5), (-10, 10)],
    "mountain_car": [(-1.2, 0.6), (-0.07, 0.07)],
    "mountain_car_continuous": [(-1.2, 0.6), (-0.07, 0.07)],
    "pendulum": [(-90, 90), (-8, 8)],  # 200 steps of 0.05 s at 8 rad/s turn it by 80 rad
    "acrobot": [(-np.pi, np.pi), (-np.pi, np.pi), (-4 * np.pi, 4 * np.pi), (-9 * np.pi, 9 * np.pi)],
}
# The precision of Gymnasium's state, after a reset and after a step.
HELD_IN = {"mountain_car_continuous": (np.float64, np.float32), "acrobot": (np.float32, np.float64)}


def bits(value: Any, dtype: Any = np.float64) -> bytes:
    """A number's or an array's bytes: -0.0 differs from 0.0, and NaN equals itself."""
    return np.ascontiguousarray(value, dtype).tobytes()


def vector(env_id: str, num_envs: int, **kwargs: Any) -> OperantVectorEnv:
    return OperantVectorEnv(env_id, num_envs, **kwargs)


def sync(env_id: str, num_envs: int, mode: str = "NextStep", **kwargs: Any) -> SyncVectorEnv:
    """Gymnasium's own environments, stepped one after another."""
    return gym.make_vec(
        env_id,
        num_envs,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode(mode)},
        **kwargs,
    )


def random_states(header: str, random: np.random.Generator, count: int) -> np.ndarray:
    """Random states `[count, S]` float64 within STATES; a tenth of the numbers is at a bound or zero."""
    low, high = np.array(STATES[header], float).T
    states = random.uniform(low, high, (count, len(low)))
    special = random.integers(0, 30, states.shape)
    return np.where(special == 0, low, np.where(special == 1, high, np.where(special == 2, 0.0, states)))


def put(env: OperantEnv | OperantVectorEnv, states: np.ndarray, elapsed: int = 1) -> None:
    """Sets every environment to a physical state of `[N, S]`, `elapsed` steps into its episode."""
    records = env.get_state()
    names = list(records.dtype.names)[: states.shape[-1]]
    for name, column in zip(names, np.atleast_2d(states).T, strict=True):
        records[name] = column
    records["elapsed"] = elapsed
    records["finished"] = False
    env.set_state(records)


def physical(env: Any) -> np.ndarray:
    """The physical states `[N, S]` float64."""
    records, spec = env.get_state(), env.batch.spec
    return np.stack([records[part.name].astype(float) for part in spec.state], axis=1)


def gymnasium_env(env_id: str, params: dict[str, float] | None = None) -> Any:
    """Gymnasium's bare environment with our parameters as its attributes."""
    spec = CATALOG[env_id]
    env = reference_env(spec)
    values = defaults(spec) | (params or {})
    for name in params or {}:
        if hasattr(env, attribute := spec.attribute(name)):
            setattr(env, attribute, values[name])
    if spec.header == "cartpole":
        env._sutton_barto_reward = bool(values["sutton_barto_reward"])
        env.total_mass = env.masspole + env.masscart
        env.polemass_length = env.masspole * env.length
    if spec.header == "acrobot":
        env.AVAIL_TORQUE = [-values["torque"], 0.0, values["torque"]]
    return env


def gymnasium_step(env: Any, header: str, state: np.ndarray, action: Any, fresh: bool) -> SimpleNamespace:
    """Steps Gymnasium's environment once from a state in the form that a reset (fresh) or a step leaves."""
    env.reset(seed=0)
    env.state = np.array(state, HELD_IN.get(header, (np.float64, np.float64))[0 if fresh else 1])
    observation, reward, terminated, truncated, _ = env.step(action)
    return SimpleNamespace(
        state=np.array(env.state, np.float64),
        observation=observation,
        reward=float(reward),
        terminated=terminated,
        truncated=truncated,
    )


def same_arrays(ours: Any, theirs: Any) -> None:
    """Checks that dtype, shape and bits are equal."""
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    assert ours.tobytes() == theirs.tobytes(), f"{ours}\n!=\n{theirs}"


def same_infos(ours: Any, theirs: Any, skip: tuple[str, ...] = ()) -> None:
    """Checks that keys, masks, dtypes and values are equal, nested dicts and object arrays included."""
    assert set(ours) - set(skip) == set(theirs) - set(skip)
    for key in set(ours) - set(skip):
        mine, other = ours[key], theirs[key]
        assert type(mine) is type(other), key
        if isinstance(mine, dict):
            same_infos(mine, other, skip)
        elif mine.dtype == object:
            assert other.dtype == object and mine.shape == other.shape, key
            for a, b in zip(mine, other, strict=True):
                assert (a is None) == (b is None), key
                if a is not None:
                    same_arrays(a, b)
        else:
            same_arrays(mine, other)


def same_step(ours: tuple[Any, ...], theirs: tuple[Any, ...], skip: tuple[str, ...] = ()) -> None:
    """Checks that two results of `step` or `reset` are equal, infos included."""
    for mine, other in zip(ours[:-1], theirs[:-1], strict=True):
        same_arrays(mine, other)
    same_infos(ours[-1], theirs[-1], skip)


def step_both_builds(env_id: str, states: np.ndarray, actions: np.ndarray) -> list[tuple[Any, ...]]:
    """Steps the fast and the exact build from states `[N, S]`: observations, rewards, terminated, states."""
    results = []
    for precision in PRECISIONS:
        env = vector(env_id, len(states), precision=precision, autoreset_mode="Disabled")
        env.reset(seed=0)
        put(env, states)
        observations, rewards, terminated, _, _ = env.step(actions)
        results.append((observations.tolist(), rewards.tolist(), terminated.tolist(), physical(env).tolist()))
        env.close()
    return results
