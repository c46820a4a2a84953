"""The exact build returns mpe2's observations, rewards and flags bit for bit, from equal seeds and from any state."""

import math
from types import SimpleNamespace

import gymnasium.logger
import mpe2.simple_tag.simple_tag as simple_tag
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from particles import VARIANTS, bodies, mpe2_env, put_mpe2, put_ours, random_actions, random_state, variant_id

from operant.environments.parallel import OperantParallelEnv

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
EPISODES = 15


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Silences mpe2, which warns of every action that it clips."""
    monkeypatch.setattr(gymnasium.logger, "min_level", gymnasium.logger.ERROR)
    monkeypatch.setattr("pettingzoo.utils.env_logger.EnvLogger.warn_action_out_of_bound", lambda **_: None)


@pytest.fixture
def libm(monkeypatch):
    """Makes simple_tag's border penalty use the C library's exp; NumPy has its own for CPUs with AVX-512."""
    monkeypatch.setattr(simple_tag, "np", SimpleNamespace(**{**vars(np), "exp": math.exp}))


def same(ours, theirs):
    """Checks that results of `reset` or `step`, by agent, are equal in every bit and dtype."""
    for mine, other in zip(ours, theirs, strict=True):
        assert list(mine) == list(other)
        for agent in mine:
            if isinstance(other[agent], np.ndarray):
                assert mine[agent].dtype == other[agent].dtype
                assert mine[agent].tobytes() == other[agent].tobytes(), agent
            else:
                assert mine[agent] == other[agent], agent


@pytest.mark.parametrize("name, options", VARIANTS, ids=variant_id)
def test_episodes_from_a_seed_are_mpe2s(libm, name, options):
    ours, theirs = OperantParallelEnv(name, precision="float64", **options), mpe2_env(name, options)
    assert ours.possible_agents == theirs.possible_agents
    random = np.random.default_rng(0)
    for episode in range(EPISODES):
        seed = episode if episode % 3 == 0 else None  # None continues the generator
        same(ours.reset(seed=seed), theirs.reset(seed=seed))
        assert ours.state().tobytes() == theirs.state().tobytes()
        heading = random.integers(1, 5)
        while theirs.agents:
            actions = random_actions(ours.action_space(ours.agents[0]), len(ours.agents), random)
            if actions.ndim == 1:
                actions = np.where(random.random(len(actions)) < 0.5, actions, heading)
            by_agent = dict(zip(ours.agents, actions, strict=True))
            same(ours.step(by_agent), theirs.step(by_agent))
            assert ours.agents == theirs.agents


@pytest.mark.parametrize("name, options", VARIANTS, ids=variant_id)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_step_from_any_state_is_mpe2s(name, options, seed):
    random = np.random.default_rng(seed)
    ours, theirs = OperantParallelEnv(name, precision="float64", **options), mpe2_env(name, options)
    ours.reset(seed=0), theirs.reset(seed=0)
    for _ in range(8):
        state = random_state(*bodies(ours), random)
        put_ours(ours, state[None])
        put_mpe2(theirs, state)
        actions = random_actions(ours.action_space(ours.agents[0]), len(ours.agents), random)
        by_agent = dict(zip(ours.agents, actions, strict=True))
        mine, other = ours.step(by_agent), theirs.step(by_agent)
        if name == "simple_tag_v3":
            # NumPy's own exp, at most 10 here, may be an ulp of libm's; see `libm`.
            assert abs(mine[1]["agent_0"] - other[1]["agent_0"]) <= 2 * np.spacing(40.0)
            mine[1]["agent_0"] = other[1]["agent_0"]
        same(mine, other)


def test_options_change_the_physics_as_in_mpe2():
    options = {"N": 3, "local_ratio": 0.2, "max_cycles": 7, "continuous_actions": False}
    ours, theirs = (
        OperantParallelEnv("simple_spread_v3", precision="float64", **options),
        mpe2_env("simple_spread_v3", options),
    )
    same(ours.reset(seed=4), theirs.reset(seed=4))
    random = np.random.default_rng(1)
    for _ in range(7):
        by_agent = {agent: int(random.integers(5)) for agent in ours.agents}
        same(ours.step(by_agent), theirs.step(by_agent))
    assert ours.agents == theirs.agents == []


def test_the_comparison_can_fail():
    ours = OperantParallelEnv("simple_spread_v3", precision="float64", params={"damping": 0.2500001})
    theirs = mpe2_env("simple_spread_v3", {})
    ours.reset(seed=0), theirs.reset(seed=0)
    by_agent = dict.fromkeys(ours.agents, 1)
    for env in (ours, theirs):
        env.step(by_agent)
    with pytest.raises(AssertionError):
        same(ours.step(by_agent), theirs.step(by_agent))
