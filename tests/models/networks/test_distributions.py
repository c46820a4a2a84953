"""Distributions against torch.distributions, hand-computed numbers, and finite differences."""

import math

import pytest
import torch
from torch import distributions as reference

from operant.models.networks.distributions import Categorical, MultiCategorical, Normal, TanhNormal

torch.set_num_threads(1)

# The rounding of float32 sums of a few terms of size 10.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def random_logits(generator, *shape, dtype=torch.float32):
    return torch.randn(*shape, generator=generator, dtype=dtype) * 3


def box(size, dtype=torch.float32):
    return torch.full((size,), -2.0, dtype=dtype), torch.arange(1.0, size + 1, dtype=dtype)


def torch_tanh_normal(mean, log_std, low, high):
    transforms = [reference.TanhTransform(), reference.AffineTransform((low + high) / 2, (high - low) / 2)]
    return reference.Independent(
        reference.TransformedDistribution(reference.Normal(mean, log_std.exp()), transforms), 1
    )


def test_a_categorical_of_a_quarter_and_three_quarters_has_the_numbers_of_a_calculator():
    chances = Categorical(torch.tensor([[0.0, math.log(3.0)]]))
    assert chances.log_prob(torch.tensor([0])).item() == pytest.approx(-1.3862944, abs=1e-6)
    assert chances.log_prob(torch.tensor([1])).item() == pytest.approx(-0.2876821, abs=1e-6)
    assert chances.entropy().item() == pytest.approx(0.5623351, abs=1e-6)
    assert chances.mode().tolist() == [1]
    even = Categorical(torch.tensor([[1.0, 1.0]]))
    assert chances.kl(even).item() == pytest.approx(0.1308120, abs=1e-6)
    assert even.kl(chances).item() == pytest.approx(0.1438410, abs=1e-6)


def test_a_categorical_agrees_with_torchs(generator):
    logits, others = random_logits(generator, 3, 5, 7), random_logits(generator, 3, 5, 7)
    ours, theirs = Categorical(logits), reference.Categorical(logits=logits)
    actions = ours.sample(generator)
    assert actions.shape == (3, 5) and actions.dtype == torch.int64
    torch.testing.assert_close(ours.log_prob(actions), theirs.log_prob(actions), **CLOSE)
    torch.testing.assert_close(ours.entropy(), theirs.entropy(), **CLOSE)
    expected = reference.kl_divergence(theirs, reference.Categorical(logits=others))
    torch.testing.assert_close(ours.kl(Categorical(others)), expected, **CLOSE)


def test_samples_of_a_categorical_come_as_often_as_it_says(generator):
    probabilities = torch.tensor([0.1, 0.2, 0.7])
    actions = Categorical(probabilities.log().expand(100_000, 3)).sample(generator)
    # Five standard deviations of a frequency among 100 000 draws.
    assert (actions.bincount(minlength=3) / 100_000).tolist() == pytest.approx(probabilities.tolist(), abs=0.008)


def test_actions_begin_at_the_spaces_start(generator):
    chances = Categorical(torch.tensor([[-50.0, 0.0, -50.0]]), start=-1)
    assert chances.sample(generator).tolist() == [0] and chances.mode().tolist() == [0]
    assert chances.log_prob(torch.tensor([0])).item() == pytest.approx(0.0, abs=1e-6)
    several = MultiCategorical(torch.tensor([[-50.0, 0.0, -50.0, 0.0]]), (2, 2), start=torch.tensor([4, -1]))
    assert several.mode().tolist() == [[5, 0]]
    assert several.log_prob(torch.tensor([[4, 0]])).item() == pytest.approx(-50.0, abs=1e-4)


def test_a_masked_action_is_never_taken_and_the_rest_share_its_probability(generator):
    mask = torch.tensor([True, False, True, False])
    chances = Categorical(torch.tensor([0.0, 9.0, math.log(3.0), 80.0]).expand(1000, 4), mask)
    assert set(chances.sample(generator).tolist()) == {0, 2}
    assert chances.log_probs.exp()[:, 0].tolist() == pytest.approx([0.25, 0.0, 0.75, 0.0], abs=1e-6)
    assert chances.log_probs.exp()[1].eq(0).all()
    assert chances.entropy()[0].item() == pytest.approx(0.5623351, abs=1e-6)
    assert chances.mode()[0].item() == 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_masks_leave_entropy_divergence_and_gradients_finite(dtype):
    logits = torch.tensor([[5.0, -3.0, 1000.0], [0.0, 0.0, 0.0]], dtype=dtype, requires_grad=True)
    mask = torch.tensor([[True, True, False], [False, True, False]])
    chances = Categorical(logits, mask)
    entropy, divergence = chances.entropy(), chances.kl(Categorical(torch.zeros_like(logits), mask))
    assert entropy[1] == 0 and divergence[1] == 0
    (entropy.sum() + divergence.sum() + chances.log_prob(torch.tensor([0, 1])).sum()).backward()
    assert torch.isfinite(logits.grad).all() and torch.isfinite(entropy).all() and torch.isfinite(divergence).all()
    assert (logits.grad[~mask] == 0).all()


@pytest.mark.parametrize("draw", ["sample", "mode"])
def test_a_row_without_an_allowed_action_is_refused_by_its_number(draw):
    mask = torch.tensor([[True, False], [False, False]])
    with pytest.raises(ValueError, match=r"action mask of row \[1\] allows no action"):
        getattr(Categorical(torch.zeros(2, 2), mask), draw)()
    with pytest.raises(ValueError, match=r"action mask of row \[0, 1\] allows no action"):
        getattr(MultiCategorical(torch.zeros(1, 5), (2, 3), torch.tensor([[1, 0, 0, 0, 0]]).bool()), draw)()


@pytest.mark.parametrize("sizes", [(3, 3), (2, 5, 1, 3)])
def test_a_multicategorical_is_the_product_of_its_choices(sizes, generator):
    logits, others = random_logits(generator, 4, 6, sum(sizes)), random_logits(generator, 4, 6, sum(sizes))
    ours = MultiCategorical(logits, sizes)
    theirs = [reference.Categorical(logits=part) for part in logits.split(sizes, -1)]
    against = [reference.Categorical(logits=part) for part in others.split(sizes, -1)]
    actions = ours.sample(generator)
    assert actions.shape == (4, 6, len(sizes))
    assert (actions < torch.tensor(sizes)).all()
    expected = sum(part.log_prob(actions[..., d]) for d, part in enumerate(theirs))
    torch.testing.assert_close(ours.log_prob(actions), expected, **CLOSE)
    torch.testing.assert_close(ours.entropy(), sum(part.entropy() for part in theirs), **CLOSE)
    expected = sum(reference.kl_divergence(*pair) for pair in zip(theirs, against, strict=True))
    torch.testing.assert_close(ours.kl(MultiCategorical(others, sizes)), expected, **CLOSE)
    assert torch.equal(ours.mode(), torch.stack([part.logits.argmax(-1) for part in theirs], -1))


def test_masks_of_several_choices_are_concatenated(generator):
    mask = torch.tensor([False, True, True, False, True])
    chances = MultiCategorical(torch.zeros(500, 5), (2, 3), mask)
    actions = chances.sample(generator)
    assert set(map(tuple, actions.tolist())) == {(1, 0), (1, 2)}
    torch.testing.assert_close(chances.log_prob(actions), torch.full((500,), -math.log(2)), **CLOSE)
    torch.testing.assert_close(chances.entropy(), torch.full((500,), math.log(2)), **CLOSE)


def test_a_normal_at_one_standard_deviation_has_the_numbers_of_a_calculator():
    chances = Normal(torch.tensor([[1.0, 0.0]]), torch.tensor([0.0, math.log(2.0)]))
    assert chances.log_prob(torch.tensor([[2.0, 2.0]])).item() == pytest.approx(-3.5310242, abs=1e-6)
    assert chances.entropy().tolist() == pytest.approx([3.5310242], abs=1e-6)
    wider = Normal(torch.tensor([[0.0, 0.0]]), torch.tensor([0.0, math.log(4.0)]))
    # 1/2 for the mean one deviation off; log 2 + 1/8 - 1/2 for half the width.
    assert chances.kl(wider).item() == pytest.approx(0.5 + 0.3181472, abs=1e-6)


def test_a_normal_agrees_with_torchs(generator):
    mean, log_std = random_logits(generator, 4, 5, 3), torch.tensor([-1.0, 0.0, 0.5])
    ours, theirs = Normal(mean, log_std), reference.Independent(reference.Normal(mean, log_std.exp()), 1)
    other_mean, other_std = random_logits(generator, 4, 5, 3), torch.tensor([0.3, -0.2, 0.1])
    actions = ours.sample(generator)
    torch.testing.assert_close(ours.log_prob(actions), theirs.log_prob(actions), **CLOSE)
    torch.testing.assert_close(ours.entropy(), theirs.entropy(), **CLOSE)
    expected = reference.kl_divergence(theirs, reference.Independent(reference.Normal(other_mean, other_std.exp()), 1))
    torch.testing.assert_close(ours.kl(Normal(other_mean, other_std)), expected, **CLOSE)
    assert torch.equal(ours.mode(), mean)


def test_a_normals_actions_may_have_several_dimensions(generator):
    mean, log_std = random_logits(generator, 6, 2, 3), random_logits(generator, 2, 3) / 3
    ours, theirs = Normal(mean, log_std, event=2), reference.Independent(reference.Normal(mean, log_std.exp()), 2)
    actions = ours.sample(generator)
    torch.testing.assert_close(ours.log_prob(actions), theirs.log_prob(actions), **CLOSE)
    torch.testing.assert_close(ours.entropy(), theirs.entropy(), **CLOSE)


def test_samples_of_a_normal_have_its_moments(generator):
    actions = Normal(torch.tensor([1.0, -2.0]).expand(100_000, 2), torch.tensor([0.0, math.log(3.0)])).sample(generator)
    # Five standard errors among 100 000 draws of standard deviation 3.
    assert actions.mean(0).tolist() == pytest.approx([1.0, -2.0], abs=0.05)
    assert actions.std(0).tolist() == pytest.approx([1.0, 3.0], abs=0.05)


def test_a_tanh_normal_agrees_with_torchs_transformed_normal(generator):
    mean, log_std = random_logits(generator, 50, 3, dtype=torch.float64) / 3, torch.tensor([-1.0, 0.0, 0.5]).double()
    low, high = box(3, torch.float64)
    ours, theirs = TanhNormal(mean, log_std, low, high), torch_tanh_normal(mean, log_std, low, high)
    actions = ours.sample(generator)
    assert ((actions > low) & (actions < high)).all()
    torch.testing.assert_close(ours.log_prob(actions), theirs.log_prob(actions), rtol=1e-9, atol=1e-9)
    # A density's logarithm has mean minus the entropy; 200 000 draws of a spread of about 1.5: five standard errors.
    many = TanhNormal(mean[:1].expand(200_000, 3), log_std, low, high)
    assert -many.log_prob(many.sample(generator)).mean().item() == pytest.approx(many.entropy()[0].item(), abs=0.02)


@pytest.mark.parametrize(("log_std", "tolerance"), [(-2.0, 1e-9), (0.0, 1e-6), (1.0, 2e-3), (2.0, 0.1)])
def test_the_entropy_of_a_tanh_normal_is_the_integral_of_its_density(log_std, tolerance):
    low, high, log_stds = torch.tensor([[-1.0], [3.0], [log_std]], dtype=torch.float64)
    for mean in (-1.5, 0.0, 0.7):
        chances = TanhNormal(torch.tensor([[mean]], dtype=torch.float64), log_stds, low, high)
        u = mean + math.exp(log_std) * torch.linspace(-9, 9, 200_001, dtype=torch.float64)
        density = reference.Normal(*torch.tensor([mean, math.exp(log_std)], dtype=torch.float64)).log_prob(u)
        slope = torch.log(2 * (1 - torch.tanh(u.clamp(-15, 15)) ** 2).clamp_min(1e-300))
        slope = torch.where(u.abs() > 15, math.log(8) - 2 * u.abs(), slope)  # 2 sech^2 u, where tanh u rounds to 1
        expected = torch.trapezoid(density.exp() * (slope - density), u).item()
        assert chances.entropy().item() == pytest.approx(expected, abs=tolerance)


def test_a_tanh_normal_far_outside_stays_finite_and_within_its_bounds(generator):
    low, high = box(2)
    mean = torch.tensor([[40.0, -40.0]], requires_grad=True)
    chances = TanhNormal(mean, torch.zeros(2), low, high)
    actions = chances.sample(generator)
    assert actions.tolist() == [[1.0, -2.0]] and chances.mode().tolist() == [[1.0, -2.0]]
    value = chances.log_prob(actions) + chances.entropy()
    value.sum().backward()
    assert torch.isfinite(value).all() and torch.isfinite(mean.grad).all()


def test_squashing_does_not_change_a_divergence(generator):
    mean, log_std, low, high = random_logits(generator, 9, 2), torch.tensor([0.1, -0.3]), *box(2)
    ours = TanhNormal(mean, log_std, low, high).kl(TanhNormal(mean + 1, log_std + 0.5, low, high))
    torch.testing.assert_close(ours, Normal(mean, log_std).kl(Normal(mean + 1, log_std + 0.5)))


def test_noise_of_a_whole_rollout_is_spent_step_by_step(generator):
    logits = torch.tensor([0.1, 0.2, 0.7]).log().expand(50_000, 3)
    noise = Categorical.noise((2, 50_000, 3), generator)
    actions = [Categorical(logits).sample(noise=step) for step in noise]
    assert not torch.equal(*actions)
    for step in actions:  # five standard deviations of a frequency among 50 000 draws
        assert (step.bincount(minlength=3) / 50_000).tolist() == pytest.approx([0.1, 0.2, 0.7], abs=0.011)
    normal = Normal(torch.tensor([[1.0, 2.0]]), torch.tensor([0.0, math.log(2.0)]))
    assert normal.sample(noise=torch.tensor([[1.0, -1.0]])).tolist() == [[2.0, 0.0]]
    several = MultiCategorical(torch.zeros(1, 5), (2, 3))
    noise = torch.tensor([[[0.0, 1.0, 99.0], [0.0, 1.0, 2.0]]])  # the first choice has no third action
    assert several.sample(noise=noise).tolist() == [[1, 2]]
