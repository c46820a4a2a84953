"""Graph: a function of a GPU's work that is recorded once, and from then on launched as a whole."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

WARM_UPS = 2  # calls before the recording: what libraries allocate or choose at the first ones must not be in it

_depth = 0


def inside_graph() -> bool:
    """Whether a `Graph` is calling its function: there, nothing may wait for the GPU, as `item` and `nonzero` do."""
    return _depth > 0


class Graph:
    """Calls a function that works on the device; after WARM_UPS calls, by replaying what it launched.

    The function must do the same at each call, on the same tensors: what changes from one call to the next lies in
    them. It may draw from `generators`, whose numbers go on from call to call. What it returns is overwritten by the
    next call. On the CPU it is called each time, and so it is, with a warning, if a GPU cannot record it.

    Args:
        function: takes nothing.
        device: where it works.
        generators: the generators that it draws from, besides PyTorch's own for the device.
        version: says something else when the function's tensors have been replaced; then it is recorded anew.
        check: called before a recording, which cannot wait for the device as this may.
    """

    def __init__(
        self,
        function: Callable[[], Any],
        device: torch.device,
        generators: Sequence[torch.Generator] = (),
        version: Callable[[], Any] = lambda: None,
        check: Callable[[], None] = lambda: None,
    ):
        self._function, self._device, self._generators, self._version = function, device, generators, version
        self._check = check
        self._calls = 0
        self._refused = False
        self._stream: Any = None
        self._of: Any = None
        self._recorded: Any = None
        self._result: Any = None

    def __call__(self) -> Any:
        """The function's result."""
        if self._version() != self._of:
            self._of, self._calls = self._version(), 0
            self._recorded = self._result = None
        if self._recorded is None:
            self._calls += 1
            if not self._records() or self._calls <= WARM_UPS or self._refused:
                return self._warm_up()
            try:
                self._recorded, self._result = self._record()
            except RuntimeError as problem:
                self._refused = True
                warnings.warn(f"not recorded as a CUDA graph, and so slower: {problem}", stacklevel=2)
                return self._warm_up()
        self._recorded.replay()
        return self._result

    def _records(self) -> bool:
        return self._device.type == "cuda"

    def _warm_up(self) -> Any:
        if not self._records():
            return self._call()
        with torch.cuda.device(self._device):
            # On the stream that the recording will be on: what autograd keeps belongs to the stream it first ran on.
            if self._stream is None:
                self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
            current = torch.cuda.current_stream(self._device)
            self._stream.wait_stream(current)
            with torch.cuda.stream(self._stream):
                result = self._call()
            current.wait_stream(self._stream)
        return result

    def _record(self) -> tuple[Any, Any]:
        """What replays the function, and its result, after recording it: that runs nothing."""
        self._check()
        # A recording that fails would leave its stream current. By default PyTorch records every graph of a process on
        # one stream, of the GPU that was recorded first.
        with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            graph = torch.cuda.CUDAGraph()
            for generator in self._generators:
                graph.register_generator_state(generator)
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                result = self._call()
        return graph, result

    def _call(self) -> Any:
        with _inside():
            return self._function()


@contextlib.contextmanager
def _inside() -> Iterator[None]:
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
