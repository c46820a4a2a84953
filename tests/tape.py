"""A CUDA graph's stand-in on the CPU: records the operations of a function, and replays them on the same tensors.

It has the rules of recording a GPU's stream: an operation that would wait for the device, or a result that decides what
follows, raises an error, and a number that the host computed stays the same.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from operant.cuda import graphs
from operant.cuda.emulated import EmulatedKernels

# Operations that a GPU's stream cannot record, since the host would have to know their result.
WAITING = (
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "unique",
    "item",
    "is_nonzero",
    "equal",
    "repeat_interleave",
)


class WaitsForDevice(RuntimeError):
    """A recorded function would wait for the GPU."""


class Tape(TorchDispatchMode):
    """The operations that run inside it, in order; `replay` runs them again into the tensors that they made."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Callable[[], None]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        leaves = tree_leaves((args, kwargs))
        indexed = name.startswith("index") and any(isinstance(x, Tensor) and x.dtype == torch.bool for x in leaves[1:2])
        if name in WAITING or indexed:
            raise WaitsForDevice(f"{func} waits for the device")
        result = func(*args, **kwargs)
        inputs = {x.untyped_storage().data_ptr() for x in leaves if isinstance(x, Tensor)}
        made = [x for x in tree_leaves(result) if isinstance(x, Tensor)]

        def again() -> None:
            fresh = [x for x in tree_leaves(func(*args, **kwargs)) if isinstance(x, Tensor)]
            for old, new in zip(made, fresh, strict=True):
                if old.untyped_storage().data_ptr() not in inputs:  # else it is a view, or was changed in place
                    old.detach().copy_(new.detach())

        self.entries.append(again)
        return result

    def launched(self, kernels: EmulatedKernels, name: str, threads: int, arguments: ctypes.Structure) -> None:
        """Records one of our kernels with its current arguments."""
        kept = type(arguments).from_buffer_copy(arguments)
        self.entries.append(lambda: LAUNCH(kernels, name, threads, kept))

    @torch.no_grad()
    def replay(self) -> None:
        for entry in self.entries:
            entry()


LAUNCH = EmulatedKernels.launch


@contextlib.contextmanager
def recorded(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Records everything that runs inside onto the tape; the host may neither read nor write a tensor."""

    def launch(kernels: EmulatedKernels, name: str, threads: int, arguments: ctypes.Structure) -> None:
        tape.launched(kernels, name, threads, arguments)
        LAUNCH(kernels, name, threads, arguments)

    def refuse(name: str) -> Callable[..., Any]:
        def read(*_: Any, **__: Any) -> Any:
            raise WaitsForDevice(f"Tensor.{name} waits for the device")

        return read

    with monkeypatch.context() as patch, tape:
        patch.setattr(EmulatedKernels, "launch", launch)
        for name in ("tolist", "numpy", "item", "cpu", "__bool__", "__float__", "__int__"):
            patch.setattr(Tensor, name, refuse(name))
        for name in ("tensor", "as_tensor", "from_numpy"):  # which copy from the host's memory
            patch.setattr(torch, name, refuse(name))
        yield


def use_tapes(monkeypatch: pytest.MonkeyPatch) -> list[Tape]:
    """Makes every `Graph` on the CPU record a tape where it would record a graph on a GPU; returns the tapes."""
    tapes: list[Tape] = []

    class Recorded:
        """A tape that skips its first replay: recording has already run the operations, unlike a CUDA graph's."""

        def __init__(self, tape: Tape):
            self._tape, self._first = tape, True

        def replay(self) -> None:
            if not self._first:
                self._tape.replay()
            self._first = False

    def record(graph: Any) -> tuple[Any, Any]:
        tape = Tape()
        with recorded(tape, monkeypatch):
            result = graph._call()
        tapes.append(tape)
        return Recorded(tape), result

    monkeypatch.setattr(graphs.Graph, "_records", lambda graph: True)
    monkeypatch.setattr(graphs.Graph, "_warm_up", lambda graph: graph._call())
    monkeypatch.setattr(graphs.Graph, "_record", record)
    return tapes
