"""Training on a device equals training on the CPU: same rollouts and weights, and only operations that graphs allow."""

import numpy as np
import pytest
import torch
from tape import use_tapes

from operant.models import A2C, REINFORCE, RND
from operant.models.algorithms.a2c import A2CConfig
from operant.models.algorithms.ppo import PPOConfig
from operant.models.algorithms.reinforce import REINFORCEConfig
from operant.models.algorithms.torch_ppo import TorchPPO
from operant.models.machine.kernels import CpuKernels
from operant.models.networks.popart import PopArtValueHead

N, T, UPDATES = 16, 8, 5  # two of the updates warm up, and three replay one recorded graph
# The critic runs over all steps at once, so sums are in another order, and the fused Adam rounds each product.
TOLERANCE = {"rtol": 0, "atol": 2e-6}
CASES = {
    "cartpole": (TorchPPO, "CartPole-v1", {}, {}),
    "truncated-often": (TorchPPO, "CartPole-v1", {"vtrace": True, "value_clip": 0.2}, {"max_episode_steps": 3}),
    "normalized": (
        TorchPPO,
        "Pendulum-v1",
        {"normalize_observations": True, "normalize_rewards": True},
        {"max_episode_steps": 5},
    ),
    "masked": (TorchPPO, "Taxi-v4", {}, {"max_episode_steps": 20}),
    "recurrent": (TorchPPO, "Memory-v0", {"lstm": 8}, {}),
    "recurrent-truncated": (TorchPPO, "CartPole-v1", {"lstm": 8}, {"max_episode_steps": 3}),
    "bytes": (TorchPPO, "Snake-v0", {}, {}),
    "several-agents": (TorchPPO, "simple_spread-v3", {}, {"max_episode_steps": 6}),
    "tuple": (TorchPPO, "Blackjack-v1", {}, {}),
    "clipped": (TorchPPO, "MountainCarContinuous-v0", {"log_std": 1.0}, {}),
    "squashed": (TorchPPO, "MountainCarContinuous-v0", {"squash": True, "entropy_coefficient": 0.01}, {}),
    "a2c": (A2C, "CartPole-v1", {}, {}),
    "reinforce": (REINFORCE, "CartPole-v1", {}, {}),
}
CONFIGS = {TorchPPO: PPOConfig, A2C: A2CConfig, REINFORCE: REINFORCEConfig}


def train(case, device, updates=UPDATES, **options):
    """Trains for some updates; returns the algorithm and the metrics of each."""
    kind, env, config, env_options = CASES[case]
    config = CONFIGS[kind](num_envs=N, rollout_steps=T, device=device, threads=1, **config)
    algorithm = kind(f"operant/{env}", config, seed=3, env_options=env_options, **options)
    rows = algorithm.environments.num_envs
    metrics = list(algorithm.iterate(updates * rows * T))
    return algorithm, metrics


def comparable(metrics):
    return [{name: value for name, value in each.items() if "second" not in name} for each in metrics]


@pytest.mark.parametrize("case", CASES)
def test_a_device_trains_the_same_as_the_cpu(case):
    here, expected = train(case, "cpu")
    there, metrics = train(case, "emulated")
    torch.testing.assert_close(there.parameters, here.parameters, **TOLERANCE)
    for ours, theirs in zip(comparable(metrics), comparable(expected), strict=True):
        assert ours["episodes"] == theirs["episodes"]
        for name in ("policy_loss", "value_loss"):
            if name in theirs:
                assert ours[name] == pytest.approx(theirs[name], rel=1e-4, abs=1e-5), name


@pytest.mark.parametrize("case", CASES)
def test_rollout_and_update_replay_as_graphs_with_the_same_bits(case, monkeypatch):
    called, expected = train(case, "emulated")
    tapes = use_tapes(monkeypatch)
    replayed, metrics = train(case, "emulated")
    assert len(tapes) == 2, "the rollout and the update"
    assert torch.equal(replayed.parameters, called.parameters)
    np.testing.assert_equal(comparable(metrics), comparable(expected))


def test_rollouts_are_those_of_the_cpu_bit_for_bit():
    """This holds before the first update, while the weights are equal."""
    (here, _), (there, _) = train("truncated-often", "cpu", 0), train("truncated-often", "emulated", 0)
    for _ in range(3):
        expected, rollout = here.collector.collect(), there.collector.collect()
        for name in ("observations", "actions", "rewards", "terminated", "truncated", "starts", "log_probs"):
            assert torch.equal(getattr(rollout, name), getattr(expected, name)), name
        cut = expected.truncated & ~expected.terminated
        assert cut.any()
        torch.testing.assert_close(rollout.final_values[cut], expected.final_values[cut], **TOLERANCE)
        torch.testing.assert_close(rollout.values, expected.values, **TOLERANCE)


def test_an_update_of_variable_length_is_not_recorded(monkeypatch):
    tapes = use_tapes(monkeypatch)
    config = PPOConfig(num_envs=N, rollout_steps=T, device="emulated", threads=1, target_kl=0.01)
    TorchPPO("operant/CartPole-v1", config).learn(UPDATES * N * T)
    assert len(tapes) == 1, "the rollout alone"


def test_popart_and_mixed_precision_can_be_recorded(monkeypatch):
    from operant.models.networks.actor_critic import DiscreteActorCritic

    tapes = use_tapes(monkeypatch)
    policy = DiscreteActorCritic(4, 2, hidden=(16,), value_head=PopArtValueHead(16), seed=0)
    config = PPOConfig(num_envs=N, rollout_steps=T, device="emulated", threads=1, amp=True, dual_clip=3.0)
    algorithm = TorchPPO("operant/CartPole-v1", config, policy=policy)
    metrics = list(algorithm.iterate(UPDATES * N * T))
    assert len(tapes) == 2
    assert all(np.isfinite(each["value_loss"]) for each in metrics)


def test_training_continues_identically_from_a_checkpoint(tmp_path):
    whole, _ = train("normalized", "emulated", 4)
    half, _ = train("normalized", "emulated", 2)
    half.save(tmp_path / "half.safetensors")
    resumed = TorchPPO.load(tmp_path / "half.safetensors")
    assert resumed.config.device == "emulated"
    total = 4 * N * T
    for algorithm in (half, resumed):
        algorithm.learn(total)
    assert torch.equal(resumed.parameters, half.parameters)
    assert resumed.steps == whole.steps
    observations = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    assert np.array_equal(resumed.predict(observations)[0], half.predict(observations)[0])


def test_a_checkpoints_environments_and_normalizers_are_the_cpus():
    here, _ = train("normalized", "cpu", 2)
    there, _ = train("normalized", "emulated", 0)
    state = here.collector.state_dict()
    there.collector.load_state_dict(state)
    again = there.collector.state_dict()
    assert np.array_equal(again["environments"]["environments"], state["environments"]["environments"])
    assert again["normalizer"] == state["normalizer"]
    np.testing.assert_equal(again["reward_normalizer"], state["reward_normalizer"])


def test_a_bad_action_is_raised_at_the_latest_when_the_rollout_is_settled(monkeypatch):
    algorithm, _ = train("cartpole", "emulated", 1)

    sample = algorithm.policy.distribution
    monkeypatch.setattr(algorithm.policy, "distribution", lambda x: _Shifted(sample(x)))
    with pytest.raises(ValueError, match=r"action [23] of environment 0 must be an integer in \[0, 2\)"):
        algorithm.collector.collect(), algorithm.collector.settle()


class _Shifted:
    """A distribution whose actions are too large by two."""

    def __init__(self, of):
        self._of = of

    def sample(self, noise):
        return self._of.sample(noise=noise) + 2

    def log_prob(self, actions):
        return self._of.log_prob(actions - 2)


def test_exploration_leaves_the_environments_on_the_cpu():
    config = PPOConfig(num_envs=N, rollout_steps=T, device="emulated", threads=1)
    from gymnasium import spaces

    space = spaces.Box(-np.inf, np.inf, (4,), np.float32)
    algorithm = TorchPPO("operant/CartPole-v1", config, exploration=RND(space))
    assert type(algorithm.kernels) is CpuKernels
    algorithm.learn(N * T)


@pytest.mark.parametrize(
    ("name", "error"), [("gpu", "must be cpu, cuda"), ("cuda", "is not built for CUDA"), ("cuda:7", "is not built")]
)
def test_a_missing_device_is_named(name, error, monkeypatch):
    if name != "gpu" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises((ValueError, RuntimeError), match=error):
        TorchPPO("operant/CartPole-v1", PPOConfig(device=name))
