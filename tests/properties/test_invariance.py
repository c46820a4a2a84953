"""Results depend on neither the split of the batch, nor the instruction set, nor the number of workers."""

import numpy as np
import pytest
from support import FAST_ISAS, actions_for, physical, vector

NUM_ENVS, STEPS = 200, 45
SPLITS = (1, 2, 3, 15, 16, 17, 63, 64, 65, 200)


def trajectory(env_id, num_envs, mode="NextStep", seed=0, first=0, **kwargs):
    """Every result of the first `num_envs` of 200 environments' steps, as bytes per environment."""
    env = vector(env_id, num_envs, max_episode_steps=20, autoreset_mode=mode, **kwargs)
    actions = actions_for(env.single_action_space, np.random.default_rng(0), (STEPS, NUM_ENVS))
    rows = [env.reset(seed=seed)[0].astype(float)]
    for t in range(STEPS):
        observations, rewards, terminated, truncated, _ = env.step(actions[t, first : first + num_envs])
        rows.append(np.column_stack([observations, rewards, terminated, truncated]).astype(float))
    rows.append(physical(env))
    rows.append(np.column_stack([env.episode_returns, env.episode_lengths]).astype(float))
    env.close()
    return np.concatenate(rows, axis=1)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_every_target_split_and_worker_count_returns_the_same_bits(physics_id, isa, workers):
    expected = trajectory(physics_id, NUM_ENVS, isa="scalar")
    for num_envs in SPLITS:
        result = trajectory(physics_id, num_envs, isa=isa, workers=workers)
        assert result.tobytes() == expected[:num_envs].tobytes(), num_envs


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_exact_build_does_not_depend_on_split_or_workers(physics_id, workers):
    expected = trajectory(physics_id, NUM_ENVS, precision="float64")
    for num_envs in SPLITS:
        result = trajectory(physics_id, num_envs, precision="float64", workers=workers)
        assert result.tobytes() == expected[:num_envs].tobytes(), num_envs


def test_every_target_resets_alike_in_every_autoreset_mode(physics_id, isa):
    expected = trajectory(physics_id, 70, "SameStep", isa="scalar")
    assert trajectory(physics_id, 70, "SameStep", isa=isa, workers=2).tobytes() == expected.tobytes()


def test_parameters_of_each_environment_are_the_same_on_every_target(isa):
    options = {"params": {"half_length": np.linspace(0.3, 2, 70)}, "randomize": {"gravity": (5.0, 12.0)}}
    expected = trajectory("CartPole-v1", 70, isa="scalar", **options)
    assert trajectory("CartPole-v1", 70, isa=isa, workers=2, **options).tobytes() == expected.tobytes()


def test_environment_3_of_seed_0_is_environment_0_of_seed_3(physics_id, precision):
    whole = trajectory(physics_id, 8, precision=precision)
    assert trajectory(physics_id, 5, precision=precision, seed=3, first=3).tobytes() == whole[3:].tobytes()


def test_a_forced_isa_is_the_one_that_runs(isa, monkeypatch):
    assert vector("CartPole-v1", 64, isa=isa)._batch.isa == isa
    monkeypatch.setenv("OPERANT_ISA", isa)
    assert vector("CartPole-v1", 64)._batch.isa == isa


def test_more_than_one_target_runs_here_on_x86():
    """SSE2 is part of x86-64, and scalar runs everywhere: a build with fewer targets has lost some."""
    import platform

    expected = {"x86_64": {"scalar", "sse2"}, "aarch64": {"scalar", "neon"}}.get(platform.machine(), {"scalar"})
    assert expected <= set(FAST_ISAS)
