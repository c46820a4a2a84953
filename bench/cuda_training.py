"""The rows of `operant bench --device cuda` about training: PPO on CartPole-v1 entirely on the device.

Everything is timed by the clock, in a process that has trained before, so kernels are compiled and libraries loaded.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from operant.bench.cuda import DevicePlan
from operant.bench.report import Measure, Row, Target
from operant.bench.trainers import CARTPOLE, make_ppo, tuned_options

LARGE: dict[str, Any] = {  # a rollout of 262,144 steps, in minibatches of 32,768
    "num_envs": 8192,
    "rollout_steps": 32,
    "epochs": 2,
    "minibatches": 8,
    "learning_rate": 3e-3,
    "gamma": 0.98,
    "gae_lambda": 0.9,
}
LARGE_STEPS = 20_000_000
TINY: dict[str, Any] = {"num_envs": 16, "rollout_steps": 32}  # on the emulated device
TINY_UPDATES = 8
CPU_STEPS = 100_000
WARM_UPDATES = 4  # later updates are a CUDA graph
POINTS = 8  # points of the learning curve
SEEDS = 3
EPISODES = 100  # episodes in an evaluation
SOLVED = 475.0
NEAR = 400.0  # evaluate once the mean return in training reaches this


@dataclass(frozen=True)
class Learning:
    """A run: the steps, the seconds, and the mean return of the last 100 episodes after each update."""

    steps: list[int]
    seconds: list[float]
    returns: list[float]

    def rate(self, after: int = 0) -> float:
        """Returns the steps per second from the end of update `after` to the end of the last."""
        if after == 0:
            return self.steps[-1] / self.seconds[-1]
        return (self.steps[-1] - self.steps[after - 1]) / (self.seconds[-1] - self.seconds[after - 1])


@dataclass(frozen=True)
class Solution:
    """A run that ended because its policy was good enough, or because its steps were used up."""

    steps: int
    seconds: float
    evaluation: float
    mean: float


def cuda_train(plan: DevicePlan) -> Iterator[Row]:
    """PPO on the device: steps/s of rollouts and updates, and the learning curve."""
    options, total = LARGE, LARGE_STEPS
    if plan.emulated:
        options, total = LARGE | TINY, TINY["num_envs"] * TINY["rollout_steps"] * TINY_UPDATES
    _learn(plan.device, options, options["num_envs"] * options["rollout_steps"] * (WARM_UPDATES + 1), seed=0)
    runs = [_learn(plan.device, options, total, seed) for seed in range(min(SEEDS, plan.rounds))]
    coarse = [_learn(plan.device, options | {"tf32": True}, total, seed) for seed in range(len(runs))]
    cpu = _learn("cpu", tuned_options(), total if plan.emulated else CPU_STEPS, seed=0)
    title = (
        f"PPO on CartPole-v1, {options['num_envs']:,} environments x {options['rollout_steps']} steps, "
        f"{options['epochs']} epochs of {options['minibatches']} minibatches"
    )
    result = Row("cuda_train", plan.titled(title))
    target = None if plan.emulated else Target(at_least=10e6)
    rates = [run.rate(WARM_UPDATES) for run in runs]
    result.measures += [
        Measure("PPO end to end", "steps/s", rates, target),
        Measure(f"the first {WARM_UPDATES} updates included", "steps/s", [run.rate() for run in runs]),
        Measure("in TF32", "steps/s", [run.rate(WARM_UPDATES) for run in coarse]),
        Measure("`operant train cartpole` on the CPU", "steps/s", [cpu.rate()]),
    ]
    updates = len(runs[0].steps)
    for k in sorted({updates * (point + 1) // POINTS - 1 for point in range(POINTS)}):
        label = f"mean return of 100 episodes at {runs[0].steps[k]:,} steps"
        result.measures.append(Measure(label, "", [run.returns[k] for run in runs]))
        result.measures.append(Measure("  in TF32", "", [run.returns[k] for run in coarse]))
    result.notes.append(
        f"The first {WARM_UPDATES} updates record CUDA graphs. Returns are those of the exploring policy."
    )
    yield result


def cuda_solve(plan: DevicePlan) -> Iterator[Row]:
    """Seconds until PPO on the device solves CartPole-v1: a mean return of 475 over 100 greedy episodes."""
    from operant.models.algorithms.tuned import tuned

    options, total = tuned_options(), tuned(CARTPOLE, "ppo")["timesteps"]
    if plan.emulated:
        options, total = options | TINY, TINY["num_envs"] * TINY["rollout_steps"] * TINY_UPDATES
    _solve(plan.device, options, options["num_envs"] * options["rollout_steps"] * (WARM_UPDATES + 1), seed=0)
    runs = [_solve(plan.device, options, total, seed) for seed in range(min(SEEDS, plan.rounds))]
    title = f"PPO with the options of `operant train cartpole`, to a mean of {SOLVED:g} over {EPISODES} greedy episodes"
    result = Row("cuda_solve", plan.titled(title))
    targets = [None, None] if plan.emulated else [Target(at_most=1.0), Target(at_least=100)]
    solved = [100.0 * (run.mean >= SOLVED) for run in runs]
    result.measures += [
        Measure("seconds to solve", "s", [run.seconds for run in runs], targets[0]),
        Measure("of which: playing the greedy episodes", "s", [run.evaluation for run in runs]),
        Measure("steps until then", "", [float(run.steps) for run in runs]),
        Measure("mean return of the greedy episodes", "", [run.mean for run in runs]),
        Measure("share of seeds that solve", "%", [sum(solved) / len(solved)], targets[1]),
    ]
    result.notes.append("The time runs from making the algorithm to knowing the mean; episodes are played on the CPU.")
    yield result


ROWS: dict[str, Callable[[DevicePlan], Iterator[Row]]] = {each.__name__: each for each in (cuda_train, cuda_solve)}


def _learn(device: str, options: dict[str, Any], total: int, seed: int) -> Learning:
    with contextlib.ExitStack() as stack:
        algorithm = make_ppo(stack, seed=seed, **(options | {"device": device}))
        learning, begun = Learning([], [], []), time.perf_counter()
        for metrics in algorithm.iterate(total):
            learning.seconds.append(time.perf_counter() - begun)
            learning.steps.append(int(metrics["steps"]))
            learning.returns.append(metrics["episode_return"])
    return learning


def _solve(device: str, options: dict[str, Any], total: int, seed: int) -> Solution:
    from operant.models.evaluation import evaluate

    evaluation, mean, begun = 0.0, 0.0, time.perf_counter()
    with contextlib.ExitStack() as stack:
        algorithm = make_ppo(stack, seed=seed, **(options | {"device": device}))
        for metrics in algorithm.iterate(total):
            if metrics["episode_return"] >= NEAR or metrics["steps"] >= total:
                asked = time.perf_counter()
                mean = float(evaluate(algorithm, CARTPOLE, EPISODES, seed=1).mean())
                evaluation += time.perf_counter() - asked
            if mean >= SOLVED:
                break
        seconds = time.perf_counter() - begun
    return Solution(algorithm.steps, seconds, evaluation, mean)
