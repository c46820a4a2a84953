"""The wrapper of training in the core: what it computes is what torch computes with the same weights."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from toys import Nested, vector

from operant.batch.batch import Batch
from operant.environments.lookup import find_spec
from operant.environments.vector import OperantVectorEnv
from operant.messages import NotFiniteError
from operant.models.algorithms.configs import PPOConfig
from operant.models.native.ppo import NativePPO
from operant.models.native.trainer import Trainer, train_version

BOX = spaces.Box(-np.inf, np.inf, (3,), np.float32)
# Sums are in another order than torch's: 1e-6 of numbers of order 1 is eight units in the last place.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}


class Everything(gym.Env):
    """Observes numbers of every dtype that the core reads; acts with two choices that begin at 3 and -1."""

    observation_space = spaces.Dict(
        floats=spaces.Box(-1, 1, (2, 2), np.float64),
        bytes=spaces.Box(0, 255, (3,), np.uint8),
        small=spaces.Box(-100, 100, (2,), np.int8),
        short=spaces.Box(-100, 100, (1,), np.int16),
        int=spaces.Box(-100, 100, (1,), np.int32),
        long=spaces.Box(-100, 100, (1,), np.int64),
        flags=spaces.Box(0, 1, (2,), np.bool_),
        bits=spaces.MultiBinary((2, 2)),
        one=spaces.Discrete(4, start=-2),
        several=spaces.MultiDiscrete([3, 3, 2], start=[1, 1, 0]),
        grid=spaces.Box(0, 1, (2, 2, 1), np.uint8),
    )
    action_space = spaces.MultiDiscrete([3, 2], start=[3, -1])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        assert 3 <= action[0] <= 5 and -1 <= action[1] <= 0
        return self.observation_space.sample(), 1.0, bool(self.np_random.random() < 0.2), False, {}


class Throttles(gym.Env):
    """Acts with a matrix of float64 numbers, whose bounds no float32 has."""

    observation_space = BOX
    action_space = spaces.Box(-0.1, 0.3, (2, 2), np.float64)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(3, np.float32), {}

    def step(self, action):
        assert action.dtype == np.float64 and action in self.action_space
        return self.np_random.normal(size=3).astype(np.float32), 1.0, False, bool(self.np_random.random() < 0.1), {}


CASES = {
    "tanh": ("operant/CartPole-v1", {}),
    "relu-normalized": (
        "operant/CartPole-v1",
        {"activation": "relu", "normalize_observations": True, "normalize_rewards": True},
    ),
    "silu-shared": ("operant/CartPole-v1", {"activation": "silu", "share": True}),
    "no-hidden-layers": ("operant/CartPole-v1", {"hidden": ()}),
    "own-value-layers": ("operant/CartPole-v1", {"hidden": (16, 8), "value_hidden": (32,)}),
    "clipped": ("operant/Pendulum-v1", {"log_std": -0.5, "entropy_coefficient": 0.01}),
    "squashed": ("operant/MountainCarContinuous-v0", {"squash": True, "log_std": 1.0}),
    "mask-table": ("operant/Taxi-v4", {}),
    "bytes": ("operant/Snake-v0", {"hidden": (16,)}),
    "tuple": ("operant/Blackjack-v1", {}),
    "agents": ("operant/simple_spread-v3", {}),
    "gymnasium": ("Acrobot-v1", {"normalize_observations": True}),
    "masked-choices": (lambda: vector(*[Nested] * 8), {}),
    "everything": (lambda: vector(*[Everything] * 8), {}),
    "matrix": (lambda: vector(*[Throttles] * 8), {}),
}


def trained(env, options):
    env = env if isinstance(env, str) else env()
    config = PPOConfig(**{"num_envs": 8, "rollout_steps": 16, "threads": 2, **options})
    algorithm = NativePPO(env, config, seed=3)
    return algorithm.learn(3 * 16 * algorithm.environments.num_envs)


@pytest.mark.parametrize(("env", "options"), CASES.values(), ids=CASES)
def test_actions_and_values_are_those_of_torchs_network_with_these_weights(env, options):
    algorithm = trained(env, options)
    trainer, form = algorithm.trainer, algorithm.trainer.form
    rows, statistics = algorithm.rollouts.observations(), algorithm.observation_statistics()
    inputs = torch.as_tensor(statistics.normalize(rows) if statistics else rows)
    with torch.no_grad():
        distribution, values, _ = algorithm.policy(inputs)
        np.testing.assert_allclose(trainer.values(rows), values.numpy(), **TOLERANCE)
        actions, bounded = (np.empty((len(rows), form.size), form.dtype) for _ in range(2))
        log_probs = np.empty(len(rows), np.float32)
        trainer.act(5, rows, actions, log_probs, bounded)
        space, mode = algorithm.environments.action_space, distribution.mode().numpy()
        greedy = form.for_environment(trainer.greedy(rows))
        sampled = form.for_environment(bounded)
        assert sampled.shape == greedy.shape == mode.shape
        assert all(action in space for action in (*greedy, *sampled))
        if isinstance(space, spaces.Box):
            np.testing.assert_allclose(greedy, np.clip(mode, space.low, space.high), **TOLERANCE)
        else:
            assert (greedy == mode).all()
        if not options.get("squash"):
            taken = sampled if form.choices is not None else actions.reshape(sampled.shape)
            expected = distribution.log_prob(torch.as_tensor(taken)).numpy()
            np.testing.assert_allclose(log_probs, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("env", "options"),
    [
        ("CartPole-v1", {"normalize_observations": True, "normalize_rewards": True}),
        ("Pendulum-v1", {"squash": True}),
        ("Snake-v0", {"hidden": (16,)}),
        ("Blackjack-v1", {"share": True}),
    ],
)
def test_stepping_in_python_and_playing_in_the_core_learn_the_same_bits(env, options):
    config = PPOConfig(num_envs=8, rollout_steps=16, threads=1, **options)

    def make():
        return OperantVectorEnv(env, 8, autoreset_mode="SameStep", max_episode_steps=9)

    played = NativePPO(make(), config, seed=5)
    stepped = NativePPO(gym.vector.VectorWrapper(make()), config, seed=5)
    assert type(played.rollouts) is not type(stepped.rollouts)
    for ours, theirs in zip(played.iterate(5 * 128), stepped.iterate(5 * 128), strict=True):
        for name in ours:
            if name == "episode_return":  # summed in float32 by the core, else in float64
                assert ours[name] == pytest.approx(theirs[name], rel=1e-6)
            elif "second" not in name:
                assert ours[name] == theirs[name], name
    assert ours["episodes"] > 20
    assert played.weights_hash() == stepped.weights_hash()


def test_a_fault_in_a_row_of_observations_is_named():
    space = spaces.Dict(place=spaces.Discrete(3, start=1), action_mask=spaces.MultiBinary(2))
    trainer = Trainer(space, spaces.Discrete(2), PPOConfig(rollout_steps=1, hidden=(4,)), rows=2)
    layout = trainer.layout

    def greedy(place, mask):
        return trainer.greedy(layout.flatten({"place": np.array([1, place]), "action_mask": np.int8([[1, 1], mask])}))

    assert greedy(3, [0, 1])[1] == 1
    with pytest.raises(ValueError, match="the observation of row 1 has 4, which is not from 1 to 3"):
        greedy(4, [0, 1])
    with pytest.raises(ValueError, match="the action mask of row 1 allows no action: allow at least one in each row"):
        greedy(1, [0, 0])
    assert greedy(3, [1, 0])[1] == 0  # the trainer goes on


def test_arrays_that_the_core_cannot_use_are_refused():
    trainer = Trainer(BOX, spaces.Discrete(2), PPOConfig(rollout_steps=2, hidden=(4,)), rows=4)
    with pytest.raises(ValueError, match=r"needs an array float32 \(4, 3\), not float64 \(4, 3\)"):
        trainer.greedy(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="C-contiguous"):
        trainer.values(np.zeros((3, 4), np.float32).T)
    with pytest.raises(ValueError, match=r"needs an array int32 \(4, 1\), not int64 \(4, 1\)"):
        trainer.act(0, np.zeros((4, 3), np.float32), np.zeros((4, 1), np.int64), np.zeros(4, np.float32))


def test_nan_in_rewards_or_in_written_weights_is_an_error():
    trainer = Trainer(BOX, spaces.Discrete(2), PPOConfig(rollout_steps=2, hidden=(4,)), rows=4)
    rollout = trainer.new_rollout()
    before = trainer.state.parameters.copy()
    rollout.rewards[1, 2] = np.nan
    with pytest.raises(NotFiniteError):
        trainer.learn(rollout)
    assert (trainer.state.parameters == before).all()
    trainer.state.weights["value_head.bias"][0] = np.inf
    with pytest.raises(NotFiniteError):
        trainer.restored()


def test_a_closed_trainer_says_so_and_its_arrays_stay_valid():
    trainer = Trainer(BOX, spaces.Discrete(2), PPOConfig(rollout_steps=2, hidden=(4,)), rows=4)
    parameters = trainer.state.parameters
    before = parameters.copy()
    trainer.close()
    del trainer.state
    assert (parameters == before).all()
    with pytest.raises(ValueError, match="the trainer is closed"):
        trainer.greedy(np.zeros((1, 3), np.float32))


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_no_call_returns_what_follows_from_an_observation_that_is_not_finite(number):
    trainer = Trainer(BOX, spaces.Discrete(2), PPOConfig(hidden=(4,), activation="relu"), rows=3)
    rows = np.zeros((3, 3), np.float32)
    rows[2, 1] = number
    actions, log_probs = np.empty((3, 1), np.int32), np.empty(3, np.float32)
    calls = (
        lambda: trainer.act(0, rows, actions, log_probs),
        lambda: trainer.greedy(rows),
        lambda: trainer.values(rows),
    )
    for call in calls:
        with pytest.raises(NotFiniteError, match="the observation of row 2 has an infinite number or NaN"):
            call()


def taxi(rows, autoreset="SameStep"):
    batch = Batch(find_spec("operant/Taxi-v4"), rows, autoreset=autoreset)
    batch.seed(0)
    return batch


def test_a_batch_or_rollout_that_cannot_be_learned_from_is_named():
    config = PPOConfig(rollout_steps=2, hidden=(4,))
    trainer, narrow = (Trainer(spaces.Discrete(choices), spaces.Discrete(6), config, rows=4) for choices in (500, 10))
    batch = taxi(4)
    with pytest.raises(ValueError, match=r"^nothing was collected: call collect\(batch\) first, or give a rollout$"):
        trainer.learn()
    with pytest.raises(ResetNeeded, match="reset the whole environment before the first step"):
        trainer.collect(batch)
    batch.reset()
    first = int(batch.observe().observations[0])
    assert first > 9
    with pytest.raises(ValueError, match=f"^the observation of row 0 has {first}, which is not from 0 to 9$"):
        narrow.collect(batch)
    for other in (taxi(5), taxi(4, "NextStep")):
        other.reset()
        with pytest.raises(ValueError, match=r"^the batch's rows, .* do not suit the trainer of 4 rows: make one of i"):
            trainer.collect(other)
    rollout = trainer.new_rollout()
    rollout.actions[1, 2] = 6
    with pytest.raises(
        ValueError, match=r"^an action of the rollout is none of its choices, or not finite: give those"
    ):
        trainer.learn(rollout)
    rollout.actions[:] = 5
    rollout.observations.view(np.int64)[1, 3] = 500
    with pytest.raises(ValueError, match=r"^the observation of row 7 has 500, which is not from 0 to 499$"):
        trainer.learn(rollout)
    with pytest.raises(ValueError, match=r"^learning_rate=2 must be from 0 to 1, and clip=0\.1 positive and finite$"):
        trainer.adjust(2, 0.1)
    trainer.collect(batch)
    assert np.isfinite(trainer.learn()["policy_loss"])  # the trainer goes on


def test_an_unknown_target_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="isa=avx9 is unknown"):
        Trainer(BOX, spaces.Discrete(2), PPOConfig(rollout_steps=2), rows=4, isa="avx9")
    monkeypatch.setenv("OPERANT_ISA", "scalar")
    assert Trainer(BOX, spaces.Discrete(2), PPOConfig(rollout_steps=2), rows=4).greedy(np.zeros((1, 3), np.float32)) < 2
    assert train_version() == 1


def test_arrays_of_the_core_are_written_into_and_not_replaced():
    """A replaced array would be freed, and the core would go on reading its memory."""
    config = PPOConfig(rollout_steps=2, hidden=(4,), normalize_observations=True, normalize_rewards=True)
    trainer = Trainer(BOX, spaces.Discrete(2), config, rows=4)
    rollout, state = trainer.new_rollout(), trainer.state
    arrays = [(rollout, name) for name, value in vars(rollout).items() if isinstance(value, np.ndarray)]
    arrays += [(state, name) for name, value in vars(state).items() if isinstance(value, np.ndarray)]
    arrays += [(statistics, name) for statistics in (state.observations, state.rewards) for name in ("mean", "squares")]
    assert len(arrays) == 7 + 6 + 4
    for owner, name in arrays:
        before = getattr(owner, name)
        with pytest.raises(
            AttributeError, match=rf"{name} cannot be replaced: .* write into it, {name}\[\.\.\.\] = nu"
        ):
            setattr(owner, name, before.copy())
        assert getattr(owner, name) is before
    with pytest.raises(TypeError, match="does not support item assignment"):
        state.weights["value_head.bias"] = np.zeros(1, np.float32)
    state.parameters *= 0  # in place
    trainer.restored()
    assert not trainer.values(np.ones((4, 3), np.float32)).any()
