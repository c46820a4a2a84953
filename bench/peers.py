"""Contenders of operant, Gymnasium and EnvPool: reset, with actions drawn beforehand.

Every function registers its environments with `stack` for closing, and returns a `Contender` whose work is environment
steps.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import itertools
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

import operant  # noqa: F401 - registers operant/*
from operant._native import ffi, lib
from operant.batch.batch import Batch
from operant.batch.core import defaults
from operant.bench.machine import version
from operant.bench.timing import Contender, timed_over
from operant.catalog import CATALOG
from operant.doctor.quiet import quiet
from operant.environments.rendering import reference_env
from operant.environments.spaces import action_space
from operant.spec import EnvSpec

ACTION_SETS = 8  # distinct arrays of actions, cycled
SYNC_ENVS = 256  # larger batches hardly speed up Gymnasium's sync (a few percent at 4096), and samples stay short


def prepare_actions(space: gymnasium.spaces.Space[Any], num_envs: int, discrete: type = np.int64) -> list[np.ndarray]:
    """Draws `ACTION_SETS` arrays of random actions for `num_envs` environments with the single action space `space`."""
    generator = np.random.default_rng(0)
    if isinstance(space, gymnasium.spaces.Discrete):
        return [generator.integers(0, space.n, num_envs).astype(discrete) for _ in range(ACTION_SETS)]
    if not isinstance(space, gymnasium.spaces.Box):
        raise TypeError(f"cannot draw actions for the space {space}: it must be a Discrete or a Box")
    shape = (num_envs, *space.shape)
    return [generator.uniform(space.low, space.high, shape).astype(np.float32) for _ in range(ACTION_SETS)]


def operant_vector(
    stack: contextlib.ExitStack,
    env_id: str,
    num_envs: int,
    name: str = "operant",
    action_type: type = np.int64,
    **options: Any,
) -> Contender:
    """`gym.make_vec("operant/...").step`."""
    envs = gymnasium.make_vec(f"operant/{env_id}", num_envs=num_envs, **options)
    stack.callback(envs.close)
    envs.reset(seed=0)
    actions = prepare_actions(envs.single_action_space, num_envs, action_type)
    return Contender(name, timed_over(envs.step, actions), num_envs)


def operant_batch(stack: contextlib.ExitStack, spec: EnvSpec, num_envs: int, name: str) -> Contender:
    """`Batch.step`, below Gymnasium's interface; it also works for an environment without an id."""
    batch = Batch(spec, num_envs)
    stack.callback(batch.close)
    batch.seed(0)
    batch.reset()
    values = defaults(spec)
    return Contender(name, timed_over(batch.step, prepare_actions(action_space(spec, values), num_envs)), num_envs)


def operant_kernel(stack: contextlib.ExitStack, env_id: str, num_envs: int, name: str = "kernel only") -> Contender:
    """The core's `operant_step` alone, with pointers made beforehand; outputs alternate as in `step`."""
    envs: Any = gymnasium.make_vec(f"operant/{env_id}", num_envs=num_envs)
    stack.callback(envs.close)
    envs.reset(seed=0)
    batch = envs.unwrapped.batch
    actions = prepare_actions(envs.single_action_space, num_envs)
    dtype = lib.OPERANT_INT64 if actions[0].dtype == np.int64 else lib.OPERANT_FLOAT32
    ring = batch.make_stepper().ring
    slots = [ring.take(), ring.take()]
    endless = itertools.cycle([(ffi.from_buffer(array), slots[k % 2]) for k, array in enumerate(actions)])
    handle, step = batch._handle, lib.operant_step

    def measure(calls: int) -> float:
        start = time.perf_counter()
        for data, slot in itertools.islice(endless, calls):
            step(handle, data, dtype, slot.output)
        return time.perf_counter() - start

    return Contender(name, measure, num_envs)


def has_reference(env_id: str) -> bool:
    """Returns True if Gymnasium has the environment, or operant has a reference class of it."""
    return env_id in gymnasium.registry or env_id not in CATALOG or bool(CATALOG[env_id].reference)


def peer_spec(env_id: str) -> gymnasium.envs.registration.EnvSpec:
    """Returns the Gymnasium spec for a name: Gymnasium's own, or one that makes operant's reference class."""
    if env_id in gymnasium.registry or env_id not in CATALOG:
        return gymnasium.spec(env_id)
    spec = CATALOG[env_id]
    return gymnasium.envs.registration.EnvSpec(
        env_id, functools.partial(reference_env, spec), max_episode_steps=spec.max_episode_steps
    )


def gymnasium_sync(stack: contextlib.ExitStack, env_id: str, num_envs: int) -> Contender:
    """`gym.make_vec(..., vectorization_mode="sync")`: one Python object per environment."""
    with quiet():
        envs = gymnasium.make_vec(peer_spec(env_id), num_envs=num_envs, vectorization_mode="sync")
    stack.callback(envs.close)
    envs.reset(seed=0)
    name = f"Gymnasium sync, {num_envs} envs"
    return Contender(name, timed_over(envs.step, prepare_actions(envs.single_action_space, num_envs)), num_envs)


def one_by_one(stack: contextlib.ExitStack, spec: EnvSpec, num_envs: int) -> Contender:
    """The bare reference class, one environment after another in a loop, each reset when its episode ends.

    Unlike a vector environment, it has no wrappers, therefore no time limits, and gathers nothing into arrays.
    """
    envs = [reference_env(spec) for _ in range(num_envs)]
    for i, env in enumerate(envs):
        stack.callback(env.close)
        env.reset(seed=i)
    arrays = prepare_actions(action_space(spec, defaults(spec)), num_envs)
    discrete = isinstance(envs[0].action_space, gymnasium.spaces.Discrete)
    actions = [array.tolist() if discrete else list(array) for array in arrays]

    def step(row: list[Any]) -> list[Any]:
        results = []
        for env, action in zip(envs, row, strict=True):
            result = env.step(action)
            results.append(result)
            if result[2]:
                env.reset()
        return results

    return Contender(f"bare loop, {num_envs} envs", timed_over(step, actions), num_envs)


def gymnasium_numpy(stack: contextlib.ExitStack, env_id: str, num_envs: int) -> Contender | None:
    """Gymnasium's own vector class in NumPy, or None if it has none."""
    if peer_spec(env_id).vector_entry_point is None:
        return None
    with quiet():
        envs = gymnasium.make_vec(env_id, num_envs=num_envs, vectorization_mode="vector_entry_point")
    stack.callback(envs.close)
    envs.reset(seed=0)
    name = f"Gymnasium {type(envs.unwrapped).__name__} (NumPy)"
    return Contender(name, timed_over(envs.step, prepare_actions(envs.single_action_space, num_envs)), num_envs)


def envpool_vector(stack: contextlib.ExitStack, env_id: str, num_envs: int) -> Contender | str:
    """EnvPool with one thread, or a sentence that says why it is omitted."""
    try:
        import envpool
    except Exception as problem:  # a broken installation must not end the benchmark
        return f"EnvPool omitted: {problem}"
    try:
        with quiet():
            envs = envpool.make(env_id, env_type="gymnasium", num_envs=num_envs, num_threads=1, seed=0)
            stack.callback(envs.close)
            envs.reset()
            # EnvPool's specification requires int32.
            actions = prepare_actions(envs.action_space, num_envs, np.int32)
    except Exception as problem:
        return f"EnvPool omitted: it cannot make {env_id}: {problem}"
    return Contender(f"EnvPool {version('envpool')}, 1 thread", timed_over(envs.step, actions), num_envs)


def single(stack: contextlib.ExitStack, env_id: str, name: str, *, unwrapped: bool = True) -> Contender:
    """`gym.make(env_id).step`, for the bare environment unless `unwrapped` is False. Resets are not timed."""
    with quiet():
        env: Any = gymnasium.make(peer_spec(env_id))
    stack.callback(env.close)
    env = env.unwrapped if unwrapped else env
    env.reset(seed=0)
    arrays = prepare_actions(env.action_space, 64)
    discrete = isinstance(env.action_space, gymnasium.spaces.Discrete)
    actions = [int(array[k]) if discrete else array[k] for array in arrays for k in range(64)]
    return Contender(name, episodes(env.step, env.reset, actions), 1)


def episodes(step: Callable[[Any], Any], reset: Callable[[], Any], actions: list[Any]) -> Callable[[int], float]:
    """Returns a `Contender.measure` that steps one environment, with the clock stopped during resets."""
    endless = itertools.cycle(actions)

    def measure(calls: int) -> float:
        seconds, left = 0.0, calls
        while left:
            reset()
            count = 0
            start = time.perf_counter()
            for count, action in enumerate(itertools.islice(endless, left), 1):  # noqa: B007 - read after the loop
                _, _, terminated, truncated, _ = step(action)
                if terminated or truncated:
                    break
            seconds += time.perf_counter() - start
            left -= count
        return seconds

    return measure


def sb3_envs(stack: contextlib.ExitStack, env_id: str, num_envs: int, *, native: bool) -> Any:
    """Calls SB3's `make_vec_env`, for a DummyVecEnv of Gymnasium's environments or, if `native`, an OperantVecEnv."""
    from stable_baselines3.common.env_util import make_vec_env

    from operant.compat.sb3 import OperantVecEnv

    with quiet():
        envs = make_vec_env(
            f"operant/{env_id}" if native else env_id, num_envs, seed=0, vec_env_cls=OperantVecEnv if native else None
        )
    stack.callback(envs.close)
    envs.reset()
    return envs


def sb3_step(stack: contextlib.ExitStack, env_id: str, num_envs: int, *, native: bool) -> Contender:
    """`step` of `sb3_envs`, with the statistics of Monitor."""
    envs = sb3_envs(stack, env_id, num_envs, native=native)
    name = "OperantVecEnv.step" if native else "DummyVecEnv.step, Gymnasium's environments"
    return Contender(name, timed_over(envs.step, prepare_actions(envs.action_space, num_envs)), num_envs)


def sb3_ppo(stack: contextlib.ExitStack, env_id: str, num_envs: int, *, native: bool) -> Contender:
    """SB3's PPO on `sb3_envs`: a call is one rollout of 32 steps and 4 epochs of 4 minibatches."""
    from stable_baselines3 import PPO

    envs = sb3_envs(stack, env_id, num_envs, native=native)
    rollout = 32 * num_envs
    model = PPO("MlpPolicy", envs, n_steps=32, batch_size=rollout // 4, n_epochs=4, device="cpu", seed=0)

    def measure(calls: int) -> float:
        start = time.perf_counter()
        model.learn(calls * rollout, reset_num_timesteps=False)
        return time.perf_counter() - start

    return Contender(f"PPO.learn on {'OperantVecEnv' if native else 'DummyVecEnv'}", measure, rollout)


def operant_agents(stack: contextlib.ExitStack, name: str, num_envs: int) -> Contender:
    """`step` of a multi-agent environment with a row for each agent; the work counts steps of one agent."""
    from operant.environments.vector import OperantVectorEnv

    envs = OperantVectorEnv(name, num_envs, autoreset_mode="SameStep")  # every call is then a step
    stack.callback(envs.close)
    envs.reset(seed=0)
    return Contender(
        "operant", timed_over(envs.step, prepare_actions(envs.single_action_space, envs.num_envs)), envs.num_envs
    )


def mpe2_agents(stack: contextlib.ExitStack, name: str) -> Contender:
    """mpe2's `parallel_env`, reset when its episode ends."""
    with quiet():
        env = importlib.import_module(f"mpe2.{name.replace('-', '_')}").parallel_env()
    stack.callback(env.close)
    agents = env.possible_agents
    actions = [
        dict(zip(agents, row.tolist(), strict=True))
        for row in prepare_actions(env.action_space(agents[0]), len(agents))
    ]
    env.reset(seed=0)

    def measure(calls: int) -> float:
        start = time.perf_counter()
        for by_agent in itertools.islice(itertools.cycle(actions), calls):
            env.step(by_agent)
            if not env.agents:
                env.reset()
        return time.perf_counter() - start

    return Contender("mpe2 parallel_env", measure, len(agents))
