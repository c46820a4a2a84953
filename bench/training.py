"""The rows of `operant bench --train`: operant's trainers against Stable-Baselines3's and CleanRL's, and an LSTM.

A call is one update with the rollout before it; its work is environment steps. Everything runs on one thread.
"""

from __future__ import annotations

import contextlib
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

from operant.bench.cleanrl import ENVS, STEPS, updates_of_original
from operant.bench.machine import available_cores
from operant.bench.report import Measure, Row, Target
from operant.bench.timing import Contender, timed
from operant.bench.workloads import Plan, not_installed

CARTPOLE = "operant/CartPole-v1"
MEMORY = "operant/Memory-v0"
LARGE = 1024  # environments
ROLLOUT = 32  # steps
MINIBATCH = 4096  # rows
EPOCHS = 10  # Stable-Baselines3's default
SEEDS = 10
MEMORY_SEEDS, MEMORY_STEPS = 5, 200_000
MEMORY_EPISODES = 1000  # greedy episodes; guessing then gives 50% with a standard deviation of 1.6%
ENDLESS = 1 << 60  # steps
SOLVED = re.compile(r"solved: mean ([\d.]+) over 100 greedy episodes of CartPole-v1")


def train_ppo(plan: Plan) -> Iterator[Row]:
    """PPO with SB3's network and epochs, against SB3 with its default setup and on operant's batch."""
    title = f"PPO with 64x64 tanh networks and {EPOCHS} epochs on CartPole-v1, one thread"
    if (missing := _missing()) is not None:
        yield Row("train_ppo", title, skipped=missing)
        return
    with contextlib.ExitStack() as stack, _one_thread():
        ours = _ours(
            stack,
            f"operant, {LARGE:,} environments",
            num_envs=LARGE,
            rollout_steps=ROLLOUT,
            epochs=EPOCHS,
            minibatches=LARGE * ROLLOUT // MINIBATCH,
            threads=1,
        )
        default = _sb3(stack, "SB3, default setup", None)
        adapted = _sb3(stack, f"SB3 on operant's adapter, {LARGE:,}", LARGE)
        comparison = plan.compare([ours, default, adapted])
    result = Row("train_ppo", title, comparison, "operant is faster", ("k steps/s", 1e3))
    for peer, least in ((default, 15.0), (adapted, 2.0)):
        ratios = comparison.ratios(ours.name, peer.name)
        result.add_ratio(peer.name, f"PPO, times {peer.name}", ratios, Target(at_least=least))
    yield result


def train_tuned(plan: Plan) -> Iterator[Row]:
    """`operant train cartpole` in steps/s, against SB3's default setup and CleanRL's ppo.py."""
    title = "tuned PPO on CartPole-v1, one thread"
    if (missing := _missing()) is not None:
        yield Row("train_tuned", title, skipped=missing)
        return
    with contextlib.ExitStack() as stack, _one_thread():
        ours = _ours(stack, "operant train cartpole", **tuned_options(), threads=1)
        default = _sb3(stack, "SB3, default setup", None)
        updates = updates_of_original(1)
        cleanrl = Contender("CleanRL's ppo.py", timed(lambda: next(updates)), ENVS * STEPS)
        comparison = plan.compare([ours, default, cleanrl])
    result = Row("train_tuned", title, comparison, "operant is faster", ("k steps/s", 1e3))
    for peer, least in ((default, 30.0), (cleanrl, 18.0)):
        ratios = comparison.ratios(ours.name, peer.name)
        result.add_ratio(peer.name, f"tuned PPO, times {peer.name}", ratios, Target(at_least=least))
    yield result


def train_solve(plan: Plan) -> Iterator[Row]:
    """Seconds of the whole command `operant train cartpole` until CartPole-v1 is solved, idle and busy."""
    title = f"operant train cartpole, from the shell to a mean of 500, {SEEDS} seeds"
    if (missing := _missing()) is not None:
        yield Row("train_solve", title, skipped=missing)
        return
    result = Row("train_solve", title)
    imports = [_seconds([sys.executable, "-c", "import torch"])[0] for _ in range(3)]
    runs = [_solve(seed) for seed in range(SEEDS)]
    with _busy_cores():
        busy = [_solve(seed) for seed in range(SEEDS)]
    result.measures += [
        Measure("seconds to solve", "s", [seconds for seconds, _ in runs], Target(at_most=4.0)),
        Measure(
            "share of seeds that solve", "%", [100.0 * sum(done for _, done in runs) / SEEDS], Target(at_least=100)
        ),
        Measure(
            "a busy process on each core, times as long",
            "x",
            [slow / quick for (slow, _), (quick, _) in zip(busy, runs, strict=True)],
            Target(at_most=2.5),
        ),
        Measure("of which: import torch alone", "s", imports),
    ]
    result.notes.append("Whole processes are timed: the interpreter's start, torch's import, training, evaluation.")
    yield result


def train_logging(plan: Plan) -> Iterator[Row]:
    """The cost of recording a run: CSV, metrics file and TensorBoard."""
    title = "tuned PPO on CartPole-v1, one thread, recorded or not"
    if (missing := _missing()) is not None:
        yield Row("train_logging", title, skipped=missing)
        return
    from operant.monitor.recorder import Recorder
    from operant.runs.run_directory import RunDirectory

    with contextlib.ExitStack() as stack, _one_thread():
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
    if (missing := _missing()) is not None:
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
    each.__name__: each for each in (train_ppo, train_tuned, train_solve, train_logging, train_memory)
}


def _missing() -> str | None:
    try:
        import stable_baselines3  # noqa: F401
        import torch  # noqa: F401
    except ImportError as problem:
        return not_installed(problem, "train,sb3")
    return None


def tuned_options(env_id: str = CARTPOLE) -> dict[str, Any]:
    from operant.models.algorithms.tuned import tuned

    options = tuned(env_id, "ppo")
    return {key: value for key, value in options.items() if key != "timesteps"}


def make_ppo(stack: contextlib.ExitStack, env_id: str = CARTPOLE, seed: int = 0, **options: Any) -> Any:
    from operant.models.algorithms.ppo import PPO, PPOConfig

    algorithm = PPO(env_id, PPOConfig(**options), seed=seed)
    stack.callback(algorithm.close)
    return algorithm


def _right_answers(seed: int, options: dict[str, Any]) -> float:
    """Trains on Memory-v0; returns the share of right answers afterwards, in percent."""
    from operant.models.evaluation import evaluate

    with contextlib.ExitStack() as stack, _one_thread():
        algorithm = make_ppo(stack, MEMORY, seed, **(tuned_options(MEMORY) | options), threads=1)
        algorithm.learn(MEMORY_STEPS)
        return 100 * float(evaluate(algorithm, MEMORY, MEMORY_EPISODES, seed=1_000_000).mean())


def _ours(stack: contextlib.ExitStack, name: str, **options: Any) -> Contender:
    algorithm = make_ppo(stack, **options)
    updates = algorithm.iterate(ENDLESS)
    return Contender(name, timed(lambda: next(updates)), options["num_envs"] * options["rollout_steps"])


def _sb3(stack: contextlib.ExitStack, name: str, num_envs: int | None) -> Contender:
    """SB3's PPO: its default setup, or operant's adapter with the rollout and minibatches of `train_ppo`."""
    from stable_baselines3 import PPO

    from operant.compat.sb3 import OperantVecEnv

    if num_envs is None:
        model = PPO("MlpPolicy", "CartPole-v1", device="cpu", seed=0)
    else:
        envs = OperantVecEnv(CARTPOLE, num_envs)
        stack.callback(envs.close)
        model = PPO("MlpPolicy", envs, n_steps=ROLLOUT, batch_size=MINIBATCH, device="cpu", seed=0)
    work = model.n_steps * model.n_envs
    learn = timed(lambda: model.learn(work, reset_num_timesteps=False))
    return Contender(name, learn, work)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


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
