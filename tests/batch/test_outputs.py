"""The results of `step` are the caller's to keep: arrays, views and tensors of them never change, unless copy=False."""

import gc

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_returned_data_not_reused
from support import actions_for, vector

from operant.batch import outputs
from operant.batch.batch import Batch
from operant.batch.outputs import OutputRing, Slot, choose_reuse
from operant.catalog import CATALOG
from operant.environments.single import OperantEnv

VIEWS = {
    "the array": lambda a: a,
    "a row": lambda a: a[0:1],
    "the transpose": lambda a: a.T,
    "a slice of a slice": lambda a: a[:][1:][::2],
    "a reshape": lambda a: a.reshape(-1),
    "another dtype": lambda a: a.view(np.uint8),
    "a memoryview": memoryview,
    "a torch tensor": torch.from_numpy,
    "a DLPack array": np.from_dlpack,
    "a frombuffer": lambda a: np.frombuffer(a, np.uint8),
    "an array over its memoryview": lambda a: np.asarray(memoryview(a)),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_kept_results_of_a_long_run_do_not_change(view, precision):
    env = vector("CartPole-v1", 5, precision=precision)
    kept = []

    def content(held):
        return held.numpy().tobytes() if isinstance(held, torch.Tensor) else np.array(held).tobytes()

    def keep(results):
        for array in results:
            kept.append((view(array), content(view(array))))

    keep(env.reset(seed=0)[:1])
    for actions in np.random.default_rng(0).integers(0, 2, (400, 5)):
        keep(env.step(actions)[:4])
    for held, expected in kept:
        assert content(held) == expected


def info_arrays(infos):
    """The arrays in an info, those of nested infos included."""
    for value in infos.values():
        if isinstance(value, dict):
            yield from info_arrays(value)
        else:
            yield value


def content(array):
    return [None if each is None else each.tobytes() for each in array] if array.dtype == object else array.tobytes()


@pytest.mark.parametrize("keep_every", [1, 2, 3, 7])
def test_kept_infos_of_a_long_run_do_not_change(keep_every):
    env = vector("CartPole-v1", 5, autoreset_mode="SameStep", episode_statistics=True)
    env.reset(seed=0)
    kept = []
    for t, actions in enumerate(np.random.default_rng(0).integers(0, 2, (400, 5))):
        infos = env.step(actions)[4]
        if t % keep_every == 0:
            kept += [(array, content(array)) for array in info_arrays(infos)]
    assert len(kept) > 50
    for array, expected in kept:
        assert content(array) == expected


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_a_kept_view_of_one_final_observation_does_not_change(view):
    env = vector("Pendulum-v1", 5, autoreset_mode="SameStep", max_episode_steps=1)
    env.reset(seed=0)
    kept = []
    for t, actions in enumerate(actions_for(env.single_action_space, np.random.default_rng(0), (50, 5))):
        final = env.step(actions)[4]["final_obs"][t % 5]
        kept.append((view(np.atleast_2d(final)), view(np.atleast_2d(final.copy()))))
    for held, expected in kept:
        assert (np.asarray(held) == np.asarray(expected)).all()


def test_what_a_caller_writes_into_infos_does_not_reach_later_ones():
    """Into rows without an episode's end too, where nothing is written for the next step."""
    envs = [vector("CartPole-v1", 5, autoreset_mode="SameStep", episode_statistics=True) for _ in range(2)]
    for env in envs:
        env.reset(seed=0)
    ended = 0
    for t, actions in enumerate(np.random.default_rng(0).integers(0, 2, (300, 5))):
        touched, untouched = (env.step(actions)[4] for env in envs)
        assert touched.keys() == untouched.keys()
        if not touched:
            continue
        ended += 1
        del touched["episode"]["t"], untouched["episode"]["t"]
        for ours, expected in zip(info_arrays(touched), info_arrays(untouched), strict=True):
            assert content(ours) == content(expected)
            if ours.dtype == object:
                other = next(each for each in ours if each is not None)
                other[:] = 7
                ours[t % 5] = other if t % 2 else "written"
            else:
                ours[:] = 1
    assert ended > 20


def test_infos_are_made_in_two_slots_when_they_are_released():
    env = vector("CartPole-v1", 50, autoreset_mode="SameStep", episode_statistics=True)
    env.reset(seed=0)
    addresses = set()
    for actions in np.random.default_rng(0).integers(0, 2, (300, 50)):
        infos = env.step(actions)[4]
        if infos:
            arrays = infos["final_obs"], infos["episode"]["r"], infos["_episode"]
            addresses.add(tuple(array.__array_interface__["data"][0] for array in arrays))
            final = infos["final_obs"][infos["_final_obs"]]
    assert len(addresses) <= 2 and len(final) > 0


def test_more_final_observations_than_a_slot_keeps_views_of_are_kept_too():
    many, few = (
        vector("Pendulum-v1", count, autoreset_mode="SameStep", max_episode_steps=1)
        for count in (outputs.MOST_VIEWS + 5, 5)
    )
    for env in (many, few):
        env.reset(seed=0)
    for _ in range(3):
        final, expected = (env.step(np.zeros((env.num_envs, 1)))[4]["final_obs"] for env in (many, few))
        many.step(np.ones((many.num_envs, 1)))
        few.step(np.ones((5, 1)))
        assert content(final[:5]) == content(expected)


def test_keeping_a_view_of_one_array_is_enough():
    env = vector("Pendulum-v1", 3)
    env.reset(seed=0)
    for index in range(4):
        held = [env.step(np.ones((3, 1), np.float32))[index][0:2] for _ in range(20)]
        expected = [array.tobytes() for array in held]
        for _ in range(50):
            env.step(-np.ones((3, 1), np.float32))
        assert [array.tobytes() for array in held] == expected


def test_results_of_reset_set_state_and_close_are_kept_too():
    env = vector("CartPole-v1", 2)
    first, _ = env.reset(seed=0)
    restored = env.set_state(env.get_state())
    copies = first.copy(), restored.copy()
    for _ in range(10):
        env.step(np.array([0, 1]))
        env.reset()
    env.close()
    gc.collect()
    assert (first == copies[0]).all() and (restored == copies[1]).all()


def test_the_rewards_and_observations_may_be_written_into():
    """SB3 adds to rewards in place; a caller's writes must not reach the environment."""
    envs = [vector("CartPole-v1", 4) for _ in range(2)]
    for env in envs:
        env.reset(seed=0)
    for actions in np.random.default_rng(0).integers(0, 2, (200, 4)):
        touched, untouched = envs[0].step(actions), envs[1].step(actions)
        for a, b in zip(touched[:4], untouched[:4], strict=True):
            assert a.tobytes() == b.tobytes()
            a[:] = 1


def test_without_copies_every_call_writes_the_same_four_arrays():
    env = vector("CartPole-v1", 5, copy=False)
    observations, _ = env.reset(seed=0)
    first = env.step(np.ones(5, int))[:4]
    assert first[0] is observations
    values = first[0].copy()
    second = env.step(np.ones(5, int))[:4]
    assert all(a is b for a, b in zip(first, second, strict=True))
    assert (first[0] != values).any()


def test_copies_and_the_fixed_arrays_hold_the_same_numbers(classic_id, precision):
    safe, fixed = (vector(classic_id, 5, precision=precision, copy=copy) for copy in (True, False))
    assert safe.reset(seed=1)[0].tobytes() == fixed.reset(seed=1)[0].tobytes()
    for actions in actions_for(safe.single_action_space, np.random.default_rng(0), (50, 5)):
        for a, b in zip(safe.step(actions)[:4], fixed.step(actions)[:4], strict=True):
            assert a.tobytes() == b.tobytes()


def test_the_ring_reuses_two_slots_when_arrays_are_released():
    env = vector("CartPole-v1", 5)
    env.reset(seed=0)
    actions = np.zeros(5, int)
    addresses = set()
    for _ in range(500):
        observations = env.step(actions)[0]
        addresses.add(observations.__array_interface__["data"][0])
    assert len(addresses) <= 3  # the reset's, still held at the first step, and two more


def test_kept_results_are_freed_with_their_last_reference():
    env = vector("CartPole-v1", 100)
    env.reset(seed=0)
    kept = [env.step(np.zeros(100, int))[0] for _ in range(50)]
    assert len({array.__array_interface__["data"][0] for array in kept}) == 50
    kept.clear()
    gc.collect()
    addresses = {env.step(np.zeros(100, int))[0].__array_interface__["data"][0] for _ in range(100)}
    assert len(addresses) <= 2


def test_without_reliable_reference_counts_every_slot_is_new():
    ring = OutputRing(lambda: Slot((3, 4), np.float32, 3, np.float32, lambda *_: (None, None, None)), "fresh")
    taken = [ring.take() for _ in range(10)]
    assert len({id(slot) for slot in taken}) == 10


def test_the_policy_without_copies_is_one_fixed_slot():
    assert choose_reuse(False) == "fixed"
    assert choose_reuse(True) in ("counted", "fresh")


def test_gymnasium_finds_no_data_reused(classic_id, precision):
    """Gymnasium's check needs single flags, so a vector environment must be a batch of one."""
    check_returned_data_not_reused(vector(classic_id, 1, precision=precision))
    check_returned_data_not_reused(vector(classic_id, 1, precision=precision, autoreset_mode="SameStep"))
    check_returned_data_not_reused(OperantEnv(classic_id, precision=precision))


def test_a_single_environments_observations_are_kept(classic_id, precision):
    env = OperantEnv(classic_id, precision=precision)
    kept = [env.reset(seed=0)[0]]
    actions = actions_for(env.action_space, np.random.default_rng(0), (20,))
    kept += [env.step(action)[0] for action in actions[:6]]
    values = [array.tobytes() for array in kept]
    for action in actions[6:]:
        env.reset()
        env.step(action)
    assert [array.tobytes() for array in kept] == values


def test_arrays_are_contiguous_and_of_the_promised_types(classic_id, precision):
    env = vector(classic_id, 4, precision=precision)
    observations, _ = env.reset(seed=0)
    results = env.step(actions_for(env.single_action_space, np.random.default_rng(0), (4,)))
    assert observations.flags.c_contiguous and observations.flags.writeable
    assert [array.dtype.name for array in results[:4]] == ["float32", precision, "bool", "bool"]
    assert all(array.flags.c_contiguous and array.flags.writeable for array in results[:4])
    assert results[0].shape == env.observation_space.shape


def test_a_batch_writes_into_the_arrays_that_it_is_given(precision):
    reals = np.dtype(precision)
    theirs = [np.full((9, 4), 7, np.float32), np.full(9, 7, reals), np.ones(9, bool), np.ones(9, bool)]
    batch = Batch(CATALOG["CartPole-v1"], 5, precision=precision, copy=False)
    batch.write_into(*(array[2:7] for array in theirs))  # a place in a larger buffer
    batch.seed(0)
    batch.reset()
    assert not theirs[1][2:7].any() and not theirs[2][2:7].any() and not theirs[3][2:7].any()

    alone = vector("CartPole-v1", 5, precision=precision)
    assert (alone.reset(seed=0)[0] == theirs[0][2:7]).all()
    for _ in range(30):
        results = batch.step(np.ones(5, np.int64))
        for ours, given, expected in zip(results, theirs, alone.step(np.ones(5, np.int64)), strict=False):
            assert np.shares_memory(ours, given)
            assert given[2:7].tobytes() == expected.tobytes()
    rest = np.r_[0, 1, 7, 8]
    assert (theirs[0][rest] == 7).all() and (theirs[1][rest] == 7).all() and theirs[2][rest].all()


@pytest.mark.parametrize(
    "index, array, message",
    [
        (0, np.zeros((5, 3), np.float32), r"observations must be an array float32 \(5, 4\), not float32 \(5, 3\)"),
        (1, np.zeros(5), r"rewards must be an array float32 \(5,\), not float64 \(5,\)"),
        (2, [False] * 5, r"terminated must be an array bool \(5,\), not list"),
        (3, np.zeros(10, bool)[::2], "truncated must be contiguous, aligned and writeable"),
        (1, np.frombuffer(bytes(20), np.float32), "rewards must be contiguous, aligned and writeable"),
        (1, np.frombuffer(bytearray(21), np.uint8)[1:].view(np.float32), "rewards must be contiguous, aligned"),
    ],
)
def test_an_array_that_the_core_cannot_write_into_is_refused(index, array, message):
    arrays = [np.zeros((5, 4), np.float32), np.zeros(5, np.float32), np.zeros(5, bool), np.zeros(5, bool)]
    arrays[index] = array
    with pytest.raises(ValueError, match=message):
        Batch(CATALOG["CartPole-v1"], 5, copy=False).write_into(*arrays)


def test_write_into_needs_copy_false():
    arrays = [np.zeros((5, 4), np.float32), np.zeros(5, np.float32), np.zeros(5, bool), np.zeros(5, bool)]
    with pytest.raises(ValueError, match="copy=False"):
        Batch(CATALOG["CartPole-v1"], 5).write_into(*arrays)
