"""The direct classes: native batches with same-step autoreset, without Gymnasium's registry."""

import pydoc

import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from snippets import run_snippets
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


@pytest.mark.parametrize("cls", [envs.PendulumVecEnv, envs.MountainCarContinuousVecEnv])
@pytest.mark.parametrize("form", [np.asarray, np.ndarray.tolist, torch.from_numpy])
def test_an_action_of_one_number_needs_no_axis_of_its_own(cls, form):
    flat, nested = cls(4), cls(4)
    flat.reset(seed=1)
    nested.reset(seed=1)
    for actions in np.random.default_rng(0).uniform(-1, 1, (10, 4)).astype(np.float32):
        assert flat.step(form(actions))[0].tobytes() == nested.step(actions[:, None])[0].tobytes()
    for wrong in (np.zeros(3, np.float32), np.zeros(8, np.float32), np.zeros((2, 2), np.float32)):
        with pytest.raises(ValueError, match=r"actions have shape .* needs \(4, 1\)"):
            flat.step(wrong)


@pytest.mark.parametrize(
    "old, present",
    [
        ("PyCartPoleVecEnv", "operant.envs.CartPoleVecEnv"),
        ("PyMountainCarVecEnv", "operant.envs.MountainCarVecEnv"),
        ("PyPendulumVecEnv", "operant.envs.PendulumVecEnv"),
        ("Logger", "operant.utils.Logger"),
    ],
)
def test_an_old_name_works_and_warns_with_the_present_one(old, present):
    names = {}
    with pytest.warns(DeprecationWarning, match=rf"^operant.{old} is now {present}$") as warned:
        exec(f"from operant import {old}", names)
    assert names[old] is pydoc.locate(present)
    assert {warning.filename for warning in warned} == {"<string>"}  # the caller's file


def test_the_pages_snippet_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_snippets("Direct classes")
    assert len((tmp_path / "pendulum.csv").read_text().splitlines()) == 101


def test_every_classic_physics_has_a_direct_class():
    assert {CATALOG[name].header for name in CLASSES.values()} == {CATALOG[name].header for name in PHYSICS}


def test_it_takes_the_vector_environments_options():
    env = envs.CartPoleVecEnv(2, precision="float64", params={"gravity": 5.0}, autoreset_mode="NextStep")
    assert env.autoreset_mode is AutoresetMode.NEXT_STEP
    assert env.parameter("gravity").tolist() == [5.0, 5.0]
