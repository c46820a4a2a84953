"""Compares operant.compat.sb3.PPO with Stable-Baselines3's own."""

import inspect
import io
import re
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import HumanOutputFormat, configure
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecNormalize

import operant.models
from operant.compat.sb3 import PPO, OperantVecEnv
from operant.compat.sb3_log import table
from operant.models.native.rollouts import CoreRollouts, SteppedRollouts
from operant.runs.checkpoint import CheckpointError, load_checkpoint, save_checkpoint

SMALL = {"n_steps": 32, "batch_size": 32, "n_epochs": 2, "seed": 1}


class Toy(gym.Env):
    """Draws random observations of a space; ends after 5 steps, terminated in every second episode, else truncated."""

    def __init__(self, observation_space, action_space):
        self.observation_space, self.action_space = observation_space, action_space
        self.episodes = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.made, self.episodes = 0, self.episodes + 1
        return self.observation_space.sample(), {}

    def step(self, action):
        assert self.action_space.contains(action)
        self.made += 1
        over, terminates = self.made == 5, self.episodes % 2 == 0
        reward = float(np.ravel(action)[0])
        return self.observation_space.sample(), reward, over and terminates, over and not terminates, {}


BOX = spaces.Box(-1, 1, (3,), np.float32)
TOYS = {
    "box": (BOX, spaces.Box(-2, 2, (2,), np.float32)),
    "box of two dimensions": (spaces.Box(0, 255, (2, 3), np.uint8), spaces.Box(-1, 1, (2, 2), np.float32)),
    "discrete": (spaces.Discrete(5), spaces.Discrete(3)),
    "multidiscrete": (spaces.MultiDiscrete([3, 4, 4]), spaces.MultiDiscrete([2, 4])),
    "multibinary": (spaces.MultiBinary(4), spaces.Discrete(2)),
    "dict": (spaces.Dict(b=BOX, a=spaces.Discrete(4), c=spaces.MultiBinary(2)), spaces.Discrete(2)),
}


def policy_for(space):
    return "MultiInputPolicy" if isinstance(space, spaces.Dict) else "MlpPolicy"


def toy(name, **options):
    """A short training on a toy."""
    observation, action = TOYS[name]
    return PPO(policy_for(observation), Toy(observation, action), **(SMALL | options)).learn(64)


def weights(model):
    return {name: array.tobytes() for name, array in model.algorithm.weights().items()}


pytestmark = pytest.mark.usefixtures("one_thread")


# The same face.


def parameters(function):
    return {
        name: (part.kind, part.default)
        for name, part in inspect.signature(function).parameters.items()
        if name not in ("_init_setup_model", "kwargs", "arguments")
    }


@pytest.mark.parametrize("name", ["__init__", "learn", "predict", "load"])
def test_arguments_and_their_defaults_are_sb3s(name):
    assert parameters(getattr(PPO, name)) == parameters(getattr(stable_baselines3.PPO, name))


def test_neither_sb3_nor_torch_is_imported_until_asked_for(tmp_path):
    script = f"""
import sys
from operant.compat.sb3 import PPO
model = PPO("MlpPolicy", "operant/CartPole-v1", n_steps=64, policy_kwargs={{"activation_fn": "relu"}}).learn(64)
model.save({str(tmp_path / "model")!r})
PPO.load({str(tmp_path / "model")!r}).predict([0.0] * 4)
assert not {{"torch", "stable_baselines3"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_cartpole_is_solved_with_sb3s_options():
    envs = gym.make_vec("operant/CartPole-v1", num_envs=8, autoreset_mode="SameStep")
    model = PPO("MlpPolicy", envs, n_steps=256, learning_rate=lambda left: 1e-3 * left, seed=3).learn(60_000)
    judge = make_vec_env("CartPole-v1", n_envs=16, seed=7)
    assert evaluate_policy(model, judge, n_eval_episodes=32)[0] >= 475


# The same arithmetic.


@pytest.mark.parametrize("name", TOYS)
def test_actions_have_sb3s_shapes_and_dtypes(name):
    observation, action = TOYS[name]
    env = Toy(observation, action)
    ours = PPO(policy_for(observation), env, **SMALL)
    theirs = stable_baselines3.PPO(policy_for(observation), Toy(observation, action), n_steps=32, device="cpu")
    one, many = env.reset(seed=0)[0], theirs.get_env().reset()
    for each in (one, many):
        for deterministic in (False, True):
            a, state = ours.predict(each, "state", None, deterministic)
            b, _ = theirs.predict(each, None, None, deterministic)
            assert (a.shape, a.dtype, state) == (b.shape, b.dtype, "state")


@pytest.mark.parametrize("name", TOYS)
def test_a_converted_model_predicts_the_same_actions(name):
    model = toy(name, policy_kwargs={"net_arch": {"pi": [16, 8], "vf": [24]}, "activation_fn": torch.nn.SiLU})
    theirs = model.to_sb3()
    assert type(theirs) is stable_baselines3.PPO and theirs.num_timesteps == 64
    space = TOYS[name][0]
    space.seed(5)
    samples = [space.sample() for _ in range(100)]
    batch = (
        {key: np.stack([each[key] for each in samples]) for key in samples[0]} if name == "dict" else np.stack(samples)
    )
    ours, other = (each.predict(batch, deterministic=True)[0] for each in (model, theirs))
    # The sums of a layer have another order: a few roundings of float32.
    np.testing.assert_allclose(ours, other, rtol=0, atol=1e-5 if ours.dtype == np.float32 else 0)


COUNTED = spaces.MultiDiscrete([3, 2], np.int16, start=[1, -1])


@pytest.mark.parametrize("observation", [COUNTED, spaces.Dict(a=COUNTED, b=BOX), spaces.Discrete(3, start=-1)], ids=str)
def test_sb3_has_no_form_of_observations_that_do_not_begin_with_0(observation):
    model = PPO(policy_for(observation), Toy(observation, spaces.Discrete(2)), **SMALL).learn(32)
    with pytest.raises(
        ValueError, match=r"^SB3 counts observations from 0, which (Dict|Multi|Disc).* does not: it has no"
    ):
        model.to_sb3()


def test_sb3_has_no_form_of_actions_that_begin_with_1():
    model = PPO("MlpPolicy", Toy(BOX, spaces.Discrete(2, start=1)), **SMALL).learn(32)
    with pytest.raises(ValueError, match=r"SB3 counts actions from 0, which Discrete\(2, start=1\) does not"):
        model.to_sb3()


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1", "Blackjack-v1", "FrozenLake-v1", "simple_spread-v3"])
def test_a_model_of_a_native_batch_predicts_the_same_actions_in_sb3(env_id):
    envs = OperantVecEnv(f"operant/{env_id}", 8)
    model = PPO("MlpPolicy", envs, **SMALL).learn(2048)
    theirs = model.to_sb3()
    observations = envs.reset()
    for _ in range(50):
        ours, other = (each.predict(observations, deterministic=True)[0] for each in (model, theirs))
        np.testing.assert_allclose(ours, other, rtol=0, atol=1e-5 if ours.dtype == np.float32 else 0)
        observations = envs.step(ours)[0]


def fill(buffer, trainer, rollout):
    """Puts our rollout into SB3's buffer, in the way of its `collect_rollouts`."""
    buffer.reset()
    count, rows = len(rollout.rewards), rollout.observations
    values = trainer.values(rows.reshape(-1, *rows.shape[2:])).reshape(rows.shape[:2])
    done = rollout.terminated | rollout.truncated
    buffer.observations[:] = trainer.layout.unflatten(rows)[:count].reshape(buffer.observations.shape)
    buffer.actions[:] = rollout.actions
    buffer.rewards[:] = rollout.rewards + buffer.gamma * np.where(rollout.truncated, rollout.final_values, 0)
    buffer.episode_starts[1:] = done[:-1]
    buffer.values[:], buffer.log_probs[:] = values[:-1], rollout.log_probs
    buffer.full = True
    buffer.compute_returns_and_advantage(last_values=torch.from_numpy(values[-1]), dones=done[-1])


@pytest.mark.parametrize("name", ["box", "discrete", "multidiscrete"])
def test_updates_are_sb3s(name):
    """All samples are one minibatch, so that its order does not matter; the optimiser has moments by then."""
    options = {"batch_size": 32, "n_epochs": 3, "ent_coef": 0.01, "vf_coef": 0.7, "learning_rate": 1e-2}
    observation, action = TOYS[name]
    model = PPO("MlpPolicy", Toy(observation, action), **(SMALL | options)).learn(32)
    theirs, trainer, before = model.to_sb3(), model.algorithm.trainer, weights(model)
    theirs.set_logger(configure(None, [""]))
    learn = trainer.learn

    def learn_both(rollout):
        fill(theirs.rollout_buffer, trainer, rollout)
        theirs.train()
        return learn(rollout)

    trainer.learn = learn_both
    model.learn(32, reset_num_timesteps=False)
    assert all(array != before[name] for name, array in weights(model).items())
    ours = dict(model.to_sb3().policy.named_parameters())
    for name, parameter in theirs.policy.named_parameters():
        # A step of Adam is about 1e-2 here, and the roundings of float32 gradients up to a thousandth of it where a
        # gradient is near the epsilon that Adam adds.
        torch.testing.assert_close(ours[name], parameter, rtol=0, atol=1e-5, msg=name)


def test_schedules_are_asked_as_sb3_asks_them():
    asked = []
    for kind in (PPO, stable_baselines3.PPO):
        asked.append(([], []))
        rate, clip = (lambda left, seen=seen: seen.append(left) or 0.1 * (left + 0.1) for seen in asked[-1])
        model = kind("MlpPolicy", "CartPole-v1", rate, n_steps=32, batch_size=32, clip_range=clip, device="cpu")
        model.learn(96).learn(64, reset_num_timesteps=False)
    ours, theirs = ([[left for left in dict.fromkeys(each) if left < 1] for each in pair] for pair in asked)
    assert ours == theirs == [[1 - 32 / 96, 1 - 64 / 96, 0.0, 1 - 128 / 160]] * 2


def test_the_part_that_remains_is_never_below_0():
    asked = []
    model = PPO("MlpPolicy", "operant/CartPole-v1", lambda left: asked.append(left) or 1e-3 * left, **SMALL)
    model.learn(33)
    assert asked == [1.0, 1 - 32 / 33, 0.0] and model.num_timesteps == 64


def test_a_clip_range_may_fall_to_0():
    model = PPO("MlpPolicy", "operant/CartPole-v1", clip_range=lambda left: 0.2 * left, **SMALL)
    model.learn(64)
    assert model.num_timesteps == 64


# Environments.


def short(**options):
    return gym.make("CartPole-v1", max_episode_steps=15, **options)


def test_a_vecenv_of_sb3_gives_the_bits_of_gymnasiums_vector_environment():
    mode = gym.vector.AutoresetMode.SAME_STEP
    ids = "CartPole-v1", "operant/CartPole-v1"
    sync = gym.vector.SyncVectorEnv([short] * 4, autoreset_mode=mode)
    kwargs = {"max_episode_steps": 15}
    exact = OperantVecEnv(ids[1], 4, precision="float64", **kwargs)
    dummy = make_vec_env(ids[0], 4, env_kwargs=kwargs)
    results = [PPO("MlpPolicy", envs, **SMALL).learn(512) for envs in (sync, dummy, exact, exact.vector_env)]
    assert len({tuple(weights(model).items()) for model in results}) == 1
    metrics = [model.algorithm.rollouts.episode_metrics() for model in results]
    assert metrics[0]["episodes"] > 20 and metrics.count(metrics[0]) == 4


def test_an_id_of_mujocos_is_stepped_by_the_core():
    """Its precision is float64 elsewhere, but rollouts hold float32."""
    by_id = PPO("MlpPolicy", "operant/Hopper-v5", **SMALL).learn(512)
    envs = gym.make_vec("operant/Hopper-v5", 1, autoreset_mode="SameStep", precision="float32")
    assert by_id.algorithm.environments.batch.exact is False
    assert weights(by_id) == weights(PPO("MlpPolicy", envs, **SMALL).learn(512))


def test_the_core_steps_a_batch_whatever_holds_it(tmp_path):
    def vector():
        return gym.make_vec("operant/Pendulum-v1", num_envs=4, autoreset_mode="SameStep", max_episode_steps=20)

    made = [vector(), OperantVecEnv(vector()), OperantVecEnv("operant/Pendulum-v1", 4, max_episode_steps=20)]
    results = [PPO("MlpPolicy", envs, **SMALL).learn(512) for envs in made]
    assert len({tuple(weights(model).items()) for model in results}) == 1
    assert all(type(model.algorithm.rollouts) is CoreRollouts for model in results)
    one = [PPO("MlpPolicy", env, **SMALL).learn(64) for env in ("operant/Taxi-v4", OperantVecEnv("operant/Taxi-v4", 1))]
    assert weights(one[0]) == weights(one[1])


def test_monitors_file_has_every_episode(tmp_path):
    envs = make_vec_env("operant/CartPole-v1", 4, vec_env_cls=OperantVecEnv, monitor_dir=str(tmp_path))
    model = PPO("MlpPolicy", envs, **SMALL).learn(512)
    (file,) = tmp_path.iterdir()
    assert len(file.read_text().splitlines()) - 2 == model.algorithm.rollouts.episode_count > 5


def test_wrappers_of_sb3_are_stepped_and_returns_are_those_of_the_task():
    inner = OperantVecEnv("operant/Pendulum-v1", 4, max_episode_steps=16)
    model = PPO("MlpPolicy", VecNormalize(VecFrameStack(inner, 2)), **SMALL).learn(256)
    assert isinstance(model.algorithm.rollouts, SteppedRollouts) and model.observation_space.shape == (6,)
    assert -16 * 17 < model.algorithm.recent_return < -10  # a step's reward is from -16.3 to 0
    assert model.get_env().obs_rms.count > 256


@pytest.mark.parametrize("env", ["CartPole-v1", "operant/CartPole-v1", "operant:operant/CartPole-v1", short()])
def test_get_env_returns_a_vecenv(env):
    model = PPO("MlpPolicy", env, **SMALL)
    envs = model.get_env()
    assert envs is model.get_env()
    assert isinstance(envs, OperantVecEnv if "operant" in str(env) else DummyVecEnv) and envs.reset().shape == (1, 4)


def test_episodes_begin_anew_where_sb3_begins_them():
    envs = DummyVecEnv([short] * 4)
    resets, reset = [], envs.reset
    envs.reset = lambda: resets.append(envs._seeds[:]) or reset()
    model = PPO("MlpPolicy", envs, **SMALL)
    assert resets == []
    model.learn(128).learn(128, reset_num_timesteps=False)
    assert resets == [[1, 2, 3, 4]] and model.num_timesteps == 256
    model.learn(128)
    assert resets[1:] == [[None] * 4] and model.num_timesteps == 128
    envs.seed(7)  # and the model has no seed of its own
    PPO("MlpPolicy", envs, n_steps=32).learn(128)
    assert resets[2:] == [[7, 8, 9, 10]]


def test_other_environments_can_be_set():
    model = PPO("MlpPolicy", "operant/CartPole-v1", **SMALL).learn(64)
    model.set_env(short())
    model.learn(64, reset_num_timesteps=False)
    assert model.num_timesteps == 128 and isinstance(model.algorithm.rollouts, SteppedRollouts)
    with pytest.raises(ValueError, match="2 environments, and the model has 1"):
        model.set_env(OperantVecEnv("operant/CartPole-v1", 2))
    with pytest.raises(ValueError, match="the environment's observation_space is Box"):
        model.set_env("operant/Pendulum-v1")


# Files.


def test_a_training_that_is_saved_and_loaded_ends_with_the_bits_of_one_without_a_break(tmp_path):
    def envs():
        return OperantVecEnv("operant/CartPole-v1", 4)

    whole = PPO("MlpPolicy", envs(), **SMALL).learn(512).learn(512, reset_num_timesteps=False)
    PPO("MlpPolicy", envs(), **SMALL).learn(512).save(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    loaded = PPO.load(tmp_path / "model", envs(), force_reset=False)
    assert loaded.num_timesteps == 512 and loaded.batch_size == 32
    loaded.learn(512, reset_num_timesteps=False)
    assert weights(loaded) == weights(whole) and loaded.num_timesteps == 1024


@pytest.mark.parametrize("name", TOYS)
def test_a_loaded_model_needs_no_environment_to_predict(name, tmp_path):
    model = toy(name)
    model.save(tmp_path / "model")
    loaded = PPO.load(tmp_path / "model.safetensors")
    assert weights(loaded) == weights(model) and loaded.observation_space == model.observation_space
    observation = model.observation_space.sample()
    assert np.array_equal(*(each.predict(observation, deterministic=True)[0] for each in (model, loaded)))
    assert loaded.get_env() is None and loaded.to_sb3().num_timesteps == 64
    with pytest.raises(ValueError, match=r"no environment: call set_env\(env\)"):
        loaded.learn(64)


NARROW = {"dtype": np.int32} if "dtype" in inspect.signature(spaces.Discrete).parameters else {}  # later gymnasium's


@pytest.mark.parametrize("space", [COUNTED, spaces.Discrete(3, start=5, **NARROW)], ids=str)
def test_spaces_are_saved_with_their_first_number_and_dtype(space, tmp_path):
    model = PPO("MlpPolicy", Toy(space, space), **SMALL).learn(32)
    model.save(tmp_path / "model")
    alone, on = PPO.load(tmp_path / "model"), PPO.load(tmp_path / "model", Toy(space, space))
    for loaded in (alone, on):
        assert loaded.observation_space == loaded.action_space == space
    observation = space.sample()
    assert len({str(each.predict(observation, deterministic=True)[0]) for each in (model, alone, on)}) == 1


def test_a_model_is_loaded_for_another_number_of_environments_and_with_other_arguments(tmp_path):
    path = tmp_path / "model"
    PPO("MlpPolicy", "operant/CartPole-v1", lambda left: 1e-3 * left, **SMALL).learn(64).save(path)
    loaded = PPO.load(path, OperantVecEnv("operant/CartPole-v1", 8), learning_rate=1e-4, n_epochs=1)
    loaded.learn(512, reset_num_timesteps=False)
    assert (loaded.n_envs, loaded.n_epochs, loaded.num_timesteps) == (8, 1, 576)
    with pytest.raises(ValueError, match=r"learning_rate was a function, .*: give load\(path, learning_rate=...\)"):
        PPO.load(path, "operant/CartPole-v1").learn(64)


def test_operants_own_ppo_reads_the_file(tmp_path):
    model = PPO("MlpPolicy", "operant/CartPole-v1", **SMALL).learn(64)
    model.save(tmp_path / "model")
    other = operant.models.PPO.load(tmp_path / "model.safetensors", "operant/CartPole-v1")
    assert other.weights_hash() == model.algorithm.weights_hash()
    other.save(tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match=r"other.safetensors was not saved by operant\.compat\.sb3\.PPO"):
        PPO.load(tmp_path / "other")


def test_a_damaged_file_and_a_wrong_environment_are_told_apart(tmp_path):
    PPO("MlpPolicy", "operant/CartPole-v1", **SMALL).save(tmp_path / "model")
    with pytest.raises(ValueError, match="the environment's observation_space is Box"):
        PPO.load(tmp_path / "model", "operant/Acrobot-v1")
    with pytest.raises(TypeError, match="env=3 must be an id"):
        PPO.load(tmp_path / "model", 3)
    state = load_checkpoint(tmp_path / "model.safetensors")
    for part, value in (("arguments", {}), ("n_envs", "two"), ("action_space", {"kind": "Box"}), ("policy", None)):
        save_checkpoint(tmp_path / "bad.safetensors", {**state, "sb3": {**state["sb3"], part: value}})
        with pytest.raises(ValueError, match=r"bad\.safetensors does not fit|policy=None"):
            PPO.load(tmp_path / "bad")


def test_files_of_sb3_are_refused_by_name():
    model = PPO("MlpPolicy", "operant/CartPole-v1", **SMALL)
    with pytest.raises(ValueError, match=r"model.zip is a file of SB3's: .* call to_sb3\(\)\.save\(path\)"):
        model.save("model.zip")
    with pytest.raises(ValueError, match=r"model.zip is a file of SB3's: .* call stable_baselines3\.PPO\.load\(path\)"):
        PPO.load("model.zip")


# The log.


def test_the_table_is_sb3s(capsys):
    PPO("MlpPolicy", "operant/Pendulum-v1", verbose=1, **SMALL).learn(256, log_interval=8)
    printed = capsys.readouterr().out
    assert "|    std" in printed and "|    total_timesteps" in printed
    row = {"time/fps": 1234, "train/loss": 0.123456, "train/n_updates": 10}
    theirs = io.StringIO()
    HumanOutputFormat(theirs).write(row, dict.fromkeys(row))
    assert table(row) + "\n" == theirs.getvalue()


def test_tensorboard_files_are_where_sb3_writes_them(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = PPO("MlpPolicy", "operant/CartPole-v1", tensorboard_log=tmp_path, **SMALL)
    model.learn(64).learn(64, reset_num_timesteps=False).learn(64, tb_log_name="other").learn(64)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["PPO_1", "PPO_2", "other_1"]
    events = EventAccumulator(str(tmp_path / "PPO_1")).Reload()
    assert [event.step for event in events.Scalars("train/value_loss")] == [32, 64, 96, 128]


# What it does not do.


class Wordy(torch.nn.Module):
    pass


def on_cartpole(**options):
    return lambda: PPO("MlpPolicy", "operant/CartPole-v1", **options)


ELSEWHERE = r": leave it out, or use stable_baselines3\.PPO"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PPO("CnnPolicy", "operant/CartPole-v1"), r"policy='CnnPolicy': .* for another, use stable_baselines3"),
        (lambda: PPO("MultiInputPolicy", "operant/CartPole-v1"), r"does not read Box.*: give 'MlpPolicy'"),
        (lambda: PPO("MlpPolicy", Toy(*TOYS["dict"])), r"does not read Dict.*: give 'MultiInputPolicy'"),
        (on_cartpole(use_sde=True), f"does not do use_sde=True{ELSEWHERE}"),
        (on_cartpole(clip_range_vf=0.2), f"does not do clip_range_vf=0.2{ELSEWHERE}"),
        (on_cartpole(stats_window_size=10), f"does not do stats_window_size=10{ELSEWHERE}"),
        (on_cartpole(device="cuda"), f"does not do device='cuda'{ELSEWHERE}"),
        (
            on_cartpole(policy_kwargs={"activation_fn": torch.nn.ELU}),
            r"does not do activation_fn=.*ELU.*tanh, relu, silu",
        ),
        (on_cartpole(policy_kwargs={"ortho_init": False}), f"does not do ortho_init=False{ELSEWHERE}"),
        (on_cartpole(policy_kwargs={"optimizer_class": Wordy}), r"does not do policy_kwargs\['optimizer_class'\]"),
        (on_cartpole(policy_kwargs={"net_arch": {"pi": [8]}}), "a value network without hidden layers"),
        (on_cartpole(policy_kwargs={"net_arch": {"qf": [8]}}), r"net_arch has 'qf': give pi=\[...\] and vf=\[...\]"),
        (on_cartpole(policy_kwargs={"net_arch": [8] * 9}), "more than 8 layers"),
        (lambda: PPO("MlpPolicy", Toy(BOX, spaces.MultiBinary(3))), r"does not do actions of MultiBinary\(3\)"),
        (lambda: PPO("CnnPolicy", Toy(spaces.Box(0, 255, (36, 36, 3), np.uint8), spaces.Discrete(2))), "CnnPolicy"),
        (on_cartpole(batch_size=1), "batch_size=1 must be from 2"),
        (on_cartpole(n_steps=1), "n_steps=1 with 1 environment: advantages of one sample"),
        (on_cartpole(learning_rate=2.0), "learning_rate=2.0 with 100% of the training left: it must be from 0 to 1"),
        (on_cartpole(clip_range=-0.1), "clip_range=-0.1 with 100% of the training left"),
        (on_cartpole(gamma=1.5), "gamma=1.5 must be from 0 to 1"),
        (on_cartpole(ent_coef=-1), "ent_coef=-1 must be at least 0"),
        (on_cartpole(target_kl=0.0), "target_kl=0.0 must be above 0"),
        (lambda: PPO("MlpPolicy", "operant/CartPole-v7"), "unknown environment"),
        (
            lambda: PPO("MlpPolicy", gym.make_vec("operant/CartPole-v1", num_envs=2)),
            "training needs a vector env in SAME_STEP mode",
        ),
    ],
)
def test_what_it_does_not_do_is_an_error_with_a_remedy(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_no_number_is_named():
    for name in ("learning_rate", "clip_range", "gamma", "ent_coef", "vf_coef", "max_grad_norm", "target_kl"):
        with pytest.raises(TypeError, match=f"^{name}='auto' must be a number$"):
            PPO("MlpPolicy", "operant/CartPole-v1", **SMALL, **{name: "auto"})
    with pytest.raises(TypeError, match="policy_kwargs='relu' must be a dict"):
        PPO("MlpPolicy", "operant/CartPole-v1", policy_kwargs="relu")
    for sizes in (64, "64", {"pi": 64, "vf": 64}):
        with pytest.raises(TypeError, match=rf"^net_arch={re.escape(repr(sizes))} must be a list of sizes, such as"):
            PPO("MlpPolicy", "operant/CartPole-v1", policy_kwargs={"net_arch": sizes})
    for layers in ([0], [64, {"pi": [8], "vf": [8]}], {"pi": [8], "vf": [1.5]}):
        with pytest.raises(ValueError, match=rf"^net_arch={re.escape(repr(layers))} must have sizes of at least 1"):
            PPO("MlpPolicy", "operant/CartPole-v1", policy_kwargs={"net_arch": layers})
    with pytest.raises(TypeError, match=r"^normalize_advantage='no' must be True or False$"):
        PPO("MlpPolicy", "operant/CartPole-v1", normalize_advantage="no")


def test_an_attribute_that_sb3_would_heed_and_the_core_not_cannot_be_assigned():
    model = PPO("MlpPolicy", "operant/CartPole-v1", **SMALL)
    values = {"gamma": 0.5, "n_steps": 64, "ent_coef": 0.1, "target_kl": 0.01, "normalize_advantage": False, "seed": 3}
    for name, value in values.items():
        message = rf"^PPO\.{name} cannot be replaced: save\(path\), and load\(path, env, {name}=\.\.\.\)$"
        before = getattr(model, name)
        with pytest.raises(AttributeError, match=message):
            setattr(model, name, value)
        assert getattr(model, name) == before
    for name in ("policy_kwargs", "device", "n_envs", "observation_space", "algorithm"):
        with pytest.raises(AttributeError, match=rf"^PPO\.{name} cannot be replaced: make a new model$"):
            setattr(model, name, {})
    before = model.algorithm.weights_hash()
    model.learning_rate, model.clip_range = 0.0, 0.1  # which the next `learn` heeds
    assert model.learn(128).algorithm.weights_hash() == before


def test_a_seed_of_none_changes_nothing_as_in_sb3():
    def sampled(*seeds):
        model = PPO("MlpPolicy", "operant/CartPole-v1", **SMALL)
        for seed in seeds:
            model.set_random_seed(seed)
        return model.predict(np.zeros((50, 4), np.float32))[0].tolist()

    assert sampled(None) == sampled() != sampled(2) == sampled(2, None)


def test_a_whole_number_of_steps_may_be_a_float_as_for_sb3():
    model = PPO("MlpPolicy", "operant/CartPole-v1", **SMALL)
    assert model.learn(1e2).num_timesteps == 128
    with pytest.raises(TypeError, match=r"total_timesteps=100\.5 must be an int"):
        model.learn(100.5)


def test_misuse_after_the_making_is_named():
    model = PPO("MlpPolicy", "operant/CartPole-v1", **SMALL)
    with pytest.raises(ValueError, match=r"calls nothing while it learns: use stable_baselines3\.PPO, or call learn\("):
        model.learn(32, callback=lambda *_: True)
    with pytest.raises(ValueError, match=r"^log_interval=0 must be from 1 to \d+$"):
        model.learn(32, log_interval=0)
    with pytest.raises(TypeError, match=r"^log_interval='all' must be an int, not str$"):
        model.learn(32, log_interval="all")
    assert model.num_timesteps == 0
    with pytest.raises(ValueError, match=r"the observation is a tuple: reset\(\) of Gymnasium's"):
        model.predict(short().reset())
    with pytest.raises(ValueError, match="too many dimensions"):
        model.predict(np.zeros((2, 3, 4)))
    with pytest.raises(AttributeError, match=r"has no 'policy': to_sb3\(\) returns a stable_baselines3\.PPO"):
        model.policy  # noqa: B018
    with pytest.raises(TypeError, match="must be an id, an environment"):
        PPO("MlpPolicy", 3)
