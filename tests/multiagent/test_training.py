"""Training code for Gymnasium's, SB3's or PufferLib's vector environments trains on rows of agents."""

import numpy as np
import pytest
import torch
from snippets import run_snippets
from stable_baselines3 import PPO

from operant.compat.sb3 import OperantVecEnv
from operant.multiagent import simple_spread_v3, simple_v3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_snippets_of_the_page_run():
    names = run_snippets("PettingZoo")
    assert names["observations"].shape == (3072, 18)
    assert names["model"].num_timesteps == 76_800


def test_one_policy_for_all_rows_learns_to_go_to_the_landmark():
    torch.set_num_threads(1)
    envs = OperantVecEnv(simple_v3.vector_env(256, autoreset_mode="SameStep"))
    model = PPO("MlpPolicy", envs, n_steps=25, batch_size=1600, n_epochs=4, learning_rate=3e-3, seed=0, device="cpu")
    returns = []

    def keep(variables, _):
        returns.extend(info["episode"]["r"] for info in variables["infos"] if "episode" in info)
        return True

    model.learn(100_000, callback=keep)
    # A random walk returns about -30 (start and landmark in a square of 2 m, 25 steps); standing on the landmark, 0.
    first, last = np.mean(returns[:256]), np.mean(returns[-256:])
    assert first < -20 and last > 0.5 * first


def test_agents_share_their_environments_parameters():
    envs = OperantVecEnv(simple_spread_v3.vector_env(3, autoreset_mode="SameStep"))
    envs.set_attr("local_ratio", 0.25, indices=[4])
    assert envs.get_attr("local_ratio") == [0.5] * 3 + [0.25] * 3 + [0.5] * 3
    assert envs.get_attr("local_ratio", indices=[0, 5]) == [0.5, 0.25]
    envs.set_attr("local_ratio", [0, 0.5, 1])
    assert envs.get_attr("local_ratio") == [0] * 3 + [0.5] * 3 + [1] * 3
