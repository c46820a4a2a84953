"""A correct vector environment, and one with a defect for each of the doctor's rules.

A walker on a line is pushed to either side; its episode ends beyond 1, or at the time limit.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

NEXT_STEP, SAME_STEP, DISABLED = AutoresetMode


class Walk(VectorEnv):
    """A correct environment. `state` is position and velocity, `[N, 2]`; each environment has its own generator."""

    mode = NEXT_STEP
    single_action_space: Any = Discrete(2)

    def __init__(self, num_envs: int = 1, max_episode_steps: int = 30):
        self.metadata = {"autoreset_mode": self.mode, "render_modes": []}
        self.num_envs, self.limit = num_envs, max_episode_steps
        self.single_observation_space = Box(-3, 3, (2,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.generators = [np.random.default_rng() for _ in range(num_envs)]
        self.state = np.zeros((num_envs, 2))
        self.clock = np.zeros(num_envs, int)
        self.ended = np.zeros(num_envs, bool)

    def reset(self, *, seed=None, options=None):
        self.seed(seed)
        mask = (options or {}).get("reset_mask", np.ones(self.num_envs, bool))
        self.begin(mask)
        self.ended = self.ended & ~mask
        return self.observe(), {}

    def seed(self, seed):
        seeds = [seed + i for i in range(self.num_envs)] if isinstance(seed, int) else seed or [None] * self.num_envs
        for i, each in enumerate(seeds):
            if each is not None:
                self.generators[i] = np.random.default_rng(each)

    def begin(self, rows):
        """Begins new episodes in the rows of a mask."""
        for i in np.flatnonzero(rows):
            self.state[i] = self.draw(i)
        self.clock[rows] = 0

    def draw(self, i):
        return self.generators[i].uniform(-0.05, 0.05, 2)

    def observe(self):
        return self.state.astype(np.float32)

    def check(self, actions):
        """Converts actions to the push of each environment, -1 or 1."""
        if self.closed:
            raise gym.error.ClosedEnvironmentError("closed")
        if not self.action_space.contains(actions):
            raise ValueError(f"{actions!r} are no actions of {self.action_space}")
        return np.asarray(actions) * 2 - 1

    def move(self, pushes):
        self.state[:, 1] += 0.02 * pushes
        self.state[:, 0] += self.state[:, 1]

    def step(self, actions):
        pushes = self.check(actions)
        if self.mode is DISABLED and self.ended.any():
            raise gym.error.ResetNeeded("an episode has ended")
        self.move(pushes)
        self.clock += 1
        terminated, truncated = self.judge()
        rewards = np.ones(self.num_envs)
        if self.mode is NEXT_STEP:
            self.begin(self.ended)
            rewards[self.ended], terminated[self.ended], truncated[self.ended] = 0, False, False
        self.ended = terminated | truncated
        infos = {}
        if self.mode is SAME_STEP and self.ended.any():
            infos = self.final(self.ended.copy())
            self.begin(self.ended)
        return self.observe(), rewards, terminated, truncated, infos

    def judge(self):
        return np.abs(self.state[:, 0]) > 1, self.clock >= self.limit

    def final(self, ended):
        """Returns the infos about the rows that ended."""
        last = np.empty(self.num_envs, object)
        for i in np.flatnonzero(ended):
            last[i] = self.observe()[i]
        return {"final_obs": last, "_final_obs": ended, "final_info": {}, "_final_info": ended.copy()}


class SameStepWalk(Walk):
    mode = SAME_STEP


class DisabledWalk(Walk):
    mode = DISABLED


class ForceWalk(Walk):
    """A walk with continuous pushes."""

    single_action_space = Box(-1, 1, (1,), np.float32)

    def check(self, actions):
        if self.closed or np.shape(actions) != (self.num_envs, 1) or np.isnan(actions).any():
            raise ValueError(f"{actions!r} are no actions of {self.action_space}")
        return np.asarray(actions)[:, 0]


DEFECTS: dict[str, Any] = {}
"""Functions that make an environment with a defect, by the rule that must find it."""


def defect(rule):
    """Registers a class as the environment that breaks a rule."""

    def register(broken):
        # A rule may occur twice: reset-mask is an error in one mode and a warning in the others.
        DEFECTS[rule if rule not in DEFECTS else f"{rule}, {broken.mode.name}"] = broken
        return broken

    return register


def changed(rule, position, change, base=Walk):
    """Registers a defect in one of the five results of step."""

    class Changed(base):
        def step(self, actions):
            results = list(super().step(actions))
            results[position] = change(results[position])
            return tuple(results)

    defect(rule)(Changed)


def noted(rule, change, base=SameStepWalk):
    """Registers a defect in the infos of `final`; `change` edits the dict."""

    class Noted(base):
        def final(self, ended):
            infos = super().final(ended)
            change(self, infos)
            return infos

    defect(rule)(Noted)


OBSERVATIONS, REWARDS, TERMINATED, TRUNCATED, INFOS = range(5)


@defect("make")
class Unmakeable(Walk):
    def __init__(self, num_envs=1):
        raise OSError("no such device")


@defect("attributes")
class WithoutActionSpace(Walk):
    def __init__(self, num_envs=1):
        super().__init__(num_envs)
        del self.action_space


@defect("reset-result")
class OldReset(Walk):
    def reset(self, **how):
        return super().reset(**how)[0]


@defect("resets")
class SeedWanted(Walk):
    def seed(self, seed):
        if seed is None:
            raise ValueError("give a seed")
        super().seed(seed)


@defect("step-result")
class OldStep(Walk):
    def step(self, actions):
        observations, rewards, terminated, truncated, infos = super().step(actions)
        return observations, rewards, terminated | truncated, infos


@defect("vector-env")
class Lookalike:
    def __init__(self, num_envs=1):
        self.walk = Walk(num_envs)

    def __getattr__(self, name):
        return getattr(self.walk, name)


@defect("autoreset-mode")
class Undeclared(Walk):
    def __init__(self, num_envs=1):
        super().__init__(num_envs)
        del self.metadata["autoreset_mode"]


@defect("num-envs")
class Doubled(Walk):
    def __init__(self, num_envs=1):
        super().__init__(2 * num_envs)


@defect("num-envs-grows")
class Rounded(Walk):
    def __init__(self, num_envs=1):
        super().__init__(-(-num_envs // 8) * 8)


@defect("observation-space-batched")
class ObservationSpaceOfOne(Walk):
    def __init__(self, num_envs=1):
        super().__init__(num_envs)
        self.observation_space = self.single_observation_space


@defect("action-space-batched")
class ActionSpaceOfOne(Walk):
    def __init__(self, num_envs=1):
        super().__init__(num_envs)
        self.action_space = self.single_action_space

    def check(self, actions):
        return np.asarray(actions) * 2 - 1


@defect("spec")
class NamedSpec(Walk):
    spec = "Walk-v0"


@defect("render-mode")
class Unrenderable(Walk):
    render_mode = "human"


@defect("raises")
class Fragile(Walk):
    def move(self, pushes):
        super().move(pushes)
        if (self.clock == 7).any():
            raise ZeroDivisionError("the seventh step")


changed("observation-type", OBSERVATIONS, lambda observations: observations.tolist())
changed("observation-shape", OBSERVATIONS, lambda observations: observations[:, :1])
changed("observation-dtype", OBSERVATIONS, lambda observations: observations.astype(np.float64))
changed("observation-nan", OBSERVATIONS, lambda observations: np.where(observations < -0.5, np.nan, observations))
changed("observation-space", OBSERVATIONS, lambda observations: observations * np.float32(4))
changed("observation-order", OBSERVATIONS, np.asfortranarray)
changed("rewards-shape", REWARDS, lambda rewards: rewards[:, None])
changed("rewards-dtype", REWARDS, lambda rewards: rewards.astype(int))
changed("rewards-finite", REWARDS, lambda rewards: np.where(rewards > 0, 1, np.inf))
changed("flags-shape", TERMINATED, lambda flags: flags[None])
changed("flags-dtype", TRUNCATED, lambda flags: flags.astype(np.uint8))
changed("infos-mask", INFOS, lambda infos: infos | {"speed": np.zeros(2)})


@defect("infos-length")
class ShortInfos(Walk):
    def step(self, actions):
        *results, _ = super().step(actions)
        return *results, {"speed": np.zeros(self.num_envs + 1), "_speed": np.ones(self.num_envs, bool)}


@defect("results-share-memory")
class OneFlag(Walk):
    def step(self, actions):
        observations, rewards, terminated, truncated, infos = super().step(actions)
        both = terminated | truncated
        return observations, rewards, both, both, infos


noted("final-obs", lambda walk, infos: infos.pop("final_obs"))
noted("final-obs-mask", lambda walk, infos: infos.update(_final_obs=~infos["_final_obs"]))
noted("final-obs-space", lambda walk, infos: infos.update(final_obs=np.full(walk.num_envs, None)))
noted("final-info", lambda walk, infos: infos.pop("final_info"))


@defect("reset-result-changes")
class KeptAtReset(Walk):
    def reset(self, **how):
        self.kept, infos = super().reset(**how)
        return self.kept, infos

    def step(self, actions):
        results = super().step(actions)
        self.kept[:] = results[0]
        return results


@defect("step-result-changes")
class OneBuffer(Walk):
    def observe(self):
        if not self.clock.any():
            return super().observe()
        if not hasattr(self, "buffer"):
            self.buffer = super().observe()
        self.buffer[:] = self.state
        return self.buffer


@defect("steps-share-memory")
class OneRewardBuffer(Walk):
    def step(self, actions):
        observations, rewards, *rest = super().step(actions)
        if not hasattr(self, "buffer"):
            self.buffer = np.ones(self.num_envs)
        if (rewards != self.buffer).any():
            return observations, rewards, *rest
        return observations, self.buffer, *rest


@defect("final-obs-changes")
class ReusedFinal(SameStepWalk):
    def __init__(self, *how, **more):
        super().__init__(*how, **more)
        self.finals = np.zeros((self.num_envs, 2), np.float32)

    def step(self, actions):
        results = super().step(actions)
        if not self.ended.all():
            self.finals[:] = results[0]
        return results

    def final(self, ended):
        infos = super().final(ended)
        for i in np.flatnonzero(ended):
            self.finals[i] = infos["final_obs"][i]
            infos["final_obs"][i] = self.finals[i]
        return infos


@defect("observations-are-state")
class Exposed(Walk):
    """Returns a new array every time, but continues from its present content."""

    def observe(self):
        self.returned = super().observe()
        return self.returned

    def move(self, pushes):
        self.state[:] = self.returned
        super().move(pushes)


@defect("actions-change")
class ActionWriter(Walk):
    def check(self, actions):
        pushes = super().check(actions)
        actions[:] = 1 - actions
        return pushes


@defect("options-change")
class OptionTaker(Walk):
    def reset(self, *, seed=None, options=None):
        mask = (options or {}).pop("reset_mask", np.ones(self.num_envs, bool))
        return super().reset(seed=seed, options={"reset_mask": mask})


@defect("reset-seed")
class Seedless(Walk):
    def seed(self, seed):
        pass


@defect("seeds-differ")
class OneSeed(Walk):
    def seed(self, seed):
        super().seed(seed if seed is None else 5)


@defect("reset-goes-on")
class Rewound(Walk):
    def seed(self, seed):
        self.last = getattr(self, "last", None) if seed is None else seed
        super().seed(self.last)


@defect("environments-differ")
class Chorus(Walk):
    def seed(self, seed):
        super().seed(None if seed is None else [seed] * self.num_envs)

    def begin(self, rows):
        super().begin(rows)
        self.state[rows] = self.state[np.flatnonzero(rows)[0]] if rows.any() else 0


@defect("seed-of-row")
class Spread(Walk):
    def seed(self, seed):
        super().seed([seed + 1000 * i for i in range(self.num_envs)] if isinstance(seed, int) else seed)


@defect("seed-list")
class IntegerSeed(Walk):
    def seed(self, seed):
        if isinstance(seed, list):
            raise TypeError(f"seed {seed} is no int")
        super().seed(seed)


@defect("deterministic")
class Gusty(Walk):
    def move(self, pushes):
        super().move(pushes + 0.01 * np.random.default_rng().standard_normal(self.num_envs))


@defect("steps-seed")
class Windy(Walk):
    """The wind has its own generator, which no seed resets."""

    def __init__(self, num_envs=1):
        super().__init__(num_envs)
        self.wind = np.random.default_rng(0)

    def move(self, pushes):
        super().move(pushes + 0.01 * self.wind.standard_normal(self.num_envs))


@defect("reset-after-end")
class Forgetful(Walk):
    """A reset does not cancel the pending autoreset."""

    def reset(self, *, seed=None, options=None):
        due = self.ended
        results = super().reset(seed=seed, options=options)
        self.ended = due
        return results


@defect("next-step-resets")
class NeverBegins(Walk):
    def step(self, actions):
        due, before = self.ended, self.state.copy()
        results = super().step(actions)
        self.state[due] = before[due]
        return self.observe(), *results[1:]


@defect("next-step-result")
class PaidReset(Walk):
    def step(self, actions):
        observations, _, *rest = super().step(actions)
        return observations, np.ones(self.num_envs), *rest


@defect("resets-early")
class SecretlySameStep(Walk):
    def step(self, actions):
        results = super().step(actions)
        self.begin(self.ended)
        self.ended = np.zeros(self.num_envs, bool)
        return self.observe(), *results[1:]


@defect("same-step-resets")
class SecretlyNextStep(SameStepWalk):
    def step(self, actions):
        self.begin(self.ended)
        self.ended[:] = False
        return super().step(actions)

    def begin(self, rows):
        if rows is not self.ended or not self.ended.any() or not hasattr(self, "due"):
            self.due = rows
            if rows is not self.ended:
                super().begin(rows)


@defect("final-obs-is-next")
class FinalIsNext(SameStepWalk):
    def step(self, actions):
        *results, infos = super().step(actions)
        for i in np.flatnonzero(self.ended):
            infos["final_obs"][i] = results[0][i].copy()
        return *results, infos


@defect("final-obs-is-stale")
class FinalIsStale(SameStepWalk):
    def step(self, actions):
        before = self.observe()
        *results, infos = super().step(actions)
        for i in np.flatnonzero(self.ended):
            infos["final_obs"][i] = before[i]
        return *results, infos


@defect("disabled-resets")
class SecretAutoreset(DisabledWalk):
    def step(self, actions):
        due, self.ended = self.ended, np.zeros(self.num_envs, bool)
        results = super().step(actions)
        self.begin(due)
        return self.observe(), *results[1:]


@defect("disabled-goes-on")
class Tireless(DisabledWalk):
    def step(self, actions):
        self.ended = np.zeros(self.num_envs, bool)
        return super().step(actions)


class Maskless:
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)


@defect("reset-mask")
class MasklessWalk(Maskless, Walk):
    pass


@defect("reset-mask")
class MasklessDisabledWalk(Maskless, DisabledWalk):
    pass


@defect("hidden-reset")
class Jumpy(Walk):
    def move(self, pushes):
        super().move(pushes)
        lost = self.clock == 5
        clock = self.clock.copy()
        self.begin(lost)
        self.clock = clock


@defect("limit-truncates")
class LimitTerminates(Walk):
    def judge(self):
        terminated, truncated = super().judge()
        return terminated | truncated, np.zeros(self.num_envs, bool)


@defect("limit-counts-afresh")
class OneLimit(Walk):
    """Continues to count steps after the first episode's end."""

    def begin(self, rows):
        clock = self.clock.copy()
        super().begin(rows)
        if rows is self.ended:
            self.clock[rows] = clock[rows] - 100


@defect("limit-after-reset")
class CountsOn(Walk):
    def reset(self, *, seed=None, options=None):
        clock = self.clock.copy()
        results = super().reset(seed=seed, options=options)
        self.clock = np.where(clock < self.limit, clock, 0)
        return results


@defect("termination-at-limit")
class TruncatedOnly(Walk):
    def judge(self):
        terminated, truncated = super().judge()
        return terminated & ~truncated, truncated


class Lenient(Walk):
    def check(self, actions):
        return np.resize(np.asarray(actions), self.num_envs) * 2 - 1


@defect("actions-too-many")
class TakesMore(Lenient):
    def check(self, actions):
        return super().check(actions) if len(actions) > self.num_envs else Walk.check(self, actions)


@defect("actions-too-few")
class TakesFewer(Lenient):
    def check(self, actions):
        return super().check(actions) if len(actions) < self.num_envs else Walk.check(self, actions)


@defect("actions-shape")
class TakesColumns(Lenient):
    def check(self, actions):
        return super().check(actions) if np.ndim(actions) > 1 else Walk.check(self, actions)


@defect("actions-range")
class TakesAnything(Lenient):
    def check(self, actions):
        return super().check(actions) if (np.asarray(actions) > 1).any() else Walk.check(self, actions)


@defect("actions-nan")
class TakesNaN(ForceWalk):
    def check(self, actions):
        return np.asarray(actions)[:, 0] if np.isnan(actions).any() else super().check(actions)


@defect("close-twice")
class ClosesOnce(Walk):
    def close(self, **how):
        if self.closed:
            raise RuntimeError("closed twice")
        super().close(**how)


@defect("closed")
class NeverClosed(Walk):
    def close(self, **how):
        self.shut = True

    def check(self, actions):
        if getattr(self, "shut", False):
            raise gym.error.ClosedEnvironmentError("closed")
        return super().check(actions)


@defect("step-after-close")
class GoesOn(Walk):
    def check(self, actions):
        return np.asarray(actions) * 2 - 1 if self.closed else super().check(actions)


FOLLOWING = {
    "attributes": {"not-examined"},
    "reset-result": {"not-examined"},
    "step-result": {"not-examined"},
    "resets": {"not-examined"},
    "observation-type": {"not-examined"},
    "num-envs-grows": {"not-examined"},
    "num-envs": {"not-examined"},  # rows of an environment that do not end together
    "action-space-batched": {"actions-too-few", "actions-range", "step-after-close"},  # this walk checks no actions
    "observation-shape": {"observation-order"},  # a column is not in C order
    "observation-space": {"next-step-resets", "reset-mask"},  # step returns other observations than reset
    "rewards-finite": {"next-step-result"},  # the reward of a reset is infinite
    "infos-mask": {"infos-length"},
    "reset-seed": {"not-examined"},
    "seeds-differ": {"seed-of-row", "seed-list", "not-examined"},
    "reset-goes-on": {"not-examined"},
    "environments-differ": {"seed-of-row", "seed-list"},
    "deterministic": {"not-examined"},
    "next-step-resets": {"observation-space"},  # the walk leaves its space
    "resets-early": {"next-step-resets", "next-step-result", "limit-counts-afresh"},
    "same-step-resets": {"observation-space", "final-obs-space"},  # the same
}
"""The further findings that a defect causes."""

RIGHT = {
    "next step": Walk,
    "same step": SameStepWalk,
    "disabled": DisabledWalk,
    "continuous": ForceWalk,
    "long": partial(Walk, max_episode_steps=1000),
}
