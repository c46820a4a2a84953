"""NVIDIA's GPUs: kernels compiled by NVRTC, kept in the cache folder, and launched on PyTorch's current stream."""

from __future__ import annotations

import ctypes
import functools
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from operant.cuda.engine import BLOCK_THREADS, Engine, Kernels, Program, describe_errors, kept
from operant.headers import library
from operant.headers.sources import native_folder
from operant.messages import CudaError

# --fmad=false rounds a product before it is added, as every CPU target does. Division and square root are rounded
# correctly, and subnormal numbers kept. -default-device puts definitions that are not marked, such as a header's
# tables, on the GPU.
OPTIONS = ("--std=c++17", "--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true", "-default-device")
QUIET = "-diag-suppress=128,177,186,550"  # unreachable code, unused names, constant comparisons: of one lane, or core/
# The standard headers that a user's header may include. They are empty: core/ defines all that is needed of them.
EMPTY_HEADERS = ("float.h", "math.h", "stdbool.h", "stddef.h", "stdint.h", "stdlib.h", "string.h")
DEFAULT_STREAMS = 2  # handles up to this one name a default stream of the current context
PAGE = 1024  # int32 values of the host's memory that are pinned at once

_Pointers = ctypes.c_void_p * 1


class NvidiaEngine(Engine):
    """One GPU. Kernels are launched on PyTorch's current stream for it."""

    def __init__(self, index: int, driver: Any, nvrtc: Any):
        self.device = torch.device("cuda", index)
        self.driver, self.nvrtc = driver, nvrtc
        torch.zeros(1, device=self.device)  # makes PyTorch's context
        major, minor = torch.cuda.get_device_capability(index)
        self.driver_version = self.value(driver.cuDriverGetVersion())
        self.target = compile_target(nvrtc, major * 10 + minor, self.driver_version)
        self._context = self.value(driver.cuDevicePrimaryCtxRetain(self.value(driver.cuDeviceGet(index))))
        self._index, self._context_handle = index, int(self._context)
        self._current_stream = current_stream()
        self._known_stream = 0
        self._loaded: dict[str, NvidiaKernels] = {}
        self._pages: list[torch.Tensor] = []
        self._left, self._lock = 0, threading.Lock()

    def load(self, program: Program) -> Kernels:
        path = compiled(program, self.nvrtc, self.target, self.driver_version)
        if path.name not in self._loaded:
            self._loaded[path.name] = NvidiaKernels(self, path.read_bytes())
        return self._loaded[path.name]

    def host_memory(self, count: int) -> torch.Tensor:
        # The address is the same for host and device. Memory is never handed out twice: a kernel of a deleted batch
        # may still write there, and PyTorch does not know of it.
        with self._lock:
            if count > self._left:
                self._left = max(count, PAGE)
                self._pages.append(torch.zeros(self._left, dtype=torch.int32, pin_memory=True))
            page = self._pages[-1]
            first = len(page) - self._left
            self._left -= count
        return page[first : first + count]

    def recording(self) -> bool:
        return torch.cuda.is_current_stream_capturing()

    def synchronize(self) -> None:
        torch.cuda.synchronize(self.device)

    def stream(self) -> int:
        """PyTorch's current stream; a CudaError if it belongs to another GPU's, or another library's, context."""
        handle = self._current_stream(self._index)
        if handle > DEFAULT_STREAMS and handle != self._known_stream:
            if int(self.value(self.driver.cuStreamGetCtx(handle))) != self._context_handle:
                raise CudaError(
                    f"the current stream belongs to a context other than {self.device}'s: make it with "
                    f"torch.cuda.Stream(device={str(self.device)!r})"
                )
            self._known_stream = handle
        return handle

    def enter(self) -> bool:
        """Makes this GPU's context current and returns True; returns False if it is current already.

        The driver looks functions and streams up in the current context. `torch.cuda.device` does not set it in a
        thread that has used no GPU yet, if PyTorch believes that the device is already the current one.
        """
        if int(self.value(self.driver.cuCtxGetCurrent())) == self._context_handle:
            return False
        self.value(self.driver.cuCtxPushCurrent(self._context))
        return True

    def leave(self) -> None:
        """Restores the context that was current before `enter` returned True."""
        self.value(self.driver.cuCtxPopCurrent())

    def value(self, result: tuple[Any, ...]) -> Any:
        """Returns the value of a driver call, None if it has none; raises a CudaError if its status is an error."""
        status, *values = result
        if int(status):
            _, name = self.driver.cuGetErrorName(status)
            _, text = self.driver.cuGetErrorString(status)
            said = ": ".join(part.decode() if isinstance(part, bytes) else str(part) for part in (name, text))
            raise CudaError(f"{said} (on {self.device})")
        return values[0] if values else None


class NvidiaKernels(Kernels):
    """Kernels of a cubin, or of PTX.

    All are loaded at once. By default the driver loads a kernel at its first launch. That may be inside a graph's
    capture, where nothing may allocate or wait.
    """

    def __init__(self, engine: NvidiaEngine, code: bytes):
        self._engine, driver, value = engine, engine.driver, engine.value
        self._launch = driver.cuLaunchKernel
        library = value(driver.cuLibraryLoadData(code, [], [], 0, [], [], 0))
        entered = engine.enter()
        try:
            kernels = {name: value(driver.cuLibraryGetKernel(library, name.encode())) for name in kernel_names(code)}
            # A function belongs to one context, so it never runs on another GPU.
            self._functions = {name: value(driver.cuKernelGetFunction(kernel)) for name, kernel in kernels.items()}
        finally:
            if entered:
                engine.leave()

    def launch(self, name: str, threads: int, arguments: ctypes.Structure) -> None:
        engine = self._engine
        pointers, blocks = _Pointers(ctypes.addressof(arguments)), -(-threads // BLOCK_THREADS)
        stream = engine.stream()
        entered = engine.enter()
        try:
            result = self._launch(
                self._functions[name], blocks, 1, 1, BLOCK_THREADS, 1, 1, 0, stream, ctypes.addressof(pointers), 0
            )
        finally:
            if entered:
                engine.leave()
        if result[0]:
            engine.value(result)


def kernel_names(code: bytes) -> set[str]:
    """The names of the kernels in a cubin, where each has its own section, or in PTX."""
    found = re.findall(rb"\.text\.(\w+)|\.entry (\w+)\(", code)
    return {(section or entry).decode() for section, entry in found}


def current_stream() -> Callable[[int], int]:
    """The function that returns the handle of PyTorch's current stream on GPU i, 0 for the default stream.

    Code generated by torch.compile calls the same function. It creates no stream object.
    """
    handle: Callable[[int], int] | None = getattr(torch._C, "_cuda_getCurrentRawStream", None)
    return handle or (lambda index: torch.cuda.current_stream(index).cuda_stream)


def nvidia_engine(index: int | None) -> NvidiaEngine:
    """The engine of GPU `index` (None: PyTorch's current GPU); every call returns the same object."""
    if not torch.cuda.is_available():
        raise CudaError(why_no_gpu())
    count = torch.cuda.device_count()
    chosen = torch.cuda.current_device() if index is None else index
    if chosen >= count:
        raise CudaError(f"device 'cuda:{chosen}' does not exist: PyTorch sees {count} GPU(s), numbered from cuda:0")
    return _engine(chosen)


@functools.cache
def _engine(index: int) -> NvidiaEngine:
    driver, nvrtc = bindings()
    return NvidiaEngine(index, driver, nvrtc)


def bindings() -> tuple[Any, Any]:
    """NVIDIA's Python bindings of the driver and of NVRTC."""
    try:
        from cuda.bindings import driver, nvrtc

        nvrtc.nvrtcVersion()
    except (ImportError, RuntimeError) as problem:  # RuntimeError: the bindings are installed, the compiler is not
        extra = "cuda12" if str(torch.version.cuda).startswith("12.") else "cuda"
        missing = (str(problem).splitlines() or ["no reason given"])[0]
        raise CudaError(
            f"NVIDIA's Python packages are not installed ({missing}): pip install 'operant[{extra}]'"
        ) from None
    return driver, nvrtc


def why_no_gpu() -> str:
    """The reason why PyTorch has no GPU, with the remedy."""
    if torch.version.cuda is None:
        return (
            f"this PyTorch ({torch.__version__}) is not built for CUDA: install one that is, see "
            "https://pytorch.org/get-started/locally"
        )
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "there is no NVIDIA driver (libcuda.so.1 is not installed), so there is no GPU to compute on"
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as problem:
        return f"PyTorch finds no GPU to compute on: {str(problem).splitlines()[0]}"
    return "PyTorch finds no GPU to compute on: check nvidia-smi and the variable CUDA_VISIBLE_DEVICES"


def compile_target(nvrtc: Any, arch: int, driver_version: int) -> str:
    """The architecture to compile for: "sm_90", or "compute_90" for a GPU that is newer than NVRTC knows.

    Raises:
        CudaError: the GPU is older than NVRTC supports, or the driver older than NVRTC.
    """
    _, major, minor = nvrtc.nvrtcVersion()
    if major > driver_version // 1000:
        older = " or install an older compiler (pip install 'operant[cuda12]')" if driver_version >= 12000 else ""
        raise CudaError(
            f"the NVIDIA driver is too old: it runs CUDA {driver_version // 1000}.{driver_version % 1000 // 10}, but "
            f"the installed compiler is from CUDA {major}.{minor}: update the driver{older}"
        )
    _, count = nvrtc.nvrtcGetNumSupportedArchs()
    _, known = nvrtc.nvrtcGetSupportedArchs()
    archs = sorted(known[:count] if count else known)
    if arch in archs:
        return f"sm_{arch}"
    if arch < archs[0]:
        older = ": an older one may support it, pip install 'operant[cuda12]'" if major > 12 else ""
        raise CudaError(
            f"the GPU has compute capability {arch / 10}, but the installed compiler (CUDA {major}.{minor}) "
            f"supports none below {archs[0] / 10}{older}"
        )
    return f"compute_{max(each for each in archs if each < arch)}"


def options(target: str) -> list[str]:
    """NVRTC's options for an architecture."""
    return [*OPTIONS, QUIET, f"--gpu-architecture={target}", f"-I{native_folder()}"]


def compile_program(program: Program, nvrtc: Any, target: str) -> bytes:
    """The program as a cubin, or as PTX for a "compute" target.

    Raises:
        CompileError: a user's header does not compile; the text is NVRTC's, with the user's line numbers.
    """
    stubs = [name.encode() for name in EMPTY_HEADERS]
    handle = _nvrtc_value(
        nvrtc.nvrtcCreateProgram(program.text.encode(), b"kernels.cu", len(stubs), [b""] * len(stubs), stubs)
    )
    try:
        given = [*options(target), *(f"-D{name}={value}" for name, value in program.definitions.items())]
        (status,) = nvrtc.nvrtcCompileProgram(handle, len(given), [option.encode() for option in given])
        if int(status):
            text = _read(nvrtc, "ProgramLog", handle).decode(errors="replace").rstrip("\0\n")
            raise library.CompileError(describe_errors(program, _gcc_form(text)))
        return _read(nvrtc, "PTX" if target.startswith("compute") else "CUBIN", handle)
    finally:
        nvrtc.nvrtcDestroyProgram(handle)


def _read(nvrtc: Any, what: str, handle: Any) -> bytes:
    """One of NVRTC's outputs for a program: "ProgramLog", "PTX" or "CUBIN"."""
    text = bytearray(_nvrtc_value(getattr(nvrtc, f"nvrtcGet{what}Size")(handle)))
    _nvrtc_value(getattr(nvrtc, f"nvrtcGet{what}")(handle, text))
    return bytes(text)


def _nvrtc_value(result: tuple[Any, ...]) -> Any:
    status, *values = result
    if int(status):
        raise CudaError(f"NVIDIA's compiler: {status.name}")
    return values[0] if values else None


def _gcc_form(text: str) -> str:
    """NVRTC's messages, "x.h(3): error: ...", in gcc's form: "x.h:3: error: ..."."""
    return re.sub(r"^(.+?)\((\d+)\): (?=\w)", r"\1:\2: ", text, flags=re.MULTILINE)


def compiled(program: Program, nvrtc: Any, target: str, driver_version: int) -> Path:
    """The compiled program in the cache folder, compiled if missing; one for each driver, which compiles PTX."""
    _, major, minor = nvrtc.nvrtcVersion()
    made_by = [f"NVRTC {major}.{minor}", f"driver {driver_version}", *OPTIONS, target]

    def make(path: Path) -> None:
        path.write_bytes(compile_program(program, nvrtc, target))

    return kept(program, ".cubin", made_by, make)
