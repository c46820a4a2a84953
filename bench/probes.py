"""Figures that need a process of their own: the memory of a batch, the time of an import, the start of workers."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

import operant

_IMPORT = """
import json, time
start = time.perf_counter()
import gymnasium
gymnasium_done = time.perf_counter()
import operant
operant_done = time.perf_counter()
gymnasium.make_vec("operant/CartPole-v1", num_envs=1).close()
made = time.perf_counter()
print(json.dumps([gymnasium_done - start, operant_done - gymnasium_done, made - operant_done]))
"""


def time_imports() -> tuple[float, float, float]:
    """Measures the seconds for importing gymnasium, then operant, and for the first batch, in a fresh interpreter."""
    first, second, third = _run(_IMPORT)
    return first, second, third


def probe_memory(env_id: str, num_envs: int) -> dict[str, float]:
    """Calls `measure_memory` in a fresh interpreter."""
    call = f"measure_memory({env_id!r}, {num_envs})"
    return dict(_run(f"import json; from operant.bench.probes import *; print(json.dumps({call}))"))


def probe_start(env_id: str, num_envs: int, workers: int) -> dict[str, float]:
    """Calls `measure_start` in a fresh interpreter."""
    call = f"measure_start({env_id!r}, {num_envs}, {workers})"
    return dict(_run(f"import json; from operant.bench.probes import *; print(json.dumps({call}))"))


def measure_start(env_id: str, num_envs: int, workers: int) -> dict[str, float]:
    """Starts Python environments in fresh processes; returns "seconds", and the bytes of all "workers" on Linux.

    A page that several processes share counts in equal parts for each.
    """
    begun = time.perf_counter()
    envs = operant.vectorize(env_id, num_envs, workers, context="spawn")
    figures = {"seconds": time.perf_counter() - begun}
    envs.reset(seed=0)
    rollups = [Path(f"/proc/{process.pid}/smaps_rollup") for process in multiprocessing.active_children()]
    if all(map(Path.exists, rollups)):
        texts = [rollup.read_text(encoding="ascii") for rollup in rollups]
        figures["workers"] = sum(1024 * int(text.split("Pss:")[1].split()[0]) for text in texts)
    envs.close()
    return figures


def _run(code: str) -> Any:
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure_memory(env_id: str, num_envs: int) -> dict[str, float]:
    """Makes a batch, resets it and steps it ten times, keeping the last results; returns bytes per environment.

    "peak" is the largest growth of this process, "resident" its lasting growth, "core" the memory that the C core
    reports, "returned" the arrays that `step` returns, "spaces" Gymnasium's batched observation and action space.
    """
    from operant.bench.peers import prepare_actions

    def play(count: int) -> Any:
        envs = gymnasium.make_vec(f"operant/{env_id}", num_envs=count)
        actions = made.setdefault(count, prepare_actions(envs.single_action_space, count)[0])
        envs.reset(seed=0)
        for _ in range(10):
            held = envs.step(actions)
        return envs, held

    # The caller's actions, and imports and caches of the very first batch, do not count as the batch's memory.
    space = gymnasium.make_vec(f"operant/{env_id}", num_envs=1).single_action_space
    made: dict[int, np.ndarray] = {num_envs: prepare_actions(space, num_envs)[0]}
    play(64)
    before = _resident()
    _restart_peak()
    envs, _held = play(num_envs)
    slots = envs.unwrapped.batch.stepper.ring.slots
    arrays = [array for slot in slots for array in (slot.observations, slot.rewards, slot.terminated, slot.truncated)]
    made_spaces = [vars(envs.unwrapped).get(name) for name in ("observation_space", "action_space")]
    spaces = [
        array
        for space in made_spaces
        if space is not None
        for array in vars(space).values()
        if isinstance(array, np.ndarray)
    ]
    figures = {
        "peak": _peak() - before,
        "resident": _resident() - before,
        "core": envs.unwrapped.batch.bytes,
        "returned": sum(array.nbytes for array in arrays),
        "spaces": sum(array.nbytes for array in spaces),
    }
    return {name: value / num_envs for name, value in figures.items()}


def _status(field: str) -> int | None:
    """Reads a field of /proc/self/status in bytes. getrusage would include the parent's memory at the fork."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)


def _peak() -> int:
    size = _status("VmHWM")
    if size is None:
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = used if sys.platform == "darwin" else used * 1024  # macOS counts bytes, others KiB
    return size


def _resident() -> int:
    size = _status("VmRSS")
    return _peak() if size is None else size


def _restart_peak() -> None:
    """Restarts the measurement of the peak, so that a temporary peak during imports does not hide the batch's."""
    with contextlib.suppress(OSError):  # without it, the peak is that of the whole process
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
