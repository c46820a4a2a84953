"""Every environment in both precisions opens, begins, steps and closes in every form and adapter, and none hangs."""

import threading

import gymnasium as gym
import numpy as np
import pytest
from support import PRECISIONS, actions_for

from operant.batch.batch import Batch
from operant.catalog import CATALOG, MULTIAGENT
from operant.environments.parallel import OperantParallelEnv
from operant.environments.pool import AsyncEnvPool
from operant.rollout.buffer import RolloutBuffer

N, STEPS = 3, 4
RANDOM = np.random.default_rng(0)


def play(env, actions):
    """Steps a vector environment of Gymnasium's, or an adapter with the same methods."""
    env.reset(seed=0)
    for each in actions:
        results = env.step(each)
        assert len(results) == 5
    env.close()


def vector(env_id, mode="NextStep", **options):
    env = gym.make_vec(f"operant/{env_id}", num_envs=N, autoreset_mode=mode, max_episode_steps=2, **options)
    play(env, actions_for(env.single_action_space, RANDOM, (STEPS, env.num_envs)))


def single(env_id, **options):
    env = gym.make(f"operant/{env_id}", **options)
    for action in actions_for(env.action_space, RANDOM, (STEPS,)):
        env.reset(seed=0)
        env.step(action)
    env.close()


def parallel(env_id, **options):
    env = OperantParallelEnv(env_id, **options)
    env.reset(seed=0)
    for _ in range(STEPS):
        env.step({agent: env.action_space(agent).sample() for agent in env.agents})
    env.close()


def pool(env_id, **options):
    with AsyncEnvPool(env_id, N, workers=2, **options) as made:
        made.async_reset(seed=0)
        for actions in actions_for(made.single_action_space, RANDOM, (STEPS, N)):
            made.send(actions, made.recv()[4]["env_id"])
        made.recv()


def rollout(env_id, precision):
    """By `RolloutBuffer` in float32, and by `Batch.record_into`, which it is made of, in both."""
    spec = {**CATALOG, **MULTIAGENT}[env_id]
    batch = Batch(spec, N, precision=precision, autoreset="SameStep", max_episode_steps=2)
    rows, kind = batch.num_rows, np.int64 if spec.actions else np.float32
    batch.seed(0)
    batch.reset()
    steps = batch.record_into(
        np.zeros((STEPS + 1, rows, *batch.observation_shape), batch.observation_type),
        np.zeros((STEPS, rows, *spec.action_shape), kind),
        np.zeros((STEPS, rows), batch.real),
        *(np.zeros((STEPS, rows), bool) for _ in range(2)),
    )
    steps.observe()
    for t in range(STEPS):
        steps.step(t)
    if precision == "float32":
        buffer = RolloutBuffer.for_batch(batch, STEPS)
        buffer.begin()
        for t in range(STEPS):
            buffer.step(t)
        buffer.compute_advantages(gamma=0.99, lam=0.95)
    batch.close()


def sb3(env_id, **options):
    pytest.importorskip("stable_baselines3")
    from operant.compat.sb3 import OperantVecEnv

    env = OperantVecEnv(env_id, N, **options)
    env.reset()
    for actions in actions_for(env.action_space, RANDOM, (STEPS, N)):
        env.step(actions)
    env.close()


def cleanrl(env_id, **options):
    from operant.compat.cleanrl import make_vec_env

    env = make_vec_env(env_id, N, **options)
    play(env, actions_for(env.single_action_space, RANDOM, (STEPS, env.num_envs)))


def envpool(env_id, precision):
    from operant.compat import envpool

    if env_id not in envpool.list_all_envs() or precision == "float64":
        return  # EnvPool has neither
    env = envpool.make(env_id, env_type="gymnasium", num_envs=N)
    env.reset()
    for actions in actions_for(env.action_space, RANDOM, (STEPS, N)):
        env.step(actions)
    env.close()


def pufferlib(env_id, precision):
    pytest.importorskip("pufferlib", reason="tests/compat/test_pufferlib.py runs it on a stand-in")
    if precision == "float64":
        return  # PufferLib's rewards are float32
    from operant.compat.pufferlib import OperantPufferEnv

    env = OperantPufferEnv(env_id, N)
    env.reset(seed=0)
    for actions in actions_for(env.single_action_space, RANDOM, (STEPS, env.num_agents)):
        env.step(actions)
    env.close()


def torchrl(env_id, **options):
    pytest.importorskip("torchrl")
    from operant.compat.torchrl import make_env

    if CATALOG[env_id].number_type != "float32":
        return  # make_env refuses integers, and names what wraps them
    env = make_env(env_id, N, **options)
    env.rollout(STEPS, break_when_any_done=False)
    env.close()


def in_time(call):
    """Calls it in a thread, so that an endless loop of the core fails this test instead of stopping all of them."""
    ended = []

    def run():
        try:
            ended.append(call())
        except BaseException as problem:  # pytest's skip is no Exception
            ended.append(problem)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert ended, "it did not end in a minute"
    if isinstance(ended[0], BaseException):
        raise ended[0]


FORMS = {form.__name__: form for form in (vector, single, pool, rollout, sb3, cleanrl, envpool, pufferlib, torchrl)}


@pytest.mark.filterwarnings("ignore:.*is out of date")
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("form", FORMS)
def test_every_environment_opens_steps_and_closes(form, precision):
    for env_id in CATALOG:
        try:
            in_time(lambda env_id=env_id: FORMS[form](env_id, precision=precision))
        except Exception as problem:
            raise AssertionError(f"{env_id} in {precision} as {form}: {problem!r}") from problem


@pytest.mark.parametrize("mode", ["SameStep", "Disabled"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_environment_opens_steps_and_closes_in_the_other_autoreset_modes(mode, precision):
    for env_id in CATALOG:
        if mode == "SameStep":
            in_time(lambda env_id=env_id: vector(env_id, mode, precision=precision, episode_statistics=True))
        else:
            in_time(lambda env_id=env_id: step_once(env_id, precision))


def step_once(env_id, precision):
    env = gym.make_vec(f"operant/{env_id}", num_envs=N, autoreset_mode="Disabled", precision=precision)
    play(env, actions_for(env.single_action_space, RANDOM, (1, env.num_envs)))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("form", [vector, parallel, rollout, cleanrl])
def test_every_environment_of_several_agents_opens_steps_and_closes(form, precision):
    for env_id in MULTIAGENT:
        in_time(lambda env_id=env_id: form(env_id, precision=precision))
