"""`operant.vectorize`: makes a vector environment of anybody's Python environments."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any

import gymnasium
from gymnasium.envs.registration import find_highest_version, get_env_id, parse_env_id

from operant.environments.vector_base import AutoresetMode
from operant.messages import integer
from operant.workers.plan import MakeEnv
from operant.workers.vector import VectorizedEnv


def vectorize(
    env: str | MakeEnv | Sequence[MakeEnv],
    num_envs: int | None = None,
    workers: int | str = "auto",
    *,
    batch_size: int | None = None,
    autoreset_mode: AutoresetMode | str = "NextStep",
    copy: bool = True,
    observation_mode: Any = "same",
    context: str | None = None,
    timeout: float | None = None,
    **options: Any,
) -> VectorizedEnv:
    """Makes N Python environments into one vector environment that steps them on all cores.

        envs = operant.vectorize("LunarLander-v3", num_envs=64)
        envs = operant.vectorize([make_env] * 64, workers=8)

    Results are those of `gymnasium.vector.SyncVectorEnv`. It helps environments whose step takes tens of microseconds
    or more, on several cores; see docs/vectorize.md.

    Args:
        env: an id, for `gymnasium.make`; a function without arguments that makes an environment; or N such functions.
        num_envs: N. 1 by default, and the number of functions if several are given.
        workers: the number of processes, each with a slice of the environments; 0 steps them in this process. "auto"
            times some steps of one environment, and chooses what is expected to be fastest.
        batch_size: the number of results that `recv` returns, N by default.
        autoreset_mode: a `gymnasium.vector.AutoresetMode`, or "NextStep", "SameStep" or "Disabled".
        copy: False returns observations that the next step overwrites.
        observation_mode: "same"; "different" if bounds differ; or two spaces, batched and single.
        context: "fork", "spawn" or "forkserver"; Python's default for this system if None. "thread" makes threads
            instead of processes: for environments that wait or release the GIL, and for a free-threaded Python.
        timeout: the seconds after which a step, reset or call without answer is an error; None waits forever.
        **options: for an id, keyword arguments of `gymnasium.make`.

    Raises:
        ValueError, TypeError: an argument is invalid; functions cannot be pickled for the context; a space has no
            fixed size.
        RuntimeError: the environments' spaces differ.
    """
    spec = None
    if isinstance(env, str):
        spec = _find(env)
        functions: list[MakeEnv] = [functools.partial(gymnasium.make, spec, **options)] * _count(num_envs)
    elif options:
        raise TypeError(f"{', '.join(options)}: gymnasium.make's arguments need an id, and env is none")
    elif callable(env):
        functions = [env] * _count(num_envs)
    else:
        if not isinstance(env, Iterable):
            raise TypeError(f"env={env!r} must be an id, a function that makes an environment, or a list of functions")
        functions = list(env)
        for function in functions:
            if not callable(function):
                raise TypeError(f"env contains {function!r}, which is not a function that makes an environment")
        if num_envs not in (None, len(functions)):
            raise ValueError(f"num_envs={num_envs}, but there are {len(functions)} functions: omit it")
    envs = VectorizedEnv(
        functions,
        workers,
        batch_size=batch_size,
        autoreset_mode=autoreset_mode,
        copy=copy,
        observation_mode=observation_mode,
        context=context,
        timeout=timeout,
    )
    if spec is not None:
        envs.spec = deepcopy(spec)
        envs.spec.kwargs.update(options)
    return envs


def _count(num_envs: int | None) -> int:
    return 1 if num_envs is None else integer("num_envs", num_envs, 1)


def _find(env_id: str) -> Any:
    """The spec of an id; workers that share no memory with this process may not have registered it.

    An id without a version is that of the newest one, as for `gymnasium.make`.
    """
    module, _, name = env_id.rpartition(":")
    if module:
        importlib.import_module(module)
    namespace, short, version = parse_env_id(name)
    newest = find_highest_version(namespace, short) if version is None and name not in gymnasium.registry else None
    return gymnasium.spec(name if newest is None else get_env_id(namespace, short, newest))
