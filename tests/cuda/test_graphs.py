"""Graph: recorded work is replayed on the same tensors; the tape, in a GPU's place, refuses operations that wait."""

import pytest
import torch
from tape import Tape, WaitsForDevice, recorded, use_tapes

from operant.cuda.graphs import WARM_UPS, Graph, inside_graph

CPU = torch.device("cpu")


def test_without_a_gpu_the_function_is_called_each_time():
    calls = []
    graph = Graph(lambda: calls.append(inside_graph()), CPU)
    for _ in range(4):
        graph()
    assert calls == [True] * 4
    assert not inside_graph()


def test_the_function_is_called_only_for_the_warm_ups_and_the_recording(monkeypatch):
    tapes = use_tapes(monkeypatch)
    total, calls = torch.zeros(3), []

    def function():
        calls.append(1)
        return total.add_(torch.arange(3.0) + 1) * 2

    version = [0]
    graph = Graph(function, CPU, version=lambda: version[0])
    results = [graph().clone() for _ in range(WARM_UPS + 4)]
    assert len(calls) == WARM_UPS + 1 and len(tapes) == 1
    assert torch.equal(total, (WARM_UPS + 4) * torch.tensor([1.0, 2.0, 3.0]))
    assert torch.equal(results[-1], 2 * total)
    version[0] = 1
    graph()
    assert len(calls) == WARM_UPS + 2


def test_generators_continue_from_replay_to_replay(monkeypatch):
    alone = torch.Generator().manual_seed(3)
    expected = [torch.rand(5, generator=alone) for _ in range(6)]
    use_tapes(monkeypatch)
    generator = torch.Generator().manual_seed(3)
    graph = Graph(lambda: torch.rand(5, generator=generator), CPU, [generator])
    for numbers in expected:
        assert torch.equal(graph(), numbers)


def test_gradients_are_computed_anew_in_a_replay(monkeypatch):
    use_tapes(monkeypatch)
    weight, inputs = torch.ones(2, requires_grad=True), torch.ones(2)
    weight.grad = torch.zeros(2)

    def function():
        weight.grad.zero_()
        (weight.square() * inputs).sum().backward()

    graph = Graph(function, CPU)
    for k in range(5):
        inputs.fill_(k)
        graph()
        assert weight.grad.tolist() == [2 * k, 2 * k]


def test_a_number_on_the_host_keeps_its_value_from_the_recording(monkeypatch):
    use_tapes(monkeypatch)
    number, total = 1.0, torch.zeros(())
    graph = Graph(lambda: total.add_(number), CPU)
    for _ in range(WARM_UPS + 1):
        graph()
    number = 100.0
    graph()
    assert total == WARM_UPS + 2


def test_a_function_that_cannot_be_recorded_is_called_each_time_with_a_warning(monkeypatch):
    use_tapes(monkeypatch)
    total = torch.zeros(())
    graph = Graph(lambda: total.add_(1).item(), CPU)
    results = [graph() for _ in range(WARM_UPS)]
    with pytest.warns(UserWarning, match="not recorded as a CUDA graph, therefore slower: .* waits for the device"):
        graph()
    before = total.item()
    results = [graph() for _ in range(3)]
    assert results == [before + 1, before + 2, before + 3]


@pytest.mark.parametrize(
    "waits",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.any()),
        lambda x: x.tolist(),
        lambda x: x.numpy(),
        lambda x: x.nonzero(),
        lambda x: x[x > 0],
        lambda x: x.masked_select(x > 0),
        lambda x: torch.tensor([1.0]),
        lambda x: torch.as_tensor([1.0]),
    ],
)
def test_an_operation_that_waits_for_the_device_is_refused(waits, monkeypatch):
    x = torch.tensor([1.0, 0.0])
    with pytest.raises(WaitsForDevice), recorded(Tape(), monkeypatch):
        waits(x)
    assert x.tolist() == [1.0, 0.0]  # and outside it is not
