"""The row `python_environments`: `operant.vectorize`, and the vector environments of other libraries.

Its first tables are of the processor's time, summed over the caller and its workers: it says what a step costs wherever
there are cores, also on a machine that does other work. The other tables are by the clock.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.util
import itertools
import multiprocessing
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

import operant
from operant.bench import probes
from operant.bench.peers import ACTION_SETS
from operant.bench.report import Measure, Row, Target
from operant.bench.timing import Contender, timed
from operant.bench.workloads import STANDARD, Plan
from operant.workers.choice import available_cores

NAME = "python_environments"
NUM_ENVS, WORKERS = 64, 2
UNEVEN = 8  # environments of uneven speed
FEW = 8  # environments for workers="auto"
SYNC, ASYNC, SUBPROC = "Gymnasium sync", "Gymnasium async", "SB3 SubprocVecEnv"
OURS = f"operant, {WORKERS} workers"
HALVES = f"{SYNC}, {WORKERS} at once"
SLOW_ONES = 1 / 8  # of the steps of an uneven environment

MakeEnv = Callable[[], gymnasium.Env[Any, Any]]
Clock = Callable[[], float]


class Synthetic(gymnasium.Env[Any, Any]):
    """An environment with a stated cost.

    Args:
        seconds: of processor time that each step takes.
        rare: seconds that one step in eight takes, at random.
        waits: steps wait, as for another program, instead of computing.
        infos: the number of infos, floats.
        image: observations are images of 84 x 84 x 4 bytes, not 8 floats.
    """

    def __init__(
        self, seconds: float = 0.0, rare: float = 0.0, waits: bool = False, infos: int = 0, image: bool = False
    ):
        self.waits = waits
        self.nanoseconds, self.rare = int(1e9 * seconds), int(1e9 * rare)
        self.infos = {f"info {k}": 0.5 * k for k in range(infos)}
        self.action_space = spaces.Discrete(4)
        box = spaces.Box(0, 255, (84, 84, 4), np.uint8) if image else spaces.Box(-1, 1, (8,), np.float32)
        self.observation_space = box
        self.observations = [np.full(box.shape, k, box.dtype) for k in range(2)]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.elapsed = 0
        return self.observations[0], dict(self.infos)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        seconds = self.nanoseconds
        if self.rare and self.np_random.random() < SLOW_ONES:
            seconds = self.rare
        if self.waits:
            time.sleep(seconds / 1e9)
            seconds = 0
        end = time.thread_time_ns() + seconds
        while time.thread_time_ns() < end:
            pass
        self.elapsed += 1
        return self.observations[self.elapsed % 2], 1.0, False, self.elapsed >= 200, dict(self.infos)


@dataclasses.dataclass(frozen=True)
class Subject:
    """An environment to measure.

    Attributes:
        make: makes it.
        most: the most that a step may cost, in SyncVectorEnv's processor time.
        faster: the least speed by the clock, in SyncVectorEnv's; None for cheap environments.
    """

    make: MakeEnv
    most: float
    faster: float | None = None


LANDER = "LunarLander-v3"
SUBJECTS = {
    "CartPole-v1": Subject(functools.partial(gymnasium.make, "CartPole-v1"), 1.1),
    LANDER: Subject(functools.partial(gymnasium.make, LANDER), 1.05, 1.8),
    "50 us a step": Subject(functools.partial(Synthetic, 50e-6), 1.05, 1.8),
    "images": Subject(functools.partial(Synthetic, image=True), 1.1),
    "8 infos": Subject(functools.partial(Synthetic, infos=8), 0.8),
}


def python_environments(plan: Plan) -> Iterator[Row]:
    """Python environments in worker processes, against Gymnasium's and SB3's vector environments."""
    sizes = (NUM_ENVS,) if plan.sizes == (STANDARD,) else plan.sizes
    subjects = dict(SUBJECTS)
    if importlib.util.find_spec("Box2D") is None:
        yield Row(NAME, LANDER, skipped="needs Box2D: pip install 'gymnasium[box2d]'")
        del subjects[LANDER]
    for table in (of_processor, by_clock):
        for (name, subject), num_envs in itertools.product(subjects.items(), sizes):
            yield table(plan, name, subject, num_envs)
    for name, subject in subjects.items():
        yield automatic(plan, name, subject.make)
    for waits in (False, True):
        yield uneven(plan, waits)
    if LANDER in subjects:
        yield started(plan)


def of_processor(plan: Plan, name: str, subject: Subject, num_envs: int) -> Row:
    """The processor's time of all processes, against every other vector environment."""
    with contextlib.ExitStack() as stack:
        contenders = [contender(stack, kind, subject.make, num_envs) for kind in (OURS, SYNC, HALVES, ASYNC)]
        if importlib.util.find_spec("stable_baselines3") is not None:
            contenders.append(contender(stack, SUBPROC, subject.make, num_envs))
        comparison = plan.compare(contenders)
    title = f"{name}, {num_envs} environments, processor time of all processes"
    result = Row(NAME, title, comparison, "operant is cheaper", ("k steps/CPU s", 1e3))
    least = {}
    if num_envs == NUM_ENVS:
        least[SYNC] = Target(at_least=round(1 / subject.most, 2))
        if name == "CartPole-v1":
            least[ASYNC] = Target(at_least=10.0)
    for other in contenders[1:]:
        ratios = comparison.ratios(OURS, other.name)
        result.add_ratio(other.name, f"{name}, times {other.name}", ratios, least.get(other.name))
    return result


def by_clock(plan: Plan, name: str, subject: Subject, num_envs: int) -> Row:
    """Steps by the clock, against one SyncVectorEnv, and against halves that never wait for each other."""
    with contextlib.ExitStack() as stack:
        kinds = (OURS, SYNC, HALVES)
        contenders = [contender(stack, kind, subject.make, num_envs, time.perf_counter) for kind in kinds]
        comparison = plan.compare(contenders)
    title = f"{name}, {num_envs} environments, by the clock"
    result = Row(NAME, title, comparison, "operant is faster", ("k steps/s", 1e3))
    target = None if subject.faster is None or num_envs != NUM_ENVS else Target(at_least=subject.faster)
    for kind in kinds[1:]:
        ratios = comparison.ratios(OURS, kind)
        result.add_ratio(kind, f"{name} by the clock, times {kind}", ratios, target if kind == SYNC else None)
    if available_cores() < WORKERS:
        result.notes.append(f"{WORKERS} workers need {WORKERS} cores.")
    return result


def started(plan: Plan) -> Row:
    """The start of environments in fresh processes: seconds until they can be reset, and memory of the workers."""
    title = f"{LANDER}, {NUM_ENVS} environments started by spawn, {WORKERS} workers"
    result = Row(NAME, title)
    figures = [probes.probe_start(LANDER, NUM_ENVS, WORKERS) for _ in range(min(plan.rounds, 5))]
    seconds = [figure["seconds"] for figure in figures]
    result.measures.append(Measure("started by spawn", "s", seconds, Target(at_most=1.5)))
    if "workers" in figures[0]:
        memory = [figure["workers"] / 2**20 for figure in figures]
        result.measures.append(Measure("memory of the workers, shared pages in equal parts", "MiB", memory))
    return result


def automatic(plan: Plan, name: str, make: MakeEnv) -> Row:
    """Few environments by the clock, with as many workers as were chosen automatically."""
    with contextlib.ExitStack() as stack:
        envs: list[Any] = [operant.vectorize(make, FEW), gymnasium.vector.SyncVectorEnv([make] * FEW)]
        ours, actions = f"operant, workers={envs[0].workers}", np.zeros(FEW, np.int64)
        for each in envs:
            stack.callback(each.close)
            each.reset(seed=0)
        kinds = zip((ours, SYNC), envs, strict=True)
        comparison = plan.compare(
            [Contender(kind, timed(functools.partial(e.step, actions)), FEW) for kind, e in kinds]
        )
    title = f'{name}, {FEW} environments, workers="auto", by the clock'
    result = Row(NAME, title, comparison, "operant is faster", ("k steps/s", 1e3))
    result.add_ratio(
        SYNC, f'{name}, workers="auto", times {SYNC}', comparison.ratios(ours, SYNC), Target(at_least=0.95)
    )
    return result


def uneven(plan: Plan, waits: bool) -> Row:
    """Environments whose steps take 100 us and rarely 2 ms, in lockstep and by send and recv.

    Those that compute have a worker for each of two cores, and those that wait one each.
    """
    usual, rare = 100e-6, 2e-3
    make = functools.partial(Synthetic, usual, rare=rare, waits=waits)
    workers = UNEVEN if waits else WORKERS
    lockstep, background = "step", "recv and send"
    with contextlib.ExitStack() as stack:
        envs = [stack.enter_context(operant.vectorize(make, UNEVEN, workers, batch_size=size)) for size in (UNEVEN, 1)]
        actions = np.zeros(UNEVEN, np.int64)
        envs[0].reset(seed=0)
        envs[1].async_reset(seed=0)

        def exchange() -> None:
            *_, infos = envs[1].recv()
            envs[1].send(actions[:1], infos["env_id"])

        comparison = plan.compare(
            [
                Contender(background, timed(exchange), 1),
                Contender(lockstep, timed(lambda: envs[0].step(actions)), UNEVEN),
            ]
        )
    does = "wait" if waits else "compute"
    result = Row(
        NAME,
        f"environments that {does} 100 us or rarely 2 ms a step, {UNEVEN} of them, {workers} workers, by the clock",
        comparison,
        "send and recv are faster",
        ("k steps/s", 1e3),
    )
    target = Target(at_least=1.8) if waits else None
    ratios = comparison.ratios(background, lockstep)
    result.add_ratio(lockstep, f"uneven environments that {does}, recv and send, times step", ratios, target)
    slow = np.random.default_rng(0).random((100_000, workers, UNEVEN // workers)) < SLOW_ONES
    busy = np.where(slow, rare, usual).sum(2)  # of each worker in a step in lockstep
    result.notes.append(f"No worker ever idle would be {busy.max(1).mean() / busy.mean():.2f} times lockstep.")
    return result


def contender(
    stack: contextlib.ExitStack, kind: str, make: MakeEnv, num_envs: int, clock: Clock | None = None
) -> Contender:
    """Makes a contender; by default its time is that of the processor, in this process and in those that it starts."""
    functions = [make] * num_envs
    open_envs: Callable[[], Any]
    if kind == HALVES:
        return halves(stack, functions, clock)
    if kind == OURS:
        open_envs = functools.partial(operant.vectorize, functions, workers=WORKERS)
    elif kind == SYNC:
        open_envs = functools.partial(gymnasium.vector.SyncVectorEnv, functions)
    elif kind == ASYNC:
        open_envs = functools.partial(gymnasium.vector.AsyncVectorEnv, functions)
    else:
        from stable_baselines3.common.vec_env import SubprocVecEnv

        open_envs = functools.partial(SubprocVecEnv, functions, start_method="fork")
    envs, of_processor = with_processor_clock(open_envs)
    read = clock or of_processor
    stack.callback(envs.close)
    envs.reset()
    actions = drawn_actions(envs.action_space.nvec[0] if kind != SUBPROC else envs.action_space.n, num_envs)

    def measure(calls: int) -> float:
        start = read()
        for action in itertools.islice(actions, calls):
            envs.step(action)
        return read() - start

    return Contender(kind, measure, num_envs)


def halves(stack: contextlib.ExitStack, functions: list[MakeEnv], clock: Clock | None) -> Contender:
    """A SyncVectorEnv with a half of the environments in each of two processes, which step at once and never talk.

    Two cores that compute share caches and memory, so that this takes more of the processor's time than one does.
    """
    context = multiprocessing.get_context("fork")
    middle = len(functions) // 2
    pipes = [context.Pipe() for _ in range(WORKERS)]

    def start() -> list[Any]:
        parts = functions[:middle], functions[middle:]
        processes = [
            context.Process(target=_step_on_request, args=(part, theirs), daemon=True)
            for part, (_, theirs) in zip(parts, pipes, strict=True)
        ]
        for process in processes:
            process.start()
        return processes

    processes, of_processor = with_processor_clock(start)
    read = clock or of_processor
    for process in processes:
        stack.callback(process.kill)

    def measure(calls: int) -> float:
        begun = read()
        for ours, _ in pipes:
            ours.send(calls)
        for ours, _ in pipes:
            ours.recv()
        return read() - begun

    return Contender(HALVES, measure, len(functions))


def _step_on_request(functions: list[MakeEnv], pipe: Any) -> None:
    """Makes as many steps as each message says, and answers when they are done."""
    envs = gymnasium.vector.SyncVectorEnv(functions)
    envs.reset()
    actions = drawn_actions(envs.single_action_space.n, len(functions))  # type: ignore[attr-defined]  # Discrete
    while True:
        for action in itertools.islice(actions, pipe.recv()):
            envs.step(action)
        pipe.send(None)


def drawn_actions(count: int, num_envs: int) -> Iterator[np.ndarray]:
    """Endless actions below `count`, drawn beforehand."""
    generator = np.random.default_rng(0)
    return itertools.cycle([generator.integers(0, count, num_envs) for _ in range(ACTION_SETS)])


def with_processor_clock(open_envs: Callable[[], Any]) -> tuple[Any, Clock]:
    """Opens environments; returns them, and a clock of the processor's time in this process and in theirs."""
    before = set(multiprocessing.active_children())
    envs = open_envs()
    processes = set(multiprocessing.active_children()) - before
    return envs, lambda: time.process_time() + sum(map(_seconds_of, processes))


def _seconds_of(process: Any) -> float:
    """Linux counts nanoseconds for each thread, and elsewhere psutil knows."""
    tasks = Path(f"/proc/{process.pid}/task")
    if tasks.is_dir():
        return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks.iterdir()) / 1e9
    import psutil

    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


ROWS: dict[str, Callable[[Plan], Iterator[Row]]] = {NAME: python_environments}
