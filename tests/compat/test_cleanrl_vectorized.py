"""operant.compat.cleanrl.vectorize gives CleanRL's scripts, with their wrappers, what SyncVectorEnv gives them."""

import functools
import os
import re
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from building import ROOT
from cleanrl_script import make_env, returns_as_in_0_29, returns_as_in_1, rollout, sync_vector_env
from python_environments import ChangingInfos, Counter, ManyInfos, assert_same

from operant.compat.cleanrl import vectorize


def discrete(env_id, num_envs):
    """The functions of CleanRL's scripts for discrete actions."""
    return [make_env(env_id, i, False, "run") for i in range(num_envs)]


def continuous(env_id, num_envs, gamma=0.99):
    """The functions of CleanRL's ppo_continuous_action.py, with its wrappers that remember every step."""

    def thunk():
        env = gym.wrappers.FlattenObservation(gym.make(env_id))
        env = gym.wrappers.RecordEpisodeStatistics(env)
        env = gym.wrappers.ClipAction(env)
        env = gym.wrappers.NormalizeObservation(env)
        env = gym.wrappers.TransformObservation(env, lambda obs: np.clip(obs, -10, 10), env.observation_space)
        env = gym.wrappers.NormalizeReward(env, gamma=gamma)
        return gym.wrappers.TransformReward(env, lambda reward: np.clip(reward, -10, 10))

    return [thunk] * num_envs


def synchronous(functions):
    return gym.vector.SyncVectorEnv(functions, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP)


def timeless(infos):
    """Without the times of episodes, which a clock measures, and without what SyncVectorEnv lacks."""
    return {
        key: timeless(value) if isinstance(value, dict) else value
        for key, value in infos.items()
        if key != "t" and key not in ("final_observation", "_final_observation")
    }


@pytest.mark.parametrize("workers", [0, 2, "auto"])
@pytest.mark.parametrize(
    "functions, steps",
    [
        (functools.partial(discrete, "CartPole-v1"), 120),
        (functools.partial(continuous, "Pendulum-v1"), 450),
        (functools.partial(continuous, "MountainCarContinuous-v0"), 120),
        (lambda n: [lambda: gym.wrappers.RecordEpisodeStatistics(ManyInfos())] * n, 40),
        (lambda n: [lambda: gym.wrappers.RecordEpisodeStatistics(ChangingInfos())] * n, 40),
    ],
    ids=["CartPole", "Pendulum", "MountainCarContinuous", "ManyInfos", "ChangingInfos"],
)
def test_results_and_infos_are_those_of_sync_vector_env(functions, steps, workers):
    ours, theirs = vectorize(functions(3), workers, context="fork"), synchronous(functions(3))
    assert (ours.single_observation_space, ours.single_action_space) == (
        theirs.single_observation_space,
        theirs.single_action_space,
    )
    assert_same(ours.reset(seed=1), theirs.reset(seed=1))
    theirs.action_space.seed(0)
    for step in range(steps):
        actions = theirs.action_space.sample()
        mine, expected = ours.step(actions), theirs.step(actions)
        assert_same(mine[:4], expected[:4], f"step {step}")
        assert_same(timeless(mine[4]), timeless(expected[4]), f"infos of step {step}")
    ours.close()


@pytest.mark.parametrize("env_id, steps", [("CartPole-v1", 150), ("Pendulum-v1", 401)])
def test_scripts_for_0_29_and_for_1_read_the_same_returns_and_final_observations(env_id, steps):
    expected = rollout(sync_vector_env(env_id, 3), returns_as_in_1, "final_obs", steps)
    assert len(expected[2]) >= 3
    for read, key in ((returns_as_in_1, "final_obs"), (returns_as_in_0_29, "final_observation")):
        stored, rewards, returns = rollout(vectorize(discrete(env_id, 3), 2, context="fork"), read, key, steps)
        assert stored.tobytes() == expected[0].tobytes() and rewards.tobytes() == expected[1].tobytes()
        assert [(np.float32(r), length) for r, length in returns] == [
            (np.float32(r), length) for r, length in expected[2]
        ]


def test_infos_of_the_environment_are_in_the_rows_of_0_29_too():
    envs = vectorize([lambda: gym.wrappers.RecordEpisodeStatistics(ManyInfos())] * 3, 2, context="fork")
    envs.reset(seed=0, options={"length": 2})
    envs.step(np.ones(3, int))
    final = envs.step(np.ones(3, int))[4]["final_info"]
    assert len(final) == 3 and final[1] is final[1]
    assert [each["int"] for each in final] == [2, 2, 2] and final[0]["nested"]["deep"]["x"] == 2
    assert [(each["episode"]["r"].tolist(), each["episode"]["l"].tolist()) for each in final] == [([2.0], [2])] * 3
    envs.close()
    bare = vectorize([Counter] * 2, 1, context="fork")
    bare.reset(seed=0, options={"length": 1})
    infos = bare.step(np.ones(2, int))[4]
    assert list(infos["final_info"]) == [] and infos["final_observation"][1].tolist() == [1, 1]
    bare.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_environment_0_is_filmed_as_by_sync_vector_env(workers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    envs = vectorize([make_env("CartPole-v1", i, True, "run") for i in range(2)], workers, context="fork")
    envs.reset(seed=0)
    for _ in range(60):
        envs.step(np.zeros(2, int))
    envs.close()
    assert {"rl-video-episode-0.mp4", "rl-video-episode-1.mp4"} <= {*os.listdir("videos/run")}


def test_another_autoreset_mode_is_refused():
    with pytest.raises(ValueError, match="autoreset_mode='NextStep': CleanRL's loops need SAME_STEP"):
        vectorize([Counter], autoreset_mode="NextStep")
    vectorize([Counter], autoreset_mode="SameStep").close()


def test_the_change_that_vectorize_md_shows_is_of_cleanrls_lines():
    [diff] = re.findall(r"```diff\n(.*?)```", (ROOT / "docs" / "vectorize.md").read_text(), re.DOTALL)
    args = SimpleNamespace(env_id="CartPole-v1", num_envs=4, capture_video=False)
    made = {}
    for sign in "-+":
        names = {"gym": gym, "make_env": make_env, "args": args, "run_name": "run"}
        exec("\n".join(line[1:] for line in diff.splitlines() if line[0] in (sign, " ")), names)
        made[sign] = names["envs"]
    assert_same(made["-"].reset(seed=1)[0], made["+"].reset(seed=1)[0], "reset")
    for envs in made.values():
        envs.close()
