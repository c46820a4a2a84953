"""mpe2's attributes, and changes in its `world`, which change the trajectories as they do there."""

import importlib

import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

MODULES = ("simple_v3", "simple_spread_v3", "simple_tag_v3")
# mpe2's attributes that draw, that belong to the AEC form, or to the curriculum, which the constructor refuses.
OTHERS = {
    *("draw", "enable_render", "game_font", "height", "max_size", "original_cam_range", "renderOn", "screen", "viewer"),
    *("width", "agent_iter", "agent_selection", "current_actions", "infos", "last", "observe", "rewards", "scenario"),
    *("terminations", "truncations", "np_random", "advance_curriculum", "set_curriculum_stage"),
}


def pair(module, **options):
    ours = importlib.import_module(f"operant.multiagent.{module}").parallel_env(precision="float64", **options)
    theirs = importlib.import_module(f"mpe2.{module}").parallel_env(**options)
    for env in (ours, theirs):
        env.reset(seed=1)
    return ours, theirs


def same_trajectory(ours, theirs, steps=8):
    random = np.random.default_rng(0)
    for _ in range(steps):
        actions = {agent: int(random.integers(5)) for agent in ours.agents}
        mine, other = ours.step(actions), theirs.step(actions)
        assert data_equivalence(mine[0], other[0], exact=True)
        assert mine[1:] == other[1:]


@pytest.mark.parametrize("module", MODULES)
def test_every_attribute_of_mpe2s_class_reads_as_it_does_there(module):
    ours, theirs = pair(module)
    ours.step(dict.fromkeys(ours.agents, 1))
    theirs.step(dict.fromkeys(theirs.agents, 1))
    theirs = theirs.unwrapped
    names = {name for name in dir(theirs) if not name.startswith("_")} - OTHERS
    assert names <= {*dir(ours)}
    for name in ("benchmark_data", "continuous_actions", "dynamic_rescaling", "local_ratio", "max_cycles", "steps"):
        assert data_equivalence(getattr(ours, name), getattr(theirs, name)), name
    for mine, other in zip(ours.world.entities, theirs.world.entities, strict=True):
        assert np.array_equal(mine.state.p_pos, other.state.p_pos)
        assert np.array_equal(mine.state.p_vel, other.state.p_vel)
        for name in ("name", "size", "accel", "max_speed", "movable", "collide", "initial_mass"):
            assert getattr(mine, name) == getattr(other, name), name


def move_a_body(world):
    world.agents[0].state.p_pos = np.array([0.1, 0.2])
    world.agents[0].state.p_vel[1] = -0.5
    world.landmarks[0].state.p_pos[:] = 0.3


def change_a_constant(world):
    world.damping, world.dt, world.contact_force, world.contact_margin = 0.1, 0.2, 50.0, 0.01


def change_every_agent(world):
    for agent in world.agents:
        agent.accel = 2.0
        agent.size = 0.25


@pytest.mark.parametrize("change", [move_a_body, change_a_constant, change_every_agent])
@pytest.mark.parametrize("module", MODULES[1:])
def test_what_is_changed_in_the_world_is_changed_in_the_environment(module, change):
    ours, theirs = pair(module)
    change(ours.world)
    change(theirs.unwrapped.world)
    same_trajectory(ours, theirs)


@pytest.mark.parametrize("change", [move_a_body, change_a_constant, change_every_agent])
def test_a_world_that_was_read_long_ago_is_still_the_environments(change):
    ours, theirs = pair("simple_spread_v3")
    worlds = mine, other = ours.world, theirs.unwrapped.world
    assert ours.world is mine
    for world in worlds:
        for agent in world.agents:
            agent.size = 0.1
    same_trajectory(ours, theirs)
    for env in (ours, theirs):
        env.reset(seed=2)
    same_trajectory(ours, theirs)
    assert np.array_equal(mine.agents[1].state.p_pos, other.agents[1].state.p_pos)
    for world in worlds:
        change(world)
    same_trajectory(ours, theirs)
    assert [(body.size, *body.state.p_pos) for body in mine.entities] == [
        (body.size, *body.state.p_pos) for body in other.entities
    ]


def test_a_parameter_that_is_assigned_is_in_the_world_that_was_read():
    ours, _ = pair("simple_spread_v3")
    world = ours.world
    world.agents[0].state.p_pos = np.array([0.1, 0.2])
    ours.damping = 0.5
    assert world.damping == 0.5 and world.agents[0].state.p_pos.tolist() == [0.1, 0.2]
    assert ours.batch.get_state()["agent_0_x"][0] == 0.1


def test_the_ratio_and_the_cycles_are_assigned():
    ours, theirs = pair("simple_spread_v3")
    for env in (ours, theirs.unwrapped):
        env.local_ratio, env.max_cycles, env.steps = 0.9, 9, 3
    same_trajectory(ours, theirs, 6)
    assert ours.agents == theirs.agents == []


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda world: setattr(world.agents[0], "size", 0.3), "agent_0.size cannot be changed to 0.3 here"),
        (lambda world: setattr(world.agents[0], "initial_mass", 2.0), "agent_0.initial_mass cannot be changed"),
        (lambda world: setattr(world.landmarks[0].state, "p_vel", np.ones(2)), "landmark 0.state.p_vel cannot"),
    ],
)
def test_what_the_world_here_cannot_have_is_refused_at_the_next_step(change, message):
    ours, _ = pair("simple_spread_v3")
    change(ours.world)
    with pytest.raises(AttributeError, match=message):
        ours.step(dict.fromkeys(ours.agents, 1))
    ours.step(dict.fromkeys(ours.agents, 1))
    with pytest.raises(AttributeError, match="continuous_actions of operant/simple_spread-v3 cannot be assigned"):
        ours.continuous_actions = True
