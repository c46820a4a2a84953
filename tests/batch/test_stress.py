"""Threads that step, read and reset one batch, forked children that step theirs, and a close in the middle of it."""

import subprocess
import sys

import pytest

STRESS = """
import os, threading, time
import numpy as np
import operant
from gymnasium.error import ClosedEnvironmentError

N = 20_000
unexpected, rounds = [], 0
began = time.monotonic()
while time.monotonic() - began < 3:
    rounds += 1
    envs = operant.OperantVectorEnv("CartPole-v1", num_envs=N, workers=2)
    envs.reset(seed=rounds)
    actions = np.ones(N, int)

    def again(work):
        try:
            while True:
                try:
                    work()
                except RuntimeError as busy:  # another thread was inside
                    if "another thread" not in str(busy):
                        raise
        except ClosedEnvironmentError:
            pass
        except BaseException as problem:
            unexpected.append(repr(problem))

    def fork():
        child = os.fork()
        if child == 0:  # its batch may have been stepping when it was copied: then it asks for a reset
            try:
                envs.reset(seed=1)
                envs.step(actions)
            except ClosedEnvironmentError:
                pass
            except BaseException as problem:
                os.write(2, repr(problem).encode())
                os._exit(1)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            unexpected.append("a child failed")
        envs.episode_lengths  # ends this thread once the batch is closed

    works = (
        lambda: envs.step(actions), lambda: envs.get_state(), lambda: envs.episode_returns.sum(),
        lambda: envs.reset(options={"reset_mask": np.arange(N) % 3 == 0}), fork,
    )
    threads = [threading.Thread(target=again, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    envs.close()
    for thread in threads:
        thread.join(20)
        if thread.is_alive():
            unexpected.append("a thread hangs")
print(rounds, unexpected)
os._exit(bool(unexpected) or not rounds)
"""


@pytest.mark.skipif(not hasattr(sys, "getdlopenflags"), reason="the system has no fork")
def test_threads_and_children_of_one_batch_neither_crash_nor_hang():
    command = [sys.executable, "-W", "ignore", "-c", STRESS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
