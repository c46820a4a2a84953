"""Random faults at random moments: each is the error that it should be, and nothing is left behind."""

import contextlib
import gc
import os
import random
import signal

import numpy as np
import pytest
from test_vectorize_faults import Faulty, assert_gone, pids

import operant
from operant.workers.faults import WorkerDied

KINDS = ("kill", "exit", "raise", "hang", "interrupt", "close", "forget")
ERRORS = {
    "kill": WorkerDied,
    "exit": WorkerDied,
    "raise": ValueError,
    "hang": TimeoutError,
    "interrupt": KeyboardInterrupt,
}


def steps(envs, draw, background, faults):
    """Steps some times, and then with the fault."""
    size = envs.num_envs
    count = draw.randint(0, 6)
    if background:
        envs.async_reset(seed=0)
        for k in range(count + 2 * size):
            ids = envs.recv()[4]["env_id"]
            envs.send(np.full(len(ids), 3 if faults and k >= count else 1), ids)
        while faults:
            envs.recv()
    else:
        envs.reset(seed=0)
        for _ in range(count):
            envs.step(np.ones(size, int))
        if faults:
            actions = np.ones(size, int)
            actions[draw.randrange(size)] = 3
            envs.step(actions)


def one(seed):
    """One vector environment's life; returns its workers."""
    draw = random.Random(seed)
    kind, background = draw.choice(KINDS), draw.random() < 0.5
    env = type("Faulty", (Faulty,), {"kind": kind})
    size = draw.randint(2, 6)
    envs = operant.vectorize(
        env,
        size,
        draw.randint(1, size),
        batch_size=draw.randint(1, size),
        autoreset_mode=draw.choice(["NextStep", "SameStep"]),
        timeout=0.2 if kind == "hang" else None,
    )
    workers = pids(envs)
    if kind not in ERRORS:
        steps(envs, draw, background, faults=False)
        if kind == "close":
            envs.close()
        return workers
    if kind == "interrupt":
        signal.setitimer(signal.ITIMER_REAL, draw.uniform(0.02, 0.15))
    with pytest.raises(ERRORS[kind]):
        steps(envs, draw, background, faults=True)
    assert envs.closed or kind == "interrupt"  # which may come between two calls
    envs.close()
    return workers


def pipes():
    """The number of open pipes and sockets. Python itself keeps shared memory for later."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{name}").startswith(("pipe:", "socket:"))
    return count


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("first", [0, pytest.param(20, marks=pytest.mark.test_all("a hundred more faults"))])
def test_faults_at_random_are_named_and_leave_no_process_and_no_pipe(first):
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        open_pipes = pipes()
        for seed in range(first, 20 + first * 5):
            workers = one(seed)
            gc.collect()
            assert_gone(workers)
            now = pipes()
            assert now <= open_pipes, f"seed {seed}"
    finally:
        signal.signal(signal.SIGALRM, before)
