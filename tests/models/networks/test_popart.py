"""PopArt against numbers computed by hand: normalised targets, preserved outputs."""

import pytest
import torch

from operant.models.networks.actor_critic import ActorCritic, DiscreteActorCritic
from operant.models.networks.popart import PopArtValueHead

torch.set_num_threads(1)

# The rounding of float64 in a division by a deviation of up to 1e4.
EXACT = {"rtol": 1e-9, "atol": 1e-9}


def head(features=3, beta=0.5):
    torch.manual_seed(0)
    return PopArtValueHead(features, beta=beta).double()


def test_statistics_are_averages_corrected_for_their_start():
    popart = head(beta=0.5)
    popart.update(torch.tensor([1.0, 3.0]))
    assert (popart.mean.item(), popart.square.item()) == (2, 5)  # the first batch's own
    assert popart.deviation.item() == 1
    popart.update(torch.tensor([8.0]))
    # Weights 1/4 and 1/2 over 3/4: (2 + 2 * 8) / 3 and (5 + 2 * 64) / 3.
    assert popart.mean.item() == pytest.approx(6)
    assert popart.square.item() == pytest.approx(133 / 3)


def test_predictions_stay_when_the_statistics_change():
    popart, generator = head(), torch.Generator().manual_seed(1)
    features = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    expected = popart.denormalize(popart(features))
    for scale in (1, 100, 1e4, 0.1):
        popart.update(scale * torch.randn(50, generator=generator, dtype=torch.float64) + 3 * scale)
        normalized = popart(features)
        torch.testing.assert_close(popart.denormalize(normalized), expected, **EXACT)
        assert not torch.allclose(normalized, expected)


def test_normalised_returns_are_standardised_and_come_back():
    popart = head(beta=1.0)
    returns = torch.tensor([10.0, 20.0, 30.0], dtype=torch.float64)
    popart.update(returns)
    normalized = popart.normalize(returns)  # deviation sqrt(200 / 3)
    assert normalized.tolist() == pytest.approx([-1.2247449, 0, 1.2247449])
    torch.testing.assert_close(popart.denormalize(normalized), returns, **EXACT)


def test_equal_returns_leave_a_deviation_above_zero():
    popart = head(beta=1.0)
    popart.update(torch.full((4,), 5.0, dtype=torch.float64))
    assert popart.deviation.item() == pytest.approx(1e-4)
    assert torch.isfinite(popart(torch.ones(1, 3, dtype=torch.float64))).all()


@pytest.mark.parametrize("beta", [0, -1, 1.5])
def test_a_rate_outside_its_limits_is_an_error(beta):
    with pytest.raises(ValueError, match=f"beta={beta} must be above 0 and at most 1"):
        PopArtValueHead(3, beta=beta)


def test_it_is_a_value_head_and_its_statistics_are_saved():
    network = DiscreteActorCritic(4, 2, hidden=(8,), value_head=PopArtValueHead(8))
    network.value_head.update(torch.tensor([1.0, 3.0]))
    other = ActorCritic(network.observation_space, network.action_space, hidden=(8,), value_head=PopArtValueHead(8))
    other.load_state_dict(network.state_dict())
    assert other.value_head.mean.item() == 2
