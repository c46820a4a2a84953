"""The choice of workers="auto": the number of workers for which a step is expected to be fastest."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import gymnasium

WATCHED = 0.02  # seconds in which an environment is timed
WAKING = 40e-6  # seconds that a step of workers takes beside the environments
WAKING_EACH = 15e-6  # and for each worker
CLEARLY = 0.9  # of the time in this process, for workers to be worth their memory


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
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    most = min(num_envs, max(1, round(cores / max(busy, 1e-3))))
    if most == 1:
        return 0

    def step_of(workers: int) -> float:
        return -(-num_envs // workers) * seconds + WAKING + WAKING_EACH * workers

    best = min(range(1, most + 1), key=step_of)
    return best if step_of(best) < CLEARLY * num_envs * seconds else 0


def _measure(env: gymnasium.Env[Any, Any]) -> tuple[float, float]:
    """Measures the seconds of one step, episodes' resets included, and the cores that it keeps busy.

    Other programs on the same cores are left out: unless the environment waits, its processor time counts.
    """
    env.reset()
    steps, waits = 0, _voluntary_switches()
    began, worked = time.perf_counter(), time.process_time()
    while (passed := time.perf_counter() - began) < WATCHED:
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        steps += 1
        if terminated or truncated:
            env.reset()
    worked = time.process_time() - worked
    if _voluntary_switches() - waits < steps / 2:
        return worked / steps, max(1.0, worked / passed)
    return passed / steps, worked / passed


def _voluntary_switches() -> int:
    """The number of times that this thread waited for something other than a core."""
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)).ru_nvcsw
