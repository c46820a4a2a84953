"""MuJoCo's timers cost our batches nothing, and stay right in a user's own mj_step."""

import itertools
import subprocess
import sys
import threading
import time
from pathlib import Path

import gymnasium as gym
import mujoco
import numpy as np
import pytest

from operant.engines.mujoco_library import clock_variable
from operant.messages import EngineError

ANT = Path(gym.__file__).parent / "envs" / "mujoco" / "assets" / "ant.xml"
STEP = int(mujoco.mjtTimer.mjTIMER_STEP)


@pytest.fixture
def clock():
    """The variable mjcb_time of libmujoco, with a clock in it; a test may set it.

    Older releases of the Python package set none.
    """
    variable = clock_variable("operant/Ant-v5")
    before = variable.value
    if not before:
        mujoco.set_mjcb_time(time.perf_counter)
    yield variable
    mujoco.set_mjcb_time(None)
    variable.value = before


def open_batch(workers=1, **options):
    envs = gym.make_vec("operant/Ant-v5", 4, workers=workers, **options)
    envs.reset(seed=0)
    return envs


def own_data():
    model = mujoco.MjModel.from_xml_path(str(ANT))
    return model, mujoco.MjData(model)


def counter():
    """A clock that counts how often it is asked, and the list of its answers."""
    answers = []
    numbers = itertools.count(1)

    def ask():
        answers.append(next(numbers))
        return float(answers[-1])

    return ask, answers


def durations(data):
    return [timer.duration for timer in data.timer]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_batch_is_not_timed_and_the_users_own_steps_are(workers, clock):
    before, known = clock.value, mujoco.get_mjcb_time()
    envs = open_batch(workers)
    for _ in range(10):
        envs.step(envs.action_space.sample())
    datas = envs.unwrapped.batch.model.datas
    assert sum(data.timer[STEP].number for data in datas) > 0
    assert [durations(data) for data in datas] == [[0.0] * len(datas[0].timer)] * workers
    assert clock.value == before and mujoco.get_mjcb_time() is known
    model, data = own_data()
    mujoco.mj_step(model, data)
    assert data.timer[STEP].duration > 0


def test_a_clock_of_the_users_is_asked_by_own_steps_alone(clock):
    envs, (ask, answers) = open_batch(), counter()
    mujoco.set_mjcb_time(ask)
    before = clock.value
    envs.step(envs.action_space.sample())
    assert answers == []
    assert clock.value == before and mujoco.get_mjcb_time() is ask
    mujoco.mj_step(*own_data())
    assert answers


def test_without_a_clock_there_is_none_afterwards(clock):
    clock.value = None
    envs = open_batch()
    envs.step(envs.action_space.sample())
    assert clock.value is None


def test_own_steps_beside_stepping_batches_are_timed_as_alone(clock):
    """The clock counts, so the durations are exact; batches step in two threads meanwhile."""
    ask, _ = counter()
    mujoco.set_mjcb_time(ask)
    before = clock.value

    def timed():
        model, data = own_data()
        for _ in range(200):
            mujoco.mj_step(model, data)
        return durations(data)

    expected = timed()
    ended = threading.Event()
    batches = [open_batch(workers) for workers in (1, 2)]
    stepped = [0, 0]

    def step(k):
        while not ended.is_set():
            batches[k].step(np.zeros((4, 8)))
            stepped[k] += 1

    threads = [threading.Thread(target=step, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    try:
        while not all(stepped):
            pass
        found = [timed() for _ in range(3)]
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert found == [expected] * 3
    assert clock.value == before


def test_a_clock_that_is_set_while_a_batch_steps_stays(clock):
    batch, ended, steps = open_batch(2), threading.Event(), [0]

    def step():
        while not ended.is_set():
            batch.step(np.zeros((4, 8)))
            steps[0] += 1

    thread = threading.Thread(target=step)
    thread.start()
    asks = []
    try:
        for _ in range(50):
            asks.append(counter()[0])
            mujoco.set_mjcb_time(asks[-1])
            seen = steps[0]
            while steps[0] < seen + 2:
                pass
    finally:
        ended.set()
        thread.join()
    assert mujoco.get_mjcb_time() is asks[-1]
    model, data = own_data()
    mujoco.mj_step(model, data)
    assert data.timer[STEP].duration == int(data.timer[STEP].duration) > 0


def test_a_batch_whose_callback_steps_another_batch_is_not_timed(clock):
    before, outer, inner = clock.value, gym.make_vec("operant/HalfCheetah-v5", 1), open_batch()
    outer.reset(seed=0)
    stepped = []

    def control(model, data):
        if model.nu == 6:
            stepped.append(inner.step(np.zeros((4, 8))))

    mujoco.set_mjcb_control(control)
    try:
        outer.step(np.zeros((1, 6)))
    finally:
        mujoco.set_mjcb_control(None)
    assert stepped
    assert not any(durations(outer.unwrapped.batch.model.datas[0]))
    assert not any(durations(inner.unwrapped.batch.model.datas[0]))
    assert clock.value == before


@pytest.mark.parametrize("workers", [1, 2])
def test_the_clock_is_back_after_a_fatal_error(workers, clock, tmp_path):
    path = tmp_path / "small.xml"
    path.write_text(ANT.read_text().replace('<mujoco model="ant">', '<mujoco model="ant"><size memory="9K"/>'))
    before = clock.value
    envs = open_batch(workers, xml_file=str(path))
    with pytest.raises(EngineError):
        for _ in range(100):
            envs.step(np.ones((4, 8)))
    assert clock.value == before


FORKED = """
import os, sys, threading, time
import gymnasium as gym, mujoco, numpy as np
from operant.engines.mujoco_library import clock_variable

mujoco.set_mjcb_time(time.perf_counter)
clock = clock_variable("operant/Ant-v5")
before = clock.value
envs = gym.make_vec("operant/Ant-v5", 8, workers=2)
envs.reset(seed=0)
ended = threading.Event()

def step():
    while not ended.is_set():
        envs.step(np.zeros((8, 8)))

thread = threading.Thread(target=step)
thread.start()
codes = []
for _ in range(20):
    child = os.fork()
    if not child:
        model = mujoco.MjModel.from_xml_path(sys.argv[1])
        data = mujoco.MjData(model)
        for _ in range(3):
            mujoco.mj_step(model, data)
        last = data.timer[int(mujoco.mjtTimer.mjTIMER_STEP)].duration
        other = gym.make_vec("operant/Ant-v5", 2)
        other.reset(seed=0)
        other.step(np.zeros((2, 8)))
        mujoco.mj_step(model, data)
        now = data.timer[int(mujoco.mjtTimer.mjTIMER_STEP)].duration
        idle = other.unwrapped.batch.model.datas[0].timer[int(mujoco.mjtTimer.mjTIMER_STEP)].duration
        os._exit(0 if 0 < last < now and idle == 0 and clock.value == before else 1)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
ended.set()
thread.join()
print(codes)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_process_that_is_forked_while_a_batch_steps_has_its_timers():
    ran = subprocess.run([sys.executable, "-c", FORKED, str(ANT)], capture_output=True, text=True)
    assert ran.stdout == f"{[0] * 20}\n", ran.stderr


WITHOUT_THE_VARIABLE = """
import time
import gymnasium as gym, mujoco, numpy as np
import operant
from operant.engines import mujoco_library

mujoco.set_mjcb_time(time.perf_counter)
find = mujoco_library.variable_address
mujoco_library.variable_address = lambda library, name: find(library, name.replace("mjcb_time", "mjcb_tim"))
envs = gym.make_vec("operant/Ant-v5", 2)
envs.reset(seed=0)
envs.step(np.zeros((2, 8)))
print(envs.unwrapped.batch.model.datas[0].timer[0].duration > 0)
"""


def test_a_mujoco_without_the_variable_keeps_its_timers():
    ran = subprocess.run([sys.executable, "-c", WITHOUT_THE_VARIABLE], capture_output=True, text=True)
    assert ran.stdout == "True\n", ran.stderr
