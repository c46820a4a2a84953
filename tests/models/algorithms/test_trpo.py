"""TRPO: conjugate gradient and Fisher-vector products against dense algebra, and the trust region."""

import pytest
import torch

from operant.models.algorithms import trpo as module
from operant.models.algorithms.trpo import TRPO, TRPOConfig, assign, conjugate_gradient, fisher_vector_product, flat
from operant.models.networks.actor_critic import DiscreteActorCritic

torch.set_num_threads(1)

# The rounding of float64 for systems with a condition number of some hundreds.
CLOSE = {"rtol": 1e-6, "atol": 1e-8}


def positive_definite(size):
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(size, size, generator=generator, dtype=torch.float64)
    return root @ root.T + 0.5 * torch.eye(size, dtype=torch.float64), torch.arange(1.0, size + 1, dtype=torch.float64)


def test_conjugate_gradient_solves_in_as_many_iterations_as_dimensions():
    matrix, target = positive_definite(8)
    solution = conjugate_gradient(lambda vector: matrix @ vector, target, 8, tolerance=0)
    torch.testing.assert_close(solution, torch.linalg.solve(matrix, target), **CLOSE)


def test_conjugate_gradient_stops_at_the_solution():
    calls = []

    def double(vector):
        calls.append(vector)
        return 2 * vector

    assert conjugate_gradient(double, torch.tensor([2.0, 4.0]), 10).tolist() == [1, 2]
    assert len(calls) == 1
    assert conjugate_gradient(double, torch.zeros(2), 10).tolist() == [0, 0]


def test_a_few_iterations_come_nearer_than_none():
    matrix, target = positive_definite(8)
    errors = [
        ((x := conjugate_gradient(lambda vector: matrix @ vector, target, count)) @ matrix @ x / 2 - target @ x).item()
        for count in range(5)
    ]
    assert errors == sorted(errors, reverse=True) and errors[4] < errors[0] == 0


def test_fisher_vector_products_are_those_of_the_hessian_of_the_kl():
    torch.manual_seed(0)
    network = DiscreteActorCritic(2, 3, hidden=(2,)).double()
    with torch.no_grad():
        network.head.linear.weight.mul_(100)  # away from uniform
    parameters = [*network.actor.parameters(), *network.head.parameters()]
    observations = torch.randn(5, 2, dtype=torch.float64)
    begin = flat(parameters).detach()
    old = network.head(network.actor(observations)).detach()

    def kl_of(values):
        weights = iter(values.split([parameter.numel() for parameter in parameters]))
        first, bias, head, head_bias = (next(weights).view_as(parameter) for parameter in parameters)
        hidden = torch.tanh(observations @ first.T + bias)
        log_probs = torch.log_softmax(hidden @ head.T + head_bias, -1)
        before = old.log_probs.T
        return (before.exp() * (before - log_probs)).sum(-1).mean()

    hessian = torch.autograd.functional.hessian(kl_of, begin)
    product = fisher_vector_product(old.kl(network.head(network.actor(observations))).mean(), parameters, damping=0.1)
    for row in torch.eye(len(begin), dtype=torch.float64):
        torch.testing.assert_close(product(row), hessian @ row + 0.1 * row, **CLOSE)
    assert hessian.abs().max() > 0.01


def test_parameters_are_written_in_place():
    whole = torch.zeros(6)
    parts = [whole[:2].view(1, 2), whole[2:]]
    assign(parts, torch.arange(6.0))
    assert whole.tolist() == [0, 1, 2, 3, 4, 5] and flat(parts).tolist() == whole.tolist()


@pytest.mark.parametrize(
    "options", [{}, {"lstm": 6}, {"share": True}, {"fisher_parts": 1}, {"entropy_coefficient": 0.01}]
)
@pytest.mark.parametrize("env", ["operant/CartPole-v1", "operant/Pendulum-v1"])
def test_updates_improve_the_surrogate_within_the_bound(env, options):
    config = TRPOConfig(num_envs=8, rollout_steps=16, max_kl=0.02, line_search_steps=20, **options)
    trpo = TRPO(env, config)
    moved = 0
    for metrics in trpo.iterate(5 * 8 * 16):
        assert metrics["approximate_kl"] <= 0.02
        if metrics["step_length"]:
            moved += 1
            assert metrics["policy_loss"] < 1e-6 and metrics["approximate_kl"] > 1e-4
    assert moved >= 4


def test_the_policy_moves_as_far_as_the_kl_says_and_no_further_by_the_values():
    trpo = TRPO("operant/CartPole-v1", TRPOConfig(num_envs=16, rollout_steps=16, share=True))
    rollout = trpo.collector.collect()
    rows = rollout.observations.flatten(0, 1)
    with torch.no_grad():
        before, values = trpo.policy.distribution(rows), trpo.policy.values(rows)
    metrics = trpo.update(rollout)
    with torch.no_grad():
        kl = before.kl(trpo.policy.distribution(rows)).mean()
    assert kl.item() == pytest.approx(metrics["approximate_kl"].item(), abs=1e-7)
    assert not torch.equal(trpo.policy.values(rows), values)
    assert all(parameter.requires_grad for parameter in trpo.policy.parameters())


def test_an_update_is_skipped_if_no_step_improves(monkeypatch):
    monkeypatch.setattr(module, "conjugate_gradient", lambda product, target, iterations: -target)  # uphill
    trpo = TRPO("operant/CartPole-v1", TRPOConfig(num_envs=8, rollout_steps=16))
    rollout = trpo.collector.collect()
    rows = rollout.observations.flatten(0, 1)
    before = trpo.policy.distribution(rows).logits.clone()
    metrics = trpo.update(rollout)
    assert metrics["step_length"] == metrics["approximate_kl"] == 0
    assert torch.equal(trpo.policy.distribution(rows).logits, before)
