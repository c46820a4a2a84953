"""Losses against numbers computed by hand, and their gradients against finite differences."""

import math

import pytest
import torch

from operant.models.algorithms import losses
from operant.models.machine.data_parallel import standardize

torch.set_num_threads(1)

# The rounding of float32 sums of a few terms of size 1 to 10.
CLOSE = {"rel": 1e-6, "abs": 1e-6}


def logs(*ratios):
    return torch.tensor(ratios).log()


def test_standardized_advantages_have_mean_0_and_deviation_1():
    assert standardize(torch.tensor([1.0, 2.0, 3.0])).tolist() == pytest.approx([-1, 0, 1], **CLOSE)
    assert standardize(torch.tensor([5.0, 5.0])).tolist() == [0, 0]
    assert standardize(torch.tensor([7.0])).tolist() == [0]


def test_standardized_takes_sequences_as_a_whole():
    assert standardize(torch.tensor([[1.0, 2.0, 3.0]])).tolist() == [pytest.approx([-1, 0, 1], **CLOSE)]
    assert standardize(torch.tensor([[7.0]])).tolist() == [[0]]


def test_the_policy_gradient_is_the_mean_of_log_probability_times_advantage():
    loss = losses.policy_gradient(torch.tensor([-1.0, -2.0]), torch.tensor([3.0, -1.0]))
    assert loss.item() == pytest.approx(0.5, **CLOSE)  # -(-3 + 2) / 2


def test_the_surrogate_weighs_advantages_by_ratios():
    loss = losses.surrogate(logs(1.0, 2.0), torch.tensor([1.0, 3.0]))
    assert loss.item() == pytest.approx(-3.5, **CLOSE)  # -(1 + 6) / 2


@pytest.mark.parametrize(
    ("ratio", "advantage", "objective"),
    [(1.5, 1, 1.2), (0.5, 1, 0.5), (1.5, -1, -1.5), (0.5, -1, -0.8), (1.1, 2, 2.2), (10, -1, -10)],
)
def test_the_clipped_surrogate_takes_the_worse_of_two_objectives(ratio, advantage, objective):
    loss = losses.clipped_surrogate(logs(ratio), torch.tensor([float(advantage)]), 0.2)
    assert loss.item() == pytest.approx(-objective, **CLOSE)


@pytest.mark.parametrize(("ratio", "advantage", "objective"), [(10, -1, -3), (2, -1, -2), (10, 1, 1.2)])
def test_dual_clipping_bounds_the_objective_of_bad_actions_only(ratio, advantage, objective):
    loss = losses.clipped_surrogate(logs(ratio), torch.tensor([float(advantage)]), 0.2, dual_clip=3)
    assert loss.item() == pytest.approx(-objective, **CLOSE)


def test_the_value_loss_is_half_the_mean_squared_error():
    assert losses.value_loss(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 0.0])).item() == 2.5  # (1 + 9) / 2 / 2


@pytest.mark.parametrize(("target", "loss"), [(0.0, 2.0), (3.0, 1.125)])  # max(4, 1.5^2) / 2; max(1, 1.5^2) / 2
def test_the_clipped_value_loss_takes_the_larger_of_two_errors(target, loss):
    value, old = torch.tensor([2.0]), torch.tensor([1.0])
    assert losses.clipped_value_loss(value, old, torch.tensor([target]), 0.5).item() == loss


def test_the_approximate_kl_is_never_negative():
    assert losses.approximate_kl(logs(1.0, 2.0)).item() == pytest.approx(0.1534264, **CLOSE)  # (1 - log 2) / 2
    assert losses.approximate_kl(logs(0.5)).item() == pytest.approx(0.1931472, **CLOSE)  # log 2 - 1/2


def test_the_clip_fraction_counts_ratios_far_from_1():
    assert losses.clip_fraction(logs(1.0, 1.5, 0.5, 1.1), 0.2).item() == 0.5


def test_explained_variance_is_1_of_perfect_values_and_0_of_constant_ones():
    returns = torch.tensor([1.0, 2.0, 3.0])
    assert losses.explained_variance(returns, returns).item() == 1
    assert losses.explained_variance(torch.full((3,), 9.0), returns).item() == 0
    assert losses.explained_variance(returns.flip(0), returns).item() == -3  # 1 - 4 / 1
    assert math.isnan(losses.explained_variance(returns, torch.ones(3)).item())


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [(1.0, [0.25, 0, 0.75, 0]), (0.5, [0.1, 0, 0.9, 0])],  # 1 to 3, and 1 to 9
)
def test_v_mpo_weighs_the_better_half_by_exponentials(temperature, expected):
    advantages = torch.tensor([0.0, -5.0, math.log(3), -1.0])
    assert losses.top_half_weights(advantages, torch.tensor(temperature)).tolist() == pytest.approx(expected, **CLOSE)


def test_the_half_of_three_is_two_and_sequences_are_one_batch():
    advantages = torch.tensor([[math.log(3)], [-9.0], [0.0]])
    weights = losses.top_half_weights(advantages, torch.tensor(1.0))
    assert weights.shape == (3, 1)
    assert weights.flatten().tolist() == pytest.approx([0.75, 0, 0.25], **CLOSE)


@pytest.mark.parametrize(("temperature", "expected"), [(1.0, 0.7931472), (0.5, 0.8547190)])
def test_the_temperature_loss_has_the_numbers_of_a_calculator(temperature, expected):
    advantages = torch.tensor([0.0, -5.0, math.log(3), -1.0])
    # 0.1 + log((3 + 1) / 2), and (0.1 + log((9 + 1) / 2)) / 2
    loss = losses.temperature_loss(advantages, torch.tensor(temperature), 0.1)
    assert loss.item() == pytest.approx(expected, **CLOSE)


def test_the_temperature_rises_while_the_weights_are_further_from_uniform_than_epsilon():
    advantages, temperature = torch.tensor([0.0, -5.0, math.log(3), -1.0]), torch.tensor(1.0, requires_grad=True)
    losses.temperature_loss(advantages, temperature, 0.1).backward()
    # epsilon - KL((1/4, 3/4) || (1/2, 1/2)) = 0.1 - 0.1308120
    assert temperature.grad.item() == pytest.approx(-0.0308120, **CLOSE)


def test_the_kl_penalty_pulls_the_policy_by_alpha_and_alpha_by_the_excess_over_the_bound():
    kl, alpha = torch.tensor([0.02, 0.04], requires_grad=True), torch.tensor(2.0, requires_grad=True)
    loss = losses.kl_penalty(kl, alpha, 0.01)
    loss.backward()
    assert loss.item() == pytest.approx(0.02, **CLOSE)  # alpha epsilon, whatever KL
    assert kl.grad.tolist() == pytest.approx([1, 1], **CLOSE)  # alpha / 2
    assert alpha.grad.item() == pytest.approx(-0.02, **CLOSE)  # 0.01 - 0.03


@pytest.mark.parametrize(
    "loss",
    [
        lambda x, y: losses.policy_gradient(x, y),
        lambda x, y: losses.surrogate(x, y),
        lambda x, y: losses.clipped_surrogate(x, y, 0.2, 3.0),
        lambda x, y: losses.value_loss(x, y),
        lambda x, y: losses.clipped_value_loss(x, y + 0.1, y, 0.3),
        lambda x, y: losses.approximate_kl(x),
        lambda x, y: losses.temperature_loss(y, x[0].exp(), 0.1),
        lambda x, y: (losses.top_half_weights(y, x[0].exp()) * x).sum(),
    ],
)
def test_gradients_are_those_of_finite_differences(loss):
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(6, generator=generator, dtype=torch.float64) for _ in range(2))
    assert torch.autograd.gradcheck(lambda x: loss(x, y), (x.requires_grad_(),))
