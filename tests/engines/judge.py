"""The judge of MuJoCo's tasks: Gymnasium's environments in the same process, step by step, with `==`."""

import gymnasium as gym
import mujoco
import numpy as np

from operant.catalog import ENGINES

# Gymnasium refuses Pusher-v4 on MuJoCo 3, and so do we: test_mujoco_errors.py.
IDS = tuple(name for name in ENGINES if name != "Pusher-v4" or mujoco.__version__ < "3.0.0")
MODES = ("NextStep", "SameStep", "Disabled")


def assert_same(ours, theirs, where):
    """Fails unless two results are equal in values, dtypes and shapes; NaN equals NaN."""
    if isinstance(theirs, dict):
        assert {*ours} == {*theirs}, f"{where}: {sorted(ours)} and {sorted(theirs)}"
        for key in theirs:
            assert_same(ours[key], theirs[key], f"{where}[{key!r}]")
        return
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), where
    if theirs.dtype == object:
        for k, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert (one is None) == (other is None), f"{where}[{k}]"
            if other is not None:
                assert_same(one, other, f"{where}[{k}]")
        return
    same = (ours == theirs) | ((ours != ours) & (theirs != theirs))
    assert same.all(), f"{where}: {ours[~same][:3]} and {theirs[~same][:3]}"


def make_pair(env_id, num_envs, mode="NextStep", workers=2, limit=None, alter=None, ours=None, **options):
    """Our batch and Gymnasium's environments with the same constructor options.

    Args:
        limit: max_episode_steps of both.
        alter: called with each of Gymnasium's environments and its index.
        ours: options of our batch alone.
    """

    def make(i):
        env = gym.make(env_id, **options, **({} if limit is None else {"max_episode_steps": limit}))
        if alter is not None:
            alter(env.unwrapped, i)
        return env

    how = {"autoreset_mode": mode, "workers": workers, "max_episode_steps": limit}
    batch = gym.make_vec(f"operant/{env_id}", num_envs, **how, **options, **(ours or {}))
    makers = [lambda i=i: make(i) for i in range(num_envs)]
    return batch, gym.vector.SyncVectorEnv(makers, autoreset_mode=gym.vector.AutoresetMode(mode))


def compare(ours, theirs, steps, seed=7, dtype=np.float32, scale=1.0):
    """Steps both with the same random actions, `scale` times their bounds, and compares everything they return."""
    random = np.random.default_rng(seed)
    assert_same(ours.single_observation_space.low, theirs.single_observation_space.low, "observation space")
    assert ours.single_observation_space == theirs.single_observation_space
    assert ours.single_action_space == theirs.single_action_space
    space, mode = theirs.single_action_space, ours.metadata["autoreset_mode"].value
    assert_same(*(dict(enumerate(each.reset(seed=seed))) for each in (ours, theirs)), "reset")
    for t in range(steps):
        actions = (random.uniform(space.low, space.high, (ours.num_envs, *space.shape)) * scale).astype(dtype)
        mine, judge = ours.step(actions), theirs.step(actions)
        assert_same(dict(enumerate(mine)), dict(enumerate(judge)), f"step {t}")
        ended = judge[2] | judge[3]
        if mode == "Disabled" and ended.any():
            resets = [each.reset(options={"reset_mask": ended.copy()}) for each in (ours, theirs)]
            assert_same(*(dict(enumerate(each)) for each in resets), f"reset after step {t}")
    return t
