"""The features of each kind of observation, as literal numbers."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from operant.models.networks.extractors import NatureCNN, extractor_for

torch.set_num_threads(1)


def features(space, observation):
    extractor = extractor_for(space)
    result = extractor(observation)
    assert result.dtype == torch.float32 and result.shape[-1] == extractor.features
    return result.tolist()


def test_a_vector_passes_unchanged_and_is_not_copied():
    observation = torch.tensor([[1.0, -2.0]])
    extractor = extractor_for(spaces.Box(-5, 5, (2,), np.float32))
    assert extractor(observation) is observation and extractor.features == 2


def test_other_boxes_and_binaries_become_float_vectors():
    matrix = spaces.Box(-5, 5, (2, 2), np.float64)
    assert features(matrix, torch.tensor([[[1, 2], [3, 4.0]]], dtype=torch.float64)) == [[1.0, 2.0, 3.0, 4.0]]
    assert features(spaces.Box(-5, 5, (), np.float32), torch.tensor([3.0, 4.0])) == [[3.0], [4.0]]
    assert features(spaces.MultiBinary((1, 3)), torch.tensor([[[1, 0, 1]]], dtype=torch.int8)) == [[1.0, 0.0, 1.0]]


def test_a_discrete_observation_is_one_hot_from_its_start():
    space = spaces.Discrete(3, start=-1)
    assert features(space, torch.tensor([-1, 1])) == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    assert features(space, torch.tensor([[0]])) == [[[0.0, 1.0, 0.0]]]


def test_several_discrete_observations_are_one_hots_in_a_row():
    space = spaces.MultiDiscrete([2, 3], start=[5, -1])
    assert features(space, torch.tensor([[5, 1], [6, 0]])) == [[1.0, 0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0, 0.0]]
    grid = spaces.MultiDiscrete([[2, 2], [2, 2]])
    assert features(grid, torch.tensor([[[0, 1], [1, 0]]])) == [[1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0]]


def test_nested_features_are_concatenated_in_the_spaces_order():
    space = spaces.Dict(
        z=spaces.Box(0, 9, (2,), np.float32), a=spaces.Tuple([spaces.Discrete(2), spaces.MultiBinary(1)])
    )
    observation = {"z": torch.tensor([[7.0, 8.0]]), "a": (torch.tensor([1]), torch.tensor([[1]]))}
    assert features(space, observation) == [[7.0, 8.0, 0.0, 1.0, 1.0]]


@pytest.mark.parametrize(
    ("shape", "filters"),
    [
        ((84, 84, 4), [(32, 4, 8, 8), (64, 32, 4, 4), (64, 64, 3, 3)]),
        ((3, 36, 40), [(32, 3, 8, 8), (64, 32, 4, 4), (64, 64, 3, 3)]),
        ((7, 7, 3), [(32, 3, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3)]),
        ((1, 2, 2), [(32, 1, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3)]),
    ],
)
def test_images_of_either_layout_and_any_size_go_through_convolutions(shape, filters):
    extractor = extractor_for(spaces.Box(0, 255, shape, np.uint8))
    assert [tuple(p.shape) for p in extractor.parameters() if p.ndim == 4] == filters
    assert extractor(torch.zeros(2, 3, *shape, dtype=torch.uint8)).shape == (2, 3, 512)


def test_channels_first_and_last_give_the_same_features():
    first, last = NatureCNN((3, 40, 36), scaled=True), NatureCNN((40, 36, 3), scaled=True)
    last.load_state_dict(first.state_dict())
    image = torch.randint(256, (2, 3, 40, 36), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    # The convolution may sum the channels in another order.
    torch.testing.assert_close(first(image), last(image.permute(0, 2, 3, 1)), rtol=1e-4, atol=1e-5)


def test_bytes_are_scaled_to_one_and_floats_are_taken_as_they_are():
    scaled, plain = NatureCNN((3, 8, 8), scaled=True), NatureCNN((3, 8, 8), scaled=False)
    plain.load_state_dict(scaled.state_dict())
    image = torch.full((1, 3, 8, 8), 51, dtype=torch.uint8)
    torch.testing.assert_close(scaled(image), plain(torch.full((1, 3, 8, 8), 0.2)))
    assert isinstance(extractor_for(spaces.Box(0, 1, (3, 8, 8), np.float32)), NatureCNN)
    assert not extractor_for(spaces.Box(0, 1, (3, 8, 8), np.float32)).scaled


def test_a_space_that_no_policy_supports_is_named():
    with pytest.raises(TypeError, match=r"observation space Text\(.* supported are Box, Discrete"):
        extractor_for(spaces.Dict(a=spaces.Text(4)))
