"""The row about MuJoCo's tasks: processor time of a step beside `mj_step` alone, Gymnasium and EnvPool."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

import gymnasium
import numpy as np

from operant.bench.peers import prepare_actions, quiet
from operant.bench.report import Row, Target
from operant.bench.timing import Contender
from operant.bench.workloads import Plan, RowFunction

SIZE = 64
SINGLE_ENVS = 8  # of gymnasium.make: with more, the time of a step hardly changes
POPULATIONS = 8  # states of all environments at moments some steps apart, from which mj_step alone is timed
APART = 15
TASKS = ("HalfCheetah-v5", "Ant-v5", "Humanoid-v5", "Hopper-v5", "Walker2d-v5")
MOST = {"mj_step alone": 1.05, "gymnasium.make": 0.68, "EnvPool": 0.70}  # times each of these


def processor_timed(call: Callable[[Any], object], arguments: Sequence[Any]) -> Callable[[int], float]:
    """Returns a `Contender.measure` of the processor's time in all threads, cycling through the arguments."""
    endless = itertools.cycle(arguments)

    def measure(calls: int) -> float:
        start = time.process_time()
        for argument in itertools.islice(endless, calls):
            call(argument)
        return time.process_time() - start

    return measure


def ours(stack: contextlib.ExitStack, env_id: str, num_envs: int, workers: int) -> Contender:
    """`gym.make_vec("operant/...").step`."""
    envs = gymnasium.make_vec(f"operant/{env_id}", num_envs=num_envs, workers=workers)
    stack.callback(envs.close)
    envs.reset(seed=0)
    actions = prepare_actions(envs.single_action_space, num_envs)
    plural = "s" if workers > 1 else ""
    return Contender(f"operant, {workers} worker{plural}", processor_timed(envs.step, actions), num_envs)


def mj_step_alone(stack: contextlib.ExitStack, env_id: str, num_envs: int) -> Contender:
    """MuJoCo's own `rollout` from states that environments came to: no rewards, observations, seeds or resets."""
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

    return Contender("mj_step alone", processor_timed(step, populations), num_envs)


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

    return Contender("gymnasium.make", processor_timed(step, actions), SINGLE_ENVS)


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
    return Contender("EnvPool", processor_timed(envs.step, actions), num_envs)


def mujoco(plan: Plan) -> Iterator[Row]:
    """MuJoCo's tasks against mj_step alone, gymnasium.make and EnvPool: processor time of a step."""
    chosen = (plan.spec.id,) if plan.spec.engine == "mujoco" else TASKS
    for env_id, num_envs in itertools.product(chosen, plan.sizes if plan.spec.engine else (SIZE,)):
        with contextlib.ExitStack() as stack:
            one, two = (ours(stack, env_id, num_envs, workers) for workers in (1, 2))
            pool = envpool_make(stack, env_id, num_envs)
            peers = [mj_step_alone(stack, env_id, num_envs), gymnasium_make(stack, env_id)]
            peers += [pool] if isinstance(pool, Contender) else []
            comparison = plan.compare([one, two, *peers])
        title = f"{env_id}, {num_envs} environments, MuJoCo {version('mujoco')}, processor time"
        row = Row("mujoco", title, comparison, "operant takes", ("steps/s", 1.0))
        for peer in peers:
            times = [1 / ratio for ratio in comparison.ratios(one.name, peer.name)]
            target = (
                Target(at_most=MOST[peer.name]) if (env_id, num_envs) in itertools.product(TASKS, (SIZE,)) else None
            )
            row.add_ratio(peer.name, f"{env_id}, times {peer.name}", times, target)
        workers = [1 / ratio for ratio in comparison.ratios(two.name, "mj_step alone")]
        row.add_ratio(two.name, f"{env_id}, 2 workers, times mj_step alone", workers)
        row.notes.append("Steps that begin an episode cost less than mj_step, and count as steps.")
        if isinstance(pool, Contender):
            row.notes.append(f"EnvPool {version('envpool')} has a MuJoCo of its own, another one than Gymnasium's.")
        else:
            row.notes.append(pool)
        yield row


ROWS: dict[str, RowFunction] = {"mujoco": mujoco}
