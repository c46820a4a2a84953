"""The kernels of a device: the same methods, and the same bits, on the CPU and on an emulated GPU."""

from types import SimpleNamespace

import pytest
import torch
from rollout import loops

from operant import rollout
from operant.cuda.open import open_engine
from operant.models.machine.kernels import CpuKernels, DeviceKernels

CPU = torch.device("cpu")
T, N = 12, 20
NUMBERS = {"gamma": 0.9, "lam": 0.75}


@pytest.fixture(params=["cpu", "emulated"])
def kernels(request):
    return CpuKernels(CPU) if request.param == "cpu" else DeviceKernels(open_engine("emulated"))


def test_advantages_and_returns_are_those_of_operant_rollout(kernels):
    arrays = loops.random_rollout(T, N, 7, 0.2)
    steps = SimpleNamespace(**{name: torch.from_numpy(array) for name, array in arrays.items()})
    others = loops.random_rollout(T, N, 8)
    values, log_ratios = others["values"], others["rewards"]
    expected = [
        *rollout.gae(**arrays, **NUMBERS),
        *rollout.vtrace(**{**arrays, "values": values}, log_ratios=log_ratios, **NUMBERS),
        rollout.discounted_returns(**{k: v for k, v in arrays.items() if k != "values"}, gamma=0.9),
    ]
    results = [
        *kernels.gae(steps, **NUMBERS),
        *kernels.vtrace(steps, torch.from_numpy(values), torch.from_numpy(log_ratios), **NUMBERS),
        kernels.discounted_returns(steps, gamma=0.9),
    ]
    assert [each.numpy().tobytes() for each in results] == [each.tobytes() for each in expected]


def test_the_optimizer_takes_a_long_gradient_as_one_of_the_longest_length(kernels):
    long, short = (torch.zeros(2, requires_grad=True) for _ in range(2))
    long.grad, short.grad = torch.tensor([30.0, 40.0]), torch.tensor([0.03, 0.04])
    for parameters, norm in ((long, torch.tensor(50.0)), (short, None)):
        kernels.optimizer(parameters, 0.25, epsilon=0.1).step(norm, max_norm=0.05)
    # m / (sqrt(v) + 0.1) = g / (|g| + 0.1) after one step
    assert long.tolist() == pytest.approx([-0.25 * 0.03 / 0.13, -0.25 * 0.04 / 0.14], rel=1e-5)
    assert long.tolist() == pytest.approx(short.tolist(), rel=1e-5)


def test_a_short_gradient_stays_as_it_is(kernels):
    parameters = torch.zeros(2, requires_grad=True)
    parameters.grad = torch.tensor([0.03, 0.04])
    kernels.optimizer(parameters, 0.25, epsilon=0.1).step(torch.tensor(0.05), max_norm=0.5)
    assert parameters.tolist() == pytest.approx([-0.25 * 0.03 / 0.13, -0.25 * 0.04 / 0.14], rel=1e-5)


def test_a_recorded_update_returns_what_the_update_returns(kernels):
    total = torch.zeros(())
    update = kernels.recorded(lambda: {"total": total.add_(1.0).clone()}, [])
    assert [update()["total"].item() for _ in range(4)] == [1, 2, 3, 4]


def test_only_large_networks_on_the_cpu_are_measured(kernels):
    def never():
        raise AssertionError("measured")

    assert kernels.threads([torch.zeros(10)], never) == 1


def test_a_policy_on_a_gpu_computes_with_one_thread():
    def never():
        raise AssertionError("measured")

    assert CpuKernels(torch.device("cuda")).threads([torch.zeros(1_000_000)], never) == 1
