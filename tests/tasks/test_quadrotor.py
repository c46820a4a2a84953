"""Quadrotor-v0 flies like RotorPy's Crazyflie, and its fast build like its exact one."""

import math
import re
import sys

import numpy as np
import pytest
from building import ROOT
from gymnasium.error import DependencyNotInstalled
from support import physical, put, vector

from operant.conformance.parity import parity
from operant.environments.lookup import find_spec
from operant.environments.single import OperantEnv

SPEC = find_spec("operant/Quadrotor-v0")
LEVEL = (1.0, 0.0, 0.0, 0.0)
HOVER = 1788.5505  # rad/s: sqrt(0.03 * 9.81 / (4 * 2.3e-8))

# RotorPy 3.0.0's Multirotor with its crazyflie_params, from this state with these commands: the derivative, and the
# state 0.2 s later by DOP853 with rtol 1e-12. RotorPy writes quaternions with w last.
NORM = math.sqrt(0.95)
STATE = [0.1, -0.2, 1.4, 1.0, -0.5, 0.3, *(part / NORM for part in (0.9, 0.2, -0.3, 0.1)), 1.5, -2.0, 0.7]
STATE += [1800.0, 1500.0, 2000.0, 1700.0]
COMMANDS = (2000.0, 1900.0, 1600.0, 1700.0)  # rad/s
DERIVATIVE = {
    "velocity": (-5.232139068196156, -4.074157283214887, -2.9915065135517054),
    "attitude": (-0.49759950076129966, 0.6874054958970532, -0.9182506251162129, 0.34883263970895234),
    "rates": (-5.010436960509856, 70.32146313292671, 56.068499437173486),
    "rotors": (2777.777777777778, 5555.555555555556, -5555.555555555556, 0.0),
}
LATER = {
    "position": (0.1961383430401379, -0.40791067851272395, 1.3816370060805032),
    "velocity": (0.04004301636722166, -1.769250763161509, -0.6871929254225787),
    "attitude": (0.5599431866130886, 0.46478813422514664, -0.5370747627237439, 0.4265985434742142),
    "rates": (8.4849707743713, -7.96993520765465, 4.441257152286108),
    "rotors": (1987.5646951955723, 1875.1293903911449, 1624.8706096088551, 1700.0),
}
PARTS = {
    "position": slice(0, 3),
    "velocity": slice(3, 6),
    "attitude": slice(6, 10),
    "rates": slice(10, 13),
    "rotors": slice(13, 17),
}


def exact(**params):
    """One environment of the exact build with the given parameters."""
    env = OperantEnv("operant/Quadrotor-v0", precision="float64", params=params)
    env.reset(seed=0)
    return env


def commands(*speeds):
    """The action that commands these rotor speeds, in rad/s."""
    return np.array([2 * (speed / 2500) ** 2 - 1 for speed in speeds], np.float32)


def test_the_exact_build_is_the_plain_python_class_bit_for_bit():
    assert "operant.reference.quadrotor:Quadrotor bit for bit" in parity(SPEC)


def test_the_derivative_is_rotorpys():
    dt = 1e-6
    env = exact(dt=dt)
    env.state = STATE
    env.step(commands(*COMMANDS))
    change = (env.state - STATE) / dt
    for part, expected in DERIVATIVE.items():
        # Second derivatives (up to 2e5 rad/s3 of the rotors) over half a step, and the rounding of commands to float32.
        scale = max(map(abs, expected))
        assert change[PARTS[part]] == pytest.approx(expected, abs=1e-4 * scale), part


@pytest.mark.parametrize("dt", [0.01, 0.005, 0.0025])
def test_a_flight_of_a_fifth_of_a_second_differs_from_rotorpys_by_the_square_of_the_time_step(dt):
    env = exact(dt=dt)
    env.state = STATE
    for _ in range(round(0.2 / dt)):
        _, _, terminated, _, _ = env.step(commands(*COMMANDS))
        assert not terminated
    scales = {"position": 1.0, "velocity": 5.0, "attitude": 1.0, "rates": 50.0, "rotors": 2500.0}
    errors = {part: np.abs(env.state[PARTS[part]] - LATER[part]).max() / scales[part] for part in PARTS}
    assert errors["rotors"] < 1e-8  # the lag is solved exactly; the action is float32
    # The midpoint method is of second order: measured 6.0 to 6.2 times dt squared.
    assert 5 * dt**2 <= max(errors.values()) <= 7 * dt**2, errors


def test_a_level_quadrotor_at_hovering_speed_stays_where_it_is():
    env = exact()
    env.state = [0, 0, 1.5, 0, 0, 0, *LEVEL, 0, 0, 0, *[HOVER] * 4]
    for _ in range(100):
        observation, reward, terminated, _, _ = env.step(commands(*[HOVER] * 4))
        assert not terminated
    assert np.abs(env.state[:13] - [0, 0, 1.5, 0, 0, 0, *LEVEL, 0, 0, 0]).max() < 1e-5  # the action's float32, for 1 s
    assert reward == pytest.approx(1.0, abs=1e-9)
    expected = [0] * 6 + [1, 0, 0, 0, 1, 0, 0, 0, 1] + [0] * 3 + [HOVER / 2500] * 4
    assert observation == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "faster, rates",
    [
        ((0, 3), (1, 0, 0)),  # the left rotors: it rolls to the right
        ((2, 3), (0, 1, 0)),  # the back rotors: the nose goes down
        ((0, 2), (0, 0, 1)),  # the clockwise rotors: it turns to the left
    ],
)
def test_faster_rotors_turn_it_about_the_axis_they_should(faster, rates):
    env = exact()
    env.state = [0, 0, 1.5, 0, 0, 0, *LEVEL, 0, 0, 0, *(1900 if k in faster else 1700 for k in range(4))]
    env.step(commands(*(1900 if k in faster else 1700 for k in range(4))))
    turned = env.state[10:13]
    assert np.sign(np.round(turned, 9)).tolist() == list(rates)


def test_drag_slows_it_and_a_dead_quadrotor_falls_freely():
    env = exact(dt=0.01)
    env.state = [0, 0, 1.5, 1, 0, 0, *LEVEL, 0, 0, 0, *[HOVER] * 4]
    env.step(commands(*[HOVER] * 4))
    # 4 rotors, 1.02506e-6 kg/rad at 1 m/s: 7.33e-3 N, 0.244 m/s2.
    assert (1 - env.state[3]) / 0.01 == pytest.approx(4 * 1.02506e-6 * HOVER / 0.03, rel=2e-3)
    env.state = [0, 0, 1.5, 0, 0, 0, *LEVEL, 0, 0, 0, 0, 0, 0, 0]
    env.step(np.full(4, -1, np.float32))
    assert env.state[5] == pytest.approx(-0.0981, rel=1e-12)


def test_the_reward_is_one_at_rest_at_the_goal_and_half_at_half_a_metre():
    env = exact(dt=1e-6, gravity=0)
    for state, cost in [
        ([0.5, 0, 1.5, 0, 0, 0], 4 * 0.25),
        ([0, 0, 1, 1, 0, -2], 4 * 0.25 + 0.2 * 5),
        ([0, 0, 1.5, 0, 0, 0], 0),
    ]:
        env.state = [*state, *LEVEL, 0, 0, 0, 0, 0, 0, 0]
        assert env.step(np.full(4, -1, np.float32))[1] == pytest.approx(1 / (1 + cost), abs=1e-5)
    env.state = [0, 0, 1.5, 0, 0, 0, *LEVEL, 3, 0, -4, 0, 0, 0, 0]
    assert env.step(np.full(4, -1, np.float32))[1] == pytest.approx(1 / (1 + 0.02 * 25), abs=1e-5)


@pytest.mark.parametrize(
    "state, over",
    [
        ({"x": 1.99}, False),
        ({"x": 2.01}, True),
        ({"y": -2.01}, True),
        ({"z": 2.99}, False),
        ({"z": 3.01}, True),
        ({"z": 0.01}, False),
        ({"z": -0.01}, True),
        ({"yaw_rate": 34.9}, False),
        ({"yaw_rate": -35.1}, True),
        ({"pitch_rate": 35.1}, True),
        ({"roll_rate": 35.1}, True),
    ],
    ids=str,
)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_an_episode_ends_at_the_floor_outside_the_box_and_beyond_the_gyroscopes_range(state, over, precision):
    env = OperantEnv("operant/Quadrotor-v0", precision=precision, params={"dt": 1e-6})
    env.reset(seed=0)
    level = dict(zip([part.name for part in SPEC.state], [0, 0, 1.5, 0, 0, 0, *LEVEL, *[0] * 7], strict=True))
    env.state = list((level | state).values())
    assert env.step(np.zeros(4, np.float32))[2] is over


def test_a_fresh_state_is_near_the_goal_and_hovers(precision):
    env = vector("operant/Quadrotor-v0", 4096, precision=precision, params={"goal_x": 0.5})
    env.reset(seed=0)
    states = physical(env)
    spreads = {0: (0.5, 1), 1: (0, 1), 2: (1.5, 1), **dict.fromkeys((3, 4, 5, 10, 11, 12), (0, 0.5))}
    for k, (centre, spread) in spreads.items():
        assert np.abs(states[:, k] - centre).max() <= spread
        assert states[:, k].mean() == pytest.approx(centre, abs=4 * spread / math.sqrt(3 * 4096))  # 4 standard errors
        assert states[:, k].std() == pytest.approx(spread / math.sqrt(3), rel=0.05)
    assert np.abs(np.linalg.norm(states[:, 6:10], axis=1) - 1).max() < 3e-7
    assert np.abs(states[:, 13:] / HOVER - 1).max() < 1e-6
    tilts = np.degrees(2 * np.arccos(np.clip(states[:, 6], -1, 1)))
    assert 20 < tilts.max() < 38.3  # 2 arctan(0.2 sqrt(3))


def test_a_heavier_quadrotor_falls_and_a_randomised_one_differs():
    light, heavy = exact(), exact(mass=0.04)
    for env in (light, heavy):
        env.state = [0, 0, 1.5, 0, 0, 0, *LEVEL, 0, 0, 0, *[HOVER] * 4]
        for _ in range(20):
            env.step(commands(*[HOVER] * 4))
    assert abs(light.state[5]) < 1e-6
    assert heavy.state[5] == pytest.approx(-0.2 * 9.81 * 0.25, rel=0.02)  # a quarter of its weight is not carried
    ranges = {"mass": (0.027, 0.036), "thrust_coefficient": (2.1e-8, 2.5e-8)}
    envs = vector("operant/Quadrotor-v0", 64, randomize=ranges)
    envs.reset(seed=0)
    records = envs.get_state()
    for name, (low, high) in ranges.items():
        drawn = records[f"param:{name}"]
        assert len(set(drawn.tolist())) == 64 and low <= drawn.min() and drawn.max() <= high


def test_the_pages_randomisation_is_within_the_bounds_of_the_parameters():
    page = (ROOT / "docs" / "environments.md").read_text()
    (snippet,) = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "Quadrotor-v0" in block]
    names = {}
    exec(snippet, names)
    envs = names["envs"]
    observations, _ = envs.reset(seed=0)
    for _ in range(3):
        observations, *_ = envs.step(np.zeros((4096, 4), np.float32))
    assert np.isfinite(observations).all()
    assert len(set(envs.unwrapped.get_state()["param:motor_time"].tolist())) > 4000


def test_a_frame_shows_where_it_is():
    env = OperantEnv("operant/Quadrotor-v0", render_mode="rgb_array")
    env.reset(seed=0)
    frame = env.render()
    assert frame.shape == (400, 480, 3) and frame.dtype == np.uint8
    assert (frame == env.render()).all()
    state = env.state
    state[0] += 0.3
    env.state = state
    assert 100 < (frame != env.render()).any(axis=2).sum() < 20_000
    env.close()


def test_without_pygame_drawing_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    env = OperantEnv("operant/Quadrotor-v0", render_mode="rgb_array")
    env.reset(seed=0)
    with pytest.raises(DependencyNotInstalled, match=r"pip install 'operant\[render\]'"):
        env.render()


# Largest errors of one fast step against one exact step from the same float32 state. An ulp is float32's at the
# magnitude of the numbers that a result is computed from. For a position that is the greatest coordinate. For a speed
# it is the greatest speed, or the change by 0.01 s of thrust and gravity, since rotations mix the axes. For a
# quaternion it is 1. For a body rate it is the greatest rate, or the change by 0.01 s of two rotors' torques, since
# torques cancel. For a rotor it is its greatest speed, for the reward 1. Over 1e6 random states the largest errors were
# 1.18, 2.09, 1.32, 2.89 and 1.52, of a rotation's entries 6, of the reward 0.25. They are rounded up from there.
ULPS = {
    "state": {"position": 1.5, "velocity": 3.0, "attitude": 2.0, "rates": 4.0, "rotors": 2.0},
    "observation": {"position": 1.5, "velocity": 3.0, "matrix": 8.0, "rates": 4.0, "rotors": 2.0},
    "reward": 0.5,
}


def random_states(random, count):
    """States that an episode can pass through: `[count, 17]` float32 numbers, as float64."""
    q = random.normal(size=(count, 4))
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    states = np.concatenate(
        [
            random.uniform((-2, -2, 0), (2, 2, 3), (count, 3)),
            random.uniform(-8, 8, (count, 3)),
            q,
            random.uniform(-35, 35, (count, 3)),
            random.uniform(0, 2500, (count, 4)),
        ],
        axis=1,
    )
    return states.astype(np.float32).astype(np.float64)


def ulp(magnitude):
    return np.spacing(np.asarray(magnitude, np.float32)).astype(np.float64)


def errors_of_a_step(random, count):
    """Largest errors in ulp by part, flags that differ although no threshold is near, and terminations: `[N]` bool."""
    states = random_states(random, count)
    actions = random.uniform(-1.2, 1.2, (count, 4)).astype(np.float32)
    results = []
    for precision in ("float32", "float64"):
        env = vector("operant/Quadrotor-v0", count, precision=precision, autoreset_mode="Disabled")
        env.reset(seed=0)
        put(env, states)
        observation, reward, terminated, _, _ = env.step(actions)
        results.append((physical(env), observation.astype(float), reward.astype(float), terminated))
    fast, slow = results
    largest = np.maximum(np.abs(states), np.abs(slow[0]))
    speed = np.maximum(largest[:, 3:6].max(1), 0.01 * (4 * 2.3e-8 * 2500**2 / 0.03 + 9.81))
    rate = np.maximum(largest[:, 10:13].max(1), 0.01 * 2 * 0.0304 * 2.3e-8 * 2500**2 / 1.43e-5)
    one = np.ones(count)
    scales = {
        "position": np.maximum(largest[:, 0:3].max(1), 0.01 * speed),
        "velocity": speed,
        "attitude": one,
        "rates": rate,
        "rotors": 2500 * one,
    }
    state = {
        part: (np.abs(fast[0][:, where] - slow[0][:, where]).max(1) / ulp(scales[part])).max()
        for part, where in PARTS.items()
    }
    seen = {"position": slice(0, 3), "velocity": slice(3, 6), "matrix": slice(6, 15), "rates": slice(15, 18)}
    seen["rotors"] = slice(18, 22)
    of_observation = scales | {"position": np.maximum(scales["position"], 1.5), "matrix": one, "rotors": one}
    observation = {
        part: (np.abs(fast[1][:, where] - slow[1][:, where]).max(1) / ulp(of_observation[part])).max()
        for part, where in seen.items()
    }
    reward = (np.abs(fast[2] - slow[2]) / ulp(one)).max()
    limits = [("position", 0, 2), ("position", 1, 2), ("position", 2, 0), ("position", 2, 3)]
    limits += [("rates", axis, 35) for axis in range(3)]
    near = np.zeros(count, bool)
    for part, axis, limit in limits:
        distance = np.abs(np.abs(slow[0][:, PARTS[part]][:, axis]) - limit)
        near |= distance <= ULPS["state"][part] * ulp(scales[part])
    return {"state": state, "observation": observation, "reward": reward}, (fast[3] != slow[3]) & ~near, slow[3]


def test_a_fast_step_is_within_its_ulps_of_the_exact_step():
    seed = np.random.SeedSequence().entropy
    print(f"seed {seed}")  # shown when the test fails
    errors, wrong_flags, over = errors_of_a_step(np.random.default_rng(seed), 20_000)
    for what in ("state", "observation"):
        for part, bound in ULPS[what].items():
            assert errors[what][part] <= bound, f"{what}: {part} is {errors[what][part]:.2f} ulp off"
            assert errors[what][part] > 0.1 * bound  # the bound is not too loose
    assert errors["reward"] <= ULPS["reward"]
    assert not wrong_flags.any()
    assert 0.01 < over.mean() < 0.9
