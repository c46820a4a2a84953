"""Breakout-v0 plays by MinAtar's rules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import step_both_builds, vector

from operant.environments.single import OperantEnv

STAY, LEFT, RIGHT = range(3)
PADDLE, BALL, TRAIL, BRICK = range(4)
ALL_BRICKS = 2**30 - 1

# A game of MinAtar 1.0.15 that begins at the left: the actions, and after each the ball's row and column, the reward.
GAME = "llrrrrlllllllrrrllllrrrrrrrrlllllllllrllrrrrrrrrrrllllllllll"
BALLS = (
    "41 52 63 74 85 86 75 64 53 42 41 50 60 71 82 83 72 61 50 40 31 32 43 54 65 76 87 88 77 66 "
    "55 44 43 52 61 70 80 81 70 60 51 42 33 34 45 56 67 78 89 89 78 67 56 45 44 53 62 71 80 80"
)
REWARDS = "000000000010000000000100000000001000000000010000000000100000"


def placed(precision, ball, course, paddle=4, strike=0, bricks=ALL_BRICKS, **options):
    """One environment with its ball at (row, column), where it also was one step before."""
    env = OperantEnv("Breakout-v0", precision=precision, **options)
    env.reset(seed=0)
    env.state = (*ball, *ball, course, paddle, strike, STAY, bricks)
    return env


def brick(row, column):
    return 1 << (10 * (row - 1) + column)


def test_a_game_goes_as_in_minatar(precision):
    env = placed(precision, (3, 0), course=2)
    balls, rewards = [], []
    for letter in GAME:
        observation, reward, terminated, _, _ = env.step(".lr".index(letter))
        ((row, column),) = np.argwhere(observation[..., BALL])
        balls.append(f"{row}{column}")
        rewards.append(f"{reward:.0f}")
        assert not terminated
    assert " ".join(balls) == BALLS
    assert "".join(rewards) == REWARDS


def test_the_ball_is_lost_at_the_bottom_as_in_minatar(precision):
    env = placed(precision, (3, 0), course=2)
    steps = [env.step(".lr".index(letter)) for letter in "r........rrrr..."]
    assert [step[1] for step in steps] == [0.0] * 10 + [1.0] + [0.0] * 5
    assert [step[2] for step in steps] == [False] * 15 + [True]
    assert env.state[:2].tolist() == [9, 3] and env.state[5] == 9


def test_an_episode_begins_at_one_side_with_three_rows_of_bricks(precision):
    envs = vector("Breakout-v0", 1000, precision=precision)
    observations, _ = envs.reset(seed=0)
    assert observations.dtype == np.uint8 and observations.shape == (1000, 10, 10, 4)
    assert (observations[:, 1:4, :, BRICK] == 1).all() and (observations[..., BRICK].sum((1, 2)) == 30).all()
    assert (observations[:, 9, 4, PADDLE] == 1).all() and (observations[..., PADDLE].sum((1, 2)) == 1).all()
    left, right = observations[:, 3, 0, BALL], observations[:, 3, 9, BALL]
    assert (left + right == 1).all() and 400 < left.sum() < 600  # of 1000: 6 standard deviations
    assert (observations[..., TRAIL] == observations[..., BALL]).all()


@pytest.mark.parametrize(
    ("course", "paddle", "ball", "new_course", "lost"),
    [
        (2, 5, (8, 6), 1, False),  # from above the paddle to column 6: reflected as by a mirror
        (2, 6, (8, 6), 0, False),  # to the paddle's edge: back the way it came
        (2, 7, (9, 6), 2, True),
        (3, 5, (8, 4), 0, False),
        (3, 4, (8, 4), 1, False),
        (3, 6, (9, 4), 3, True),
    ],
)
def test_the_paddle_sends_the_ball_back(precision, course, paddle, ball, new_course, lost):
    env = placed(precision, (8, 5), course, paddle)
    _, reward, terminated, _, _ = env.step(STAY)
    assert (tuple(env.state[:2]), env.state[4], reward, terminated) == (ball, new_course, 0.0, lost)


def test_after_a_strike_the_ball_passes_through_a_brick(precision):
    env = placed(precision, (4, 5), course=0, strike=1)
    assert env.step(STAY)[1] == 0.0
    assert tuple(env.state[:2]) == (3, 4) and env.state[8] == ALL_BRICKS and env.state[6] == 1


def test_the_bricks_come_back_when_the_ball_reaches_the_bottom(precision):
    env = placed(precision, (4, 5), course=0, bricks=brick(3, 4))
    assert env.step(STAY)[1] == 1.0 and env.state[8] == 0
    env.state = (7, 5, 6, 4, 2, 7, 0, STAY, 0)
    env.step(STAY)
    assert env.state[8] == 0
    env.step(STAY)
    assert env.state[8] == ALL_BRICKS and env.state[4] == 0


def test_the_paddle_stops_at_the_walls(precision):
    env = placed(precision, (4, 5), course=2, paddle=0)
    env.step(LEFT)
    assert env.state[5] == 0
    env.state = (4, 5, 4, 5, 2, 9, 0, STAY, ALL_BRICKS)
    env.step(RIGHT)
    assert env.state[5] == 9


@pytest.mark.parametrize(("probability", "moves"), [(0.0, 1000), (1.0, 0)])
def test_a_sticky_action_is_the_last_one_again(precision, probability, moves):
    envs = vector("Breakout-v0", 1000, precision=precision, params={"sticky_actions": probability})
    envs.reset(seed=0)
    envs.step(np.full(1000, LEFT))
    assert (envs.get_state()["paddle"] == 3).sum() == moves


def test_half_of_the_actions_stick_at_a_probability_of_one_half(precision):
    envs = vector("Breakout-v0", 1000, precision=precision, params={"sticky_actions": 0.5})
    envs.reset(seed=0)
    envs.step(np.full(1000, LEFT))
    assert 400 < (envs.get_state()["paddle"] == 3).sum() < 600  # 6 standard deviations


@given(st.integers(0, 2**31), st.floats(0, 0.5))
def test_bricks_only_vanish_and_each_is_worth_one(seed, stickiness):
    envs = vector("Breakout-v0", 40, params={"sticky_actions": stickiness})
    before, _ = envs.reset(seed=seed)
    random = np.random.default_rng(seed)
    for _ in range(60):
        # Follows the ball, mostly: a random paddle soon loses it.
        ball, paddle = (before[..., channel].any(1).argmax(1) for channel in (BALL, PADDLE))
        follow = np.where(ball < paddle, LEFT, np.where(ball > paddle, RIGHT, STAY))
        actions = np.where(random.random(40) < 0.2, random.integers(0, 3, 40), follow)
        ended = envs.get_state()["finished"]
        after, rewards, terminated, _, _ = envs.step(actions)
        assert (after[..., BALL].sum((1, 2)) == 1).all() and (after[..., TRAIL].sum((1, 2)) == 1).all()
        assert (after[..., PADDLE].sum((1, 2)) == 1).all() and (after[:, 9, :, PADDLE].sum(1) == 1).all()
        vanished = before[..., BRICK].astype(int) - after[..., BRICK]
        running = ~ended
        assert (vanished[running] >= 0).all() and (vanished[running].sum((1, 2)) == rewards[running]).all()
        assert (after[running][..., TRAIL] == before[running][..., BALL]).all()
        assert (terminated == after[:, 9, :, BALL].any(1)).all()
        before = after
    envs.close()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 8),
            *(st.integers(0, high) for high in (9, 9, 9, 3, 9, 1, 2)),
            st.sampled_from([0, ALL_BRICKS]) | st.integers(0, ALL_BRICKS),
            st.integers(0, 2),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_both_builds_step_alike_from_any_state(cases):
    *state, actions = np.array(cases).T
    fast, exact = step_both_builds("Breakout-v0", np.stack(state, 1), actions)
    assert fast == exact
