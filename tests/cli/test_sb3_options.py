"""Options of Stable-Baselines3's contenders, as RL-Zoo names them."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from operant.cli.sb3_options import arguments, normalized
from operant.cli.study_config import read_study
from operant.cli.study_sb3 import SB3Config, policy_of
from operant.cli.study_trials import train
from operant.models.evaluation import evaluate

BOX = gym.spaces.Box(-1, 1, (3,))
ZOO = """
[study]
seeds = 1
[contenders.zoo]
algorithm = "sb3-ppo"
[contenders.zoo.options]  # of RL-Zoo's HalfCheetah-v4, but for sizes
normalize = true
n_envs = 2
n_steps = 64
batch_size = 64
gamma = 0.9
learning_rate = "lin_3e-4"
clip_range = "lin_0.2"
policy_kwargs = { activation_fn = "nn.ReLU", log_std_init = -2, ortho_init = false, net_arch = { pi = [8], vf = [9] } }
[[runs]]
environment = "pendulum"
timesteps = 256
"""


@pytest.fixture
def zoo(tmp_path):
    (tmp_path / "zoo.toml").write_text(ZOO)
    return read_study(tmp_path / "zoo.toml").trials[0]


def test_rl_zoos_options_make_the_model_that_they_make_there(zoo):
    model = zoo.config.make()
    assert isinstance(model, PPO) and model.device.type == "cpu" and model.n_envs == 2
    assert isinstance(model.env, VecNormalize) and model.env.norm_obs and model.env.norm_reward
    assert model.gamma == model.env.gamma == 0.9
    assert [model.lr_schedule(remaining) for remaining in (1.0, 0.5, 0.0)] == pytest.approx([3e-4, 1.5e-4, 0])
    assert [model.clip_range(remaining) for remaining in (1.0, 0.25)] == pytest.approx([0.2, 0.05])
    assert [type(each) for each in model.policy.mlp_extractor.policy_net] == [torch.nn.Linear, torch.nn.ReLU]
    assert model.policy.mlp_extractor.value_net[0].out_features == 9
    assert model.policy.log_std.tolist() == [-2]
    model.env.close()


def test_a_policy_is_judged_with_frozen_statistics_of_raw_observations(zoo):
    model = zoo.config.make()
    model.learn(128)
    policy, statistics = policy_of(model), model.env.obs_rms
    before = statistics.mean.copy(), statistics.var.copy(), statistics.count
    raw = np.array([[0.3, -0.9, 5.0]], np.float32)
    by_hand = np.clip((raw - statistics.mean) / np.sqrt(statistics.var + 1e-8), -10, 10)
    expected, _ = model.predict(by_hand.astype(np.float32), deterministic=True)
    assert (policy.predict(raw, deterministic=True)[0] == expected).all()
    assert (expected != model.predict(raw, deterministic=True)[0]).all()
    returns = evaluate(policy, "operant/Pendulum-v1", 3, seed=1)
    after = statistics.mean, statistics.var, statistics.count
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))

    envs = VecNormalize(DummyVecEnv([lambda: gym.make("operant/Pendulum-v1")]), training=False, norm_reward=False)
    envs.obs_rms = statistics  # as RL-Zoo's enjoy plays it
    envs.seed(1)
    observations, total, done = envs.reset(), 0.0, [False]
    while not done[0]:
        actions, _ = model.predict(observations, deterministic=True)
        observations, rewards, done, _ = envs.step(actions)
        total += rewards[0]
    assert returns[0] == pytest.approx(total)
    envs.close()
    model.env.close()


def test_a_model_without_statistics_plays_by_itself():
    model = PPO("MlpPolicy", "operant/CartPole-v1")
    assert policy_of(model) is model


def test_a_study_trains_with_rl_zoos_options(zoo):
    outcome = train(zoo, lambda steps, mean: False)
    assert outcome["steps"] == 256 and outcome["backend"] == "sb3"
    assert -2000 < outcome["score"] < -100
    options = outcome["config"]["options"]
    assert options["learning_rate"] == "lin_3e-4" and options["policy_kwargs"]["activation_fn"] == "nn.ReLU"


@pytest.mark.parametrize("word, kind", [("tanh", "Tanh"), ("nn.ELU", "ELU"), ("torch.nn.LeakyReLU", "LeakyReLU")])
def test_an_activation_is_known_by_its_name(word, kind):
    given = arguments({"policy_kwargs": {"activation_fn": word, "net_arch": [4]}}, BOX)
    assert given == {"policy_kwargs": {"activation_fn": getattr(torch.nn, kind), "net_arch": [4]}}


def test_noise_is_of_every_action():
    noise = arguments({"noise_type": "ornstein-uhlenbeck", "noise_std": 0.5, "tau": 0.1}, BOX)["action_noise"]
    assert isinstance(noise, OrnsteinUhlenbeckActionNoise) and noise().shape == (3,)


def test_normalisation_may_be_of_observations_alone():
    envs = normalized(DummyVecEnv([lambda: gym.make("CartPole-v1")]), {"normalize": {"norm_reward": False}})
    assert envs.norm_obs and not envs.norm_reward and envs.gamma == 0.99
    assert not isinstance(normalized(envs.venv, {"normalize": False}), VecNormalize)
    assert normalized(envs.venv, {"gamma": 0.9, "normalize": {"gamma": 0.95}}).gamma == 0.95
    envs.close()


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"learning_rate": "lin3e-4"}, "learning_rate='lin3e-4' must be a number, or a number that falls to 0, such"),
        ({"learning_rate": "lin_x"}, "learning_rate='lin_x' must be a number"),
        ({"policy_kwargs": {"activation_fn": "rleu"}}, "'rleu' is no activation of torch.nn: did you mean"),
        ({"policy_kwargs": "dict(log_std_init=-2)"}, "must be a table, such as"),
        ({"normalize": "dict(norm_obs=True)"}, "must be true, false, or a table of VecNormalize's arguments"),
        ({"normalize": {"norm_rewards": False}}, "'norm_rewards': did you mean 'norm_reward'?"),
        ({"n_timesteps": 100}, "n_timesteps is no option here: give the contender or the run timesteps ="),
        ({"noise_type": "norml", "noise_std": 0.1}, "unknown noise_type 'norml': did you mean 'normal'?"),
        ({"noise_type": "normal"}, "noise_std=None must be a number of at least 0"),
    ],
)
def test_a_wrong_option_names_itself_and_the_remedy(options, expected):
    with pytest.raises(ValueError) as caught:
        SB3Config("operant/Pendulum-v1", "sb3-td3", 100, 0, None, options, {}).make()
    assert expected in str(caught.value)


def test_noise_needs_continuous_actions():
    with pytest.raises(ValueError, match=r"'normal' is for continuous actions, and not for Discrete\(2\)"):
        arguments({"noise_type": "normal", "noise_std": 0.1}, gym.spaces.Discrete(2))
