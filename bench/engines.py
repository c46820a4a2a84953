"""The rows about MuJoCo's tasks: a step beside `mj_step` alone, Gymnasium and EnvPool; many environments; training."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import gymnasium
import numpy as np

from operant.bench.peers import prepare_actions, quiet
from operant.bench.probes import probe_memory
from operant.bench.python_environments import with_processor_clock
from operant.bench.report import Measure, Row, Target
from operant.bench.timing import Contender, timed_over
from operant.bench.trainers import Trained, sb3_ppo, torch_threads_kept, tuned_options
from operant.bench.workloads import Plan, RowFunction, not_installed
from operant.engines.mujoco_library import clock_variable
from operant.models.algorithms.configs import PPOConfig
from operant.workers.choice import available_cores

SIZE = 64
SINGLE_ENVS = 8  # of gymnasium.make: with more, the time of a step hardly changes
POPULATIONS = 8  # states of all environments at moments some steps apart, from which mj_step alone is timed
APART = 15
TASKS = ("HalfCheetah-v5", "Ant-v5", "Humanoid-v5", "Hopper-v5", "Walker2d-v5")
ASYNC = "AsyncVectorEnv"
ALONE, UNTIMED = "mj_step alone", "mj_step alone, untimed"
MOST = {UNTIMED: 1.05, "gymnasium.make": 0.68, "EnvPool": 0.70, ASYNC: 0.3}  # times each of these
TWO_WORKERS = 1.08  # times mj_step alone, untimed
MANY = 4096
CHEETAH = "HalfCheetah-v5"


def ours(
    stack: contextlib.ExitStack,
    env_id: str,
    num_envs: int,
    workers: int,
    clock: Callable[[], float] = time.process_time,
) -> Contender:
    """`gym.make_vec("operant/...").step`."""
    envs = gymnasium.make_vec(f"operant/{env_id}", num_envs=num_envs, workers=workers)
    stack.callback(envs.close)
    envs.reset(seed=0)
    actions = prepare_actions(envs.single_action_space, num_envs)
    plural = "s" if workers > 1 else ""
    return Contender(f"operant, {workers} worker{plural}", timed_over(envs.step, actions, clock), num_envs)


def mj_step_alone(stack: contextlib.ExitStack, env_id: str, num_envs: int) -> list[Contender]:
    """MuJoCo's own `rollout` from states that environments came to: no rewards, observations, seeds or resets.

    The first pays for MuJoCo's timers, as every user of its package does; the second, as operant's batches, does not.
    """
    import mujoco
    import mujoco.rollout

    envs: Any = gymnasium.make_vec(f"operant/{env_id}", num_envs=num_envs)
    stack.callback(envs.close)
    batch = envs.unwrapped.batch
    model, skip, spec = batch.model.model, batch.model.task.frame_skip, mujoco.mjtState.mjSTATE_FULLPHYSICS
    envs.reset(seed=0)
    data = mujoco.MjData(model)
    populations = []
    for _ in range(POPULATIONS):
        for _ in range(APART):
            envs.step(envs.action_space.sample())
        states, warm = np.empty((num_envs, mujoco.mj_stateSize(model, spec))), np.empty((num_envs, model.nv))
        for i in range(num_envs):
            batch.simulation(i, (model, data))
            mujoco.mj_getState(model, data, states[i], spec)
            warm[i] = data.qacc_warmstart
        controls = np.repeat(envs.action_space.sample()[:, None, :], skip, axis=1).astype(np.float64)
        populations.append((states, warm, controls))
    runner = stack.enter_context(mujoco.rollout.Rollout(nthread=0))
    reached, sensed = np.empty((num_envs, skip, states.shape[1])), np.empty((num_envs, skip, model.nsensordata))

    def step(population: Any) -> None:
        first, warm, controls = population
        runner.rollout(
            model, [data], first, controls, initial_warmstart=warm, nstep=skip, state=reached, sensordata=sensed
        )

    variable = clock_variable(f"operant/{env_id}")

    def step_untimed(population: Any) -> None:
        clock, variable.value = variable.value, None
        step(population)
        variable.value = clock

    steps = {ALONE: step, UNTIMED: step_untimed}
    return [Contender(name, timed_over(each, populations, time.process_time), num_envs) for name, each in steps.items()]


def gymnasium_make(stack: contextlib.ExitStack, env_id: str) -> Contender:
    """`gym.make`, one environment after another, each reset when its episode ends."""
    with quiet():
        envs = [gymnasium.make(env_id) for _ in range(SINGLE_ENVS)]
    for i, env in enumerate(envs):
        stack.callback(env.close)
        env.reset(seed=i)
    actions = [list(rows) for rows in prepare_actions(envs[0].action_space, SINGLE_ENVS)]

    def step(rows: list[Any]) -> None:
        for env, action in zip(envs, rows, strict=True):
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    return Contender("gymnasium.make", timed_over(step, actions, time.process_time), SINGLE_ENVS)


def envpool_make(stack: contextlib.ExitStack, env_id: str, num_envs: int) -> Contender | str:
    """EnvPool with one thread, or a sentence that says why it is omitted."""
    try:
        import envpool

        with quiet():
            envs = envpool.make(env_id, env_type="gymnasium", num_envs=num_envs, num_threads=1, seed=0)
            stack.callback(envs.close)
            envs.reset()
    except Exception as problem:  # a broken installation must not end the benchmark
        return f"EnvPool omitted: {problem}"
    actions = [rows.astype(np.float64) for rows in prepare_actions(envs.action_space, num_envs)]
    return Contender("EnvPool", timed_over(envs.step, actions, time.process_time), num_envs)


def async_vector(stack: contextlib.ExitStack, env_id: str, num_envs: int) -> Contender:
    """Gymnasium's AsyncVectorEnv, a process for each environment; the time is that of all processes."""
    with quiet():
        envs, clock = with_processor_clock(
            functools.partial(gymnasium.make_vec, env_id, num_envs, vectorization_mode="async")
        )
    stack.callback(envs.close)
    envs.reset(seed=0)
    actions = prepare_actions(envs.single_action_space, num_envs)
    return Contender(ASYNC, timed_over(envs.step, actions, clock), num_envs)


def cases(plan: Plan) -> Iterator[tuple[str, int, bool]]:
    """The ids and numbers of environments of a plan; True if the figures to reach are about them."""
    on_engine = plan.spec.engine == "mujoco"
    for env_id, num_envs in itertools.product(
        (plan.spec.id,) if on_engine else TASKS, plan.sizes if on_engine else (SIZE,)
    ):
        yield env_id, num_envs, env_id in TASKS and num_envs == SIZE


def finely(plan: Plan) -> Plan:
    """The plan in more and shorter slices, within which the speed of a shared machine hardly changes."""
    return dataclasses.replace(plan, rounds=5 * plan.rounds, seconds=plan.seconds / 3)


def mujoco(plan: Plan) -> Iterator[Row]:
    """MuJoCo's tasks against mj_step alone, gymnasium.make, AsyncVectorEnv and EnvPool: processor time of a step."""
    for env_id, num_envs, judged in cases(plan):
        with contextlib.ExitStack() as stack:
            one, two = (ours(stack, env_id, num_envs, workers) for workers in (1, 2))
            pool = envpool_make(stack, env_id, num_envs)
            peers = [*mj_step_alone(stack, env_id, num_envs), gymnasium_make(stack, env_id)]
            peers += [async_vector(stack, env_id, num_envs)]
            peers += [pool] if isinstance(pool, Contender) else []
            comparison = finely(plan).compare([one, two, *peers])
        title = f"{env_id}, {num_envs} environments, MuJoCo {version('mujoco')}, processor time"
        row = Row("mujoco", title, comparison, "operant takes", ("steps/s", 1.0))
        for peer in peers:
            times = [1 / ratio for ratio in comparison.ratios(one.name, peer.name)]
            target = Target(at_most=MOST[peer.name]) if judged and peer.name in MOST else None
            row.add_ratio(peer.name, f"{env_id}, times {peer.name}", times, target)
        workers = [1 / ratio for ratio in comparison.ratios(two.name, UNTIMED)]
        target = Target(at_most=TWO_WORKERS) if judged else None
        row.add_ratio(two.name, f"{env_id}, 2 workers, times {UNTIMED}", workers, target)
        row.notes.append("Steps that begin an episode cost less than mj_step, and count as steps.")
        row.notes.append(f"{ALONE} and Gymnasium pay for MuJoCo's timers, as its users do; operant does not.")
        if isinstance(pool, Contender):
            row.notes.append(f"EnvPool {version('envpool')} has a MuJoCo of its own; that of 1.2.5 is 3.6.0.")
        else:
            row.notes.append(pool)
        yield row


def mujoco_workers(plan: Plan) -> Iterator[Row]:
    """MuJoCo's tasks with two workers against one, by the clock."""
    if available_cores() < 2:
        yield Row("mujoco_workers", "two workers by the clock", skipped="needs two cores")
        return
    for env_id, num_envs, judged in cases(plan):
        with contextlib.ExitStack() as stack:
            one, two = (ours(stack, env_id, num_envs, workers, time.perf_counter) for workers in (1, 2))
            comparison = finely(plan).compare([two, one])
        title = f"{env_id}, {num_envs} environments, by the clock"
        row = Row("mujoco_workers", title, comparison, rate=("steps/s", 1.0))
        target = Target(at_least=1.8) if judged else None
        ratios = comparison.ratios(two.name, one.name)
        row.add_ratio(one.name, f"{env_id}, 2 workers by the clock, times one", ratios, target)
        yield row


def mujoco_many(plan: Plan) -> Iterator[Row]:
    """4,096 HalfCheetahs: the memory of each, and the seconds until they are made."""
    seconds = []
    gymnasium.make_vec(f"operant/{CHEETAH}", num_envs=1).close()  # imports and compiles the model
    for _ in range(min(3, plan.rounds)):
        begun = time.perf_counter()
        gymnasium.make_vec(f"operant/{CHEETAH}", num_envs=MANY).close()
        seconds.append(time.perf_counter() - begun)
    kibibytes = [probe_memory(CHEETAH, MANY)["peak"] / 1024 for _ in range(min(3, plan.rounds))]
    row = Row("mujoco_many", f"{CHEETAH}, {MANY:,} environments")
    row.measures.append(
        Measure("peak growth of the process: make_vec, reset, steps", "KiB/env", kibibytes, Target(at_most=10.0))
    )
    row.measures.append(Measure("gym.make_vec", "s", seconds, Target(at_most=1.0)))
    yield row


def mujoco_training(plan: Plan) -> Iterator[Row]:
    """`operant train halfcheetah` against the physics alone and against SB3's PPO with the same options."""
    options = tuned_options(f"operant/{CHEETAH}")
    config = PPOConfig(**options)
    title = (
        f"PPO on {CHEETAH}: {config.num_envs} environments, 64x64 networks, the options of operant train halfcheetah"
    )
    try:
        import stable_baselines3  # noqa: F401
    except ImportError as problem:
        yield Row("mujoco_training", title, skipped=not_installed(problem, "sb3"))
        return
    threads = min(2, available_cores())
    with contextlib.ExitStack() as stack, torch_threads_kept():
        trained = Trained(stack, "operant train halfcheetah", f"operant/{CHEETAH}", options, threads=threads).contender
        physics = ours(stack, CHEETAH, config.num_envs, threads, time.perf_counter)
        theirs = [sb3_ppo(stack, kind, CHEETAH, config) for kind in ("DummyVecEnv", "SubprocVecEnv")]
        few = dataclasses.replace(plan, rounds=min(plan.rounds, 5))  # SB3 takes several seconds a call
        comparison = few.compare([trained, physics, *theirs])
    row = Row("mujoco_training", title, comparison, "operant is faster", ("steps/s", 1.0))
    ratios = comparison.ratios(trained.name, physics.name)
    row.add_ratio(physics.name, f"training, times {physics.name} without a policy", ratios, Target(at_least=0.5))
    for peer in theirs:
        ratios = comparison.ratios(trained.name, peer.name)
        row.add_ratio(peer.name, f"training, times {peer.name}", ratios, Target(at_least=5.0))
    row.notes.append(f"By the clock, {threads} threads or processes each, besides SB3's torch, which has one.")
    yield row


ROWS: dict[str, RowFunction] = {each.__name__: each for each in (mujoco, mujoco_workers, mujoco_many, mujoco_training)}


def rows_about(env_id: str) -> tuple[str, ...]:
    """The rows that measure a task; some are about HalfCheetah alone."""
    return tuple(ROWS) if env_id == CHEETAH else ("mujoco", "mujoco_workers")
