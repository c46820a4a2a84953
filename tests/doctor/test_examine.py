"""examine(): its arguments, and other kinds of environments than the walks of test_rules.py."""

import re
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from operant.doctor import Severity, examine, from_id

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"


class Nested(gym.Env):
    """An environment with dicts as observations and actions, a random start and random steps."""

    observation_space = spaces.Dict({"place": spaces.Box(-9, 9, (2,)), "clock": spaces.Discrete(100)})
    action_space = spaces.Dict({"push": spaces.Box(-1, 1, (2,)), "wait": spaces.Discrete(2)})

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.clock = self.np_random.uniform(-1, 1, 2).astype(np.float32), 0
        return self.observe(), {}

    def observe(self):
        return {"place": self.place.copy(), "clock": self.clock}

    def step(self, action):
        push = 0 if action["wait"] else action["push"]
        self.place = np.clip(self.place + push + self.np_random.uniform(-0.1, 0.1, 2), -9, 9).astype(np.float32)
        self.clock += 1
        return self.observe(), 0.0, bool(abs(self.place).max() > 4), self.clock == 50, {}


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_nested_spaces_and_random_steps_give_no_false_alarm(mode):
    def make(num_envs):
        return gym.vector.SyncVectorEnv([Nested] * num_envs, autoreset_mode=mode)

    assert {finding.rule for finding in examine(make)} == {"options-change", "step-after-close"}


def test_reused_nested_observations_are_found_and_shown():
    def make(num_envs):
        return gym.vector.SyncVectorEnv([Nested] * num_envs, copy=False)

    errors = [finding for finding in examine(make) if finding.severity is Severity.ERROR]
    assert [finding.rule for finding in errors] == ["reset-result-changes", "step-result-changes"]
    with pytest.raises(AssertionError, match="the observations that reset returned change in a later step"):
        exec(errors[0].reproduction, {"make": make})


@pytest.mark.parametrize("env_id", ["FrozenLake-v1", "Blackjack-v1"])
@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_discrete_observations_that_repeat_give_no_false_alarm(env_id, mode):
    findings = examine(from_id(env_id, "sync", mode))
    assert {finding.rule for finding in findings} == {"options-change", "step-after-close", "not-examined"}


def test_a_spec_that_makes_something_else_is_found():
    gym.register("Misnamed-v0", entry_point="gymnasium.envs.classic_control:CartPoleEnv", max_episode_steps=9)
    gym.register("Misnamed-v1", vector_entry_point=lambda num_envs, **how: gym.make_vec("Misnamed-v0", 1), kwargs={})
    try:
        findings = {finding.rule: finding for finding in examine(from_id("Misnamed-v1", "vector_entry_point"))}
        assert findings["num-envs-grows"].sentence == "num_envs is 1 for 1 environment, and 1 for 2"
    finally:
        del gym.registry["Misnamed-v0"], gym.registry["Misnamed-v1"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_envs": 1}, "num_envs=1 must be at least 2"),
        ({"steps": 0}, "steps=0 must be at least 1"),
        ({"seed": -1}, "seed=-1 must be at least 0"),
    ],
)
def test_an_invalid_argument_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        examine(lambda num_envs: gym.make_vec("CartPole-v1", num_envs), **arguments)


def test_a_make_that_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="must be a function of num_envs"):
        examine("CartPole-v1")


def test_the_python_snippet_of_the_page_runs(capsys):
    [snippet] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(snippet, {})
    assert "step-after-close\nstep still works after close()\nimport numpy as np\n" in capsys.readouterr().out
