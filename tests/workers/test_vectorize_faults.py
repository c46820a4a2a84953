"""Faults of environments and workers are named, end all workers, and leave no process behind."""

import functools
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import types
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from python_environments import Counter, Hanging, Killed, Raising

import operant
from operant.workers.faults import WorkerDied, WorkerTraceback

TESTS = str(Path(__file__).parents[1])
THIRD = np.array([0, 0, 3, 0])


def pids(envs):
    return [process.pid for process in envs._crew._processes]


def assert_gone(processes):
    """Waits for processes to end, zombies included."""
    until = time.monotonic() + 20
    while [pid for pid in processes if alive(pid)]:
        assert time.monotonic() < until, "processes were left behind"
        time.sleep(0.01)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ready(env, workers=2, **options):
    envs = operant.vectorize(env, 4, workers, **options)
    envs.reset(seed=0)
    return envs


@pytest.mark.parametrize("how, name", [("signal", "SIGSEGV"), ("exit", "exit status 3")])
def test_a_worker_that_dies_is_named_with_its_environment(how, name):
    env = type("Dying", (Killed,), {"how": how})
    envs = ready(env)
    workers = pids(envs)
    envs.step(np.zeros(4, int))
    with pytest.raises(WorkerDied, match=rf"worker 1 \(process {workers[1]}\) .*{name} in environment 2") as caught:
        envs.step(THIRD)
    if how == "signal":  # faulthandler's traceback
        assert "in act" in str(caught.value)
    assert_gone(workers)
    with pytest.raises(ClosedEnvironmentError):
        envs.step(THIRD)


class Faulty(Counter):
    """At action 3 the fault that `kind` names, and at action 2 a step that takes long."""

    kind = "raise"

    def act(self, action):
        if action == 2:
            time.sleep(5)
        if action == 3:
            if self.kind == "raise":
                raise ValueError("left the road")
            if self.kind == "exit":
                os._exit(3)
            if self.kind == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)


def slowness():
    """The seconds by the clock that a second of the processor takes at present, 1 on a quiet machine."""
    began, worked = time.perf_counter(), time.process_time()
    while time.process_time() - worked < 0.02:
        pass
    return max(1.0, (time.perf_counter() - began) / 0.02)


@pytest.mark.parametrize(
    "kind, error, timeout",
    [("raise", ValueError, None), ("exit", WorkerDied, None), ("kill", WorkerDied, None), ("hang", TimeoutError, 0.2)],
)
@pytest.mark.parametrize("background", [False, True])
def test_faults_are_errors_within_a_tenth_of_a_second_whatever_the_others_do(kind, error, timeout, background):
    """Where other programs hold the cores, everything takes longer by the same factor."""
    late = []
    for _ in range(5):
        factor = slowness()
        envs = ready(type("Faulty", (Faulty,), {"kind": kind}), timeout=timeout, batch_size=1)
        workers = pids(envs)
        began = time.monotonic()
        with pytest.raises(error):
            if background:
                envs.send(np.array([3, 2]), [0, 2])
                envs.recv()
            else:
                envs.step(np.array([3, 0, 2, 0]))
        late.append((time.monotonic() - began - (timeout or 0.0)) / factor)
        assert_gone(workers)
        if late[-1] < 0.1:
            break
    assert min(late) < 0.1


@pytest.mark.parametrize("idle", [False, True])
def test_a_worker_that_dies_in_the_background_is_named_too(idle):
    envs = ready(Killed, batch_size=1)
    workers = pids(envs)
    envs.step(np.zeros(4, int))
    if idle:
        os.kill(workers[1], signal.SIGKILL)
    with pytest.raises(WorkerDied, match="worker 1 .*SIGKILL.* ended$" if idle else "worker 1 .* in environment 2"):
        envs.send(np.zeros(4, int) if idle else THIRD)
        for _ in range(4):
            envs.recv()
    assert_gone(workers)


class Starting(Faulty):
    """Has a process of its own, as some simulators have."""

    def __init__(self):
        super().__init__()
        self.process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
        self.process.start()
        self.pid = self.process.pid

    def close(self):
        self.process.kill()
        self.process.join()


def test_environments_may_start_processes_and_vector_environments():
    with ready(Starting) as envs:
        started = envs.get_attr("pid")
        assert all(map(alive, started)) and envs.step(np.zeros(4, int))[0][:, 0].tolist() == [1] * 4
    assert_gone(started)

    class Nesting(Counter):
        """Steps two environments."""

        def __init__(self):
            super().__init__()
            self.envs = operant.vectorize(Counter, 2, 2)

        def reset(self, **keywords):
            self.envs.reset(seed=0)
            return super().reset(**keywords)

        def act(self, action):
            self.envs.step(np.zeros(2, int))

        def close(self):
            self.envs.close()

    with ready(Nesting, context="fork") as envs:
        assert envs.step(np.zeros(4, int))[0][:, 0].tolist() == [1] * 4


@pytest.mark.parametrize("kind, how", [("exit", "exit status 3"), ("kill", "SIGKILL")])
def test_a_worker_that_dies_is_named_although_a_process_that_it_forked_lives_on(kind, how):
    envs = ready(type("Faulty", (Starting,), {"kind": kind}), context="fork")
    workers, started = pids(envs), envs.get_attr("pid")
    try:
        with pytest.raises(WorkerDied, match=f"{how}.* in environment 2"):
            envs.step(THIRD)
        assert_gone(workers)
    finally:
        for pid in filter(alive, started):
            os.kill(pid, signal.SIGKILL)


class Forking(Counter):
    """Has a process that it forked itself and does not end."""

    def __init__(self):
        super().__init__()
        self.pid = os.fork()
        if not self.pid:
            time.sleep(60)
            os._exit(0)


def test_closing_waits_for_workers_and_not_for_what_they_forked():
    envs = ready(Forking, context="fork")
    started = envs.get_attr("pid")
    try:
        envs.close(timeout=3600)
        assert all(map(alive, started))
    finally:
        for pid in filter(alive, started):
            os.kill(pid, signal.SIGKILL)


INTERRUPTED_WHILE_STARTING = """
import os, signal
import operant
from python_environments import Counter

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

os.register_at_fork(after_in_parent=interrupt, after_in_child=interrupt)
try:
    operant.vectorize(Counter, 2, 2, context="fork")
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_while_workers_start_is_neither_lost_nor_a_dead_worker():
    ran = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHILE_STARTING], capture_output=True, text=True, cwd=TESTS, timeout=60
    )
    assert (ran.stdout, ran.stderr) == ("interrupted\n", "")


@pytest.mark.parametrize("context", ["fork", "thread"])
def test_a_worker_that_hangs_is_named_with_its_environment_and_traceback(context):
    released = threading.Event()
    env = type("Hanging", (Hanging,), {"released": released})  # so that its threads end with the test
    for background in (False, True):
        envs = ready(env, timeout=0.3, context=context)
        with pytest.raises(TimeoutError, match=r"(?s)timeout=0.3 s from worker 1 .* in environment 2.*in act"):
            if background:
                envs.send(THIRD)
                envs.recv()
            else:
                envs.step(THIRD)
        assert envs.closed
    released.set()


@pytest.mark.parametrize("context", [None, "thread"])
@pytest.mark.parametrize("background", [False, True])
def test_an_exception_is_raised_again_with_its_environment_and_traceback(context, background):
    envs = ready(Raising, context=context, batch_size=4)
    with pytest.raises(ValueError, match="left the road") as caught:
        if background:
            envs.send(THIRD)
            envs.recv()
        else:
            envs.step(THIRD)
    cause = caught.value.__cause__
    assert isinstance(cause, WorkerTraceback)
    assert "raised by environment 2" in str(cause) and "in act" in str(cause)
    assert envs.closed


def test_in_this_process_an_exception_comes_as_it_was_raised_and_the_environments_stay():
    envs = ready(Raising, workers=0)
    with pytest.raises(ValueError, match="left the road"):
        envs.step(THIRD)
    assert envs.reset(seed=0)[0][:, 0].tolist() == [0] * 4
    assert envs.step(np.zeros(4, int))[0][:, 0].tolist() == [1] * 4


class Unpicklable(Counter):
    """Raises an exception that cannot be pickled, and has such an attribute."""

    lock = threading.Lock()

    def act(self, action):
        if action == 3:

            class Local(Exception):
                def __init__(self, first, second):
                    super().__init__("strange", self.__class__, threading.Lock())

            raise Local(1, 2)


def test_an_exception_or_result_that_cannot_be_pickled_is_still_an_error_with_its_text():
    with ready(Unpicklable) as envs:
        with pytest.raises(TypeError, match="cannot pickle '_thread"):
            envs.get_attr("lock")
        with pytest.raises(RuntimeError, match=r"Local: .*strange"):
            envs.step(THIRD)


def test_a_reset_that_raises_leaves_the_environments_usable():
    with ready(Counter) as envs:
        with pytest.raises(KeyError, match="length"):
            envs.reset(options={"other": 1})
        assert envs.reset(seed=0)[0][:, 0].tolist() == [0] * 4
        assert envs.step(np.zeros(4, int))[0][:, 0].tolist() == [1] * 4


class Fails(Counter):
    """Cannot be made in another process than the first."""

    process = os.getpid()

    def __init__(self):
        if os.getpid() != self.process:
            raise OSError("no more simulators")
        super().__init__()


def test_an_environment_that_cannot_be_made_is_named():
    with pytest.raises(OSError, match="no more simulators") as caught:
        operant.vectorize([Counter, Counter, Fails, Fails], workers=2, context="fork")
    assert "raised by environment 2" in str(caught.value.__cause__)


def run(script, *, until=None):
    """Starts a script; returns the process and the first line that it printed, as numbers."""
    text = f"import sys; sys.path.insert(0, {TESTS!r})\n" + textwrap.dedent(script)
    process = subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    return process, [int(word) for word in process.stdout.readline().split()]


STEPPING = """
    import numpy as np, operant
    from python_environments import Counter, Hanging
    envs = operant.vectorize({env}, 4, 2, context={context!r})
    envs.reset(seed=0)
    print(*[process.pid for process in envs._crew._processes], flush=True)
    {then}
"""


@pytest.mark.parametrize("env", ["Counter", "Hanging"])
@pytest.mark.parametrize(
    "how, context",
    [(signal.SIGKILL, "fork"), (signal.SIGINT, "fork"), (signal.SIGTERM, "fork"), (signal.SIGKILL, "forkserver")],
)
def test_a_caller_that_is_killed_or_interrupted_leaves_no_process(env, how, context):
    steps = "while True: envs.step(np.array([0, 0, 3, 0]))"
    process, workers = run(STEPPING.format(env=env, context=context, then=steps))
    time.sleep(0.1)
    os.killpg(process.pid, how) if how == signal.SIGINT else os.kill(process.pid, how)
    errors = process.communicate(timeout=30)[1]
    assert process.returncode != 0 and len(workers) == 2
    if how == signal.SIGINT:
        assert errors.count("Traceback") == 1 and "KeyboardInterrupt" in errors
    assert_gone(workers)


@pytest.mark.parametrize("then", ["", "raise SystemExit", "del envs; import time; print(); time.sleep(60)"])
def test_environments_that_nobody_closes_end_with_their_program_or_their_last_reference(then):
    process, workers = run(STEPPING.format(env="Counter", context="fork", then=then))
    assert_gone(workers)
    if "del" in then:
        process.kill()
    process.communicate(timeout=30)


def test_environments_that_are_collected_end_their_workers():
    envs = ready(Counter)
    workers = pids(envs)
    del envs
    gc.collect()
    assert_gone(workers)


def test_a_forked_copy_is_refused_and_leaves_the_workers_alone():
    envs = ready(Counter)
    child = os.fork()
    if child == 0:
        try:
            envs.step(np.zeros(4, int))
        except RuntimeError as problem:
            envs.close()
            os._exit(0 if "forked" in str(problem) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    envs.step(np.zeros(4, int))
    envs.close()


@pytest.mark.parametrize("context", [None, "thread"])
@pytest.mark.parametrize("workers", [0, 2])
def test_closed_environments_say_so(workers, context):
    envs = ready(Counter, workers, context=context)
    envs.close()
    envs.close()
    for call in (
        lambda: envs.step(np.zeros(4, int)),
        envs.reset,
        envs.async_reset,
        envs.recv,
        lambda: envs.send(np.zeros(4, int)),
        lambda: envs.get_attr("factor"),
        lambda: envs.set_attr("factor", 1),
    ):
        with pytest.raises(ClosedEnvironmentError, match="make new ones"):
            call()


class Unclosable(Counter):
    """Writes its name when it is closed, and then raises if that is told to."""

    def __init__(self, folder, name, raises):
        super().__init__()
        self.path, self.raises = Path(folder, name), raises

    def close(self):
        self.path.touch()
        if self.raises:
            raise KeyError(self.path.name)


@pytest.mark.parametrize("workers, context", [(0, None), (2, "fork"), (2, "thread")])
def test_what_an_environment_raises_when_it_is_closed_is_raised_after_all_others_were_closed(
    workers, context, tmp_path
):
    makers = [functools.partial(Unclosable, tmp_path, str(k), k == 2) for k in range(4)]
    envs = operant.vectorize(makers, workers=workers, context=context)
    envs.reset(seed=0)
    (tmp_path / "0").unlink(missing_ok=True)  # of the one that told its spaces
    with pytest.raises(KeyError, match="2") as caught:
        envs.close()
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1", "2", "3"}
    if workers:
        assert "raised by environment 2" in str(caught.value.__cause__)
    envs.close()  # it is closed


@pytest.mark.parametrize("context", ["fork", "thread"])
@pytest.mark.parametrize("timeout", [1e300, float("inf"), 10**400, np.float32(60)])
def test_any_positive_number_of_seconds_is_a_timeout(timeout, context):
    envs = ready(Counter, context=context, timeout=timeout)
    assert envs.step(np.full(4, 3))[1].tolist() == [3.0] * 4
    envs.close(timeout=timeout)
    with pytest.raises(ValueError, match="timeout=-1 must be a number of seconds from 0 on"):
        envs.close_extras(timeout=-1)


def test_threads_that_are_heard_after_the_timeout_have_not_answered():
    with operant.vectorize(Counter, 2, 2, context="thread") as envs:
        assert len(envs._crew.listen(-0.1)) == 0


class Words(Counter):
    """Observes text."""

    def __init__(self):
        super().__init__()
        self.observation_space = spaces.Dict(said=spaces.Text(5))


class Odd(Counter):
    """Has one action more."""

    def __init__(self):
        super().__init__()
        self.action_space = spaces.Discrete(5)


@pytest.mark.parametrize(
    "arguments, kind, why",
    [
        ({"env": []}, ValueError, "no environments"),
        ({"env": Counter, "num_envs": 0}, ValueError, "num_envs=0 must be from 1"),
        ({"env": Counter, "num_envs": 2.5}, TypeError, "num_envs=2.5 must be an int"),
        ({"env": [Counter], "num_envs": 2}, ValueError, "num_envs=2, but there are 1 functions"),
        ({"env": [Counter, 3]}, TypeError, "env contains 3, which is not a function"),
        (
            {"env": Counter, "max_episode_steps": 3},
            TypeError,
            "max_episode_steps: .* need an id",
        ),
        ({"env": "Absent-v0"}, gym.error.NameNotFound, "Absent"),
        ({"env": Counter, "workers": 2}, ValueError, "workers=2 are more than num_envs=1"),
        ({"env": Counter, "workers": -1}, ValueError, "workers=-1 must be from 0"),
        ({"env": Counter, "workers": "many"}, ValueError, "workers='many' must be an int or \"auto\""),
        ({"env": Counter, "workers": 1, "context": "spoon"}, ValueError, "context='spoon' must be one of fork"),
        ({"env": Counter, "workers": 1, "timeout": 0}, ValueError, "timeout=0 must be a positive number"),
        ({"env": Counter, "workers": 1, "timeout": True}, ValueError, "timeout=True must be a positive number"),
        ({"env": Counter, "workers": 1, "timeout": "5"}, ValueError, "timeout='5' must be a positive number"),
        ({"env": Counter, "workers": 1, "timeout": float("nan")}, ValueError, "timeout=nan must be a positive number"),
        ({"env": Counter, "workers": 0, "autoreset_mode": "Nextstep"}, ValueError, "did you mean 'NextStep'"),
        ({"env": Counter, "workers": 0, "copy": "no"}, TypeError, "copy='no' must be True or False"),
        ({"env": Counter()}, TypeError, "must be an id, a function that makes an environment, or a list of functions"),
        ({"env": None}, TypeError, "env=None must be an id, a function that makes an environment"),
        ({"env": lambda: 3, "workers": 0}, TypeError, "the first function made 3, which is not an environment"),
        ({"env": Counter, "workers": 1, "batch_size": 2}, ValueError, "batch_size=2 must be from 1 to 1"),
        ({"env": Counter, "autoreset_mode": "Never"}, ValueError, "Never"),
        ({"env": Counter, "observation_mode": "equal"}, ValueError, "observation_mode='equal' must be"),
        ({"env": Words, "workers": 1}, TypeError, r"observation\['said'\] is Text.*SyncVectorEnv"),
        ({"env": [Counter, Odd], "workers": 2}, RuntimeError, r"environment 1 has the action space Discrete\(5\)"),
        ({"env": [Counter, Odd], "workers": 0}, RuntimeError, r"environment 1 has the action space Discrete\(5\)"),
        (
            {"env": [Counter, functools.partial(Counter, low=-2.0)], "workers": 1},
            RuntimeError,
            'environment 1 has the observation space Box.*use observation_mode="different"',
        ),
    ],
)
def test_bad_arguments_are_named_with_the_remedy(arguments, kind, why):
    with pytest.raises(kind, match=why):
        operant.vectorize(**arguments)


def test_functions_that_cannot_be_pickled_are_named_where_the_context_needs_it():
    lock = threading.Lock()

    def holding():
        assert lock
        return Counter()

    with pytest.raises(TypeError, match=r"environment 1 cannot be pickled, as context='spawn' needs.*context=\"fork\""):
        operant.vectorize([Counter, holding], workers=1, context="spawn")
    operant.vectorize([Counter, holding], workers=1, context="fork").close()


def test_functions_that_return_the_same_environment_are_refused():
    env = Counter()
    with pytest.raises(ValueError, match="environment 1 is one that an earlier function returned: make a new one"):
        operant.vectorize(lambda: env, 2, workers=1)


@pytest.mark.parametrize(
    "mask, kind, why",
    [
        ([True] * 4, TypeError, "must be a numpy array, not list"),
        (np.ones(3, bool), ValueError, r"must have the shape \(4,\), not \(3,\)"),
        (np.ones(4), TypeError, "must be bool, not float64"),
        (np.zeros(4, bool), ValueError, "has no True"),
    ],
)
def test_bad_masks_seeds_values_and_actions_are_refused(mask, kind, why):
    with ready(Counter) as envs:
        with pytest.raises(kind, match=why):
            envs.reset(options={"reset_mask": mask})
        with pytest.raises(ValueError, match="3 seeds were given for num_envs=4"):
            envs.reset(seed=[1, 2, 3])
        with pytest.raises(ValueError, match="1 values were given for num_envs=4"):
            envs.set_attr("factor", [1.0])
        with pytest.raises(ValueError, match="3 actions were given for num_envs=4"):
            envs.step(np.zeros(3, int))
        assert envs.step(np.zeros(4, int))[0][:, 0].tolist() == [1] * 4


def test_a_step_before_the_reset_is_refused():
    with operant.vectorize(Counter, 2, 1) as envs, pytest.raises(ResetNeeded, match="call reset first"):
        envs.step(np.zeros(2, int))


def test_fork_beside_cuda_warns(monkeypatch):
    cuda = types.SimpleNamespace(is_initialized=lambda: True)
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
    with pytest.warns(UserWarning, match='CUDA is in use.*give context="spawn" or "forkserver"'):
        operant.vectorize(Counter, 2, 1, context="fork").close()


def test_fork_beside_running_threads_warns():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with pytest.warns(UserWarning, match='give context="spawn" or "forkserver"'):
            operant.vectorize(Counter, 2, 1, context="fork").close()
    finally:
        stop.set()
        thread.join()
