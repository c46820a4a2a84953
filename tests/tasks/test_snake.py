"""Snake-v0: the rules one by one, and a player that fills the grid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import vector

from operant.environments.rendering import reference_env
from operant.environments.single import OperantEnv
from operant.reference.snake import SnakeEnv

UP, RIGHT, DOWN, LEFT = range(4)
HEAD, BODY, TAIL, FRUIT = range(4)


def tour():
    """The direction from each cell to the next on a tour of the grid, `[10, 10]`: down column 0, back in bends."""
    ways = np.empty((10, 10), int)
    ways[:9, 0] = DOWN
    for row in range(10):
        eastwards = row % 2 == 1
        ways[row, 1:] = RIGHT if eastwards else LEFT
        ways[row, 9 if eastwards else 1] = UP
    ways[9, 0] = RIGHT
    ways[0, 1:] = LEFT
    return ways


TOUR = tour()


def follow(observations, ways=TOUR):
    """The actions `[N]` that follow the tour from the heads' cells."""
    heads = observations[..., HEAD].reshape(len(observations), 100).argmax(1)
    return ways.ravel()[heads]


def placed(precision, parts, fruit=(0, 0), heading=RIGHT, **options):
    """One environment with a snake whose parts, from tail to head, lie at `parts`."""
    theirs = SnakeEnv()
    theirs.reset(seed=0)
    theirs.snake.clear()
    theirs.snake.extend(parts)
    theirs.fruit, theirs.heading = fruit, heading
    env = OperantEnv("Snake-v0", precision=precision, **options)
    env.reset(seed=0)
    env.state = theirs.state
    return env


def cells(observation, channel):
    return [tuple(place) for place in np.argwhere(observation[..., channel]).tolist()]


def test_an_episode_begins_with_three_parts_and_a_fruit_anywhere_else(precision):
    observations, _ = vector("Snake-v0", 4096, precision=precision).reset(seed=0)
    assert observations.dtype == np.uint8 and observations.shape == (4096, 10, 10, 4)
    alike = observations[..., :FRUIT]
    assert (alike == alike[0]).all()
    assert cells(observations[0], HEAD) == [(5, 5)]
    assert cells(observations[0], BODY) == [(5, 3), (5, 4)]
    assert cells(observations[0], TAIL) == [(5, 3)]
    counts = observations[..., FRUIT].reshape(4096, 100).sum(0)
    assert counts[53] == counts[54] == counts[55] == 0
    # There are 97 free cells. Chi-square with 96 degrees of freedom exceeds 170 about once in 2e5; the seed is fixed.
    expected = 4096 / 97
    assert ((np.delete(counts, [53, 54, 55]) - expected) ** 2 / expected).sum() < 170


@pytest.mark.parametrize(("action", "head"), [(UP, (4, 5)), (RIGHT, (5, 6)), (DOWN, (6, 5)), (LEFT, (5, 6))])
def test_the_snake_moves_as_told_but_does_not_turn_round(precision, action, head):
    env = placed(precision, [(5, 3), (5, 4), (5, 5)])
    observation, reward, terminated, _, _ = env.step(action)
    assert cells(observation, HEAD) == [head]
    assert cells(observation, BODY) == [(5, 4), (5, 5)] and cells(observation, TAIL) == [(5, 4)]
    assert cells(observation, FRUIT) == [(0, 0)]
    assert (reward, terminated) == (0.0, False)


def test_a_fruit_is_worth_one_and_makes_it_longer(precision):
    env = placed(precision, [(5, 3), (5, 4), (5, 5)], fruit=(4, 5))
    observation, reward, terminated, _, _ = env.step(UP)
    assert cells(observation, HEAD) == [(4, 5)]
    assert cells(observation, BODY) == [(5, 3), (5, 4), (5, 5)] and cells(observation, TAIL) == [(5, 3)]
    assert (reward, terminated, env.state[7]) == (1.0, False, 4)
    ((row, column),) = cells(observation, FRUIT)
    assert not observation[row, column, :FRUIT].any()


@pytest.mark.parametrize(
    ("head", "heading"),
    [((0, 4), UP), ((4, 9), RIGHT), ((9, 4), DOWN), ((4, 0), LEFT)],
    ids=["up", "right", "down", "left"],
)
def test_a_wall_costs_one_and_ends_the_episode_where_the_snake_is(precision, head, heading):
    back = {UP: (1, 0), RIGHT: (0, -1), DOWN: (-1, 0), LEFT: (0, 1)}[heading]
    env = placed(precision, [(head[0] + back[0], head[1] + back[1]), head], fruit=(7, 7), heading=heading)
    before = env.state
    observation, reward, terminated, _, _ = env.step(heading)
    assert (reward, terminated) == (-1.0, True)
    assert (env.state == before).all() and cells(observation, HEAD) == [head]


HOOK = [(5, 3), (5, 4), (5, 5), (4, 5), (4, 4)]  # its head lies above its second part


def test_biting_itself_costs_one_and_ends_the_episode(precision):
    env = placed(precision, HOOK, heading=LEFT)
    assert env.step(DOWN)[1:3] == (-1.0, True)


def test_the_tail_makes_room_for_the_head(precision):
    env = placed(precision, HOOK[1:], heading=LEFT)
    observation, reward, terminated, _, _ = env.step(DOWN)
    assert (reward, terminated) == (0.0, False)
    assert cells(observation, HEAD) == [(5, 4)] and cells(observation, TAIL) == [(5, 5)]


def test_rewards_can_be_set(precision):
    rewards = {"fruit_reward": 5.0, "death_reward": -3.0, "step_reward": -0.25}
    env = placed(precision, [(5, 3), (5, 4), (5, 5)], fruit=(5, 6), params=rewards)
    assert env.step(RIGHT)[1] == 4.75
    env.state = placed(precision, [(5, 3), (5, 4), (5, 5)]).state
    assert env.step(RIGHT)[1] == -0.25
    env.state = placed(precision, [(0, 3), (0, 4), (0, 5)], fruit=(7, 7)).state
    assert env.step(UP)[1] == -3.25


def test_a_player_that_fills_the_grid_wins_with_the_same_bits_as_in_the_reference():
    ours, theirs = OperantEnv("Snake-v0", precision="float64"), reference_env(OperantEnv("Snake-v0").batch.spec)
    observation, _ = ours.reset(seed=3)
    assert (theirs.reset(seed=3)[0] == observation).all()
    fruits = 0.0
    for _ in range(10_000):  # each fruit takes at most 100 steps
        action = int(follow(observation[None])[0])
        observation, reward, terminated, _, _ = ours.step(action)
        expected = theirs.step(action)
        assert observation.tobytes() == expected[0].tobytes()
        assert (reward, terminated, False) == expected[1:4]
        fruits += reward
        if terminated:
            break
    assert (ours.state == theirs.state).all()
    assert terminated and fruits == 97.0 and ours.state[7] == 100
    assert cells(observation, FRUIT) == [] and observation[..., (HEAD, BODY)].sum() == 100


@given(st.integers(0, 2**31), st.floats(0, 0.3))
def test_the_snake_grows_by_each_fruit_which_lies_on_a_free_cell(seed, wandering):
    envs = vector("Snake-v0", 40, max_episode_steps=10_000)
    before, _ = envs.reset(seed=seed)
    random = np.random.default_rng(seed)
    for _ in range(60):
        actions = np.where(random.random(40) < wandering, random.integers(0, 4, 40), follow(before))
        ended = envs.get_state()["finished"]
        after, rewards, terminated, _, _ = envs.step(actions)
        records = envs.get_state()
        parts = after[..., (HEAD, BODY)].any(-1)
        assert (parts.sum((1, 2)) == records["length"]).all()
        assert (after[..., HEAD].sum((1, 2)) == 1).all() and (after[..., TAIL].sum((1, 2)) == 1).all()
        assert (after[..., FRUIT].sum((1, 2)) == 1).all() and not (parts & after[..., FRUIT].astype(bool)).any()
        running = ~ended
        grown = parts.sum((1, 2)) - before[..., (HEAD, BODY)].any(-1).sum((1, 2))
        assert (grown[running] == (rewards[running] == 1)).all()
        assert ((rewards == -1) == terminated)[running].all()
        assert (after[running & terminated] == before[running & terminated]).all()
        before = after
    envs.close()


def test_both_builds_step_alike_except_for_the_next_fruits_cell():
    exact = vector("Snake-v0", 64, precision="float64", max_episode_steps=10_000)
    fast = vector("Snake-v0", 64, precision="float32", autoreset_mode="Disabled", max_episode_steps=10_000)
    observations, _ = exact.reset(seed=0)
    fast.reset(seed=0)
    random = np.random.default_rng(0)
    eaten = 0
    for _ in range(400):
        actions = np.where(random.random(64) < 0.02, random.integers(0, 4, 64), follow(observations))
        theirs, ours = exact.get_state(), fast.get_state()
        for name in [*(part.name for part in fast.batch.spec.state), "elapsed"]:
            ours[name] = theirs[name]
        ours["finished"] = False
        fast.set_state(ours)
        running = ~theirs["finished"]
        observations, rewards, terminated, _, _ = exact.step(actions)
        result = fast.step(actions)
        same = running & (rewards != 1)
        assert (result[1] == rewards)[running].all() and (result[2] == terminated)[running].all()
        assert (result[0][same] == observations[same]).all()
        assert (result[0][running][..., :FRUIT] == observations[running][..., :FRUIT]).all()
        eaten += int((rewards == 1).sum())
    assert eaten > 300
