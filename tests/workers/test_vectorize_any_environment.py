"""Environments of every kind, drawn at random: vectorize returns what SyncVectorEnv returns, or the same error."""

import functools
import random
from copy import deepcopy
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from python_environments import Counter, assert_same

import operant

MODES = ("NextStep", "SameStep", "Disabled")


class Subclass(dict[str, Any]):
    """A dict of a type of its own."""


# Infos, of which each environment has some; those with the same keys do not always agree in type or shape.
INFOS = [
    lambda r: {"a": r.choice([1, True, 1.5])},
    lambda r: {"a": r.random()},
    lambda r: {"text": "x" * r.randrange(5)},
    lambda r: {"none": None, "list": list(range(r.randrange(4))), "tuple": (1, "a"), "bytes": b"abc"},
    lambda r: {"numpy": r.choice([np.float32(r.random()), np.int8(3), np.bool_(True), np.float16(1)])},
    lambda r: {"numpy": r.choice([np.str_("abc"), np.bytes_(b"ab"), np.complex64(1j)])},
    lambda r: {"date": np.datetime64("2020-01-01"), "delta": np.timedelta64(3, "s")},
    lambda r: {"array": np.arange(r.choice([3, 3, 3, 2]))},
    lambda r: {"array": np.arange(3).astype(r.choice([">i4", np.int8, bool, np.float16]))},
    lambda r: {"texts": np.array(["a", "bb"]), "objects": np.array([None, 1], object), "none": np.zeros((2, 0))},
    lambda r: {
        "record": np.zeros(2, [("x", int)]),
        "masked": np.ma.masked_array([1, 2], [0, 1]),
        "rank 0": np.array(3),
    },
    lambda r: {"nested": r.choice([{}, {"x": 1}, {"x": {"y": r.random()}}, {"_x": 1, "x": 2}, Subclass(x=1)])},
    lambda r: {"large": r.choice([1 << 40, -(1 << 63), 1 << 70])},
    lambda r: {3: 4, "": 5, "_": 6, (1, 2): 7},
    lambda r: r.choice([{"_a": 1, "a": 2}, {"a": 2, "_a": 1}]),
    lambda r: {"final_obs": np.ones(2)},
    lambda r: {"final_info": r.choice([{"a": 1}, 3])},
    lambda r: {"nan": float("nan"), "set": frozenset([1]), "complex": 1j, "env_id": 3},
]
REWARDS = [
    float,
    int,
    bool,
    np.float32,
    np.int64,
    np.array,
    lambda x: np.array([x]),
    lambda x: np.array([x], np.float32),
]
FLAGS = [bool, bool, np.bool_, int, np.array, lambda x: np.array([x])]


def space(draw, depth=0):
    """A space of a fixed size, at random; containers may be empty, and arrays have no elements."""
    kind = draw.randrange(8 if depth < 2 else 6)
    if kind == 0:
        shape = draw.choice([(), (2,), (0,), (2, 3), (3, 0), (1,)])
        return spaces.Box(-1, 1, shape, draw.choice([np.float16, np.float32, np.float64]))
    if kind == 1:
        shape = draw.choice([(), (2,), (2, 2)])
        return spaces.Box(0, draw.choice([1, 100]), shape, draw.choice([np.uint8, np.int8, np.int32, np.uint16]))
    if kind == 2:
        return spaces.Discrete(draw.randint(1, 5), start=draw.choice([0, -2, 3]))
    if kind == 3:
        return spaces.MultiDiscrete(draw.choice([[2, 3], [1], [[2, 3], [4, 5]]]), draw.choice([np.int64, np.uint8]))
    if kind == 4:
        return spaces.MultiBinary(draw.choice([3, 1, [2, 2]]))
    if kind == 5:
        return (
            spaces.Box(-np.inf, np.inf, (3,), np.float32) if draw.random() < 0.7 else spaces.Box(0, 1, (2,), np.bool_)
        )
    parts = [space(draw, depth + 1) for _ in range(draw.randint(0, 3))]
    return spaces.Tuple(parts) if kind == 6 else spaces.Dict(dict(zip("bac", parts, strict=False)))


def action_space(draw):
    """A space with at least one array: SyncVectorEnv cannot count the actions of others."""
    found = space(draw)
    return action_space(draw) if any(each in str(found) for each in ("Dict()", "Tuple()")) else found


class Drawn(gym.Env[Any, Any]):
    """An environment whose spaces, infos and types are drawn from a seed, and what it does from its own generator."""

    def __init__(self, seed: int):
        draw = random.Random(seed)
        self.observation_space, self.action_space = space(draw), action_space(draw)
        self.kinds, self.rate = draw.sample(INFOS, draw.randint(0, 3)), draw.choice([1.0, 0.5])
        self.reward, self.flag = draw.choice(REWARDS), draw.choice(FLAGS)
        self.form = draw.choice(["as sampled", "as sampled", "lists and ints", "float64", "reversed"])
        self.keeps, self.kept = draw.random() < 0.2, {}
        self.length = draw.choice([1, 2, 4])

    def observe(self, part):
        if isinstance(part, spaces.Dict):
            items = {key: self.observe(each) for key, each in part.spaces.items()}
            return dict(reversed(items.items())) if self.form == "reversed" else items
        if isinstance(part, spaces.Tuple):
            return tuple(map(self.observe, part.spaces))
        part.seed(int(self.np_random.integers(1 << 30)))
        sample = part.sample()
        if self.form == "lists and ints":
            return sample.tolist() if sample.dtype.kind == "f" or isinstance(part, spaces.Discrete) else sample
        return sample.astype(np.float64) if self.form == "float64" and sample.dtype.kind == "f" else sample

    def info(self):
        draw = random.Random(int(self.np_random.integers(1 << 30)))
        found = self.kept if self.keeps else {}
        for kind in self.kinds:
            if draw.random() < self.rate:
                found.update(kind(draw))
        return found

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.elapsed = 0
        self.kept.clear()
        return self.observe(self.observation_space), self.info()

    def step(self, action):
        self.elapsed += 1
        ended = self.elapsed >= self.length + int(self.np_random.integers(3))
        first = bool(ended and self.np_random.random() < 0.5)
        reward = self.reward(float(self.np_random.integers(4)))
        observation = self.observe(self.observation_space)
        return observation, reward, self.flag(first), self.flag(ended and not first), self.info()


def outcomes(envs, mode, seed):
    """The results of some resets and steps, up to the first error."""
    found: list[Any] = []
    try:
        found.append(deepcopy(envs.reset(seed=seed)))
        envs.action_space.seed(seed)
        for _ in range(8):
            results = envs.step(envs.action_space.sample())
            found.append(deepcopy(results))
            ended = results[2] | results[3]
            if mode == "Disabled" and ended.any():
                found.append(deepcopy(envs.reset(options={"reset_mask": ended.copy()})))
        found.append(envs.np_random_seed)
        found.append(envs.reset(seed=[None if row % 2 else row for row in range(envs.num_envs)]))
    except Exception as problem:
        found.append((type(problem), str(problem)))
    return found


@pytest.mark.parametrize("first", [0, pytest.param(60, marks=pytest.mark.test_all("hundreds more environments"))])
@pytest.mark.filterwarnings("ignore")  # of NumPy, about what such environments return
def test_environments_of_every_kind_return_what_they_return_in_sync_vector_env(first):
    for seed in range(first, 60 + first * 8):
        draw = random.Random(seed)
        num_envs, mode = draw.randint(1, 5), draw.choice(MODES)
        workers, context = draw.choice([(0, None), (min(2, num_envs), "fork"), (1, "thread"), (num_envs, "fork")])
        functions = [functools.partial(Drawn, seed)] * num_envs
        theirs = SyncVectorEnv(functions, autoreset_mode=AutoresetMode(mode))
        with operant.vectorize(functions, workers=workers, context=context, autoreset_mode=mode) as ours:
            assert_same(outcomes(ours, mode, seed), outcomes(theirs, mode, seed), f"seed {seed}")


class Shared(Counter):
    """Has its infos in a dict that all environments of a process share."""

    shared: ClassVar[dict[str, Any]] = {}

    def info(self):
        self.shared.update(number=self.steps, array=np.array([self.length, self.steps]))
        return self.shared


class Reused(Counter):
    """Has infos in arrays of its own, which its reset overwrites."""

    def __init__(self):
        super().__init__()
        self.array = np.zeros(2)

    def info(self):
        self.array[:] = self.steps, self.length
        return {"array": self.array, "nested": {"array": self.array}, "own": Subclass(array=self.array)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("workers, context", [(0, None), (2, "fork"), (1, "thread")])
@pytest.mark.parametrize("env", [Shared, Reused])
def test_infos_are_those_of_the_step_whatever_later_steps_do_to_their_objects(env, workers, context, mode):
    theirs = SyncVectorEnv([env] * 4, autoreset_mode=AutoresetMode(mode))
    with operant.vectorize([env] * 4, workers=workers, context=context, autoreset_mode=mode) as ours:
        assert_same(outcomes(ours, mode, 3), outcomes(theirs, mode, 3))
