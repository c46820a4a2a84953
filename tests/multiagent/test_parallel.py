"""One environment as PettingZoo's ParallelEnv and AECEnv, under PettingZoo's own tests."""

import pickle
import subprocess
import sys
from importlib import import_module

import numpy as np
import pettingzoo
import pytest
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from particles import NAMES, VARIANTS, mpe2_env, variant_id
from pettingzoo.test import (
    api_test,
    max_cycles_test,
    parallel_api_test,
    parallel_seed_test,
    render_test,
    seed_test,
    state_test,
)

import operant
from operant.environments.parallel import OperantParallelEnv, aec_env
from operant.multiagent import simple_spread_v3, simple_tag_v3

pytestmark = [
    pytest.mark.filterwarnings("error::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.mark.parametrize("name, options", VARIANTS, ids=variant_id)
def test_pettingzoos_parallel_tests_pass(name, options):
    parallel_api_test(OperantParallelEnv(name, **options), num_cycles=100)
    parallel_seed_test(lambda: OperantParallelEnv(name, **options), num_cycles=50)


@pytest.mark.parametrize("name, options", VARIANTS, ids=variant_id)
def test_pettingzoos_aec_tests_pass(name, options):
    api_test(aec_env(name, **options), num_cycles=100)
    seed_test(lambda: aec_env(name, **options), num_cycles=20)


@pytest.mark.parametrize("name", NAMES)
def test_pettingzoos_module_tests_pass(name):
    module = import_module(f"operant.multiagent.{name}")
    max_cycles_test(module)
    state_test(module.env(), module.parallel_env())
    render_test(lambda **options: module.env(**options))


@pytest.mark.parametrize("name, options", VARIANTS, ids=variant_id)
def test_spaces_are_mpe2s(name, options):
    ours, theirs = OperantParallelEnv(name, **options), mpe2_env(name, options)
    assert ours.possible_agents == theirs.possible_agents
    for agent in ours.possible_agents:
        assert ours.observation_space(agent) == theirs.observation_space(agent)
        assert ours.action_space(agent) == theirs.action_space(agent)
    assert ours.state_space == theirs.state_space
    assert ours.metadata["name"] == theirs.metadata["name"] == name


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_in_pettingzoos_registry(name):
    parallel = pettingzoo.make("parallel", f"operant/{name}")
    assert isinstance(parallel, OperantParallelEnv) and parallel.max_cycles == 25
    assert parallel.metadata["name"] == name
    assert isinstance(pettingzoo.make("aec", f"operant/{name}", max_cycles=9), pettingzoo.AECEnv)
    assert pettingzoo.make("parallel", f"operant/{name.replace('_v', '-v')}", max_cycles=9).max_cycles == 9


@pytest.mark.parametrize("first", ["operant", "pettingzoo"])
def test_ids_are_registered_whichever_is_imported_first(first):
    other = {"operant": "pettingzoo", "pettingzoo": "operant"}[first]
    script = (
        f"import sys, {first}; assert ('pettingzoo' in sys.modules) == {first == 'pettingzoo'}; import {other}; "
        "print("
        "type(pettingzoo.make('parallel', 'operant/simple_tag_v3')).__name__)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "OperantParallelEnv\n", done.stderr


def test_without_pettingzoo_the_error_names_the_extra():
    script = "import sys; sys.modules['pettingzoo'] = None; import operant; operant.OperantParallelEnv"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "ImportError: operant's environments of several agents need pettingzoo" in done.stderr
    assert "pip install 'operant[pettingzoo]'" in done.stderr


def test_the_agent_that_observes_less_gets_no_padding():
    env = simple_tag_v3.parallel_env()
    observations, _ = env.reset(seed=0)
    assert {agent: row.shape for agent, row in observations.items()} == {
        "adversary_0": (16,),
        "adversary_1": (16,),
        "adversary_2": (16,),
        "agent_0": (14,),
    }


def test_observations_may_be_kept():
    env = simple_spread_v3.parallel_env()
    kept = [env.reset(seed=0)[0]]
    copies = [{agent: row.copy() for agent, row in kept[0].items()}]
    while env.agents:
        kept.append(env.step(dict.fromkeys(env.agents, 2))[0])
        copies.append({agent: row.copy() for agent, row in kept[-1].items()})
    for rows, copied in zip(kept, copies, strict=True):
        for agent in rows:
            assert (rows[agent] == copied[agent]).all()


@pytest.mark.parametrize("name", NAMES)
def test_frames_are_mpe2s(name):
    ours = OperantParallelEnv(name, precision="float64", render_mode="rgb_array")
    theirs = mpe2_env(name, {"render_mode": "rgb_array"})
    with pytest.raises(ResetNeeded, match="before it is drawn"):
        ours.render()
    for seed in (3, 4):
        ours.reset(seed=seed), theirs.reset(seed=seed)
        for step in range(25):
            if step in (0, 24):
                frame = ours.render()
                assert frame.shape == (700, 700, 3) and frame.dtype == np.uint8
                assert (frame == theirs.render()).all()
                assert len(np.unique(frame.reshape(-1, 3), axis=0)) >= 3
            ours.step(dict.fromkeys(ours.agents, 1)), theirs.step(dict.fromkeys(theirs.agents, 1))


@pytest.mark.parametrize(
    "make, error, message",
    [
        (
            lambda: simple_spread_v3.parallel_env(N=9),
            ValueError,
            "has no N=9, continuous_actions=False: choose from N=2",
        ),
        (lambda: simple_spread_v3.parallel_env(N=[3]), ValueError, r"has no N=\[3\]"),
        (
            lambda: simple_spread_v3.parallel_env(n=4),
            TypeError,
            "got an unexpected keyword argument 'n': did you mean 'N'",
        ),
        (lambda: simple_spread_v3.parallel_env(curriculum=True), ValueError, "supports only curriculum=False"),
        (lambda: simple_tag_v3.parallel_env(num_good=2), ValueError, "supports only num_good=1"),
        (
            lambda: simple_tag_v3.parallel_env(local_ratio=0.5),
            TypeError,
            "got an unexpected keyword argument 'local_ratio'",
        ),
        (
            lambda: simple_spread_v3.parallel_env(local_ratio=1.5),
            ValueError,
            r"'local_ratio' = 1.5 is outside \[0, 1\]$",
        ),
        (
            lambda: simple_spread_v3.parallel_env(max_cycles=0),
            ValueError,
            "max_cycles=0 must be an integer of at least",
        ),
        (lambda: simple_spread_v3.parallel_env(render_mode="ansi"), ValueError, "unknown render_mode 'ansi'"),
        (lambda: OperantParallelEnv("simple_spred_v3"), ValueError, "did you mean 'simple_spread-v3'"),
        (lambda: OperantParallelEnv("CartPole-v1"), ValueError, "has one agent: use gymnasium.make"),
        (lambda: operant.OperantEnv("simple_tag_v3"), ValueError, "use operant.multiagent.simple_tag_v3"),
        (lambda: operant.AsyncEnvPool("simple_tag_v3", 4), ValueError, "use operant.multiagent.simple_tag_v3"),
    ],
)
def test_invalid_constructor_arguments_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    "actions, message",
    [
        ({"agent_0": 1, "agent_1": 1}, r"compare \['agent_2'\]"),
        ({"agent_0": 1, "agent_1": 1, "agent_2": 1, "agent_3": 1}, r"compare \['agent_3'\]"),
        ({"agent_0": 1, "agent_1": 5, "agent_2": 1}, "action 5 of agent_1 is not in Discrete"),
        ({"agent_0": 1, "agent_1": 0.5, "agent_2": 1}, "action 0.5 of agent_1"),
    ],
)
def test_bad_actions_are_named_and_nothing_moves(actions, message):
    env = simple_spread_v3.parallel_env()
    env.reset(seed=0)
    before = env.state()
    with pytest.raises(ValueError, match=message):
        env.step(actions)
    assert (env.state() == before).all() and len(env.agents) == 3


def test_a_bad_continuous_action_is_named():
    env = simple_tag_v3.parallel_env(continuous_actions=True)
    env.reset(seed=0)
    for bad in ([0.0, 0.0, np.nan, 0.0, 0.0], [0.0, 0.0]):
        with pytest.raises(ValueError, match="of agent_0 is not in Box"):
            env.step({agent: np.array(bad if agent == "agent_0" else [0.0] * 5) for agent in env.agents})


def test_before_the_first_reset_and_after_closing_the_error_says_so():
    env = simple_spread_v3.parallel_env(max_cycles=np.int64(5))
    with pytest.raises(ResetNeeded, match=r"reset the environment before calling state\(\)"):
        env.state()
    env.reset(seed=0)
    copied = pickle.loads(pickle.dumps(env))
    actions = dict.fromkeys(env.agents, 3)
    assert copied.step(actions)[1] == env.step(actions)[1]
    env.close()
    env.close()
    for call in (env.reset, env.state, lambda: env.step({}), lambda: env.step(actions)):
        with pytest.raises(ClosedEnvironmentError):
            call()
    assert env.agents == []


def test_a_step_without_agents_is_refused():
    env = simple_spread_v3.parallel_env(max_cycles=1)
    with pytest.raises(ResetNeeded, match="reset the environment before its first step"):
        env.step(dict.fromkeys(env.possible_agents, 0))
    env.reset(seed=0)
    env.step(dict.fromkeys(env.agents, 0))
    assert env.agents == []
    with pytest.raises(ResetNeeded, match="after its last"):
        env.step(dict.fromkeys(env.possible_agents, 0))
