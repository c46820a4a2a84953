"""Graph: a function whose work on a GPU is recorded once, then launched as a whole."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from operant.messages import NotCopyable

WARM_UPS = 2  # calls before the recording, which must not contain what libraries allocate or choose at first

_depth = 0


def inside_graph() -> bool:
    """Returns True while a `Graph` calls its function, which must not wait for the GPU, as `item` and `nonzero` do."""
    return _depth > 0


class Graph(NotCopyable):
    """Calls a function that works on the device; after WARM_UPS calls, by replaying its launches.

    The function must do the same at each call, on the same tensors. Only their contents may change from one call to the
    next. It may draw from `generators`, whose numbers continue from call to call. The next call overwrites its result.
    On the CPU it is called each time. If a GPU cannot record it, it is also called each time, with a warning.

    Args:
        function: takes no arguments.
        device: the device it works on.
        generators: the generators that it draws from, besides PyTorch's own for the device.
        version: returns a different value once the function's tensors have been replaced; it is then recorded anew.
        check: called before a recording. It may wait for the device, which the recording cannot.
    """

    instead = "record the function again"

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
        self._recorded_version: Any = None
        self._recorded: Any = None
        self._result: Any = None

    def __call__(self) -> Any:
        """The function's result."""
        if self._version() != self._recorded_version:
            self._recorded_version, self._calls = self._version(), 0
            self._recorded = self._result = None
        if self._recorded is None:
            self._calls += 1
            if not self._records() or self._calls <= WARM_UPS or self._refused:
                return self._warm_up()
            try:
                self._recorded, self._result = self._record()
            except RuntimeError as problem:
                self._refused = True
                warnings.warn(f"not recorded as a CUDA graph, therefore slower: {problem}", stacklevel=2)
                return self._warm_up()
        self._recorded.replay()
        return self._result

    def _records(self) -> bool:
        return self._device.type == "cuda"

    def _warm_up(self) -> Any:
        if not self._records():
            return self._call()
        with torch.cuda.device(self._device):
            # On the recording's stream: autograd's buffers belong to the stream that they were first used on.
            if self._stream is None:
                self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
            current = torch.cuda.current_stream(self._device)
            self._stream.wait_stream(current)
            with torch.cuda.stream(self._stream):
                result = self._call()
            current.wait_stream(self._stream)
        return result

    def _record(self) -> tuple[Any, Any]:
        """Records the function, which runs nothing; returns the graph to replay, and the function's result."""
        self._check()
        # The stream is set here because a failed recording would leave its own current, and because PyTorch by default
        # records every graph of a process on one stream, which belongs to the GPU that was recorded first.
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
