"""The GPU's training kernels, emulated: the CPU's bits, Adam within stated ulps, and nothing read on the host."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rollout import loops

from operant.cuda.adam import FusedAdam
from operant.cuda.engine import Engine, Kernels
from operant.cuda.graphs import Graph
from operant.cuda.open import open_engine
from operant.cuda.training import PROGRAM, TrainingKernels
from operant.models.machine.adam import Adam
from operant.rollout import advantages as rollout

NUMBERS = {"gamma": 0.99, "lam": 0.95}
ULP = 2.0**-23  # of a float32, relative


@pytest.fixture(scope="module")
def engine():
    return open_engine("emulated")


def tensors(arrays):
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def column(*numbers, dtype=torch.float32):
    return torch.tensor(numbers, dtype=dtype)[:, None]


# The kernels of rollout/.


@given(
    steps=st.integers(1, 40),
    num_envs=st.sampled_from([1, 2, 67, 255, 256, 300]),
    ends=st.sampled_from([0.0, 0.2, 1.0]),
    seed=st.integers(0, 1 << 32),
)
def test_advantages_and_returns_are_the_cpus_bits(steps, num_envs, ends, seed):
    kernels = TrainingKernels(open_engine("emulated"))
    arrays = loops.random_rollout(steps, num_envs, seed, ends)  # final_values are NaN where they must not be used
    log_ratios = loops.random_rollout(steps, num_envs, seed + 1)["rewards"]
    bars = {"rho_bar": 1.5, "c_bar": 0.75}
    pairs = [
        (kernels.gae(**tensors(arrays), **NUMBERS), rollout.gae(**arrays, **NUMBERS)),
        (
            kernels.vtrace(**tensors(arrays | {"log_ratios": log_ratios}), **NUMBERS, **bars),
            rollout.vtrace(**arrays, log_ratios=log_ratios, **NUMBERS, **bars),
        ),
    ]
    del arrays["values"]
    pairs.append(
        (
            [kernels.discounted_returns(**tensors(arrays), gamma=0.9)],
            [rollout.discounted_returns(**arrays, gamma=0.9)],
        )
    )
    for ours, theirs in pairs:
        assert [one.numpy().tobytes() for one in ours] == [other.tobytes() for other in theirs]


def test_three_steps_with_a_truncation_equal_a_computation_by_hand(engine):
    kernels, nan = TrainingKernels(engine), float("nan")
    parts = {
        "rewards": column(1.0, 2, 3),
        "terminated": column(False, False, False, dtype=torch.bool),
        "truncated": column(False, True, False, dtype=torch.bool),
        "last_values": torch.tensor([32.0]),
        "final_values": column(nan, 64, nan),
    }
    values = column(4.0, 8, 16)
    # delta = 1+4-4, 2+32-8, 3+16-16 = 1, 26, 3;  A = 1 + 26/4, 26, 3, since a truncation cuts the sum
    advantages, returns = kernels.gae(**parts, values=values, gamma=0.5, lam=0.5)
    assert advantages[:, 0].tolist() == [7.5, 26, 3] and returns[:, 0].tolist() == [11.5, 34, 19]
    # Ratios of 1: v = V + A, and the advantage is r + v'/2 - V.
    targets, advantages = kernels.vtrace(**parts, values=values, log_ratios=column(0.0, 0, 0), gamma=0.5, lam=0.5)
    assert targets[:, 0].tolist() == [11.5, 34, 19] and advantages[:, 0].tolist() == [1 + 17 - 4, 26, 3]
    # 1 + 34/2, 2 + 64/2, 3 + 32/2
    assert kernels.discounted_returns(**parts, gamma=0.5)[:, 0].tolist() == [18, 34, 19]


def test_results_are_written_into_the_given_tensors(engine):
    given = tensors(loops.random_rollout(5, 20))
    out = torch.zeros(5, 20), torch.zeros(5, 20)
    results = TrainingKernels(engine).gae(**given, **NUMBERS, out=out)
    assert results[0] is out[0] and results[1] is out[1]
    assert torch.equal(out[1], out[0] + given["values"])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"rewards": torch.zeros(3)}, r"rewards must be \[T, N\] with T and N at least 1, not of shape \(3,\)"),
        ({"rewards": torch.zeros(0, 20)}, r"rewards must be \[T, N\] .* not of shape \(0, 20\)"),
        ({"rewards": [[1.0]]}, "rewards must be a torch tensor on cpu, not list"),
        ({"values": torch.zeros(5, 20).double()}, r"values must be float32 \(5, 20\), not float64 \(5, 20\)"),
        ({"values": torch.zeros(20, 5).t()}, r"values must be contiguous: give values.contiguous\(\)"),
        ({"values": torch.zeros(5, 20, device="meta")}, r"values is on meta, .* give values.to\('cpu'\)"),
        ({"values": torch.zeros(5, 20, requires_grad=True)}, r"values must be without gradient: give values.detach"),
        ({"terminated": torch.zeros(5, 20).byte()}, r"terminated must be bool \(5, 20\), not uint8"),
        ({"truncated": torch.zeros(5, 21).bool()}, r"truncated must be bool \(5, 20\), not bool \(5, 21\)"),
        ({"last_values": torch.zeros(1, 20)}, r"last_values must be float32 \(20,\), not float32 \(1, 20\)"),
        ({"final_values": None}, "final_values must be a torch tensor on cpu, not NoneType"),
        ({"gamma": 1.5}, "gamma=1.5 must be from 0 to 1"),
        ({"lam": float("nan")}, "lam=nan must be from 0 to 1"),
        ({"out": (torch.zeros(5, 20),)}, r"out must hold 2 tensors \(advantages, returns\), not 1"),
        ({"out": (torch.zeros(5, 20), torch.zeros(4, 20))}, r"out \(returns\) must be float32 \(5, 20\)"),
    ],
)
def test_bad_arguments_are_named(engine, change, message):
    with pytest.raises(ValueError, match=message):
        TrainingKernels(engine).gae(**(tensors(loops.random_rollout(5, 20)) | NUMBERS | change))


def test_vtrace_refuses_invalid_bars(engine):
    given = tensors(loops.random_rollout(5, 20))
    with pytest.raises(ValueError, match=r"rho_bar=0.5 and c_bar=1.0"):
        TrainingKernels(engine).vtrace(**given, log_ratios=given["rewards"], gamma=0.5, rho_bar=0.5)


# Adam.


def gradients(count, size, seed=0):
    """Gradients of very different sizes."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        yield torch.randn(size, generator=generator) * torch.rand(size, generator=generator) ** 4


def clipped(gradient, norm, most):
    return gradient * (most / (norm + 1e-6)).clamp(max=1.0)


@pytest.mark.parametrize("epsilon", [1e-8, 1e-5])
def test_each_step_is_adams_within_the_stated_ulps(engine, epsilon):
    start = torch.randn(3000, generator=torch.Generator().manual_seed(1))
    theirs, ours = start.clone().requires_grad_(), start.clone().requires_grad_()
    adam, fused = Adam(theirs, 3e-3, epsilon=epsilon), FusedAdam(ours, 3e-3, engine=engine, epsilon=epsilon)
    for k, gradient in enumerate(gradients(100, 3000)):
        fused.load_state_dict(adam.state_dict())
        with torch.no_grad():
            ours.copy_(theirs)
        before, mean = theirs.detach().clone(), adam.mean.clone()
        fused.learning_rate = adam.learning_rate = 3e-3 * (1 - k / 100)
        norm = torch.linalg.vector_norm(gradient)
        ours.grad, theirs.grad = gradient, clipped(gradient, norm, 0.5)
        adam.step()
        fused.step(norm, 0.5)
        larger = torch.maximum(mean.abs(), theirs.grad.abs())
        assert ((fused.mean - adam.mean).abs() <= ULP * larger).all()
        assert ((fused.square - adam.square).abs() <= ULP * adam.square).all()
        scale = torch.maximum(torch.maximum(before.abs(), theirs.detach().abs()), torch.tensor(adam.learning_rate))
        assert ((ours - theirs).abs() <= 4 * ULP * scale).all()


def test_fifty_steps_end_where_pytorchs_adam_ends(engine):
    ours, theirs = (torch.zeros(7, requires_grad=True) for _ in range(2))
    fused, reference = FusedAdam(ours, 0.1, engine=engine), torch.optim.Adam([theirs], lr=0.1)
    target = torch.arange(7.0)
    for _ in range(50):
        for parameters, optimizer in ((ours, fused), (theirs, reference)):
            parameters.grad = 2 * target * (parameters.detach() - target)
            optimizer.step()
    assert theirs[1] > 0.5
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)  # some ulps, accumulated over 50 steps


def test_the_first_step_is_as_long_as_the_learning_rate_and_the_gradient_stays(engine):
    parameters = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    parameters.grad = torch.tensor([0.5, -4.0, 0.0])
    FusedAdam(parameters, 0.25, engine=engine).step(torch.tensor(4.0), max_norm=1.0)
    assert parameters.tolist() == pytest.approx([0.75, -1.75, 3.0], rel=1e-6)
    assert parameters.grad.tolist() == [0.5, -4.0, 0.0]


def test_a_gradient_is_clipped_only_if_it_is_too_long(engine):
    for norm, factor in ((2.0, 0.5), (1.0, 1.0), (0.25, 1.0)):
        parameters = torch.zeros(1, requires_grad=True)
        parameters.grad = torch.tensor([norm])
        adam = FusedAdam(parameters, 0.1, engine=engine, betas=(0.5, 0.5))
        adam.step(torch.tensor([norm]), max_norm=1.0)
        assert adam.mean.item() == pytest.approx(0.5 * norm * factor, rel=2e-6)  # 1e-6 is added to the norm


def test_a_nan_gradient_is_not_hidden(engine):
    parameters = torch.zeros(2, requires_grad=True)
    parameters.grad = torch.tensor([float("nan"), 1.0])
    FusedAdam(parameters, 0.1, engine=engine).step(torch.tensor(float("nan")), max_norm=1.0)
    assert parameters.isnan().all()


@pytest.mark.parametrize("kinds", [("fused", "fused"), ("adam", "fused"), ("fused", "adam")])
def test_a_state_is_interchangeable_with_adams(engine, kinds):
    def make(kind, parameters):
        return Adam(parameters, 0.1) if kind == "adam" else FusedAdam(parameters, 0.1, engine=engine)

    whole, first, second = (torch.ones(3, requires_grad=True) for _ in range(3))
    unbroken, before = make("fused", whole), make(kinds[0], first)
    given = list(gradients(3, 3))
    for gradient in given[:2]:
        for parameters, optimizer in ((whole, unbroken), (first, before)):
            parameters.grad = gradient
            optimizer.step()
    with torch.no_grad():
        second.copy_(first)
    after = make(kinds[1], second)
    after.load_state_dict(before.state_dict())
    for parameters, optimizer in ((whole, unbroken), (second, after)):
        parameters.grad = given[2]
        optimizer.step()
    assert unbroken.steps == after.steps == 3
    if kinds == ("fused", "fused"):
        assert torch.equal(whole, second)
    torch.testing.assert_close(whole, second, rtol=1e-6, atol=1e-6)  # some ulps


@pytest.mark.parametrize(
    "gradient, norm, message",
    [
        (torch.zeros(4).double(), None, r"the gradient must be float32 \(4,\), not float64"),
        (torch.zeros(4), torch.tensor(1.0).double(), r"norm must be float32 \(1,\), not float64"),
    ],
)
def test_adam_names_a_bad_argument(engine, gradient, norm, message):
    parameters = torch.zeros(4, dtype=gradient.dtype, requires_grad=True)
    parameters.grad = gradient
    single = torch.zeros(4, requires_grad=True)
    adam = FusedAdam(single, 0.1, engine=engine)
    adam.parameters = parameters
    with pytest.raises(ValueError, match=message):
        adam.step(norm)


def test_adam_refuses_parameters_that_are_not_contiguous(engine):
    with pytest.raises(ValueError, match="parameters must be contiguous"):
        FusedAdam(torch.zeros(4, 2).t().requires_grad_(), 0.1, engine=engine)


# CUDA graphs.


class Recorded(Kernels):
    """Kernels that remember each launch with a copy of its arguments, as a CUDA graph does."""

    def __init__(self, kernels):
        self.kernels, self.launches = kernels, []

    def launch(self, name, threads, arguments):
        self.launches.append((name, threads, type(arguments).from_buffer_copy(arguments)))
        self.kernels.launch(name, threads, arguments)

    def replay(self):
        for name, threads, arguments in self.launches:
            self.kernels.launch(name, threads, arguments)


class RecordingEngine(Engine):
    def __init__(self, engine):
        self.engine, self.device = engine, engine.device
        self.recorded = Recorded(engine.load(PROGRAM))

    def load(self, program):
        assert program is PROGRAM
        return self.recorded

    def host_memory(self, count):
        return self.engine.host_memory(count)

    def synchronize(self):
        self.engine.synchronize()


def test_a_replayed_step_takes_gradient_norm_rate_and_count_from_the_device(engine):
    eager, captured = (torch.ones(300, requires_grad=True) for _ in range(2))
    recording = RecordingEngine(engine)
    one, other = FusedAdam(eager, 0.1, engine=engine), FusedAdam(captured, 0.1, engine=recording)
    captured.grad, norm = torch.zeros(300), torch.zeros(1)
    for k, gradient in enumerate(gradients(5, 300)):
        one.learning_rate = other.learning_rate = 0.1 / (k + 1)
        eager.grad = gradient
        captured.grad.copy_(gradient)
        norm.copy_(torch.linalg.vector_norm(gradient))
        one.step(norm, 2.0)
        if k == 0:
            other.step(norm, 2.0)
        else:
            recording.recorded.replay()
        assert torch.equal(eager, captured)
    assert other.steps == 5


def test_nothing_is_read_on_the_host(engine, monkeypatch):
    given = tensors(loops.random_rollout(5, 20))
    parameters = torch.ones(4, requires_grad=True)
    parameters.grad = torch.ones(4)
    kernels, adam, norm = TrainingKernels(engine), FusedAdam(parameters, 0.1, engine=engine), torch.tensor(2.0)

    def refuse(*arguments):
        raise AssertionError("the device was waited for")

    for name in ("item", "cpu", "numpy", "tolist", "__bool__", "__float__", "__int__"):
        monkeypatch.setattr(torch.Tensor, name, refuse)
    kernels.gae(**given, **NUMBERS)
    kernels.vtrace(**given, log_ratios=given["rewards"], **NUMBERS)
    del given["values"]
    kernels.discounted_returns(**given, gamma=0.9)
    adam.learning_rate = 0.2
    adam.step(norm, 0.5)


# Tests that need a GPU.

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@needs_gpu
def test_a_gpu_computes_the_cpus_bits():
    kernels, arrays = TrainingKernels(open_engine("cuda")), loops.random_rollout(40, 300)
    log_ratios = loops.random_rollout(40, 300, seed=1)["rewards"]
    given = {name: tensor.to(kernels.device) for name, tensor in tensors(arrays | {"log_ratios": log_ratios}).items()}
    ours = kernels.vtrace(**given, **NUMBERS)
    del given["log_ratios"]
    ours += kernels.gae(**given, **NUMBERS)
    theirs = rollout.vtrace(**arrays, log_ratios=log_ratios, **NUMBERS) + rollout.gae(**arrays, **NUMBERS)
    assert [one.cpu().numpy().tobytes() for one in ours] == [other.tobytes() for other in theirs]


@needs_gpu
def test_adam_in_a_cuda_graph_computes_the_emulated_bits(engine):
    on_gpu = open_engine("cuda")
    one, other = torch.ones(300, requires_grad=True), torch.ones(300, device=on_gpu.device, requires_grad=True)
    emulated, fused = FusedAdam(one, 0.1, engine=engine), FusedAdam(other, 0.1, engine=on_gpu)
    other.grad, norm = torch.zeros_like(other), torch.zeros(1, device=on_gpu.device)
    step = Graph(lambda: fused.step(norm, 2.0), on_gpu.device)
    for k, gradient in enumerate(gradients(10, 300)):
        emulated.learning_rate = fused.learning_rate = 0.1 / (k + 1)
        length = torch.linalg.vector_norm(gradient)
        one.grad = gradient
        other.grad.copy_(gradient)
        norm.copy_(length)
        emulated.step(length, 2.0)
        step()
        assert torch.equal(one, other.cpu())
