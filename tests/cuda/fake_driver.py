"""A fake GPU: the parts of NVIDIA's driver, of its compiler and of torch.cuda that operant.cuda.nvidia calls.

The "compiled" code is the program itself, and a launch runs its emulated kernels. The rules are the driver's: a
function belongs to the context in which it was looked up, a stream to the context in which it was made, and the default
stream to the thread's current context. Arguments are copied at the launch, and kernels run later.
"""

from __future__ import annotations

import ctypes
import enum
import functools
import json
import threading
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch

from operant.cuda.emulated import EmulatedEngine
from operant.cuda.engine import Kernels, Program


class CUresult(enum.IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_OUT_OF_MEMORY = 2
    CUDA_ERROR_INVALID_CONTEXT = 201
    CUDA_ERROR_INVALID_HANDLE = 400
    CUDA_ERROR_NOT_FOUND = 500


OK = CUresult.CUDA_SUCCESS
TEXTS = {CUresult.CUDA_ERROR_OUT_OF_MEMORY: b"out of memory", CUresult.CUDA_ERROR_INVALID_HANDLE: b"invalid handle"}


class nvrtcResult(enum.IntEnum):
    NVRTC_SUCCESS = 0
    NVRTC_ERROR_OUT_OF_MEMORY = 1


class Launch(NamedTuple):
    name: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    stream: int
    context: int


@functools.cache
def emulated(text: str, definitions: tuple[tuple[str, int], ...]) -> Kernels:
    return EmulatedEngine().load(Program("fake", text, dict(definitions)))


class FakeDriver:
    """`cuda.bindings.driver` of a machine with `devices` GPUs, whose primary contexts are 1000, 1001 ..."""

    def __init__(self, version: int = 13000, devices: int = 1):
        self.version, self.devices = version, devices
        self.launches: list[Launch] = []
        self.loaded: list[bytes] = []
        self.streams: dict[int, int] = {}  # a stream's context
        self.calls: list[str] = []
        self.fails: dict[str, CUresult] = {}  # the error that a function returns
        self._thread = threading.local()
        self._libraries: dict[int, Any] = {}
        self._functions: dict[int, tuple[int, int]] = {}
        self._kernels: list[tuple[Any, str, int]] = []
        self.waiting: list[Any] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("cu"):
            self.calls.append(name)
            if name in self.fails:
                return lambda *_: (self.fails[name],)
        return object.__getattribute__(self, name)

    @property
    def contexts(self) -> list[int]:
        """The thread's stack of contexts."""
        if not hasattr(self._thread, "contexts"):
            self._thread.contexts = []
        return self._thread.contexts

    def finish(self) -> None:
        """Runs the kernels that were launched."""
        waiting, self.waiting = self.waiting, []
        for run in waiting:
            run()

    def cuDriverGetVersion(self):
        return OK, self.version

    def cuDeviceGet(self, ordinal):
        return OK, ordinal

    def cuDevicePrimaryCtxRetain(self, device):
        return OK, 1000 + device

    def cuCtxGetCurrent(self):
        return OK, self.contexts[-1] if self.contexts else 0

    def cuCtxPushCurrent(self, context):
        self.contexts.append(context)
        return (OK,)

    def cuCtxPopCurrent(self):
        return OK, self.contexts.pop()

    def cuStreamGetCtx(self, stream):
        return OK, self.streams[stream]

    def cuGetErrorName(self, status):
        return OK, status.name.encode()

    def cuGetErrorString(self, status):
        return OK, TEXTS.get(status, b"no text")

    def cuLibraryLoadData(self, code, jit, jit_values, jit_count, options, option_values, option_count):
        assert (jit, jit_values, jit_count, options, option_values, option_count) == ([], [], 0, [], [], 0)
        self.loaded.append(code)
        record = json.loads(code.splitlines()[0])
        kernels = emulated(record["text"], tuple(record["definitions"].items()))
        self._libraries[len(self.loaded)] = (kernels, record["definitions"])
        return OK, len(self.loaded)

    def cuLibraryGetKernel(self, library, name):
        kernels, definitions = self._libraries[library]
        step = name == b"operant_step"
        self._kernels.append(
            (kernels, name.decode(), definitions["OPERANT_STEP_BYTES" if step else "OPERANT_RESET_BYTES"])
        )
        return OK, len(self._kernels) - 1

    def cuKernelGetFunction(self, kernel):
        if not self.contexts:
            return (CUresult.CUDA_ERROR_INVALID_CONTEXT,)
        function = 5000 + len(self._functions)
        self._functions[function] = (kernel, self.contexts[-1])
        return OK, function

    def cuLaunchKernel(self, function, gx, gy, gz, bx, by, bz, shared, stream, parameters, extra):
        assert shared == 0 and extra == 0 and type(parameters) is int and type(stream) is int
        kernel, context = self._functions[function]
        current = self.contexts[-1] if self.contexts else 0
        where = self.streams[stream] if stream > 2 and current == context else current
        if where != context:
            return (CUresult.CUDA_ERROR_INVALID_HANDLE if where else CUresult.CUDA_ERROR_INVALID_CONTEXT,)
        kernels, name, size = self._kernels[kernel]
        address = ctypes.c_void_p.from_address(parameters).value
        arguments = ctypes.create_string_buffer(ctypes.string_at(address, size), size)
        self.launches.append(Launch(name, (gx, gy, gz), (bx, by, bz), stream, context))
        self.waiting.append(lambda: kernels.launch(name, gx * bx, arguments))
        return (OK,)


class FakeNvrtc:
    """`cuda.bindings.nvrtc`: a program compiles to its text, its definitions, and the names of its kernels."""

    def __init__(self, version: tuple[int, int] = (13, 0), archs: tuple[int, ...] = (75, 80, 86, 90, 100)):
        self.version, self.archs, self.compiled = version, archs, 0
        self._programs: list[Any] = []

    def nvrtcVersion(self):
        return nvrtcResult.NVRTC_SUCCESS, *self.version

    def nvrtcGetNumSupportedArchs(self):
        return nvrtcResult.NVRTC_SUCCESS, len(self.archs)

    def nvrtcGetSupportedArchs(self):
        return nvrtcResult.NVRTC_SUCCESS, list(self.archs)

    def nvrtcCreateProgram(self, text, name, count, headers, names):
        assert count == len(headers) == len(names)
        self._programs.append([text.decode(), b""])
        return nvrtcResult.NVRTC_SUCCESS, len(self._programs) - 1

    def nvrtcCompileProgram(self, program, count, options):
        assert count == len(options)
        self.compiled += 1
        defined = [option[2:].decode().split("=") for option in options if option.startswith(b"-D")]
        text = self._programs[program][0]
        record = {"text": text, "definitions": {name: int(value) for name, value in defined}}
        sections = b"\0".join(b".text." + name for name in (b"operant_step", b"operant_reset", b"operant_observe"))
        self._programs[program][1] = json.dumps(record).encode() + b"\n" + sections
        return (nvrtcResult.NVRTC_SUCCESS,)

    def nvrtcGetCUBINSize(self, program):
        return nvrtcResult.NVRTC_SUCCESS, len(self._programs[program][1])

    def nvrtcGetCUBIN(self, program, into):
        into[:] = self._programs[program][1]
        return (nvrtcResult.NVRTC_SUCCESS,)

    nvrtcGetPTXSize, nvrtcGetPTX = nvrtcGetCUBINSize, nvrtcGetCUBIN

    def nvrtcDestroyProgram(self, program):
        self._programs[program] = None
        return (nvrtcResult.NVRTC_SUCCESS,)


class FakeTorch:
    """The `torch` of operant.cuda.nvidia: tensors are on the CPU, and `streams[i]` is GPU i's current stream."""

    int32, Tensor, __version__ = torch.int32, torch.Tensor, "2.13.0"

    def __init__(self, driver: FakeDriver, capability: tuple[int, int] = (9, 0)):
        self.driver, self.streams = driver, [0] * driver.devices
        self.version = SimpleNamespace(cuda="13.0")
        self._C = SimpleNamespace(_cuda_getCurrentRawStream=lambda index: self.streams[index])
        self.cuda = SimpleNamespace(
            is_available=lambda: driver.devices > 0,
            device_count=lambda: driver.devices,
            current_device=lambda: 0,
            get_device_capability=lambda index: capability,
            synchronize=lambda device: driver.finish(),
            init=lambda: None,
        )

    def device(self, kind, index):
        assert kind == "cuda"
        return torch.device("cpu")

    def zeros(self, *shape, pin_memory=False, **options):
        return torch.zeros(*shape, **options)
