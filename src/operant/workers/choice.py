"""The choice of workers="auto": the number of workers for which a step is expected to be fastest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import gymnasium

WORKED = 0.02  # seconds of the processor in which an environment is timed
WATCHED = 0.1  # seconds by the clock after which timing ends in any case
WAKING = 40e-6  # seconds that a step of workers takes beside the environments
WAKING_EACH = 15e-6  # and for each worker
CLEARLY = 0.8  # of the time in this process, for workers to be worth their memory


def choose_workers(make: Callable[[], gymnasium.Env[Any, Any]], num_envs: int) -> int:
    """Times some steps of an environment with random actions, and returns a number of workers; 0 is none.

    An environment that computes gets at most one worker for each core. One that waits, for a simulator in another
    process or over a network, gets more. The environment is made for this alone: wrappers remember steps.
    """
    if num_envs == 1:
        return 0
    env = make()
    try:
        seconds, busy = _measure(env)
    finally:
        env.close()
    most = min(num_envs, max(1, round(available_cores() / max(busy, 1e-3))))
    if most == 1:
        return 0

    def step_of(workers: int) -> float:
        return -(-num_envs // workers) * seconds + WAKING + WAKING_EACH * workers

    best = min(range(1, most + 1), key=step_of)
    return best if step_of(best) < CLEARLY * num_envs * seconds else 0


def available_cores() -> int:
    """Counts the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _measure(env: gymnasium.Env[Any, Any]) -> tuple[float, float]:
    """Measures the seconds of one step, episodes' resets included, and the cores that it keeps busy.

    Other programs on the same cores are left out: unless the environment waits, its processor time counts.
    """
    env.reset()
    ended = _step(env)  # the first step may prepare something
    steps, waits = 0, _voluntary_switches()
    began, before = time.perf_counter(), time.process_time()
    worked = passed = 0.0
    while not steps or (worked < WORKED and passed < WATCHED):
        if ended:
            env.reset()
        ended = _step(env)
        steps += 1
        worked, passed = time.process_time() - before, time.perf_counter() - began
    if _voluntary_switches() - waits < steps / 2:
        return worked / steps, max(1.0, worked / passed)
    return passed / steps, worked / passed


def _step(env: gymnasium.Env[Any, Any]) -> bool:
    """Steps with a random action; returns True if the episode ended."""
    _, _, terminated, truncated, _ = env.step(env.action_space.sample())
    return bool(terminated or truncated)


def _voluntary_switches() -> int:
    """The number of times that this thread waited for something other than a core."""
    try:
        import resource
    except ImportError:  # Windows
        return 0

    return resource.getrusage(getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)).ru_nvcsw
