"""The direct classes: native batches with same-step autoreset, without Gymnasium's registry."""

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from support import PHYSICS, actions_for, same_infos, vector

from operant import envs
from operant.catalog import CATALOG

CLASSES = {
    envs.CartPoleVecEnv: "CartPole-v1",
    envs.MountainCarVecEnv: "MountainCar-v0",
    envs.MountainCarContinuousVecEnv: "MountainCarContinuous-v0",
    envs.PendulumVecEnv: "Pendulum-v1",
    envs.AcrobotVecEnv: "Acrobot-v1",
}


@pytest.mark.parametrize("cls, env_id", CLASSES.items())
def test_a_direct_class_is_the_same_step_vector_environment(cls, env_id):
    ours, same = cls(5, workers=2), vector(env_id, 5, autoreset_mode="SameStep")
    observations, info = ours.reset(seed=42)
    assert info == {}
    assert observations.tobytes() == same.reset(seed=42)[0].tobytes()
    for actions in actions_for(ours.single_action_space, np.random.default_rng(0), (220, 5)):
        mine, other = ours.step(actions), same.step(actions)
        assert len(mine) == 5
        for a, b in zip(mine[:4], other[:4], strict=True):
            assert a.tobytes() == b.tobytes()
        same_infos(mine[4], other[4])
    assert ours.autoreset_mode is AutoresetMode.SAME_STEP


@pytest.mark.parametrize("cls, env_id", CLASSES.items())
def test_its_attributes_describe_the_batch(cls, env_id):
    env = cls(3)
    assert env.num_envs == 3
    assert env.observation_space.shape == (3, len(CATALOG[env_id].observation))
    assert isinstance(env.action_space, spaces.MultiDiscrete if CATALOG[env_id].actions else spaces.Box)
    assert env.action_space.shape[0] == 3


@pytest.mark.parametrize("cls", [envs.CartPoleVecEnv, envs.MountainCarVecEnv, envs.AcrobotVecEnv])
def test_int32_and_int64_actions_are_alike(cls):
    narrow, wide = cls(4), cls(4)
    narrow.reset(seed=1)
    wide.reset(seed=1)
    for actions in np.random.default_rng(0).integers(0, 2, (100, 4)):
        assert narrow.step(actions.astype(np.int32))[0].tobytes() == wide.step(actions)[0].tobytes()


def test_every_classic_physics_has_a_direct_class():
    assert {CATALOG[name].header for name in CLASSES.values()} == {CATALOG[name].header for name in PHYSICS}


def test_it_takes_the_vector_environments_options():
    env = envs.CartPoleVecEnv(2, precision="float64", params={"gravity": 5.0}, autoreset_mode="NextStep")
    assert env.autoreset_mode is AutoresetMode.NEXT_STEP
    assert env.parameter("gravity").tolist() == [5.0, 5.0]
