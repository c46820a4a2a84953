"""Freeing memory, using threads, and the state after a refused call."""

import subprocess
import sys
import threading
import weakref

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError
from support import vector

from operant import OperantVectorEnv

STEP_WHILE_CLOSING = """
import threading, numpy as np, gymnasium as gym, operant
from gymnasium.error import ClosedEnvironmentError
for _ in range(5):
    envs = gym.make_vec("operant/CartPole-v1", num_envs=1 << 18)
    envs.reset(seed=0)
    actions, ended = np.zeros(1 << 18, int), []
    def play():
        try:
            while True:
                envs.step(actions)
        except ClosedEnvironmentError:
            ended.append(True)
    thread = threading.Thread(target=play)
    thread.start()
    threading.Event().wait(0.02)
    envs.close()
    thread.join()
    assert ended
print("survived")
"""


# Each child gets the batch while a thread of its parent, which does not exist in the child, is inside a step.
FORK_WHILE_STEPPING = """
import os, sys, threading, time, numpy as np, operant
from gymnasium.error import ResetNeeded
workers = int(sys.argv[1])
envs = operant.OperantVectorEnv("Acrobot-v1", 1 << 17, workers=workers)
envs.reset(seed=0)
actions, stop = np.zeros(1 << 17, int), threading.Event()
def play():
    while not stop.is_set():
        envs.step(actions)
thread = threading.Thread(target=play)
thread.start()
inside = 0
for _ in range(8):
    time.sleep(0.01)
    child = os.fork()
    if child == 0:
        try:
            envs.step(actions)
            os._exit(0)  # the fork fell between two steps
        except ResetNeeded as problem:
            if "forked" not in str(problem):
                os._exit(1)
        first, _ = envs.reset(seed=0)
        fresh, _ = operant.OperantVectorEnv("Acrobot-v1", 1 << 17).reset(seed=0)
        envs.step(actions)
        os._exit(2 if (first == fresh).all() else 3)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 2), code
    inside += code == 2
stop.set()
thread.join()
assert inside > 0
print("survived")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_child_forked_during_a_step_resets_the_batch_and_goes_on(workers):
    command = [sys.executable, "-c", FORK_WHILE_STEPPING, workers]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "survived\n"), done.stderr


def test_closing_while_another_thread_steps_ends_that_thread_with_an_error():
    done = subprocess.run([sys.executable, "-c", STEP_WHILE_CLOSING], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "survived\n"), done.stderr


def test_one_thread_does_not_overwrite_anothers_results():
    env = vector("CartPole-v1", 64)
    env.reset(seed=0)
    kept: list[tuple[np.ndarray, bytes]] = []

    def play():
        for _ in range(200):
            try:
                observations = env.step(np.zeros(64, int))[0]
            except RuntimeError:
                continue
            kept.append((observations, observations.tobytes()))

    threads = [threading.Thread(target=play) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) >= 200
    assert all(array.tobytes() == value for array, value in kept)


@pytest.mark.parametrize("read", ["episode_returns", "get_state", "finished_episodes"])
def test_closing_while_another_thread_reads_ends_that_thread_with_an_error(read):
    for _ in range(5):
        env = vector("CartPole-v1", 1 << 16, autoreset_mode="SameStep")
        env.reset(seed=0)
        started, ended = threading.Event(), []

        def look(env=env, started=started, ended=ended):
            try:
                while True:
                    value = getattr(env, read)
                    value() if callable(value) else value.sum()
                    started.set()
            except ClosedEnvironmentError as error:
                ended.append(error)

        thread = threading.Thread(target=look)
        thread.start()
        started.wait()
        env.close()
        thread.join(30)
        assert len(ended) == 1


def test_a_view_of_the_cores_memory_outlives_the_batch():
    batch = vector("CartPole-v1", 4).batch
    batch.seed(0)
    batch.reset()
    finished, before = batch.last_finished, batch.episode_returns
    batch.close()
    assert finished.count == 0 and before.tolist() == [0, 0, 0, 0]


def test_a_dropped_environment_frees_its_memory_at_once():
    env = OperantVectorEnv("CartPole-v1", 4)
    env.reset(seed=0)
    env.step(np.zeros(4, int))
    batch = weakref.ref(env.batch)
    del env
    assert batch() is None  # without a garbage collection


@pytest.mark.parametrize("make", [gym.make, gym.make_vec])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_refused_reset_leaves_the_generators_alone(make, precision):
    envs = [make("operant/Pendulum-v1", precision=precision) for _ in range(2)]
    for env in envs:
        env.reset(seed=3)
    with pytest.raises(ValueError, match="x_init"):
        envs[0].reset(seed=99, options={"x_init": -1})
    first, second = (env.reset()[0].tobytes() for env in envs)
    assert first == second


def test_a_reset_bound_is_checked_against_the_batchs_other_bound():
    env = vector("CartPole-v1", 3, params={"low": 0.2, "high": 0.5})
    observations, _ = env.reset(seed=0, options={"low": 0.4})
    assert observations.min() >= np.float32(0.4)
    with pytest.raises(ValueError, match=r"0\.2.* must be lower than .*0\.1"):
        env.reset(options={"high": 0.1})
    with pytest.raises(ValueError, match="must be lower"):
        vector("CartPole-v1", 3, randomize={"low": (0.2, 0.3)})


def test_a_finite_action_beyond_float32_is_clipped():
    for precision in ("float32", "float64"):
        env, twin = (vector("Pendulum-v1", 2, precision=precision) for _ in range(2))
        env.reset(seed=0)
        twin.reset(seed=0)
        assert env.step(np.full((2, 1), -1e300))[0].tobytes() == twin.step(np.full((2, 1), -2.0))[0].tobytes()


def test_a_step_of_an_acrobot_with_huge_numbers_ends():
    extreme = {"torque": 1e6, "dt": 1.0, "max_theta1_dot": 1e18, "max_theta2_dot": 1e18}
    env = vector("Acrobot-v1", 1, precision="float64", params=extreme)
    env.reset(seed=0)
    for _ in range(5):
        env.step(np.array([2]))
