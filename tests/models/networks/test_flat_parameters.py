"""All parameters of a network as slices of one tensor."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn

from operant.models.networks.actor_critic import DiscreteActorCritic, flatten_parameters

torch.set_num_threads(1)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def outputs(network, observations):
    distribution, values, _ = network(observations)
    return distribution.logits, values


def train(network, parameters, observations, steps=5):
    optimiser = torch.optim.Adam(parameters, lr=0.01)
    for _ in range(steps):
        optimiser.zero_grad(set_to_none=False)
        logits, values = outputs(network, observations)
        (logits.square().sum() + (values - 1).square().sum()).backward()
        optimiser.step()


def test_an_optimiser_of_the_flat_parameters_moves_the_network_as_one_of_all(generator):
    observations = torch.randn(8, 4, generator=generator)
    separate, together = DiscreteActorCritic(4, 2, seed=0), DiscreteActorCritic(4, 2, seed=0)
    flat = flatten_parameters(together)
    assert all(map(torch.equal, separate.parameters(), together.parameters()))
    train(separate, list(separate.parameters()), observations)
    train(together, [flat], observations)
    for ours, theirs in zip(together.parameters(), separate.parameters(), strict=True):
        # Adam over one long tensor rounds its last vector lanes differently.
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    assert torch.equal(flat, torch.cat([parameter.reshape(-1) for parameter in together.parameters()]))
    assert torch.equal(flat.grad, torch.cat([parameter.grad.reshape(-1) for parameter in together.parameters()]))
    assert flat.grad.abs().sum() > 0


def test_a_flat_network_is_loaded_in_place_and_can_be_saved_copied_and_pickled():
    network, other = DiscreteActorCritic(4, 2, seed=0), DiscreteActorCritic(4, 2, seed=1)
    flat = flatten_parameters(network)
    network.load_state_dict(other.state_dict())
    assert torch.equal(flat, torch.cat([parameter.reshape(-1) for parameter in other.parameters()]))
    saved = io.BytesIO()
    torch.save(network.state_dict(), saved)
    saved.seek(0)
    loaded = DiscreteActorCritic(4, 2, seed=3)
    loaded.load_state_dict(torch.load(saved, weights_only=True))
    copies = [loaded, copy.deepcopy(network), pickle.loads(pickle.dumps(network))]
    observations = torch.ones(1, 4)
    expected = other.values(observations)
    for duplicate in copies:
        assert torch.equal(duplicate.values(observations), expected)
    with torch.no_grad():
        flat.zero_()
    assert network.values(observations).item() == 0
    assert all(torch.equal(duplicate.values(observations), expected) for duplicate in copies)


def test_parameters_of_two_dtypes_cannot_be_flattened():
    with pytest.raises(ValueError, match="one dtype on one device"):
        flatten_parameters(nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1).double()))
