"""V-MPO: divergences by hand, and multipliers that follow their bounds."""

import pytest
import torch

from operant.models.algorithms.vmpo import VMPO, VMPOConfig, divergences
from operant.models.networks.distributions import Categorical, MultiCategorical, Normal, TanhNormal

torch.set_num_threads(1)

# The rounding of float32 sums of a few terms of size 1.
CLOSE = {"rel": 1e-5, "abs": 1e-6}


def normal(mean, std):
    return Normal(torch.tensor([mean]), torch.tensor(std).log())


def test_the_divergence_of_normals_is_decoupled():
    old, new = normal([0.0, 1.0], [1.0, 2.0]), normal([1.0, 3.0], [2.0, 2.0])
    mean, std = divergences(old, new)
    assert mean.tolist() == pytest.approx([1.0], **CLOSE)  # (1 / 1 + 4 / 4) / 2
    assert std.tolist() == pytest.approx([0.3181472], **CLOSE)  # (1/4 - 1) / 2 + log 2


def test_a_squashed_normal_diverges_as_its_normal_does():
    low, high = torch.tensor([-1.0]), torch.tensor([2.0])
    old, new = (TanhNormal(torch.tensor([[mean]]), torch.zeros(1), low, high) for mean in (0.0, 0.5))
    mean, std = divergences(old, new)
    assert (mean.item(), std.item()) == (0.125, 0)


@pytest.mark.parametrize("kind", [Categorical, lambda logits: MultiCategorical(logits, [2, 2])])
def test_discrete_policies_have_one_divergence(kind):
    generator = torch.Generator().manual_seed(0)
    old, new = (kind(torch.randn(3, 4, generator=generator)) for _ in range(2))
    kl, none = divergences(old, new)
    assert none is None and torch.equal(kl, old.kl(new))


def first_update(env="operant/CartPole-v1", **options):
    vmpo = VMPO(env, VMPOConfig(num_envs=8, rollout_steps=16, **options))
    metrics = vmpo.update(vmpo.collector.collect())
    return vmpo, metrics


def test_alpha_falls_while_the_policy_stays_and_rises_when_it_moves_too_far():
    still, _ = first_update(learning_rate=1e-9)
    fast, _ = first_update(learning_rate=0.1, kl_epsilon=1e-6)
    assert still.duals[1] < 1 < fast.duals[1]


def test_the_temperature_falls_if_the_weights_are_near_uniform_and_else_rises():
    assert first_update(temperature=100.0)[0].duals[0] < 100
    assert first_update(temperature=0.01)[0].duals[0] > 0.01


def test_the_first_dual_step_has_adams_length():
    vmpo, _ = first_update(epochs=1, minibatches=1, dual_learning_rate=0.05, learning_rate=1e-9)
    # KL is 0, so alpha's gradient is epsilon: Adam's first step is the learning rate.
    assert vmpo.duals[1].item() == pytest.approx(0.95, abs=1e-5)
    assert vmpo.duals[2].item() == 1  # no deviation to bound


def test_a_continuous_policy_has_a_multiplier_for_its_deviation():
    vmpo, _ = first_update("operant/Pendulum-v1", learning_rate=1e-9)
    assert vmpo.duals[2] < 1


def test_multipliers_stay_positive():
    vmpo, _ = first_update(alpha=1e-7, temperature=1e-3, dual_learning_rate=1.0, epochs=3)
    assert (vmpo.duals >= 1e-8).all()


def test_the_policy_that_made_the_rollout_is_kept_for_the_whole_update():
    vmpo = VMPO("operant/CartPole-v1", VMPOConfig(num_envs=8, rollout_steps=16, lstm=4))
    rollout = vmpo.collector.collect()
    before = {name: value.clone() for name, value in vmpo.policy.state_dict().items()}
    vmpo.update(rollout)
    assert all(torch.equal(value, before[name]) for name, value in vmpo.target.state_dict().items())
    assert not all(torch.equal(value, before[name]) for name, value in vmpo.policy.state_dict().items())
    assert all(parameter.grad is None for parameter in vmpo.target.parameters())
