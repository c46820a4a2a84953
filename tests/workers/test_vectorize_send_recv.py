"""send and recv have AsyncEnvPool's contract, and return for each environment what step would."""

import itertools

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from python_environments import ChangingInfos, Counter, ManyInfos, Nested, Slow

import operant
from operant.workers.block import mapped

KINDS = [("in this process", 0, None), ("processes", 2, None), ("threads", 2, "thread")]
kinds = pytest.mark.parametrize("workers, context", [kind[1:] for kind in KINDS], ids=[kind[0] for kind in KINDS])


def rows(actions, ids):
    return mapped(lambda array: array[ids], actions)


def in_background(envs, actions, mode):
    """Receives and sends until each environment made its steps; returns each one's results and infos, in order."""
    histories = [[] for _ in range(envs.num_envs)]
    envs.async_reset(seed=3)
    while any(len(history) < len(actions) + 1 for history in histories):
        observations, rewards, terminated, truncated, infos = envs.recv()
        ids = infos.pop("env_id")
        assert ids.dtype == np.int64 and len(ids) == envs.batch_size
        for k, row in enumerate(ids):
            result = (rows(observations, k), rewards[k], terminated[k], truncated[k], own(infos, k))
            histories[row].append(result)
        if mode == "Disabled" and (ended := ids[terminated | truncated]).size:
            mask = np.zeros(envs.num_envs, bool)
            mask[ended] = True
            envs.async_reset(options={"reset_mask": mask})
            ids = np.setdiff1d(ids, ended)
        left = np.array([row for row in ids if len(histories[row]) <= len(actions)], int)
        if left.size:
            steps = [actions[len(histories[row]) - 1] for row in left]
            chosen = [rows(each, slice(row, row + 1)) for each, row in zip(steps, left, strict=True)]
            envs.send(_joined(chosen), left)
    return histories


def own(infos, k):
    """The info of one row."""
    here = {key: value for key, value in infos.items() if f"_{key}" in infos and infos[f"_{key}"][k]}
    return {key: own(value, k) if isinstance(value, dict) else value[k] for key, value in here.items()}


def _joined(parts):
    if isinstance(parts[0], dict):
        return {key: _joined([part[key] for part in parts]) for key in parts[0]}
    if isinstance(parts[0], tuple):
        return tuple(_joined(list(each)) for each in zip(*parts, strict=True))
    return np.concatenate(parts)


def text(value):
    """A result as text, in which equal bits look alike."""
    if isinstance(value, np.ndarray):
        return (
            f"{value.dtype}{value.shape}{[text(each) for each in value] if value.dtype == object else value.tolist()}"
        )
    if isinstance(value, dict):
        return str({key: text(each) for key, each in sorted(value.items())})
    return str(tuple(map(text, value))) if isinstance(value, tuple) else repr(value)


def alone(env, row, actions, mode):
    """The same results of one environment by itself in Gymnasium's SyncVectorEnv."""
    envs = SyncVectorEnv([env], autoreset_mode=AutoresetMode(mode))
    zeros = np.zeros(1), np.zeros(1, bool), np.zeros(1, bool)
    observations, infos = envs.reset(seed=3 + row)
    results, history = (observations, *zeros, infos), []
    while True:
        observations, rewards, terminated, truncated, infos = results
        history.append((rows(observations, 0), rewards[0], terminated[0], truncated[0], own(infos, 0)))
        if len(history) > len(actions):
            return history
        if mode == "Disabled" and (terminated[0] or truncated[0]):
            observations, infos = envs.reset(options={"reset_mask": np.ones(1, bool)})
            results = (observations, *zeros, infos)
        else:
            results = envs.step(rows(actions[len(history) - 1], slice(row, row + 1)))


@kinds
@pytest.mark.parametrize("env", [Nested, ManyInfos, ChangingInfos])
@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_each_environment_has_the_results_and_infos_that_it_has_alone(env, mode, workers, context):
    with operant.vectorize(env, 5, workers, autoreset_mode=mode, batch_size=1, context=context) as envs:
        envs.action_space.seed(0)
        actions = [envs.action_space.sample() for _ in range(25)]
        histories = in_background(envs, actions, mode)
    for row, history in enumerate(histories):
        expected = alone(env, row, actions, mode)  # a reset in mode DISABLED may have come after the last action
        assert list(map(text, history[: len(expected)])) == list(map(text, expected))


@kinds
def test_infos_lie_in_the_rows_of_the_environments_that_have_them(workers, context):
    with operant.vectorize(ManyInfos, 4, workers, batch_size=2, context=context, autoreset_mode="SameStep") as envs:
        envs.async_reset(seed=0, options={"length": 2})
        for _ in range(2):
            observations, *_, infos = envs.recv()
            assert infos["int"].tolist() == [0, 0] and infos["_int"].all()
            envs.send(np.ones(2, int), infos["env_id"])
        ends = 0
        for _ in range(6):
            observations, *_, infos = envs.recv()
            ended = infos.get("_final_info", np.zeros(2, bool))
            ends += int(ended.sum())
            assert infos["int"].tolist() == observations[:, 0].tolist()
            if ended.any():
                assert infos["final_info"]["int"][ended].min() >= 2 and not observations[ended].T[0].any()
            envs.send(np.ones(2, int), infos["env_id"])
        assert ends > 0


@kinds
def test_ended_environments_are_reset_by_a_mask_in_disabled_mode(workers, context):
    with operant.vectorize(ChangingInfos, 4, workers, batch_size=1, context=context, autoreset_mode="Disabled") as envs:
        actions = [np.full(4, k % 3) for k in range(30)]
        histories = in_background(envs, actions, "Disabled")
        ends = sum(bool(result[2] or result[3]) for history in histories for result in history)
        assert ends >= 4
        for history in histories:
            for before, after in itertools.pairwise(history):
                assert after[0][0] == (0 if before[2] or before[3] else before[0][0] + 1)


@pytest.mark.parametrize("workers, context", [(4, None), (4, "thread")])
def test_those_that_finish_first_come_first(workers, context):
    with operant.vectorize(Slow, 4, workers, batch_size=1, context=context) as envs:
        envs.async_reset(seed=0)
        for _ in range(4):
            envs.recv()
        envs.send(np.array([3, 0, 0, 0]))
        order = [int(envs.recv()[4]["env_id"][0]) for _ in range(4)]
        assert order[-1] == 0 and sorted(order) == [0, 1, 2, 3]


@kinds
def test_methods_may_be_called_while_environments_step(workers, context):
    with operant.vectorize(Counter, 4, workers, batch_size=4, context=context) as envs:
        envs.async_reset(seed=0)
        assert envs.get_attr("factor") == (1.0,) * 4
        envs.recv()
        envs.send(np.full(4, 2))
        envs.set_attr("other", 1)
        assert envs.get_attr("other") == (1,) * 4
        _, rewards, *_, infos = envs.recv()
        assert rewards.tolist() == [2.0] * 4 and sorted(infos["env_id"]) == [0, 1, 2, 3]


class Heavy(Counter):
    """Has more infos than a pipe takes."""

    def info(self):
        return {"heavy": np.zeros(1 << 18)}


@kinds
def test_large_values_may_be_sent_while_large_infos_are_on_their_way(workers, context):
    large = np.arange(1 << 18)
    with operant.vectorize(Heavy, 2, workers, batch_size=2, context=context, timeout=60) as envs:
        envs.async_reset(seed=0)
        envs.recv()
        envs.send(np.full(2, 1))
        envs.set_attr("other", [large, large + 1])
        assert (envs.get_attr("other")[1] == large + 1).all()
        infos = envs.recv()[4]
        assert infos["heavy"].shape == (2, 1 << 18)
        envs.send(np.full(1, 1), [0])
        envs.reset(options={"reset_mask": np.array([False, True]), "length": 5, "other": large})
        assert envs.get_attr("length")[1] == 5


@kinds
def test_a_reset_discards_what_was_not_received(workers, context):
    with operant.vectorize(Counter, 4, workers, batch_size=2, context=context) as envs:
        envs.async_reset(seed=0)
        envs.recv()
        envs.send(np.ones(2, int), [0, 1])
        observations, _ = envs.reset(seed=1)
        assert observations[:, 0].tolist() == [0] * 4
        assert envs.step(np.ones(4, int))[0][:, 0].tolist() == [1] * 4
        envs.async_reset(seed=1)
        assert envs.recv()[0][:, 0].tolist() == [0, 0]


@kinds
def test_bad_calls_are_refused_and_change_nothing(workers, context):
    with operant.vectorize(Counter, 3, workers, batch_size=2, context=context, autoreset_mode="Disabled") as envs:
        with pytest.raises(RuntimeError, match="call async_reset first"):
            envs.send(np.zeros(3, int))
        envs.async_reset(seed=0, options={"length": 1})
        with pytest.raises(ValueError, match="env_id 0 is still stepping: recv"):
            envs.send(np.zeros(1, int), [0])
        with pytest.raises(RuntimeError, match=r"3 environments were sent actions: recv\(\) them before step"):
            envs.step(np.zeros(3, int))
        with pytest.raises(ValueError, match=r"environment 0 is still stepping: recv\(\) its result"):
            envs.async_reset(options={"reset_mask": np.array([True, False, False])})
        first, second = envs.recv()[4]["env_id"]
        with pytest.raises(RuntimeError, match="1 environments are stepping, but batch_size=2"):
            envs.recv()
        for ids, why in [
            ([3], r"env_id 3 is outside \[0, 3\)"),
            ([first, first], "an id twice"),
            ([], "non-empty"),
            ([0.5], "vector of ints"),
        ]:
            with pytest.raises(ValueError, match=why):
                envs.send(np.zeros(max(len(ids), 1), int), ids)
        with pytest.raises(ValueError, match=r"actions must have the shape \(2,\), not \(3,\)"):
            envs.send(np.zeros(3, int), [first, second])
        with pytest.raises(ValueError, match="actions must be int64, not float64"):
            envs.send(np.zeros(2), [first, second])
        envs.send(np.array([2, 2]), [first, second])
        assert [1.0 if reward else 0.0 for reward in envs.recv()[1]].count(1.0) >= 1
        envs.reset(seed=0, options={"length": 1})
        envs.step(np.zeros(3, int))
        with pytest.raises(AssertionError, match="the episode of environment 1 ended"):
            envs.send(np.zeros(1, int), [1])


def test_actions_of_nested_spaces_are_named_where_they_do_not_fit():
    with operant.vectorize(Nested, 2, 1) as envs:
        envs.async_reset(seed=0)
        envs.recv()
        good = envs.action_space.sample()
        with pytest.raises(ValueError, match="actions must be a dict with the keys 'x', 'y'"):
            envs.send({"x": good["x"]})
        with pytest.raises(ValueError, match=r"actions\['y'\] must be a tuple of 1"):
            envs.send({**good, "y": ()})
        with pytest.raises(ValueError, match=r"actions\['y'\]\[0\] must have the shape \(2, 2\)"):
            envs.send({**good, "y": (np.zeros((2, 3)),)})
        envs.send(good)
        envs.recv()
