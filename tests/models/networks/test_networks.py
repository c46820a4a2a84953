"""Actor-critic networks: shapes, masks, memory, initial weights, and errors."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from torch import nn

from operant.models.networks.actor_critic import ActorCritic, ContinuousActorCritic, DiscreteActorCritic
from operant.models.networks.distributions import Categorical, MultiCategorical, Normal, TanhNormal

torch.set_num_threads(1)

WIDE = spaces.Box(-1e300, 1e300, (2,), np.float64)
FLAT = spaces.Box(np.float32([0, 1]), np.float32([1, 1]))
VECTOR = spaces.Box(-np.inf, np.inf, (4,), np.float32)
BOUNDED = spaces.Box(np.float32([-1, -2]), np.float32([1, 3]))
NESTED = spaces.Dict(
    image=spaces.Box(0, 255, (8, 8, 3), np.uint8),
    rest=spaces.Tuple([spaces.Discrete(3), spaces.MultiDiscrete([2, 4]), spaces.Box(-1, 1, (2, 2), np.float64)]),
)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def outputs(network, observations):
    distribution, values, _ = network(observations)
    return distribution.logits, values


@pytest.mark.parametrize(
    ("space", "options", "kind", "shape"),
    [
        (spaces.Discrete(3, start=2), {}, Categorical, ()),
        (spaces.MultiDiscrete([2, 5], start=[1, -3]), {}, MultiCategorical, (2,)),
        (spaces.MultiBinary(4), {}, MultiCategorical, (4,)),
        (BOUNDED, {}, Normal, (2,)),
        (BOUNDED, {"squash": True}, TanhNormal, (2,)),
        (spaces.Box(-9, 9, (2, 3), np.float32), {}, Normal, (2, 3)),
        (spaces.Box(-9, 9, (2, 3), np.float32), {"squash": True}, TanhNormal, (2, 3)),
    ],
)
def test_every_action_space_gets_actions_of_its_own(space, options, kind, shape, generator):
    network = ActorCritic(VECTOR, space, seed=0, **options)
    distribution, values, state = network(torch.randn(7, 5, 4, generator=generator))
    assert type(distribution) is kind and values.shape == (7, 5) and state is None
    actions = distribution.sample(noise=network.noise((7, 5), generator))
    assert actions.shape == (7, 5, *shape)
    assert distribution.log_prob(actions).shape == distribution.entropy().shape == (7, 5)
    if kind is not Normal:
        assert all(space.contains(action.astype(space.dtype)) for action in actions.flatten(0, 1).numpy())
    loss = (distribution.log_prob(actions) + distribution.entropy() + values).sum()
    loss.backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_nested_observations_are_read_from_their_rows(generator):
    network = ActorCritic(NESTED, spaces.Discrete(2), seed=0)
    observation = batch_space(NESTED, 5).sample()
    rows = torch.from_numpy(network.layout.flatten(observation))
    logits, values = outputs(network, rows)
    assert logits.shape == (5, 2) and values.shape == (5,)
    observation["rest"] = ((observation["rest"][0] + 1) % 3, *observation["rest"][1:])
    others = outputs(network, torch.from_numpy(network.layout.flatten(observation)))[1]
    assert (values != others).all()


def test_initial_weights_are_orthogonal_with_the_gain_of_their_layer():
    network = DiscreteActorCritic(64, 3, seed=0)
    square = network.actor[2].weight.detach()
    torch.testing.assert_close(square @ square.T, 2 * torch.eye(64), rtol=0, atol=1e-5)
    policy = network.head.linear.weight.detach()
    torch.testing.assert_close(policy @ policy.T, 1e-4 * torch.eye(3), rtol=0, atol=1e-9)
    assert network.value_head.weight.norm().item() == pytest.approx(1.0, abs=1e-6)
    assert all((layer.bias == 0).all() for layer in network.modules() if isinstance(layer, nn.Linear))


def test_a_seed_makes_the_same_weights_on_any_number_of_threads():
    before, made = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            made.append(torch.cat([each.flatten() for each in DiscreteActorCritic(4, 2, seed=0).parameters()]))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*made)


def test_a_seed_makes_the_weights_and_leaves_torchs_generator_alone():
    before = torch.get_rng_state()
    first, again, other = (DiscreteActorCritic(4, 2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(map(torch.equal, first.parameters(), again.parameters()))
    assert not torch.equal(first.actor[0].weight, other.actor[0].weight)


def test_actor_and_critic_share_hidden_layers_only_on_request(generator):
    observations = torch.randn(3, 4, generator=generator)
    for share, count in ((False, 9155), (True, 4675)):  # 320 + 4160 an MLP, 2 * 65 + 65 for the heads
        network = DiscreteActorCritic(4, 2, share=share, seed=0)
        assert sum(parameter.numel() for parameter in network.parameters()) == count
        network.distribution(observations).entropy().sum().backward()
        touched = {name.split(".")[0] for name, parameter in network.named_parameters() if parameter.grad is not None}
        assert touched == ({"shared", "head"} if share else {"actor", "head"})


def test_the_actor_and_the_critic_alone_agree_with_both_together(generator):
    network, observations = DiscreteActorCritic(4, 2, seed=0), torch.randn(3, 4, generator=generator)
    logits, values = outputs(network, observations)
    assert torch.equal(network.distribution(observations).logits, logits)
    assert torch.equal(network.values(observations), values)


def test_a_continuous_network_takes_bounds_as_numbers_or_arrays():
    network = ContinuousActorCritic(3, 2, -1.0, [1.0, 4.0], squash=True, seed=0)
    assert network.action_space == spaces.Box(np.float32([-1, -1]), np.float32([1, 4]))
    middle = network.distribution(torch.zeros(1, 3)).mode()
    torch.testing.assert_close(middle, torch.tensor([[0.0, 1.5]]))


MASKED = spaces.Dict(action_mask=spaces.MultiBinary(5), x=spaces.Box(-1, 1, (2,), np.float32))


@pytest.mark.parametrize(
    ("space", "allowed"), [(spaces.Discrete(5), {1, 2, 4}), (spaces.MultiDiscrete([2, 3]), {(1, 0), (1, 2)})]
)
def test_an_action_mask_forbids_actions_and_is_no_feature(space, allowed, generator):
    network = ActorCritic(MASKED, space, seed=0)
    assert network.extractor.features == 2
    observation = {
        "action_mask": np.tile(np.int8([0, 1, 1, 0, 1]), (200, 1)),
        "x": np.zeros((200, 2), np.float32),
    }
    distribution, values, _ = network(torch.from_numpy(network.layout.flatten(observation)))
    actions = distribution.sample(generator).tolist()
    assert {action if isinstance(action, int) else tuple(action) for action in actions} == allowed
    observation["action_mask"][:] = 1
    unmasked = network(torch.from_numpy(network.layout.flatten(observation)))[1]
    assert torch.equal(values, unmasked)


def test_masks_by_value_forbid_actions_by_the_observed_value(generator):
    masks = np.array([[1, 0, 0], [0, 1, 1], [1, 1, 1]], bool)
    network = ActorCritic(spaces.Discrete(3), spaces.Discrete(3), action_masks=masks, seed=0)
    observed = np.repeat([0, 1, 2], 100)
    rows = torch.from_numpy(network.layout.flatten(observed))
    actions = network.distribution(rows).sample(generator).numpy()
    assert [set(actions[observed == value].tolist()) for value in range(3)] == [{0}, {1, 2}, {0, 1, 2}]
    assert not any("mask" in name for name in network.state_dict())  # masks belong to the environment


def test_a_sequence_with_episode_starts_is_the_same_step_by_step(generator):
    network = DiscreteActorCritic(4, 3, lstm=8, seed=0)
    observations = torch.randn(12, 5, 4, generator=generator)
    starts = torch.rand(12, 5, generator=generator) < 0.15
    starts[0, 1] = starts[6, 2] = starts[11, 3] = True
    state = torch.randn(2, 5, 8, generator=generator)
    whole, values, last = network(observations, state, starts)
    for t in range(12):
        state = torch.where(starts[t].unsqueeze(-1), 0.0, state)
        step, value, state = network(observations[t : t + 1], state)
        # Matrix products of different shapes sum in different orders.
        torch.testing.assert_close(step.logits[0], whole.logits[t], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(value[0], values[t], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(state, last, rtol=1e-5, atol=1e-6)


def test_memory_reaches_back_to_the_start_of_the_episode_and_no_further(generator):
    network = DiscreteActorCritic(4, 2, lstm=8, seed=0)
    observations = torch.randn(6, 2, 4, generator=generator, requires_grad=True)
    starts = torch.zeros(6, 2, dtype=torch.bool)
    starts[3, 0] = True
    network(observations, network.initial_state(2), starts)[1][5].sum().backward()
    influence = observations.grad.abs().sum(-1) > 0
    assert influence.T.tolist() == [[False, False, False, True, True, True], [True] * 6]


def test_a_recurrent_network_begins_with_zeros_and_needs_its_state():
    network = DiscreteActorCritic(4, 2, lstm=8, seed=0)
    assert network.recurrent and torch.equal(network.initial_state(3), torch.zeros(2, 3, 8))
    observations = torch.ones(2, 3, 4)
    assert torch.equal(network(observations)[1], network(observations, torch.zeros(2, 3, 8))[1])
    for method in (network.distribution, network.values):
        with pytest.raises(TypeError, match=r"is for feed-forward networks; call network\(observations, state, starts"):
            method(observations)
    with pytest.raises(
        ValueError, match=r"recurrent network takes observations \[T, N, ...\], but these begin with \[3\]"
    ):
        network(observations[0])
    assert DiscreteActorCritic(4, 2).initial_state(3) is None


def test_a_custom_extractor_and_value_head_replace_the_defaults():
    class Double(nn.Module):
        features = 4

        def forward(self, observation):
            return 2 * observation

    head = nn.Linear(64, 1)
    network = DiscreteActorCritic(4, 2, extractor=Double(), value_head=head, seed=0)
    plain = DiscreteActorCritic(4, 2, value_head=head, seed=0)
    plain.load_state_dict(network.state_dict())
    assert torch.equal(network.values(torch.ones(1, 4)), plain.values(torch.full((1, 4), 2.0)))
    assert network.value_head is head


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((spaces.Text(4), spaces.Discrete(2), {}), TypeError, r"observation is Text.*supported are Box, Discrete"),
        ((VECTOR, spaces.Text(4), {}), TypeError, r"no policy supports the action space Text.*supported are Discrete"),
        ((VECTOR, spaces.Dict(a=spaces.Discrete(2)), {}), TypeError, "no policy supports the action space Dict"),
        ((VECTOR, spaces.Box(0, 9, (2,), np.int32), {}), TypeError, "Box of floating-point numbers"),
        ((VECTOR, VECTOR, {"squash": True}), ValueError, "squash=True needs finite bounds.*set squash=False"),
        (
            (VECTOR, WIDE, {"squash": True}),
            ValueError,
            r"finite bounds in float32, low below high, but .* Box\(-1e\+300",
        ),
        ((VECTOR, FLAT, {"squash": True}), ValueError, "finite bounds in float32, low below high, but .* set squash=F"),
        ((VECTOR, spaces.Discrete(2), {"squash": True}), ValueError, "squash=True is for a Box.*not Discrete"),
        ((VECTOR, spaces.Discrete(2), {"activation": "tan"}), ValueError, "activation='tan' must be one of tanh, relu"),
        ((VECTOR, spaces.Discrete(2), {"hidden": (64, 0)}), ValueError, r"hidden=\(64, 0\)"),
        ((VECTOR, spaces.Discrete(2), {"lstm": -1}), ValueError, "lstm=-1"),
        ((VECTOR, spaces.Discrete(2), {"extractor": nn.ReLU()}), TypeError, "ReLU needs an attribute features"),
        ((VECTOR, spaces.Discrete(2), {"value_head": nn.Linear(32, 1)}), ValueError, "value_head.*64 features"),
        ((VECTOR, spaces.Discrete(2), {"value_head": nn.Linear(64, 2)}), ValueError, "value_head.*64 features"),
        ((MASKED, spaces.Discrete(4), {}), ValueError, r"'action_mask' has shape \(5,\).*Discrete\(4\) takes.*\(4,\)"),
        (
            (spaces.Discrete(3), spaces.Discrete(2), {"action_masks": np.ones((2, 3), bool)}),
            ValueError,
            r"action_masks of shape \(2, 3\) do not fit Discrete\(3\) and Discrete\(2\): they need a row for each",
        ),
        (
            (spaces.MultiDiscrete([3]), spaces.Discrete(2), {"action_masks": np.ones((3, 2), bool)}),
            ValueError,
            r"action_masks of shape \(3, 2\) do not fit MultiDiscrete\(\[3\]\) and Discrete\(2\)",
        ),
        ((MASKED, BOUNDED, {}), ValueError, r"'action_mask' has shape \(5,\).* takes no masks"),
        (
            (spaces.Dict(action_mask=spaces.MultiBinary(2)), spaces.Discrete(2), {}),
            TypeError,
            "has only 'action_mask'",
        ),
    ],
)
def test_invalid_arguments_are_refused_by_name(arguments, error, message):
    observation_space, action_space, options = arguments
    with pytest.raises(error, match=message):
        ActorCritic(observation_space, action_space, **options)


def test_a_value_network_of_its_own_sizes_leaves_the_policy_as_it_was():
    plain, other = (ActorCritic(VECTOR, BOUNDED, hidden=(8, 6), value_hidden=sizes, seed=0) for sizes in ((), (5,)))
    assert [tuple(each.shape) for each in other.critic.parameters()] == [(5, 4), (5,)]
    assert other.value_head.in_features == 5 and plain.value_head.in_features == 6
    assert torch.equal(plain.actor[0].weight, other.actor[0].weight)
    with pytest.raises(ValueError, match=r"value_hidden=\(5,\) is for a network of its own: set share=False"):
        ActorCritic(VECTOR, BOUNDED, share=True, value_hidden=(5,))
