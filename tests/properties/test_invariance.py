"""Results do not depend on the instruction set or the number of workers, even if parameters differ.

tests/conformance has the other checks, which users' environments must also pass.
"""

import numpy as np
from support import FAST_ISAS, actions_for, physical, vector

NUM_ENVS, STEPS = 70, 45


def trajectory(env_id, **kwargs):
    """All results of a run, with a row for each environment."""
    env = vector(env_id, NUM_ENVS, max_episode_steps=20, **kwargs)
    actions = actions_for(env.single_action_space, np.random.default_rng(0), (STEPS, NUM_ENVS))
    rows = [env.reset(seed=0)[0].astype(float)]
    for t in range(STEPS):
        observations, rewards, terminated, truncated, _ = env.step(actions[t])
        rows.append(np.column_stack([observations, rewards, terminated, truncated]).astype(float))
    rows.append(physical(env))
    rows.append(np.column_stack([env.episode_returns, env.episode_lengths]).astype(float))
    env.close()
    return np.concatenate(rows, axis=1)


def test_parameters_of_each_environment_are_the_same_on_every_target(isa):
    options = {"params": {"half_length": np.linspace(0.3, 2, 70)}, "randomize": {"gravity": (5.0, 12.0)}}
    expected = trajectory("CartPole-v1", isa="scalar", **options)
    assert trajectory("CartPole-v1", isa=isa, workers=2, **options).tobytes() == expected.tobytes()


def test_a_forced_isa_is_the_one_that_runs(isa, monkeypatch):
    assert vector("CartPole-v1", 64, isa=isa).batch.isa == isa
    monkeypatch.setenv("OPERANT_ISA", isa)
    assert vector("CartPole-v1", 64).batch.isa == isa


def test_more_than_one_target_runs_here_on_x86():
    """SSE2 is part of x86-64, and scalar runs everywhere: a build with fewer targets has lost one."""
    import platform

    expected = {"x86_64": {"scalar", "sse2"}, "aarch64": {"scalar", "neon"}}.get(platform.machine(), {"scalar"})
    assert expected <= set(FAST_ISAS)
