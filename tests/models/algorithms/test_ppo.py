"""PPO: the effect of each option on an update."""

import math

import pytest
import torch
from toys import Recall, vector

from operant.models.algorithms import losses
from operant.models.algorithms.minibatches import whole_rollout
from operant.models.algorithms.ppo import PPOConfig
from operant.models.algorithms.torch_ppo import TorchPPO
from operant.models.machine.data_parallel import standardize

torch.set_num_threads(1)


def made(env="operant/CartPole-v1", **options):
    return TorchPPO(env, PPOConfig(**{"num_envs": 8, "rollout_steps": 16, "hidden": (16,), **options}))


def first_update(**options):
    ppo = made(**options)
    return ppo, ppo.update(ppo.collector.collect())


def weights(ppo):
    return ppo.parameters.detach().clone()


def test_the_first_gradient_is_that_of_the_policy_gradient():
    ppo = made(epochs=1, minibatches=1, learning_rate=1e-12)
    rollout = ppo.collector.collect()
    metrics = ppo.update(rollout)
    assert metrics["approximate_kl"].item() == pytest.approx(0, abs=1e-6)
    assert metrics["clip_fraction"] == 0
    assert metrics["policy_loss"].item() == pytest.approx(0, abs=1e-6)  # advantages of mean 0, ratios of 1
    ours = weights(ppo).new_tensor(0) + ppo.parameters.grad
    advantages, returns = ppo._advantages(rollout, 0.95)
    batch = whole_rollout(rollout, advantages, returns)
    distribution, values, _ = ppo.policy(*batch.inputs)
    loss = losses.policy_gradient(distribution.log_prob(batch.actions), standardize(batch.advantages))
    ppo.parameters.grad.zero_()
    (loss + 0.5 * losses.value_loss(values, batch.returns)).backward()
    expected = ppo.parameters.grad
    # The optimiser's gradient is clipped to norm 0.5; float32 sums are in another order.
    torch.testing.assert_close(ours, expected * (0.5 / expected.norm()), rtol=1e-3, atol=1e-6)
    assert metrics["gradient_norm"].item() == pytest.approx(expected.norm().item(), rel=1e-4)


def test_an_update_ends_at_the_target_kl():
    # The target is so small that every minibatch after the first exceeds it.
    stopped, _ = first_update(target_kl=1e-9, learning_rate=0.01)
    once, _ = first_update(target_kl=1e-9, learning_rate=0.01, epochs=1)
    on, metrics = first_update(learning_rate=0.01)
    assert torch.equal(weights(stopped), weights(once))
    assert not torch.equal(weights(stopped), weights(on)) and metrics["approximate_kl"] > 1e-3


def test_an_update_that_ends_at_once_changes_nothing():
    """In bfloat16 the probabilities of the first minibatch are already others than those of the rollout."""
    algorithm = made(amp=True, target_kl=1e-9)
    before = algorithm.weights_hash()
    metrics = next(algorithm.iterate(1000))
    assert metrics["approximate_kl"] > 1.5e-9 and algorithm.weights_hash() == before
    assert metrics["policy_loss"] == metrics["value_loss"] == metrics["gradient_norm"] == 0


@pytest.mark.parametrize(
    "option",
    [
        {"clip": 0.01},
        {"value_clip": 0.01},
        {"dual_clip": 1.01},
        {"entropy_coefficient": 0.1},
        {"vtrace": True},
        {"amp": True},
        {"normalize_advantages": False},
        {"value_coefficient": 2.0},
        {"gae_lambda": 0.5},
        {"max_grad_norm": 0.001},
        {"minibatches": 3},
        {"epochs": 2},
    ],
    ids=str,
)
def test_every_option_changes_the_update(option):
    # Two updates, because Adam hides the scale of the first gradient; a high rate, so that ratios exceed their clips.
    plain, other = (made(learning_rate=0.03, **each).learn(256) for each in ({}, option))
    assert not torch.allclose(weights(plain), weights(other), atol=1e-5)
    assert torch.isfinite(weights(other)).all()


def test_v_trace_of_a_policy_that_has_not_changed_is_generalised_advantage_estimation():
    ppo = made()
    rollout = ppo.collector.collect()
    _, returns = ppo._advantages(rollout, 0.95)
    _, targets = ppo._corrected(rollout)
    # Log-probabilities of one row and of many rows differ by rounding.
    torch.testing.assert_close(targets, returns, rtol=1e-4, atol=1e-4)


def test_a_policy_with_an_lstm_recalls_what_one_without_cannot():
    returns = {}
    for lstm in (0, 16):
        sizes = {"num_envs": 32, "rollout_steps": 6, "lstm": lstm, "hidden": (16,), "minibatches": 1}
        config = PPOConfig(**sizes, learning_rate=0.02, anneal=False, gamma=0.9)
        *_, metrics = TorchPPO(vector(*[Recall] * 32), config).iterate(32 * 6 * 35)
        returns[lstm] = metrics["episode_return"]
    # Without memory the best return is 1/2, and a mean of 100 has a deviation of 0.05.
    assert returns[16] > 0.9 and returns[0] < 0.5 + 4 * 0.05


def test_the_entropy_of_even_chances_is_that_of_two_actions():
    _, metrics = first_update(learning_rate=1e-12)
    assert metrics["entropy"].item() == pytest.approx(math.log(2), abs=1e-4)
