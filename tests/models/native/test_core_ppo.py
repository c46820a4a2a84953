"""PPO in the core: checkpoints, threads, both backends' checkpoints, and what `backend="auto"` chooses."""

import copy
import functools
import math
import operator
import sys

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from toys import Countdown, vector

from operant.environments.cuda_vector import CudaVectorEnv
from operant.messages import NotFiniteError
from operant.models import PPO, RND, ActorCritic
from operant.models.algorithms.configs import PPOConfig
from operant.models.algorithms.torch_ppo import TorchPPO
from operant.models.evaluation import evaluate
from operant.models.export.c_header import c_header
from operant.models.export.network import network_of
from operant.models.native import choice
from operant.models.native import ppo as native_ppo
from operant.models.native.limits import why_not
from operant.models.native.ppo import NativePPO
from operant.runs.checkpoint import CheckpointError, load_checkpoint, save_checkpoint

SMALL = {"num_envs": 8, "rollout_steps": 16, "hidden": (16,)}
UPDATE = 8 * 16
ENV = "operant/CartPole-v1"


def made(kind=PPO, env=ENV, seed=0, **options):
    return kind(env, PPOConfig(**{**SMALL, **options}), seed=seed)


# The time limit of training.


@pytest.mark.parametrize("env", ["operant/Pendulum-v1", "Pendulum-v1"])
@pytest.mark.parametrize("kind", [NativePPO, TorchPPO])
def test_training_cuts_episodes_after_episode_steps_and_the_task_keeps_its_own_limit(kind, env, tmp_path):
    algorithm = made(kind, env, episode_steps=7)
    lengths = [metrics["episode_length"] for metrics in algorithm.iterate(2 * UPDATE)]
    assert lengths == [7, 7]
    assert evaluate(algorithm, env, 2).max() < -200  # 200 steps, each of which costs one or more
    algorithm.save(tmp_path / "checkpoint")
    algorithm.close()
    again = kind.load(tmp_path / "checkpoint")
    assert again.config.episode_steps == 7 and again.env_options == {}
    again.close()
    if env.startswith("operant/"):
        given = kind.load(tmp_path / "checkpoint", env=gym.make_vec(env, 8, autoreset_mode="SameStep"))
        assert (given.config.episode_steps, given.environments.batch.max_episode_steps) == (0, 200)
        given.close()


@pytest.mark.parametrize("kind", [PPO, NativePPO, TorchPPO])
def test_episode_steps_of_a_vector_env_are_refused(kind):
    envs = gym.make_vec(ENV, 8, autoreset_mode="SameStep")
    message = "^episode_steps=7 is only for an id: make the vector env with max_episode_steps=7$"
    with pytest.raises(ValueError, match=message):
        made(kind, envs, episode_steps=7)
    envs.close()


@pytest.mark.parametrize("kind", [NativePPO, TorchPPO])
def test_a_limit_of_the_tasks_own_comes_before_episode_steps(kind):
    algorithm = kind(ENV, PPOConfig(**SMALL, episode_steps=7), env_options={"max_episode_steps": 5})
    assert algorithm.environments.batch.max_episode_steps == 5
    algorithm.close()


# The choice.

BOX, TWO = spaces.Box(-1, 1, (3,), np.float32), spaces.Discrete(2)
CANNOT = {
    "lstm=8": {"lstm": 8},
    "activation='elu'": {"activation": "elu"},
    "activation='gelu'": {"activation": "gelu"},
    "vtrace=True": {"vtrace": True},
    "amp=True": {"amp": True},
    "tf32=True": {"tf32": True},
    "device='emulated'": {"device": "emulated"},
    f"hidden={(4,) * 9} (more than 8 layers, or 4096 units)": {"hidden": (4,) * 9},
    "value_hidden=(5000,) (more than 8 layers, or 4096 units)": {"value_hidden": (5000,)},
    "learning_rate=2.0 (above 1)": {"learning_rate": 2.0},
    "log_std=21.0 (not from -20 to 20)": {"log_std": 21.0},
    "clip=inf": {"clip": math.inf},
    "clip=1e+39 (as a float32 it is inf)": {"clip": 1e39},
    "learning_rate=1e-50 (as a float32 it is 0)": {"learning_rate": 1e-50},
    "value_clip=1e-50 (as a float32 it is 0)": {"value_clip": 1e-50},
    "target_kl=1e-50 (as a float32 it is 0)": {"target_kl": 1e-50},
    "max_grad_norm=1e-50 (as a float32 it is 0)": {"max_grad_norm": 1e-50},
    "value_coefficient=1e+300 (as a float32 it is inf)": {"value_coefficient": 1e300},
    "minibatches=2147483648 (above 2147483647)": {"minibatches": 1 << 31},
}


@pytest.mark.parametrize(("reason", "options"), CANNOT.items(), ids=str)
def test_an_option_that_the_core_does_not_train_is_named_and_auto_takes_torch(reason, options):
    with pytest.raises(ValueError) as refused:
        made(backend="native", **options)
    assert str(refused.value) == (
        f"backend='native' does not train {reason}: choose backend='torch', or leave that out"
    )
    assert type(made(**options)) is TorchPPO


@pytest.mark.parametrize(
    ("observations", "actions", "reason"),
    [
        (spaces.Box(0, 255, (8, 8, 3), np.uint8), TWO, "does not train the image observation, Box.*: choose"),
        (
            spaces.Dict(a=BOX, b=spaces.Box(0, 9, (2,), np.uint16)),
            TWO,
            r"observation\['b'\] of uint16 \(the core reads",
        ),
        (spaces.Box(-1, 1, (5000,), np.float32), TWO, "5000 inputs"),
        (BOX, spaces.Discrete(2000), "actions of 1 numbers with 2000 choices"),
        (BOX, spaces.Box(-1, 1, (300,), np.float32), "actions of 300 numbers with 300 choices"),
        (BOX, TWO, None),
    ],
)
def test_a_space_that_the_core_does_not_train_is_named_and_auto_takes_torch(observations, actions, reason):
    class Kind(Countdown):
        observation_space, action_space = observations, actions

        def reset(self, *, seed=None, options=None):
            return self.observation_space.sample(), {}

    found = why_not(PPOConfig(), observations, actions)
    if reason is None:
        assert found is None
        assert type(made(env=vector(Kind), num_envs=1)) is NativePPO
        return
    with pytest.raises(ValueError, match=reason):
        made(env=vector(Kind), num_envs=1, backend="native")
    assert type(made(env=vector(Kind), num_envs=1)) is TorchPPO


def test_without_an_environment_an_error_says_what_it_may_be():
    with pytest.raises(
        TypeError, match=r"^PPO needs env, an id such as 'operant/CartPole-v1' or a vector env: PPO\(env"
    ):
        PPO()


def test_objects_of_torch_and_several_processes_are_trained_by_torch(monkeypatch):
    space = gym.make("CartPole-v1").observation_space
    policy = ActorCritic(space, TWO, hidden=(16,), seed=0)
    config = PPOConfig(**SMALL)
    assert type(PPO(ENV, config, policy=policy)) is TorchPPO
    assert type(PPO(ENV, config, exploration=RND(space))) is TorchPPO
    with pytest.raises(ValueError, match="does not train policy=: choose"):
        PPO(ENV, PPOConfig(**SMALL, backend="native"), policy=policy)
    envs = CudaVectorEnv(ENV, 8, device="emulated", autoreset_mode="SameStep", copy=False)
    assert type(PPO(envs, PPOConfig(**SMALL, device="emulated"))) is TorchPPO
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="does not train torchrun's 2 processes: choose"):
        made(backend="native")
    for name in ("policy", "exploration"):
        with pytest.raises(ValueError, match=f"does not train {name}=: choose"):
            NativePPO("operant/CartPole-v1", **{name: object()})


def test_isinstance_and_explicit_backends():
    assert isinstance(made(), PPO) and isinstance(made(backend="torch"), PPO)
    assert type(made()) is NativePPO and type(made(backend="torch")) is TorchPPO
    with pytest.raises(ValueError, match="backend='cuda': choose from auto, native, torch"):
        made(backend="cuda")


@pytest.mark.parametrize("backend", ["auto", "native", "torch"])
def test_empty_parts_of_an_observation_are_no_inputs(backend):
    class Empty(Countdown):
        observation_space = spaces.Dict(a=spaces.Box(-1, 1, (0,), np.float32), b=BOX)

        def reset(self, *, seed=None, options=None):
            self.made = 0
            return self.observation_space.sample(), {}

        def step(self, action):
            _, *rest = super().step(action)
            return self.observation_space.sample(), *rest

    algorithm = made(env=vector(Empty, Empty), num_envs=2, backend=backend).learn(100)
    assert algorithm.backend == ("torch" if backend == "torch" else "native")
    assert algorithm.weights()["actor.0.weight"].shape == (16, 3)


def test_a_class_derives_from_one_backend():
    class Unknown(PPO):
        pass

    class Known(TorchPPO):
        pass

    with pytest.raises(TypeError, match=r"Unknown must derive from torch_ppo\.TorchPPO"):
        Unknown(ENV)
    assert Known(ENV, PPOConfig(**SMALL)).backend == "torch"


def test_environments_that_cannot_be_trained_on_are_closed_if_they_were_made_of_an_id():
    closed = []

    class Matrix(Countdown):
        action_space = spaces.MultiDiscrete([[2, 2], [2, 2]])

        def close(self):
            closed.append(True)

    gym.register("Matrix-v0", Matrix)
    try:
        with pytest.raises(TypeError, match="no policy supports the action space MultiDiscrete"):
            made(env="Matrix-v0", num_envs=1)
    finally:
        gym.registry.pop("Matrix-v0")
    assert closed


@pytest.mark.parametrize("backend", ["auto", "native", "torch"])
def test_a_vector_env_stays_open_when_the_options_do_not_suit_it(backend):
    envs = gym.make_vec(ENV, 8, autoreset_mode="SameStep")
    with pytest.raises(ValueError, match="squash=True is for a Box"):
        made(env=envs, squash=True, backend=backend)
    assert made(env=envs, backend=backend).learn(UPDATE).updates == 1
    envs.close()


def test_a_cpu_without_fused_multiply_add_trains_by_torch_if_it_is_installed(monkeypatch):
    monkeypatch.setattr(choice, "is_fast", lambda: False)
    assert type(made()) is TorchPPO
    assert type(made(backend="native")) is NativePPO
    monkeypatch.setitem(sys.modules, "torch", None)
    assert type(made()) is NativePPO


def test_training_in_the_core_without_fused_multiply_add_warns_that_it_is_slow(monkeypatch, recwarn):
    algorithm = made(backend="native").learn(UPDATE)
    assert not recwarn.list
    monkeypatch.setattr(native_ppo, "is_fast", lambda: False)
    with pytest.warns(UserWarning, match="this CPU has no fused multiply-add"):
        algorithm.learn(2 * UPDATE)


def test_without_torch_the_option_that_needs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for options, what in (({"lstm": 8}, "lstm=8"), ({"backend": "torch"}, "backend='torch'")):
        with pytest.raises(ImportError, match=rf"^{what} needs torch: pip install 'operant\[torch\]'$"):
            made(**options)


# Threads and seeds.


def test_weights_do_not_depend_on_the_number_of_threads():
    options = {"num_envs": 64, "rollout_steps": 32, "minibatches": 2, "normalize_observations": True}
    one, *others = (made(threads=threads, **options).learn(3 * 2048).weights_hash() for threads in (1, 2, 3, 20))
    assert others == [one] * 3
    assert made(threads=1, seed=1, **options).learn(3 * 2048).weights_hash() != one


def test_the_default_number_of_threads_is_that_of_the_cores():
    algorithm = made()
    assert algorithm.threads == min(len(__import__("os").sched_getaffinity(0)), 16)
    assert made(threads=3).threads == 3
    assert made(threads=5000).threads == 16  # more would rest


def test_sampled_actions_depend_on_their_seed():
    algorithm = made().learn(UPDATE)
    observations = np.zeros((500, 4), np.float32)

    def sampled(seed):
        algorithm.seed_actions(seed)
        return [algorithm.predict(observations, deterministic=False)[0].tolist() for _ in range(2)]

    first = sampled(1)
    assert first[0] != first[1] and sampled(1) == first and sampled(2)[0] not in first
    assert 0.1 < np.mean(first) < 0.9


def test_predict_takes_any_leading_dimensions():
    algorithm = made(env="operant/Pendulum-v1")
    rows = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    actions, state = algorithm.predict(rows)
    assert actions.shape == (6, 1) and state is None
    assert (algorithm.predict(rows.reshape(2, 3, 3))[0] == actions.reshape(2, 3, 1)).all()
    assert (algorithm.predict(rows[0])[0] == actions[0]).all()
    assert (algorithm.predict(np.asfortranarray(rows.astype(np.float64)))[0] == actions).all()


# Checkpoints.

NORMALISED = {"normalize_observations": True, "normalize_rewards": True}


def test_a_run_resumes_with_another_number_of_threads_to_the_same_bits(tmp_path):
    options = {**NORMALISED, "num_envs": 64, "anneal": False}
    whole = made(threads=1, **options).learn(8 * 1024)
    made(threads=2, **options).learn(4 * 1024).save(tmp_path / "state.safetensors")
    resumed = made(threads=3, **options)
    resumed.restore(tmp_path / "state.safetensors")
    assert resumed.learn(8 * 1024).weights_hash() == whole.weights_hash()
    assert resumed.recent_return == whole.recent_return
    assert not math.isnan(whole.recent_return)


@pytest.mark.parametrize("env", [ENV, "operant/Pendulum-v1", "CartPole-v1"])
@pytest.mark.parametrize("first", [NativePPO, TorchPPO])
def test_each_backend_reads_the_others_checkpoint(first, env, tmp_path):
    other = TorchPPO if first is NativePPO else NativePPO
    options = {"normalize_observations": True, "normalize_rewards": True, "value_hidden": (8,), "threads": 1}
    before = made(first, env, **options).learn(4 * UPDATE)
    before.save(tmp_path / "state.safetensors")
    after = other.load(tmp_path / "state.safetensors")
    assert after.backend != before.backend and after.weights_hash() == before.weights_hash()
    assert (after.steps, after.updates, after.seconds) == (before.steps, before.updates, before.seconds)
    ours, theirs = after.state_dict(), before.state_dict()
    assert list(ours["policy"]) == list(theirs["policy"])
    assert ours["optimizer"]["steps"] == theirs["optimizer"]["steps"] > 0
    for name in ("mean", "square"):
        assert (np.asarray(ours["optimizer"][name]) == np.asarray(theirs["optimizer"][name])).all()
    for name in ("normalizer", "reward_normalizer", "returns", "lengths", "episodes"):
        assert ours["collector"][name] == theirs["collector"][name], name
    space = before.environments.observation_space
    observations = np.stack([space.sample() for _ in range(50)]).clip(-10, 10)
    difference = before.predict(observations)[0] - after.predict(observations)[0]
    assert np.abs(difference).max() < 1e-5
    after.learn(6 * UPDATE)
    assert after.updates == 6


def test_load_takes_the_backend_that_saved(tmp_path, monkeypatch):
    for kind in (NativePPO, TorchPPO):
        made(kind).save(tmp_path / "state.safetensors")
        assert type(PPO.load(tmp_path / "state.safetensors")) is kind
    monkeypatch.setitem(sys.modules, "torch", None)
    assert type(PPO.load(tmp_path / "state.safetensors")) is NativePPO  # though torch saved it


@pytest.mark.parametrize("kind", [NativePPO, TorchPPO])
def test_a_checkpoint_of_one_environment_is_not_spread_over_several(kind, tmp_path):
    """They would all play the same episodes."""
    made(kind, num_envs=1).learn(UPDATE).save(tmp_path / "state.safetensors")
    with pytest.raises(CheckpointError, match="the snapshot holds 1 environment, but 4 are to be set"):
        made(kind, num_envs=4).restore(tmp_path / "state.safetensors")
    with pytest.raises(CheckpointError, match="the snapshot holds 1 environment, but 4 are to be set"):
        kind.load(tmp_path / "state.safetensors", gym.make_vec(ENV, 4, autoreset_mode="SameStep"))


STRANGE = [None, -1, 0.5, math.inf, "x", [None], {}, b"x", np.zeros(3), np.zeros(2, [("a", "f4")])]
PLACES = ["algorithm", "config", "seed", "policy", "processes", "counters", "counters.steps", "draw", "shuffle"]
PLACES += ["optimizer", "optimizer.steps", "optimizer.mean", "collector", "collector.environments"]
PLACES += ["collector.returns", "collector.lengths", "collector.episodes", "collector.normalizer"]
PLACES += ["collector.reward_normalizer", "collector.normalizer.count", "collector.normalizer.mean"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The state in a checkpoint."""
    path = tmp_path_factory.mktemp("saved") / "state.safetensors"
    made(**NORMALISED).learn(UPDATE).save(path)
    return load_checkpoint(path)


@pytest.mark.parametrize("place", PLACES)
def test_a_strange_value_in_a_checkpoint_is_refused_in_one_line_or_learned_from(saved, tmp_path, place):
    refused = len(STRANGE)
    for value in STRANGE:
        *above, last = place.split(".")
        changed = copy.deepcopy(saved)
        functools.reduce(operator.getitem, above, changed)[last] = value
        save_checkpoint(tmp_path / "state.safetensors", changed)
        try:
            algorithm = PPO.load(tmp_path / "state.safetensors")
        except (ValueError, TypeError) as problem:
            assert "\n" not in str(problem)
        else:
            algorithm.learn(2 * UPDATE)
            refused -= 1
    assert refused >= 5


@pytest.mark.parametrize(
    ("name", "number", "says"),
    [("actor.0.weight", np.nan, "has an infinite number or NaN"), ("head.linear.bias", None, r"has shape \(3,\), not")],
)
def test_weights_that_cannot_be_are_refused_before_any_is_taken(saved, tmp_path, name, number, says):
    changed = copy.deepcopy(saved)
    changed["policy"][name] = np.zeros(3, np.float32) if number is None else np.full((16, 4), number, np.float32)
    save_checkpoint(tmp_path / "state.safetensors", changed)
    algorithm = made(seed=2, **NORMALISED)
    before = algorithm.weights_hash()
    with pytest.raises(ValueError, match=rf"{name} {says}"):
        algorithm.restore(tmp_path / "state.safetensors")
    assert algorithm.weights_hash() == before


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ("operant/Acrobot-v1", r"actor\.0\.weight has shape \(\d+, 4\), not \(\d+, 6\)"),
        ("operant/Pendulum-v1", r"only one of the two networks has head\.log_std\)"),
    ],
)
def test_a_checkpoint_of_another_environment_is_refused_with_its_file_and_the_weights(tmp_path, other, reason):
    made().save(tmp_path / "state.safetensors")
    with pytest.raises(CheckpointError, match=rf"state\.safetensors does not fit this ppo .*{reason}"):
        PPO.load(tmp_path / "state.safetensors", other)


# What goes wrong, and what comes out.


class Broken(Countdown):
    """Its reward is NaN after some steps."""

    taken = 0

    def step(self, action):
        Broken.taken += 1
        observation, reward, *rest = super().step(action)
        return observation, math.nan if Broken.taken > 40 else reward, *rest


def test_the_row_of_an_observation_with_nan_is_named():
    with pytest.raises(NotFiniteError, match="the observation of row 1 has an infinite number or NaN"):
        made().predict(np.array([[0, 0, 0, 0], [0, math.nan, 0, 0]], np.float32))


def test_the_row_of_a_truncated_episodes_last_observation_with_nan_is_named():
    class Ends(Countdown):
        def step(self, action):
            observation, *rest = super().step(action)
            return np.full_like(observation, np.nan) if rest[2] else observation, *rest

    envs = vector(Countdown, Countdown, lambda: Ends(truncates=True))
    algorithm = NativePPO(envs, PPOConfig(rollout_steps=4, minibatches=1, hidden=(4,)))
    with pytest.raises(NotFiniteError, match="the observation of row 2 has an infinite number or NaN"):
        algorithm.rollouts.collect()


def test_nan_ends_training_at_the_update_which_is_named():
    algorithm = made(env=vector(Broken, Broken), num_envs=2)
    with pytest.raises(NotFiniteError) as ended:
        algorithm.learn(1000)
    assert "\n" not in str(ended.value)
    assert str(ended.value).startswith("update 2 met an infinite number or NaN")
    assert algorithm.updates == 1 and np.isfinite(algorithm.state_dict()["policy"]["actor.0.weight"]).all()


def test_the_policy_for_torch_is_a_copy_with_the_present_weights():
    algorithm = made(env="operant/Taxi-v4").learn(UPDATE)
    policy = algorithm.policy
    weights = {name: weight.numpy().copy() for name, weight in policy.state_dict().items()}
    assert {name: weight.tobytes() for name, weight in weights.items()} == {
        name: weight.tobytes() for name, weight in algorithm.weights().items()
    }
    assert policy.action_masks is not None
    with torch.no_grad():
        policy.value_head.bias.add_(1)
    assert algorithm.weights()["value_head.bias"] == weights["value_head.bias"]


def test_the_c_header_is_that_of_torch_with_the_same_weights(tmp_path):
    algorithm = made(normalize_observations=True, share=True, activation="silu").learn(2 * UPDATE)
    algorithm.save(tmp_path / "state.safetensors")
    other = TorchPPO.load(tmp_path / "state.safetensors")
    ours, theirs = (c_header(network_of(each), each.observation_statistics(), "p", "x") for each in (algorithm, other))
    assert ours == theirs and "p_silu" in ours and "standardize" in ours


def test_masks_that_the_environment_declares_may_be_turned_off():
    assert made(env="operant/Taxi-v4").trainer.action_masks is not None
    assert made(env="operant/Taxi-v4", mask_actions=False).trainer.action_masks is None


def test_bad_options_are_errors_of_both_backends():
    for kind in (NativePPO, TorchPPO):
        with pytest.raises(ValueError, match="squash=True is for a Box"):
            made(kind, squash=True)
        with pytest.raises(ValueError, match=r"normalize_observations=True needs vectors of float32, not Disc"):
            made(kind, "operant/Taxi-v4", normalize_observations=True)
        with pytest.raises(TypeError, match=r"config is a A2CConfig, but ppo takes a PPOConfig"):
            kind(ENV, __import__("operant.models", fromlist=["A2C"]).A2C.Config())
    with pytest.raises(ValueError, match=r"value_hidden=\(8,\) is for a network of its own: leave it out"):
        PPOConfig(value_hidden=(8,), share=True)


# Attributes.


@pytest.mark.parametrize(
    ("kind", "name", "value", "says"),
    [
        (NativePPO, "learning_rate", 1e-9, r"it is config\.learning_rate, which falls over the run with config\.ann"),
        (NativePPO, "config", PPOConfig(), r"make another with config=, and restore\(path\) what this one saved"),
        (NativePPO, "threads", 3, r"make another with PPO\.Config\(threads=\.\.\.\)"),
        *((kind, "seed", 7, "make another with seed=") for kind in (NativePPO, TorchPPO)),
        *((kind, "env_options", {}, "make another with env_options=") for kind in (NativePPO, TorchPPO)),
        (TorchPPO, "policy", None, "make another with policy=, or load weights into it"),
    ],
)
def test_an_attribute_that_would_have_no_effect_cannot_be_assigned(kind, name, value, says):
    algorithm = made(kind, threads=1)
    before = getattr(algorithm, name)
    with pytest.raises(AttributeError, match=rf"^{kind.__name__}\.{name} cannot be replaced: {says}"):
        setattr(algorithm, name, value)
    assert getattr(algorithm, name) is before
    algorithm.steps = UPDATE  # which others heed
    assert algorithm.learn(UPDATE).updates == 0


def test_another_config_continues_what_was_saved(tmp_path):
    made().learn(UPDATE).save(tmp_path / "state.safetensors")
    other = made(entropy_coefficient=0.1)
    other.restore(tmp_path / "state.safetensors")
    assert other.learn(2 * UPDATE).updates == 2


def test_the_learning_rate_is_that_of_the_last_update():
    algorithm = made(learning_rate=1e-3)
    rates = [(algorithm.learning_rate, metrics["learning_rate"]) for metrics in algorithm.iterate(2 * UPDATE)]
    assert rates == [(1e-3, 1e-3), (5e-4, 5e-4)]
