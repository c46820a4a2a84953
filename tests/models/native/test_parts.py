"""The core reads observations of any nesting as torch's extractors do."""

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from hypothesis import assume, given
from hypothesis import strategies as st

from operant.environments.layout import Layout
from operant.models.algorithms.configs import PPOConfig
from operant.models.native.parts import DTYPES, input_parts, mask_part
from operant.models.native.trainer import Trainer
from operant.models.networks.extractors import extractor_for

SHAPES = st.lists(st.integers(0, 4), max_size=2).map(tuple)


def boxes():
    def make(shape, dtype):
        high = 1 if dtype == "bool" else 100
        return spaces.Box(0 if dtype in ("bool", "uint8") else -high, high, shape, np.dtype(dtype))

    return st.builds(make, SHAPES, st.sampled_from(DTYPES))


def several(pairs):
    sizes, start = zip(*pairs, strict=True)
    return spaces.MultiDiscrete(list(sizes), start=list(start))


PAIRS = st.lists(st.tuples(st.integers(1, 6), st.integers(-3, 3)), min_size=1, max_size=4)
LEAVES = st.one_of(
    boxes(),
    st.builds(lambda n, start: spaces.Discrete(n, start=start), st.integers(1, 9), st.integers(-5, 5)),
    st.builds(several, PAIRS),
    st.builds(lambda shape: spaces.MultiBinary(shape), st.lists(st.integers(1, 4), min_size=1, max_size=2)),
)
NESTED = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.dictionaries(st.text("abc", min_size=1, max_size=3), parts, min_size=1, max_size=3).map(spaces.Dict),
        st.lists(parts, min_size=1, max_size=3).map(spaces.Tuple),
    ),
    max_leaves=6,
)


@given(NESTED, st.integers(0, 1000))
def test_a_linear_value_of_the_inputs_is_that_of_the_extractors_features(space, seed):
    layout, rows = Layout(space), 3
    assume(any(0 not in leaf.shape for leaf in layout.leaves()))
    batched = batch_space(space, rows)
    batched.seed(seed)
    observations = layout.flatten(batched.sample())
    features = extractor_for(space)(layout.unflatten(torch.from_numpy(observations))).double().numpy()
    trainer = Trainer(space, spaces.Discrete(2), PPOConfig(hidden=(), rollout_steps=1), rows=rows)
    assert sum(part.inputs for part in trainer.parts) == features.shape[1]
    weights = np.random.default_rng(seed).normal(size=features.shape[1]).astype(np.float32)
    trainer.state.weights["value_head.weight"][0] = weights
    trainer.restored()
    expected, scale = features @ weights, np.abs(features) @ np.abs(weights)
    # A chain of D fused multiply-adds in float32, of which each rounds to half a unit in the last place.
    limit = features.shape[1] * 2.0**-24 * scale + 1e-30
    assert (np.abs(trainer.values(observations) - expected) <= limit).all()


def test_the_mask_of_a_dict_is_no_input_and_one_deeper_in_it_is():
    inner = spaces.Dict(action_mask=spaces.MultiBinary(2), a=spaces.Discrete(2))
    layout = Layout(spaces.Dict(first=inner, action_mask=spaces.MultiBinary(3)))
    assert [(part.inputs, part.choices) for part in input_parts(layout)] == [(2, 0), (2, 2)]
    mask = mask_part(layout)
    assert mask is not None and mask.count == 3
    assert mask_part(Layout(spaces.Dict(first=inner))) is None
