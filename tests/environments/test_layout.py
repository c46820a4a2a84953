"""Nested spaces as rows of one array, and back: property-based tests over random nestings."""

import pickle

import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from hypothesis import given
from hypothesis import strategies as st

from operant.environments.layout import Layout

DTYPES = [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.int64, np.float32, np.float64]
SHAPES = st.lists(st.integers(1, 4), max_size=3).map(tuple)


def boxes():
    def make(shape, dtype):
        low, high = (0, 100) if np.issubdtype(dtype, np.integer) else (-1.0, 1.0)
        return spaces.Box(low, high, shape, dtype)

    return st.builds(make, SHAPES, st.sampled_from(DTYPES))


LEAVES = st.one_of(
    boxes(),
    st.builds(lambda n, start: spaces.Discrete(n, start=start), st.integers(1, 9), st.integers(-5, 5)),
    st.builds(lambda sizes: spaces.MultiDiscrete(sizes), st.lists(st.integers(1, 6), min_size=1, max_size=4)),
    st.builds(lambda shape: spaces.MultiBinary(shape), st.lists(st.integers(1, 4), min_size=1, max_size=2)),
)
NESTED = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.dictionaries(st.text("abc_.'", min_size=1, max_size=3), parts, min_size=1, max_size=3).map(spaces.Dict),
        st.lists(parts, min_size=1, max_size=3).map(spaces.Tuple),
    ),
    max_leaves=8,
)
MIXED = spaces.Dict(
    flag=spaces.MultiBinary(3),
    speed=spaces.Box(-1, 1, (2, 2), np.float64),
    rest=spaces.Tuple([spaces.Discrete(5, start=2), spaces.Box(0, 255, (1,), np.uint8)]),
)


def leaves(observation):
    if isinstance(observation, dict):  # gymnasium's batch_space sorts the keys, its Dict keeps their order
        return [leaf for key in sorted(observation) for leaf in leaves(observation[key])]
    if isinstance(observation, tuple):
        return [leaf for part in observation for leaf in leaves(part)]
    return [observation]


def assert_same(found, expected):
    assert type(found) is type(expected) or not isinstance(expected, dict | tuple)
    if isinstance(expected, dict):
        assert set(found) == set(expected)
    for ours, theirs in zip(leaves(found), leaves(expected), strict=True):
        theirs = np.asarray(theirs)
        assert ours.shape == theirs.shape and np.dtype(ours.dtype) == theirs.dtype
        assert np.array_equal(ours, theirs)


@given(NESTED, st.integers(0, 2**31), st.integers(1, 5))
def test_any_nesting_comes_back_equal_and_without_a_copy(space, seed, count):
    layout, batch = Layout(space), batch_space(space, count)
    batch.seed(seed)
    observation = batch.sample()
    rows = layout.flatten(observation)
    assert rows.shape == (count, *layout.shape) and rows.dtype == layout.dtype
    views = layout.unflatten(rows)
    assert_same(views, observation)
    assert all(np.shares_memory(view, rows) for view in leaves(views))
    assert all(view.flags.aligned for view in leaves(views))
    assert_same(layout.unflatten(rows[0]), layout.unflatten(layout.flatten(first(observation))))


def first(observation):
    if isinstance(observation, dict):
        return {key: first(part) for key, part in observation.items()}
    if isinstance(observation, tuple):
        return tuple(first(part) for part in observation)
    return observation[0]


@given(NESTED, st.integers(0, 2**31))
def test_a_torch_tensor_gives_the_same_views(space, seed):
    layout, batch = Layout(space), batch_space(space, 6)
    batch.seed(seed)
    rows = layout.flatten(batch.sample()).reshape(2, 3, *layout.shape)
    tensor = torch.from_numpy(rows)
    parts = leaves(layout.unflatten(tensor))
    for part, expected in zip(parts, leaves(layout.unflatten(rows)), strict=True):
        assert np.array_equal(part.numpy(), expected) and part.numpy().dtype == expected.dtype
        assert np.shares_memory(part.numpy(), rows)


@given(NESTED, st.integers(0, 2**31))
def test_one_observation_without_leading_dimensions_comes_back(space, seed):
    space.seed(seed)
    observation = space.sample()
    assert_same(Layout(space).unflatten(Layout(space).flatten(observation)), observation)


def test_leaves_lie_aligned_in_a_row_padded_to_eight_bytes():
    layout = Layout(MIXED)
    row = layout.flatten(
        {"flag": np.int8([1, 0, 1]), "speed": np.array([[1.0, 2.0], [3.0, 4.0]]), "rest": (6, np.uint8([7]))}
    )
    assert (layout.shape, layout.dtype) == ((56,), np.uint8)
    assert row[:3].tolist() == [1, 0, 1]
    assert row[8:40].view(np.float64).tolist() == [1.0, 2.0, 3.0, 4.0]
    assert row[40:48].view(np.int64).tolist() == [6]
    assert row[48] == 7 and not row[3:8].any() and not row[49:].any()


def test_a_plain_box_is_its_own_row():
    layout = Layout(spaces.Box(0, 255, (4, 4, 3), np.uint8))
    images = np.zeros((5, 4, 4, 3), np.uint8)
    assert (layout.shape, layout.dtype) == ((4, 4, 3), np.uint8)
    assert layout.flatten(images) is images and layout.unflatten(images) is images


@pytest.mark.parametrize("space", [MIXED, spaces.Box(-1, 1, (3,), np.float32)])
def test_rows_are_written_into_the_given_array(space):
    layout, observation = Layout(space), batch_space(space, 4).sample()
    rollout = np.full((2, 4, *layout.shape), 9, layout.dtype)
    assert np.shares_memory(layout.flatten(observation, out=rollout[1]), rollout)
    assert_same(layout.unflatten(rollout[1]), observation)
    assert (rollout[0] == 9).all()
    with pytest.raises(ValueError, match=r"out must be .* not .*\(3, "):
        layout.flatten(observation, out=np.zeros((3, *layout.shape), layout.dtype))


@pytest.mark.parametrize("inner", [spaces.Text(5), spaces.Sequence(spaces.Discrete(2)), spaces.Dict({})])
def test_a_space_without_a_fixed_size_is_refused_by_its_path(inner):
    space = spaces.Dict(goal=spaces.Tuple([spaces.Discrete(2), inner]))
    with pytest.raises(TypeError, match=r"observation\['goal'\]\[1\] is .* supported are Box, Discrete"):
        Layout(space)


def test_a_missing_part_and_a_wrong_shape_are_named():
    layout, observation = Layout(MIXED), batch_space(MIXED, 2).sample()
    with pytest.raises(ValueError, match=r"observation\['speed'\] has shape \(2, 3\), but its space says \(2, 2, 2\)"):
        layout.flatten(observation | {"speed": np.zeros((2, 3))})
    with pytest.raises(ValueError, match=r"observation\['rest'\]\[0\] has shape \(\), but its space says \(2,\)"):
        layout.flatten(observation | {"rest": (3, observation["rest"][1])})
    with pytest.raises(ValueError, match=r"no part 'speed'"):
        layout.flatten({"flag": observation["flag"], "rest": observation["rest"]})
    with pytest.raises(ValueError, match=r"no part 1; its space has 2 parts"):
        layout.flatten(observation | {"rest": (observation["rest"][0],)})
    with pytest.raises(ValueError, match=r"end in \(56,\), but the array is \(2, 55\)"):
        layout.unflatten(np.zeros((2, 55), np.uint8))


def test_a_layout_can_be_pickled():
    layout, observation = Layout(MIXED), batch_space(MIXED, 2).sample()
    assert np.array_equal(pickle.loads(pickle.dumps(layout)).flatten(observation), layout.flatten(observation))
