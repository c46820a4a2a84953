"""AsyncEnvPool: each environment's results are those of a batch, in any order of stepping."""

import gc
import os
import pickle
import threading

import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError
from support import actions_for, vector

from operant.environments.pool import AsyncEnvPool

NUM_ENVS, STEPS = 7, 40


def expected(env_id, actions, **options):
    """The `[T, N]` results of a batch, as tuples of bytes."""
    env = vector(env_id, NUM_ENVS, **options)
    rows = [[env.reset(seed=3)[0][i].tobytes() for i in range(NUM_ENVS)]]
    for row in actions:
        o, r, d, u, _ = env.step(row)
        rows.append([(o[i].tobytes(), float(r[i]), bool(d[i]), bool(u[i])) for i in range(NUM_ENVS)])
    return rows


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_each_environment_has_the_numbers_of_a_batch_in_any_order(physics_id, precision, workers, batch_size):
    options = {"precision": precision, "max_episode_steps": 9}
    random = np.random.default_rng(0)
    space = vector(physics_id, 1).single_action_space
    actions = actions_for(space, random, (STEPS, NUM_ENVS))
    wanted = expected(physics_id, actions, **options)
    with AsyncEnvPool(physics_id, NUM_ENVS, batch_size, workers, **options) as pool:
        pool.async_reset(seed=3)
        progress, waiting, in_flight = np.full(NUM_ENVS, -1), [], NUM_ENVS
        while (progress < STEPS).any():
            while in_flight >= batch_size:
                o, r, d, u, info = pool.recv()
                assert len(info["env_id"]) == batch_size
                in_flight -= batch_size
                for k, i in enumerate(info["env_id"]):
                    progress[i] += 1
                    t = progress[i]
                    got = (o[k].tobytes(), float(r[k]), bool(d[k]), bool(u[k]))
                    assert got == (wanted[t][i] if t else (wanted[0][i], 0.0, False, False))
                    waiting.append(i)
            # Environments that are done keep stepping only while recv needs them to fill a batch.
            ready = [i for i in waiting if progress[i] < STEPS]
            if not ready or in_flight + len(ready) < batch_size:
                break
            random.shuffle(ready)
            pool.send(np.stack([actions[progress[i], i] for i in ready]), np.array(ready))
            waiting = [i for i in waiting if progress[i] >= STEPS]
            in_flight += len(ready)
        assert sorted(progress)[-1] >= STEPS - 1 and sorted(progress)[0] > 0


def test_async_reset_drops_what_was_not_received():
    with AsyncEnvPool("CartPole-v1", 7, 3) as pool:
        pool.async_reset(seed=0)
        first = [pool.recv()[0] for _ in range(2)]
        pool.async_reset(seed=0)
        again = [pool.recv()[0] for _ in range(2)]
        assert [a.tobytes() for a in first] == [a.tobytes() for a in again]


def test_a_parameter_given_as_one_number_in_a_list_reaches_the_threads():
    results = []
    for gravity in (90.0, [90.0]):
        with AsyncEnvPool("CartPole-v1", 4, 2, params={"gravity": gravity}) as pool:
            pool.async_reset(seed=0)
            for _ in range(4):
                ids = pool.recv()[4]["env_id"]
                pool.send(np.zeros(2, int), ids)
            results.append(pool.recv()[0].tobytes())
    assert results[0] == results[1]


def test_finite_actions_beyond_float32_are_clipped_not_lost():
    with AsyncEnvPool("Pendulum-v1", 2, 2) as pool:
        pool.async_reset(seed=0)
        pool.recv()
        pool.send(np.full((2, 1), 1e300))
        huge = pool.recv()[0]
    env = vector("Pendulum-v1", 2)
    env.reset(seed=0)
    assert huge.tobytes() == env.step(np.full((2, 1), 2.0))[0].tobytes()


def test_a_dropped_pool_ends_its_threads():
    pool = AsyncEnvPool("CartPole-v1", 4, 2, workers=2)
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("operant-pool")]
    assert len(threads) >= 2
    del pool
    gc.collect()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_a_pool_is_not_copied_and_not_used_in_a_forked_child():
    with AsyncEnvPool("CartPole-v1", 4, 2) as pool:
        pool.async_reset(seed=0)
        with pytest.raises(TypeError, match="cannot be copied"):
            pickle.dumps(pool)
        child = os.fork()
        if child == 0:
            try:
                pool.recv()
            except RuntimeError as problem:
                os._exit(0 if "forked" in str(problem) else 1)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_results_of_several_sends_come_in_the_order_they_were_finished():
    with AsyncEnvPool("CartPole-v1", 6, 4) as pool:
        pool.async_reset(seed=0)
        assert pool.recv()[4]["env_id"].tolist() == [0, 1, 2, 3]
        pool.send(np.zeros(2, int), [3, 0])
        assert pool.recv()[4]["env_id"].tolist() == [4, 5, 3, 0]


def test_parameters_per_environment_and_randomisation_reach_the_threads(precision):
    options = {
        "precision": precision,
        "params": {"half_length": np.linspace(0.3, 2, NUM_ENVS)},
        "randomize": {"gravity": (5.0, 15.0)},
        "max_episode_steps": 9,
    }
    actions = np.random.default_rng(0).integers(0, 2, (STEPS, NUM_ENVS))
    wanted = expected("CartPole-v1", actions, **options)
    with AsyncEnvPool("CartPole-v1", NUM_ENVS, **options) as pool:
        pool.async_reset(seed=3)
        pool.recv()
        for t, row in enumerate(actions):
            pool.send(row)
            o, r, d, u, info = pool.recv()
            for k, i in enumerate(info["env_id"]):
                assert (o[k].tobytes(), float(r[k]), bool(d[k]), bool(u[k])) == wanted[t + 1][i]


def test_options_of_a_reset_reach_the_environments():
    with AsyncEnvPool("CartPole-v1", 4) as pool:
        pool.async_reset(seed=0, options={"low": 0.01, "high": 0.02})
        observations = pool.recv()[0]
        assert (observations >= np.float32(0.01)).all() and (observations <= np.float32(0.02)).all()


@pytest.mark.parametrize(
    "ids, says", [([0, 9], "env_id 9"), ([-1], "env_id -1"), ([1, 1], "twice"), ([[0]], "vector"), ([], "non-empty")]
)
def test_invalid_ids_are_named_and_nothing_is_queued(ids, says):
    with AsyncEnvPool("CartPole-v1", 4) as pool:
        pool.async_reset(seed=0)
        pool.recv()
        with pytest.raises(ValueError, match=says):
            pool.send(np.zeros(len(ids), int), ids)
        pool.send(np.zeros(4, int))
        pool.recv()


def test_invalid_actions_name_the_environment_and_nothing_is_queued():
    with AsyncEnvPool("CartPole-v1", 4) as pool:
        pool.async_reset(seed=0)
        pool.recv()
        with pytest.raises(ValueError, match="action 2 of environment 3"):
            pool.send(np.array([0, 2]), [1, 3])
        with pytest.raises(ValueError, match="shape"):
            pool.send(np.zeros(3, int))
        pool.send(np.zeros(4, int))
        pool.recv()


def test_calls_out_of_order_say_what_is_missing():
    pool = AsyncEnvPool("CartPole-v1", 4, 4)
    with pytest.raises(RuntimeError, match="async_reset"):
        pool.send(np.zeros(4, int))
    with pytest.raises(RuntimeError, match="wait forever"):
        pool.recv()
    pool.async_reset(seed=0)
    with pytest.raises(ValueError, match="env_id 0 is still stepping"):
        pool.send(np.zeros(4, int))
    pool.close()
    pool.close()
    with pytest.raises(ClosedEnvironmentError):
        pool.recv()


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"batch_size": 5}, {"workers": 0}, {"num_envs": 0}])
def test_invalid_sizes_are_refused(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=f"{name}={value}"):
        AsyncEnvPool(**{"env_id": "CartPole-v1", "num_envs": 4, **options})


def in_threads(count, call):
    """Runs `call()` in threads; returns them and the list to which each adds its result, or the error it raised."""
    answers = []

    def run():
        try:
            answers.append(call())
        except Exception as problem:
            answers.append(problem)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, answers


def joined(threads):
    for thread in threads:
        thread.join(20)
    return not any(thread.is_alive() for thread in threads)


def test_of_two_threads_that_receive_one_batch_the_second_is_told_that_it_would_wait_forever():
    for _ in range(30):
        with AsyncEnvPool("CartPole-v1", 4) as pool:
            pool.async_reset(seed=0)
            pool.recv()
            pool.send(np.zeros(4, int))
            threads, answers = in_threads(2, pool.recv)
            assert joined(threads)
            refused = [answer for answer in answers if isinstance(answer, RuntimeError)]
            assert len(refused) == 1 and "wait forever" in str(refused[0])


def test_two_threads_share_the_results_and_each_result_goes_to_one_of_them():
    with AsyncEnvPool("CartPole-v1", 64, 8, workers=2) as pool:
        pool.async_reset(seed=0)
        received = []

        def play():
            for _ in range(40):
                info = pool.recv()[4]
                received.append(info["env_id"])
                pool.send(np.zeros(8, int), info["env_id"])

        threads, answers = in_threads(2, play)
        assert joined(threads) and answers == [None, None]
        assert len(received) == 80 and len(np.unique(np.concatenate(received))) == 64


def stuck(pool, monkeypatch):
    """Makes the pool's steps wait; returns the event that lets them go on."""
    go_on = threading.Event()
    step = pool._shared.step
    monkeypatch.setattr(pool._shared, "step", lambda *given: (go_on.wait(20), step(*given))[1])
    return go_on


def test_close_wakes_the_threads_that_wait_in_recv(monkeypatch):
    pool = AsyncEnvPool("CartPole-v1", 4)
    pool.async_reset(seed=0)
    pool.recv()
    go_on = stuck(pool, monkeypatch)
    pool.send(np.zeros(4, int))
    threads, answers = in_threads(3, pool.recv)
    closing, _ = in_threads(1, pool.close)
    assert joined(threads), "while the step is still under way"
    assert [type(answer) for answer in answers] == [ClosedEnvironmentError] * 3
    go_on.set()
    assert joined(closing) and pool.closed


def test_a_reset_while_another_thread_receives_discards_or_delivers_each_result(monkeypatch):
    with AsyncEnvPool("CartPole-v1", 8, 4) as pool:
        pool.async_reset(seed=0)
        for _ in range(2):
            pool.send(np.zeros(4, int), pool.recv()[4]["env_id"])
        go_on = stuck(pool, monkeypatch)
        threads, answers = in_threads(1, pool.recv)
        resetting, _ = in_threads(1, lambda: pool.async_reset(seed=1))
        go_on.set()
        assert joined(threads) and joined(resetting)
        assert len(answers[0][4]["env_id"]) == 4


def test_what_a_step_raised_is_raised_by_recv_and_the_pool_goes_on(monkeypatch):
    with AsyncEnvPool("CartPole-v1", 4, 2) as pool:
        pool.async_reset(seed=0)
        for _ in range(2):
            pool.recv()
        with monkeypatch.context() as patch:
            patch.setattr(pool._shared, "step", lambda *_: 1 / 0)
            pool.send(np.zeros(2, int), [0, 1])
            with pytest.raises(ZeroDivisionError):
                pool.recv()
        pool.send(np.zeros(2, int), [0, 1])
        assert pool.recv()[4]["env_id"].tolist() == [0, 1]
