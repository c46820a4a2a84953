"""The rows of `operant bench --train`: PPO in the core and in torch, against Stable-Baselines3, CleanRL and RLtools.

A call is one update with the rollout before it; its work is environment steps. Unless a row says otherwise, everything
runs on one thread.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import math
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from operant.batch.core import isas
from operant.bench.cleanrl import ENVS, STEPS, updates_of_original
from operant.bench.report import Measure, Row, Target
from operant.bench.timing import Contender, timed
from operant.bench.train_kernels import train_kernels
from operant.bench.trainers import (
    BATCHED,
    ENDLESS,
    MINIBATCH,
    RLtools,
    Stopwatch,
    Trained,
    by_processor,
    make_ppo,
    sb3,
    sb3_adapter,
    sb3_environments,
    sb3_in_the_core,
    sb3_ppo,
    torch_threads_kept,
    tuned_options,
)
from operant.bench.workloads import Plan, not_installed
from operant.headers.sources import native_folder
from operant.workers.choice import available_cores

PENDULUM = "operant/Pendulum-v1"
MEMORY = "operant/Memory-v0"
LANDER = "LunarLander-v3"
FUSED = ("avx512", "avx2", "neon")  # the targets that have a fused multiply-add
LARGE = 1024  # environments
ROLLOUT = 32  # steps
EPOCHS = 10  # Stable-Baselines3's default
SB3_ENVS, SB3_MINIBATCH = 8, 64
RLTOOLS: dict[str, Any] = {  # of its src/rl/environments/pendulum/ppo/cpu
    "num_envs": 4,
    "rollout_steps": 1024,
    "epochs": 2,
    "minibatches": 16,
    "learning_rate": 1e-3,
    "anneal": False,
    "gamma": 0.9,
    "log_std": math.log(2.0),
    "activation": "relu",
}
STRANGERS = 16  # Gymnasium's environments
SEEDS = 10
MEMORY_SEEDS, MEMORY_STEPS = 5, 200_000
MEMORY_EPISODES = 1000  # greedy episodes; guessing then gives 50% with a standard deviation of 1.6%
SOLVED = re.compile(r"solved: mean ([\d.]+) over 100 greedy episodes of CartPole-v1")
RATIOS = {1: 4.5, 2: 6.5}  # times the torch trainer, by threads
RATES = {1: 425e3, 2: 750e3}  # steps/s on cores of 3.5 GHz with AVX-512, by threads


def train_ppo(plan: Plan) -> Iterator[Row]:
    """PPO in the core and in torch, with one thread and with two."""
    title = "PPO on CartPole-v1: 256 environments, two layers of 64, 4 epochs, batches of 2,048"
    if (missing := _missing("torch")) is not None:
        yield Row("train_ppo", title, skipped=missing)
        return
    with contextlib.ExitStack() as stack, torch_threads_kept():
        pairs = {}
        for threads in (1, 2)[: available_cores()]:
            words = f"{threads} thread{'s' * (threads > 1)}"
            pairs[threads] = [
                Trained(stack, f"{name}, {words}", options=BATCHED, backend=backend, threads=threads)
                for name, backend in (("the core", "native"), ("torch", "torch"))
            ]
        comparison = plan.compare([each.contender for pair in pairs.values() for each in pair])
    result = Row("train_ppo", title, comparison, "the core is faster", ("k steps/s", 1e3))
    for threads, (ours, torch) in pairs.items():
        ratios = comparison.ratios(ours.name, torch.name)
        result.add_ratio(torch.name, f"PPO, times {torch.name}", ratios, Target(at_least=RATIOS[threads]))
        share = by_processor(ours, torch, plan.rounds)
        result.measures.append(Measure(f"the same by processor time, {ours.name.partition(', ')[2]}", "x", share))
        aim = Target(at_least=RATES[threads], aim=True)
        rates = comparison.rates(ours.name)
        result.measures.append(Measure(f"PPO in {ours.name}", "steps/s", rates, aim, restated=True))
    yield result


def train_isa(plan: Plan) -> Iterator[Row]:
    """The same on every instruction set of this CPU that has a fused multiply-add."""
    names = [name for name, runs in isas().items() if runs and name in FUSED]
    title = "PPO as in train_ppo in the core, one thread"
    if not names:
        yield Row("train_isa", title, skipped="this CPU has no fused multiply-add: torch trains here")
        return
    with contextlib.ExitStack() as stack:
        trained = []
        for name in names:
            with _variable("OPERANT_ISA", name):
                trained.append(Trained(stack, name, options=BATCHED, backend="native", threads=1).contender)
        comparison = plan.compare(trained)
    result = Row("train_isa", title, comparison, f"of {names[0]}", ("k steps/s", 1e3))
    for name in names[1:]:
        target = Target(at_least=0.6) if (name, names[0]) == ("avx2", "avx512") else None
        result.add_ratio(name, f"PPO, {name}, times {names[0]}", comparison.ratios(name, names[0]), target)
    yield result


def train_sb3(plan: Plan) -> Iterator[Row]:
    """PPO with Stable-Baselines3's options, against itself."""
    title = (
        f"PPO with SB3's options on CartPole-v1: {SB3_ENVS} environments, batches of {SB3_MINIBATCH}, {EPOCHS} epochs"
    )
    if (missing := _missing("sb3")) is not None:
        yield Row("train_sb3", title, skipped=missing)
        return
    with contextlib.ExitStack() as stack, torch_threads_kept():
        ours = sb3_in_the_core(stack, "operant.compat.sb3.PPO", SB3_ENVS)
        theirs = sb3(f"SB3, {SB3_ENVS} environments", sb3_environments(stack, SB3_ENVS))
        one = sb3("SB3, one environment")
        few = dataclasses.replace(plan, rounds=min(plan.rounds, 3))  # SB3 takes half a minute a call
        comparison = few.compare([ours, theirs, one])
    result = Row("train_sb3", title, comparison, "operant is faster", ("k steps/s", 1e3))
    for peer in (theirs, one):
        result.add_ratio(peer.name, f"SB3's options, times {peer.name}", comparison.ratios(ours.name, peer.name))
    aim = Target(at_least=90e3, aim=True)
    result.measures.append(
        Measure("PPO with SB3's options", "steps/s", comparison.rates(ours.name), aim, restated=True)
    )
    yield result


def train_large(plan: Plan) -> Iterator[Row]:
    """PPO with SB3's network and epochs on large batches, against SB3 with its default setup and on operant's batch."""
    title = f"PPO with 64x64 tanh networks and {EPOCHS} epochs on CartPole-v1"
    if (missing := _missing("sb3")) is not None:
        yield Row("train_large", title, skipped=missing)
        return
    with contextlib.ExitStack() as stack, torch_threads_kept():
        options = {"num_envs": LARGE, "rollout_steps": ROLLOUT, "epochs": EPOCHS}
        options["minibatches"] = LARGE * ROLLOUT // MINIBATCH
        ours = Trained(stack, f"operant, {LARGE:,} environments", threads=1, options=options).contender
        default = sb3("SB3, default setup")
        adapted = sb3(f"SB3 on operant's adapter, {LARGE:,}", sb3_adapter(stack, LARGE), n_steps=ROLLOUT)
        comparison = plan.compare([ours, default, adapted])
    result = Row("train_large", title, comparison, "operant is faster", ("k steps/s", 1e3))
    for peer, least in ((default, 15.0), (adapted, 2.0)):
        ratios = comparison.ratios(ours.name, peer.name)
        result.add_ratio(peer.name, f"PPO, times {peer.name}", ratios, Target(at_least=least))
    yield result


def train_tuned(plan: Plan) -> Iterator[Row]:
    """`operant train cartpole` in steps/s, against SB3's default setup and CleanRL's ppo.py."""
    title = "tuned PPO on CartPole-v1"
    if (missing := _missing("sb3")) is not None:
        yield Row("train_tuned", title, skipped=missing)
        return
    with contextlib.ExitStack() as stack, torch_threads_kept():
        ours = Trained(stack, "operant train cartpole", threads=1).contender
        default = sb3("SB3, default setup")
        updates = updates_of_original(1)
        cleanrl = Contender("CleanRL's ppo.py", timed(lambda: next(updates)), ENVS * STEPS)
        comparison = plan.compare([ours, default, cleanrl])
    result = Row("train_tuned", title, comparison, "operant is faster", ("k steps/s", 1e3))
    for peer, least in ((default, 30.0), (cleanrl, 18.0)):
        ratios = comparison.ratios(ours.name, peer.name)
        result.add_ratio(peer.name, f"tuned PPO, times {peer.name}", ratios, Target(at_least=least))
    yield result


def train_pendulum(plan: Plan) -> Iterator[Row]:
    """Pendulum with RLtools' options; RLTOOLS names its compiled program, which then takes turns."""
    title = "PPO on Pendulum-v1 with RLtools' options: 4 environments, 2 epochs, batches of 256"
    with contextlib.ExitStack() as stack, torch_threads_kept():
        options = {"backend": "native", "threads": 1, "options": RLTOOLS}
        ours = Trained(stack, "operant", PENDULUM, **options)
        theirs = RLtools(os.environ["RLTOOLS"]) if "RLTOOLS" in os.environ else None
        comparison = plan.compare([ours.contender, *([theirs.contender] if theirs else [])])
    result = Row("train_pendulum", title, comparison, "operant is faster", ("k steps/s", 1e3))
    if theirs is None:
        note = "RLtools takes turns if RLTOOLS names its program; docs/benchmarks.md shows how to compile it."
        result.notes.append(note)
    else:
        ratios = comparison.ratios(ours.name, theirs.name)
        result.add_ratio(theirs.name, "Pendulum, times RLtools", ratios, Target(at_least=1.3))
        processor = by_processor(ours, theirs, plan.rounds)
        result.measures.append(Measure("the same by processor time, with RLtools' evaluation", "x", processor))
    yield result


def train_loop(plan: Plan) -> Iterator[Row]:
    """Processor time outside the environments when the core trains on Gymnasium's own LunarLander-v3."""
    title = f"LunarLander-v3, Gymnasium's own, {STRANGERS} environments, SB3's epochs and batches"
    if importlib.util.find_spec("Box2D") is None:
        yield Row("train_loop", title, skipped="Box2D is not installed: pip install 'gymnasium[box2d]'")
        return
    import gymnasium as gym

    mode = {"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP}
    envs = Stopwatch(gym.make_vec(LANDER, STRANGERS, vectorization_mode="sync", vector_kwargs=mode))
    options = stranger_options()
    outside = []
    with contextlib.ExitStack() as stack:
        algorithm = make_ppo(stack, envs, backend="native", threads=1, **options)
        updates = algorithm.iterate(ENDLESS)
        next(updates)
        for _ in range(plan.rounds):
            envs.seconds, begun = 0.0, time.process_time()
            next(updates)
            outside.append((time.process_time() - begun - envs.seconds) / (STRANGERS * 128) * 1e6)
    result = Row("train_loop", title)
    target = Target(at_most=15.0)
    result.measures.append(Measure("a step of one environment, outside it: acting and learning", "us", outside, target))
    yield result


def stranger_options() -> dict[str, Any]:
    """SB3's epochs and batches for Gymnasium's environments."""
    options = {"num_envs": STRANGERS, "rollout_steps": 128, "epochs": EPOCHS, "anneal": False}
    return options | {"minibatches": STRANGERS * 128 // SB3_MINIBATCH}


def train_workers(plan: Plan) -> Iterator[Row]:
    """`operant train LunarLander-v3` with its environments in worker processes, against SB3 with the same options."""
    threads = min(2, available_cores())
    title = f"LunarLander-v3, Gymnasium's own, {STRANGERS} environments, SB3's epochs and batches, by the clock"
    missing = "Box2D: pip install 'gymnasium[box2d]'" if importlib.util.find_spec("Box2D") is None else _missing("sb3")
    if missing is not None:
        yield Row("train_workers", title, skipped=missing)
        return
    from operant.models.algorithms.configs import PPOConfig

    options = stranger_options()
    with contextlib.ExitStack() as stack, torch_threads_kept():
        contenders = [
            Trained(stack, f"operant, {workers} workers", LANDER, options, threads=threads, workers=workers).contender
            for workers in (threads, 0)
        ]
        config = PPOConfig(**options)
        contenders += [sb3_ppo(stack, kind, LANDER, config) for kind in ("DummyVecEnv", "SubprocVecEnv")]
        few = dataclasses.replace(plan, rounds=min(plan.rounds, 5))  # SB3 takes a second a call
        comparison = few.compare(contenders)
    result = Row("train_workers", title, comparison, "operant is faster", ("steps/s", 1.0))
    ours, *others = contenders
    for other in others:
        target = Target(at_least=5.0) if other.name.startswith("SB3") else None
        result.add_ratio(other.name, f"training, times {other.name}", comparison.ratios(ours.name, other.name), target)
    yield result


def train_inference(plan: Plan) -> Iterator[Row]:
    """The action for one observation, through `predict`."""
    title = "predict for one observation of CartPole-v1, 64x64 networks"
    with contextlib.ExitStack() as stack, torch_threads_kept():
        observation = np.zeros((1, 4), np.float32)
        contenders = []
        for name, backend in (("the core", "native"), ("torch", "torch")):
            if backend == "native" or _missing("torch") is None:
                algorithm = make_ppo(stack, backend=backend, threads=1, **tuned_options())
                predict = timed(lambda algorithm=algorithm: algorithm.predict(observation))
                contenders.append(Contender(name, predict))
        comparison = plan.compare(contenders)
    result = Row("train_inference", title, comparison, "the core is faster", ("k calls/s", 1e3))
    ours = contenders[0].name
    for peer in contenders[1:]:
        result.add_ratio(peer.name, f"predict, times {peer.name}", comparison.ratios(ours, peer.name))
    micros = [seconds * 1e6 for seconds in comparison.seconds[ours]]
    result.measures.append(Measure("predict of one observation", "us", micros, Target(at_most=20.0), restated=True))
    yield result


def train_solve(plan: Plan) -> Iterator[Row]:
    """Seconds of the whole command `operant train cartpole` until CartPole-v1 is solved, idle and busy."""
    title = f"operant train cartpole, from the shell to a mean of 500, {SEEDS} seeds"
    result = Row("train_solve", title)
    imports = [_seconds([sys.executable, "-c", "import operant"])[0] for _ in range(3)]
    runs = [_solve(seed) for seed in range(SEEDS)]
    with _busy_cores():
        busy = [_solve(seed) for seed in range(SEEDS)]
    seconds = [each for each, _ in runs]
    result.measures += [
        Measure("seconds to solve", "s", seconds, Target(at_most=0.9)),
        Measure("the slowest seed", "s", [max(seconds)], Target(at_most=1.8)),
        Measure(
            "share of seeds that solve", "%", [100.0 * sum(done for _, done in runs) / SEEDS], Target(at_least=100)
        ),
        Measure(
            "a busy process on each core, times as long",
            "x",
            [slow / quick for (slow, _), (quick, _) in zip(busy, runs, strict=True)],
            Target(at_most=2.5),
        ),
        Measure("of which: import operant alone", "s", imports),
    ]
    program = native_folder().parent / "build" / "native" / "train-cartpole"
    if program.exists():
        alone = [_seconds([str(program), str(seed)])[0] for seed in range(SEEDS)]
        result.measures.append(Measure("examples/train.c, by make native", "s", alone, Target(at_most=0.3)))
    result.notes.append("Whole processes are timed: the interpreter's start, imports, training, evaluation.")
    yield result


def train_footprint(plan: Plan) -> Iterator[Row]:
    """Memory of a process that trains, beyond that of `import operant`."""
    title = "operant train cartpole's options in the core, peak memory of the process"
    if not Path("/proc/self/status").exists():
        yield Row("train_footprint", title, skipped="only Linux tells the peak of a process's memory")
        return
    measured = [json.loads(_seconds([sys.executable, "-c", _FOOTPRINT])[1]) for _ in range(3)]
    result = Row("train_footprint", title)
    label = "training, beyond import operant"
    beyond = [(trained - imported) / 1024 for imported, trained in measured]
    result.measures.append(Measure(label, "MiB", beyond, Target(at_most=20.0)))
    result.measures.append(Measure("import operant", "MiB", [imported / 1024 for imported, _ in measured]))
    yield result


_FOOTPRINT = """
import json
def peak():  # in KiB; a child's ru_maxrss would begin with that of its parent
    lines = open("/proc/self/status", encoding="utf-8")
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
import operant
imported = peak()
from operant.models import PPO
from operant.models.algorithms.configs import PPOConfig
from operant.models.algorithms.tuned import tuned
options = tuned("operant/CartPole-v1", "ppo") | {"backend": "native", "threads": 1}
del options["timesteps"]
PPO("operant/CartPole-v1", PPOConfig(**options)).learn(50_000)
print(json.dumps([imported, peak()]))
"""


def train_logging(plan: Plan) -> Iterator[Row]:
    """The cost of recording a run: CSV, metrics file and TensorBoard."""
    title = "tuned PPO on CartPole-v1, recorded or not"
    from operant.monitor.recorder import Recorder
    from operant.runs.run_directory import RunDirectory

    with contextlib.ExitStack() as stack:
        algorithm = make_ppo(stack, **tuned_options(), threads=1)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        run = RunDirectory.create(folder, "bench", {})
        recorder = stack.enter_context(Recorder(run))
        metrics: dict[str, float] = next(algorithm.iterate(ENDLESS))
        updates = algorithm.iterate(ENDLESS)
        rows = Contender("recording an update", timed(lambda: recorder.record(metrics)))
        update = Contender("an update", timed(lambda: next(updates)))
        comparison = plan.compare([rows, update])
    shares = [100 / ratio for ratio in comparison.ratios(rows.name, update.name)]
    result = Row("train_logging", title, comparison, rate=("k calls/s", 1e3))
    result.measures.append(Measure("recording, of the time of an update", "%", shares, Target(at_most=1.0)))
    yield result


def train_memory(plan: Plan) -> Iterator[Row]:
    """PPO with and without an LSTM on Memory-v0, which no policy without memory can solve."""
    title = f"Memory-v0, PPO, {MEMORY_STEPS:,} steps, {MEMORY_SEEDS} seeds"
    if (missing := _missing("torch")) is not None:
        yield Row("train_memory", title, skipped=missing)
        return
    result = Row("train_memory", title)
    for name, options, target in (
        ("an LSTM", {}, Target(at_least=99)),
        ("an MLP", {"lstm": 0}, Target(at_most=55)),
    ):
        shares = [_right_answers(seed, options) for seed in range(MEMORY_SEEDS)]
        result.measures.append(
            Measure(f"{name}: right answers in {MEMORY_EPISODES} greedy episodes", "%", shares, target)
        )
    result.notes.append(
        "The question does not show which cue was given, so a policy without memory reaches at most 50%."
    )
    yield result


ROWS: dict[str, Callable[[Plan], Iterator[Row]]] = {
    each.__name__: each
    for each in (
        train_ppo,
        train_isa,
        train_kernels,
        train_sb3,
        train_large,
        train_tuned,
        train_pendulum,
        train_loop,
        train_workers,
        train_inference,
        train_solve,
        train_footprint,
        train_logging,
        train_memory,
    )
}


def _missing(extra: str) -> str | None:
    try:
        if extra == "sb3":
            import stable_baselines3  # noqa: F401
        import torch  # noqa: F401
    except ImportError as problem:
        return not_installed(problem, extra)
    return None


def _right_answers(seed: int, options: dict[str, Any]) -> float:
    """Trains on Memory-v0; returns the share of right answers afterwards, in percent."""
    from operant.models.evaluation import evaluate

    with contextlib.ExitStack() as stack, torch_threads_kept():
        algorithm = make_ppo(stack, MEMORY, seed, **(tuned_options(MEMORY) | options), threads=1)
        algorithm.learn(MEMORY_STEPS)
        return 100 * float(evaluate(algorithm, MEMORY, MEMORY_EPISODES, seed=1_000_000).mean())


@contextlib.contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """Sets an environment variable."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _seconds(command: list[str]) -> tuple[float, str]:
    begun = time.perf_counter()
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return time.perf_counter() - begun, output


def _solve(seed: int) -> tuple[float, bool]:
    """Trains in a process; returns its seconds, and True if its evaluation reached 500."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "operant.cli.main", "train", "cartpole", "--seed", str(seed)]
        seconds, output = _seconds([*command, "--runs", str(Path(folder))])
    match = SOLVED.search(output)
    return seconds, match is not None and float(match[1]) == 500


@contextlib.contextmanager
def _busy_cores() -> Iterator[None]:
    """Keeps every core busy with a computing process."""
    processes = [
        multiprocessing.get_context("spawn").Process(target=_spin, daemon=True) for _ in range(available_cores())
    ]
    for process in processes:
        process.start()
    time.sleep(1)
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _spin() -> None:
    while os.getpid():
        sum(range(1000))
