"""The contract of all distributions: gradients match finite differences, samples repeat, copies have no graph."""

import pytest
import torch

from operant.models.networks.distributions import Categorical, MultiCategorical, Normal, TanhNormal

torch.set_num_threads(1)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def random_logits(generator, *shape, dtype=torch.float32):
    return torch.randn(*shape, generator=generator, dtype=dtype) * 3


def box(size, dtype=torch.float32):
    return torch.full((size,), -2.0, dtype=dtype), torch.arange(1.0, size + 1, dtype=dtype)


KINDS = {
    "categorical": (lambda p: Categorical(p), (4, 5), lambda g: torch.randint(5, (4,), generator=g)),
    "masked": (
        lambda p: Categorical(p, torch.tensor([True, False, True, True, False])),
        (4, 5),
        lambda g: torch.tensor([0, 2, 3, 2]),
    ),
    "multicategorical": (
        lambda p: MultiCategorical(p, (2, 3)),
        (4, 5),
        lambda g: torch.randint(2, (4, 2), generator=g),
    ),
    "normal": (lambda p: Normal(p[:, :2], p[0, 2:4]), (3, 4), lambda g: torch.randn(3, 2, generator=g).double()),
    "tanh": (
        lambda p: TanhNormal(p[:, :2], p[0, 2:4] / 4, *box(2, torch.float64)),
        (3, 4),
        lambda g: torch.rand(3, 2, generator=g).double(),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_finite_differences(kind, generator):
    make, shape, draw = KINDS[kind]
    actions = draw(generator)
    parameters = random_logits(generator, *shape, dtype=torch.float64).requires_grad_()
    other = random_logits(generator, *shape, dtype=torch.float64)
    for of in (
        lambda p: make(p).log_prob(actions),
        lambda p: make(p).entropy(),
        lambda p: make(p).kl(make(other)),
        lambda p: make(other).kl(make(p)),
    ):
        assert torch.autograd.gradcheck(of, (parameters,))


@pytest.mark.parametrize("kind", KINDS)
def test_a_detached_copy_agrees_and_has_no_gradient(kind, generator):
    make, shape, draw = KINDS[kind]
    chances = make(random_logits(generator, *shape, dtype=torch.float64).requires_grad_())
    for _ in range(2):  # before and after log_prob has cached a result
        detached, actions = chances.detach(), draw(generator)
        assert not detached.log_prob(actions).requires_grad and not detached.entropy().requires_grad
        assert torch.equal(detached.log_prob(actions), chances.log_prob(actions))
        assert torch.equal(detached.kl(chances), torch.zeros_like(chances.entropy()))
    assert not chances.sample(generator).requires_grad and not chances.mode().requires_grad


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_repeats_with_its_generator(kind):
    make, shape, _ = KINDS[kind]
    parameters = torch.zeros(shape, dtype=torch.float64)
    first, again, other = (make(parameters).sample(torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)
