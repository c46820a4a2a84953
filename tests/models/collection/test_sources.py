"""Environments for training: operant's ids and others, vector envs, and errors."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from toys import Countdown, Nested, vector

import operant
from operant.models.collection.sources import GymnasiumEnvironments, NativeEnvironments, make_environments
from operant.workers.choice import available_cores


def test_operants_ids_are_native_and_all_others_gymnasiums():
    native, foreign = make_environments("operant/CartPole-v1", 3, {}), make_environments("CartPole-v1", 3, {})
    assert type(native) is NativeEnvironments and native.env_id == "operant/CartPole-v1" and native.resumable
    assert type(foreign) is GymnasiumEnvironments and foreign.env_id == "CartPole-v1" and not foreign.resumable
    for each in (native, foreign):
        assert each.num_envs == 3 and each.action_space == spaces.Discrete(2)
        buffer = each.allocate(2)
        each.reset(0, buffer)
        assert np.abs(buffer.observations[-1]).max() <= 0.05 and buffer.observations[-1].any()
        each.close()


def test_options_go_to_the_constructor():
    for name in ("operant/CartPole-v1", "CartPole-v1"):
        each = make_environments(name, 1, {"max_episode_steps": 2})
        buffer = each.allocate(2)
        each.reset(0, buffer)
        buffer.roll()
        assert each.step(buffer, 0) is None
        episodes = each.step(buffer, 1)
        assert episodes.returns.tolist() == [2] and episodes.lengths.tolist() == [2]
        assert episodes.truncated.tolist() == [0] and episodes.final_observations.shape == (1, 4)
        assert not np.array_equal(episodes.final_observations[0], buffer.observations[2, 0])


def test_returns_and_truncations_are_reported_by_row():
    each = make_environments(vector(Countdown, lambda: Countdown(2, truncates=True), lambda: Countdown(2)), 1, {})
    buffer = each.allocate(3)
    each.reset(0, buffer)
    buffer.roll()
    assert each.step(buffer, 0) is None
    second, third = each.step(buffer, 1), each.step(buffer, 2)
    assert second.returns.tolist() == [2, 2] and second.truncated.tolist() == [1]
    assert second.final_observations.tolist() == [[2]]
    assert third.returns.tolist() == [3] and third.truncated.tolist() == [] and len(third.final_observations) == 0
    assert buffer.observations[:, :, 0].tolist() == [[0, 0, 0], [1, 1, 1], [2, 0, 0], [0, 1, 1]]


def test_nested_observations_are_rows_of_bytes():
    each = make_environments(vector(Nested, Nested), 1, {})
    buffer = each.allocate(2)
    each.reset(0, buffer)
    assert buffer.observations.dtype == np.uint8 and buffer.actions.shape == (2, 2, 2)
    structure = each.layout.unflatten(buffer.observations[-1])
    assert structure["action_mask"].sum(1).tolist() == [4, 4]


def test_operants_vector_env_is_native_only_in_same_step_mode():
    same = operant.OperantVectorEnv("operant/CartPole-v1", 2, autoreset_mode="SameStep")
    assert type(make_environments(same, 9, {})) is NativeEnvironments
    with pytest.raises(ValueError, match=r"training needs a vector env in SAME_STEP mode, not .*NEXT_STEP"):
        make_environments(operant.OperantVectorEnv("operant/CartPole-v1", 2), 9, {})
    with pytest.raises(ValueError, match=r"training needs a vector env in SAME_STEP mode, not .*NEXT_STEP"):
        make_environments(gym.make_vec("CartPole-v1", 2, vectorization_mode="sync"), 9, {})


def test_an_unknown_id_is_an_error_that_names_the_nearest():
    with pytest.raises(ValueError, match="CartPole-v1"):
        make_environments("CartPol-v1", 2, {})
    with pytest.raises(ValueError, match="CartPole-v1"):
        make_environments("operant/CartPol-v1", 2, {})


def test_options_beside_a_vector_env_are_an_error():
    with pytest.raises(ValueError, match=r"options \['gravity'\] are only for an id"):
        make_environments(vector(Countdown), 2, {"gravity": 1})


def test_workers_step_environments_in_python_with_the_same_rollouts_and_nothing_else():
    rollouts = []
    for workers in (0, 2):
        each = make_environments("CartPole-v1", 3, {"max_episode_steps": 5}, workers=workers)
        buffer = each.allocate(12)
        each.reset(4, buffer)
        buffer.actions[:] = 1
        ended = [each.step(buffer, t) for t in range(12)]
        each.close()
        rollouts.append([buffer.observations.tobytes(), buffer.rewards.tobytes(), str(ended)])
    assert rollouts[0] == rollouts[1]
    with pytest.raises(ValueError, match=r"workers=2 is for environments written in Python, and operant/CartPole-v1"):
        make_environments("operant/CartPole-v1", 3, {}, workers=2)
    with pytest.raises(ValueError, match=r"workers=2 is only for an id: give operant\.vectorize"):
        make_environments(vector(Countdown), 1, {}, workers=2)


def test_tasks_on_mujoco_are_stepped_by_the_threads_of_the_run_and_the_cores_own_by_one():
    def workers(env_id, **given):
        made = make_environments(env_id, 3, given.pop("options", {}), **given)
        made.close()
        return made.batch.workers

    assert [workers("operant/InvertedPendulum-v5", threads=threads) for threads in (1, 2, 5000)] == [1, 2, 3]
    assert workers("operant/InvertedPendulum-v5") == min(available_cores(), 3)
    assert workers("operant/InvertedPendulum-v5", threads=1, options={"workers": 3}) == 3
    assert workers("operant/CartPole-v1", threads=2) == 1
