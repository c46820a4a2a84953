"""The environment part of a CleanRL script, in its documented structure but in our own words.

CleanRL's repository is not a package: PyPI has only a release of 2021, for the old gym. So the tests run this instead,
which makes, seeds, steps and reads environments in the same way as CleanRL's scripts.
"""

import gymnasium as gym
import numpy as np


def make_env(env_id, idx, capture_video, run_name):
    """A function that makes environment `idx`, of the kind that CleanRL passes to SyncVectorEnv."""

    def thunk():
        film = capture_video and idx == 0
        env = gym.make(env_id, render_mode="rgb_array") if film else gym.make(env_id)
        if film:
            env = gym.wrappers.RecordVideo(env, f"videos/{run_name}")
        return gym.wrappers.RecordEpisodeStatistics(env)

    return thunk


def sync_vector_env(env_id, num_envs):
    """The line that make_vec_env replaces; under gymnasium 1.x CleanRL asks for 0.29's autoreset mode."""
    mode = getattr(gym.vector, "AutoresetMode", None)
    options = {"autoreset_mode": mode.SAME_STEP} if mode else {}
    return gym.vector.SyncVectorEnv([make_env(env_id, i, False, "run") for i in range(num_envs)], **options)


def returns_as_in_0_29(infos):
    """(return, length) of each episode that ended, read in the way of scripts for gymnasium 0.29."""
    found = []
    if "final_info" in infos:
        for info in infos["final_info"]:
            if info and "episode" in info:
                found.append((float(info["episode"]["r"][0]), int(info["episode"]["l"][0])))
    return found


def returns_as_in_1(infos):
    """The same, read in the way of scripts for gymnasium 1.x."""
    if "final_info" not in infos:
        return []
    over = np.nonzero(infos["final_info"]["_episode"])[0]
    episode = infos["final_info"]["episode"]
    return list(zip(episode["r"][over].tolist(), episode["l"][over].tolist(), strict=True))


def real_next_observations(next_obs, truncations, infos, key):
    """The observations that off-policy scripts store: the final one where an episode was truncated."""
    real_next_obs = next_obs.copy()
    for idx, truncated in enumerate(truncations):
        if truncated:
            real_next_obs[idx] = infos[key][idx]
    return real_next_obs


def rollout(envs, read_returns, key, steps, seed=1):
    """Steps at random; returns observations in the way of an off-policy script, rewards, and episodes' returns."""
    random = np.random.default_rng(seed)
    obs, _ = envs.reset(seed=seed)
    stored, rewarded, returns = [obs], [], []
    for _ in range(steps):
        if isinstance(envs.single_action_space, gym.spaces.Discrete):
            actions = random.integers(0, envs.single_action_space.n, envs.num_envs)
        else:
            shape = (envs.num_envs, *envs.single_action_space.shape)
            actions = random.uniform(envs.single_action_space.low, envs.single_action_space.high, shape)
            actions = actions.astype(np.float32)
        next_obs, rewards, _, truncations, infos = envs.step(actions)
        stored.append(real_next_observations(next_obs, truncations, infos, key))
        rewarded.append(rewards)
        returns += read_returns(infos)
    envs.close()
    return np.array(stored), np.array(rewarded), returns
