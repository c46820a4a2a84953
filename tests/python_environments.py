"""Environments in Python for the tests of vectorize, and the comparison of a vector environment with SyncVectorEnv."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class Counter(gym.Env):
    """Observes its steps, and ends after 3 to 8 of them; the reward is the action."""

    def __init__(self, render_mode: str | None = None, low: float = -1.0):
        self.observation_space = spaces.Box(low, 100.0, (2,), np.float32)
        self.action_space = spaces.Discrete(4)
        self.render_mode = render_mode
        self.factor = 1.0

    def observe(self) -> Any:
        return np.array([self.steps, self.length], np.float32)

    def info(self) -> dict[str, Any]:
        return {}

    def act(self, action: Any) -> None:
        """A fault of the environment, in subclasses."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps, self.length = 0, int(self.np_random.integers(3, 9))
        if options:
            self.length = options["length"]
        return self.observe(), self.info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.act(action)
        self.steps += 1
        ended = self.steps >= self.length
        by_luck = bool(self.np_random.random() < 0.5)
        return self.observe(), self.factor * float(action), ended and by_luck, ended and not by_luck, self.info()

    def render(self) -> np.ndarray:
        return np.full((2, 2, 3), self.steps, np.uint8)

    def multiply(self, by: float, *, plus: float = 0.0) -> float:
        return self.steps * by + plus

    def wrong(self) -> None:
        raise KeyError("nothing here")


class Nested(Counter):
    """Has dicts and tuples as observations and actions."""

    def __init__(self) -> None:
        super().__init__()
        inner = spaces.Tuple((spaces.Discrete(9), spaces.MultiBinary(3)))
        self.observation_space = spaces.Dict(a=spaces.Box(-1, 1, (3,), np.float32), b=inner)
        self.action_space = spaces.Dict(x=spaces.Discrete(3), y=spaces.Tuple((spaces.Box(-1, 1, (2,), np.float64),)))

    def observe(self) -> Any:
        draw = self.np_random
        bits = draw.integers(0, 2, 3).astype(np.int8)
        return {"a": draw.uniform(-1, 1, 3).astype(np.float32), "b": (self.steps, bits)}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert type(action["x"]) is np.int64 and action["y"][0].shape == (2,)
        return super().step(action["x"] + action["y"][0].sum())


class ManyInfos(Counter):
    """Has infos of every kind, the same ones in every step."""

    def info(self) -> dict[str, Any]:
        return {
            "int": self.steps,
            "float": 0.5 * self.steps,
            "bool": self.steps > 2,
            "float32": np.float32(self.steps),
            "numpy_bool": np.bool_(self.steps > 2),
            "text": f"step {self.steps}",
            "array": np.arange(3) * self.steps,
            "nested": {"deep": {"x": self.steps}, "y": np.ones((2, 2), np.int8)},
        }


class ChangingInfos(Counter):
    """Has infos whose keys and types differ from step to step and between environments."""

    def info(self) -> dict[str, Any]:
        draw = self.np_random
        every = {
            "number": [self.steps, 0.5 + self.steps, np.int8(3), True][draw.integers(4)],
            "either": [np.ones(2), np.ones(2, np.int32)][draw.integers(2)],
            "nested": [{"x": 1}, {"y": 2.0}, {}][draw.integers(3)],
            "_odd": 1,
            "final_info": {"z": self.steps},
            "large": 1 << 40,
        }
        return {key: value for key, value in every.items() if draw.random() < 0.6}


class Integers(Counter):
    """Observes an int, and is stepped with several integers."""

    def __init__(self) -> None:
        super().__init__()
        self.observation_space, self.action_space = spaces.Discrete(20), spaces.MultiDiscrete([3, 2])

    def observe(self) -> Any:
        return self.steps

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return super().step(np.float32(action.sum()))


class Image(Counter):
    """Observes bytes, always in the same array."""

    def __init__(self) -> None:
        super().__init__()
        self.observation_space, self.action_space = spaces.Box(0, 255, (8, 8, 3), np.uint8), spaces.MultiBinary(2)
        self.frame = np.zeros((8, 8, 3), np.uint8)

    def observe(self) -> Any:
        self.frame[...] = self.steps + self.length
        return self.frame.copy()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return super().step(action.sum())


class Killed(Counter):
    """Environment 2 dies at its second step: by a signal, or by an exit."""

    how = "signal"

    def act(self, action: Any) -> None:
        if action == 3 and self.steps == 1:
            os.kill(os.getpid(), 11) if self.how == "signal" else os._exit(3)


class Hanging(Counter):
    """Does not answer action 3 before it is released."""

    released = threading.Event()

    def act(self, action: Any) -> None:
        if action == 3:
            self.released.wait()


class Raising(Counter):
    """Raises at action 3."""

    def act(self, action: Any) -> None:
        if action == 3:
            raise ValueError("left the road")


class Slow(Counter):
    """Waits 0.2 s at action 3."""

    def act(self, action: Any) -> None:
        if action == 3:
            time.sleep(0.2)


def assert_same(ours: Any, theirs: Any, where: str = "") -> None:
    """Compares results of every kind: types, dtypes, shapes, bits, and the order of keys."""
    assert type(ours) is type(theirs), where
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), where
        for key in theirs:
            assert_same(ours[key], theirs[key], f"{where}[{key!r}]")
    elif isinstance(theirs, tuple | list):
        assert len(ours) == len(theirs), where
        for k, pair in enumerate(zip(ours, theirs, strict=True)):
            assert_same(*pair, f"{where}[{k}]")
    elif isinstance(theirs, np.ndarray):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), where
        if theirs.dtype == object:
            for k, pair in enumerate(zip(ours, theirs, strict=True)):
                assert_same(*pair, f"{where}[{k}]")
        else:
            assert ours.tobytes() == theirs.tobytes(), where
    else:
        assert ours == theirs or (ours != ours and theirs != theirs), where
