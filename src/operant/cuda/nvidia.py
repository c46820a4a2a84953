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

from operant.cuda.engine import BLOCK_THREADS, CudaError, Engine, Kernels, Program, describe_errors, kept
from operant.headers import library
from operant.headers.sources import native_folder

# --fmad=false: a product that is added is rounded first, as on every CPU target. Division and square root are rounded
# correctly and small numbers kept unless --use_fast_math says otherwise. -default-device: what a header defines without
# saying where it runs, such as a table, is the GPU's.
OPTIONS = ("--std=c++17", "--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true", "-default-device")
QUIET = "-diag-suppress=128,177,186,550"  # unreachable, unused and constant comparisons: of one lane, or of core/
# What a user's header may include; all that it needs of them is there.
EMPTY_HEADERS = ("float.h", "math.h", "stdbool.h", "stddef.h", "stdint.h", "stdlib.h", "string.h")
DEFAULT_STREAMS = 2  # up to it, handles name a default stream of whichever context is current
PAGE = 1024  # int32 of the host's memory that are pinned at once

_Pointers = ctypes.c_void_p * 1


class NvidiaEngine(Engine):
    """One GPU. Kernels are launched on the stream that is PyTorch's current one for it."""

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
        # At the same address for host and device. What was given out is given to nobody else: a kernel of a batch that
        # is gone may still write there, and PyTorch does not know of it.
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
                    f"the current stream belongs to another context than {self.device}'s: make it with "
                    f"torch.cuda.Stream(device={str(self.device)!r})"
                )
            self._known_stream = handle
        return handle

    def enter(self) -> bool:
        """Makes this GPU's context current, which the driver looks functions and streams up in; False if it is already.

        `torch.cuda.device` does not: it leaves a thread without a context that wants the device which PyTorch takes
        for current, as it is in a thread that has used no GPU yet.
        """
        if int(self.value(self.driver.cuCtxGetCurrent())) == self._context_handle:
            return False
        self.value(self.driver.cuCtxPushCurrent(self._context))
        return True

    def leave(self) -> None:
        """Makes the context current again that was so before `enter` returned True."""
        self.value(self.driver.cuCtxPopCurrent())

    def value(self, result: tuple[Any, ...]) -> Any:
        """What a call of the driver returned besides its status, or the error that the status stands for."""
        status, *values = result
        if int(status):
            _, name = self.driver.cuGetErrorName(status)
            _, text = self.driver.cuGetErrorString(status)
            said = ": ".join(part.decode() if isinstance(part, bytes) else str(part) for part in (name, text))
            raise CudaError(f"{said} (on {self.device})")
        return values[0] if values else None


class NvidiaKernels(Kernels):
    """Kernels of a cubin, or of PTX.

    All are loaded at once: by default the driver loads one when it is first launched, which may be inside a graph's
    capture, where it would have to allocate and wait.
    """

    def __init__(self, engine: NvidiaEngine, code: bytes):
        self._engine, driver, value = engine, engine.driver, engine.value
        self._launch = driver.cuLaunchKernel
        library = value(driver.cuLibraryLoadData(code, [], [], 0, [], [], 0))
        entered = engine.enter()
        try:
            kernels = {name: value(driver.cuLibraryGetKernel(library, name.encode())) for name in kernel_names(code)}
            # A function belongs to one context, so that it never runs on another GPU.
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
    """The kernels of a cubin, each in a section of its own, or of PTX."""
    found = re.findall(rb"\.text\.(\w+)|\.entry (\w+)\(", code)
    return {(section or entry).decode() for section, entry in found}


def current_stream() -> Callable[[int], int]:
    """The function that returns the handle of PyTorch's current stream on GPU i, 0 for the default stream.

    It is what the code calls that PyTorch's compiler writes, and makes no object for the stream.
    """
    handle: Callable[[int], int] | None = getattr(torch._C, "_cuda_getCurrentRawStream", None)
    return handle or (lambda index: torch.cuda.current_stream(index).cuda_stream)


def nvidia_engine(index: int | None) -> NvidiaEngine:
    """The engine of GPU `index`, None for PyTorch's current one; the same one at every call."""
    if not torch.cuda.is_available():
        raise CudaError(why_no_gpu())
    count = torch.cuda.device_count()
    chosen = torch.cuda.current_device() if index is None else index
    if chosen >= count:
        raise CudaError(f"device 'cuda:{chosen}' is not there: PyTorch sees {count} GPU(s), from cuda:0 on")
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
    except (ImportError, RuntimeError) as problem:  # RuntimeError: the bindings are there, and the compiler is not
        extra = "cuda12" if str(torch.version.cuda).startswith("12.") else "cuda"
        missing = (str(problem).splitlines() or ["no reason given"])[0]
        raise CudaError(
            f"NVIDIA's Python packages are not installed ({missing}): pip install 'operant[{extra}]'"
        ) from None
    return driver, nvrtc


def why_no_gpu() -> str:
    """Why PyTorch has no GPU, and what to do about it."""
    if torch.version.cuda is None:
        return (
            f"this PyTorch ({torch.__version__}) is not built for CUDA: install one that is, see "
            "https://pytorch.org/get-started/locally"
        )
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "there is no NVIDIA driver (libcuda.so.1 is not installed), and so no GPU to compute on"
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as problem:
        return f"PyTorch finds no GPU to compute on: {str(problem).splitlines()[0]}"
    return "PyTorch finds no GPU to compute on: see nvidia-smi, and the variable CUDA_VISIBLE_DEVICES"


def compile_target(nvrtc: Any, arch: int, driver_version: int) -> str:
    """What NVRTC compiles for: "sm_90", or "compute_90" for a GPU that is newer than it knows.

    Raises:
        CudaError: the GPU is older than NVRTC supports, or the driver older than NVRTC.
    """
    _, major, minor = nvrtc.nvrtcVersion()
    if major > driver_version // 1000:
        older = ", or install an older compiler (pip install 'operant[cuda12]')" if driver_version >= 12000 else ""
        raise CudaError(
            f"the NVIDIA driver is too old: it runs CUDA {driver_version // 1000}.{driver_version % 1000 // 10}, and "
            f"the compiler that is installed is of CUDA {major}.{minor}: update the driver{older}"
        )
    _, count = nvrtc.nvrtcGetNumSupportedArchs()
    _, known = nvrtc.nvrtcGetSupportedArchs()
    archs = sorted(known[:count] if count else known)
    if arch in archs:
        return f"sm_{arch}"
    if arch < archs[0]:
        older = ": an older one may, pip install 'operant[cuda12]'" if major > 12 else ""
        raise CudaError(
            f"the GPU has compute capability {arch / 10}, and the compiler that is installed (CUDA {major}.{minor}) "
            f"knows none below {archs[0] / 10}{older}"
        )
    return f"compute_{max(each for each in archs if each < arch)}"


def options(target: str) -> list[str]:
    """NVRTC's options."""
    return [*OPTIONS, QUIET, f"--gpu-architecture={target}", f"-I{native_folder()}"]


def compile_program(program: Program, nvrtc: Any, target: str) -> bytes:
    """The program as a cubin, or for a "compute" target as PTX.

    Raises:
        CompileError: a user's header does not compile; the text is NVRTC's, at the user's lines.
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
    """What NVRTC has to give of a program: "ProgramLog", "PTX", "CUBIN"."""
    text = bytearray(_nvrtc_value(getattr(nvrtc, f"nvrtcGet{what}Size")(handle)))
    _nvrtc_value(getattr(nvrtc, f"nvrtcGet{what}")(handle, text))
    return bytes(text)


def _nvrtc_value(result: tuple[Any, ...]) -> Any:
    status, *values = result
    if int(status):
        raise CudaError(f"NVIDIA's compiler: {status.name}")
    return values[0] if values else None


def _gcc_form(text: str) -> str:
    """NVRTC's messages, "x.h(3): error: ...", as gcc writes them: "x.h:3: error: ..."."""
    return re.sub(r"^(.+?)\((\d+)\): (?=\w)", r"\1:\2: ", text, flags=re.MULTILINE)


def compiled(program: Program, nvrtc: Any, target: str, driver_version: int) -> Path:
    """The compiled program in the cache folder, made if it is not there: one for each driver, which compiles PTX."""
    _, major, minor = nvrtc.nvrtcVersion()
    made_by = [f"NVRTC {major}.{minor}", f"driver {driver_version}", *OPTIONS, target]

    def make(path: Path) -> None:
        path.write_bytes(compile_program(program, nvrtc, target))

    return kept(program, ".cubin", made_by, make)
