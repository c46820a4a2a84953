"""NVIDIA's GPUs: kernels compiled by NVRTC, kept in the cache folder, and launched on PyTorch's current stream."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import torch

from operant import headers, library
from operant.cuda.emulation import describe_errors
from operant.cuda.engine import BLOCK_THREADS, CudaError, Engine, Kernels, Program

# --fmad=false: a product that is added is rounded first, as on every CPU target. Division and square root are rounded
# correctly and small numbers kept unless --use_fast_math says otherwise. -default-device: what a header defines without
# saying where it runs, such as a table, is the GPU's.
OPTIONS = ("--std=c++17", "--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true", "-default-device")
QUIET = "-diag-suppress=128,177,186,550"  # unreachable, unused and constant comparisons: of one lane, or of core/
INSTALL = "pip install 'operant[cuda]'"
# What a user's header may include; all that it needs of them is there.
EMPTY_HEADERS = ("float.h", "math.h", "stdbool.h", "stddef.h", "stdint.h", "stdlib.h", "string.h")


class NvidiaEngine(Engine):
    """One GPU. Kernels are launched on the stream that is PyTorch's current one for it."""

    def __init__(self, index: int, driver: Any, nvrtc: Any):
        self.device = torch.device("cuda", index)
        self.driver, self.nvrtc = driver, nvrtc
        torch.zeros(1, device=self.device)  # makes PyTorch's context
        major, minor = torch.cuda.get_device_capability(index)
        self.arch = major * 10 + minor
        self.driver_version = self._value(driver.cuDriverGetVersion())
        self._context = int(self._value(driver.cuDevicePrimaryCtxRetain(self._value(driver.cuDeviceGet(index)))))
        self._known_stream: int | None = None
        self._loaded: dict[str, NvidiaKernels] = {}
        self.target = compile_target(nvrtc, self.arch, self.driver_version)

    def load(self, program: Program) -> Kernels:
        path = compiled(program, self.nvrtc, self.target, self.driver_version)
        if path.name not in self._loaded:
            loaded = self.driver.cuLibraryLoadData(path.read_bytes(), [], [], 0, [], [], 0)
            self._loaded[path.name] = NvidiaKernels(self, self._value(loaded))
        return self._loaded[path.name]

    def host_memory(self, count: int) -> torch.Tensor:
        return torch.zeros(count, dtype=torch.int32).pin_memory()  # at the same address for host and device

    def synchronize(self) -> None:
        torch.cuda.synchronize(self.device)

    def stream(self) -> Any:
        """PyTorch's current stream; a CudaError if it belongs to another GPU's, or another library's, context."""
        handle = torch.cuda.current_stream(self.device).cuda_stream
        stream = self.driver.CUstream(handle)
        if handle != self._known_stream:
            if handle:
                context = int(self._value(self.driver.cuStreamGetCtx(stream)))
                if context != self._context:
                    raise CudaError(
                        f"the current stream belongs to another context than {self.device}'s: make it with "
                        f"torch.cuda.Stream(device={str(self.device)!r})"
                    )
            self._known_stream = handle
        return stream

    def _value(self, result: tuple[Any, ...]) -> Any:
        """What a call of the driver returned besides its status, or the error that the status stands for."""
        status, *values = result
        if int(status):
            _, name = self.driver.cuGetErrorName(status)
            _, text = self.driver.cuGetErrorString(status)
            said = ": ".join(part.decode() if isinstance(part, bytes) else str(part) for part in (name, text))
            raise CudaError(f"{said} (on {self.device})")
        return values[0] if values else None


class NvidiaKernels(Kernels):
    """Kernels of a loaded cubin."""

    def __init__(self, engine: NvidiaEngine, handle: Any):
        self._engine, self._handle = engine, handle
        self._functions: dict[str, Any] = {}

    def launch(self, name: str, threads: int, arguments: ctypes.Structure) -> None:
        engine = self._engine
        function = self._functions.get(name)
        if function is None:
            function = engine._value(engine.driver.cuLibraryGetKernel(self._handle, name.encode()))
            function = self._functions[name] = engine.driver.CUfunction(int(function))
        pointers = (ctypes.c_void_p * 1)(ctypes.addressof(arguments))
        blocks, stream = -(-threads // BLOCK_THREADS), engine.stream()
        with torch.cuda.device(engine.device):
            status = engine.driver.cuLaunchKernel(
                function, blocks, 1, 1, BLOCK_THREADS, 1, 1, 0, stream, ctypes.addressof(pointers), 0
            )
        engine._value(status)


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
    except ImportError as problem:
        raise CudaError(f"NVIDIA's Python packages are not installed ({problem}): {INSTALL}") from None
    return driver, nvrtc


def why_no_gpu() -> str:
    """Why PyTorch has no GPU, and what to do about it."""
    if torch.version.cuda is None:
        return "this PyTorch is built for CPUs only: install one for CUDA (https://pytorch.org/get-started/locally)"
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "there is no NVIDIA driver (libcuda.so.1 is not installed), and so no GPU to compute on"
    try:
        torch.cuda.init()
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
        has = f"{driver_version // 1000}.{driver_version % 1000 // 10}"
        raise CudaError(
            f"the NVIDIA driver is too old: it runs CUDA {has}, and the compiler that is installed is of CUDA "
            f"{major}.{minor}: update the driver, or install the compiler of CUDA {driver_version // 1000} "
            f"(pip install 'operant[cuda{driver_version // 1000}]')"
        )
    _, count = nvrtc.nvrtcGetNumSupportedArchs()
    _, known = nvrtc.nvrtcGetSupportedArchs()
    archs = sorted(known[:count] if count else known)
    if arch in archs:
        return f"sm_{arch}"
    if arch < archs[0]:
        raise CudaError(
            f"the GPU has compute capability {arch / 10}, and the compiler that is installed (CUDA {major}.{minor}) "
            f"knows none below {archs[0] / 10}"
        )
    return f"compute_{max(each for each in archs if each < arch)}"


def options(target: str) -> list[str]:
    """NVRTC's options."""
    return [*OPTIONS, QUIET, f"--gpu-architecture={target}", f"-I{headers.folder()}"]


def compile_program(program: Program, nvrtc: Any, target: str) -> bytes:
    """The program as a cubin, or for a "compute" target as PTX.

    Raises:
        CompileError: a user's header does not compile; the text is NVRTC's, at the user's lines.
    """
    stubs = [name.encode() for name in EMPTY_HEADERS]
    status, handle = nvrtc.nvrtcCreateProgram(
        program.text.encode(), b"kernels.cu", len(stubs), [b""] * len(stubs), stubs
    )
    if int(status):
        raise CudaError(f"NVRTC: {status}")
    given = [*options(target), *(f"-D{name}={value}" for name, value in program.definitions.items())]
    (status,) = nvrtc.nvrtcCompileProgram(handle, len(given), [option.encode() for option in given])
    if int(status):
        _, size = nvrtc.nvrtcGetProgramLogSize(handle)
        log = bytearray(size)
        nvrtc.nvrtcGetProgramLog(handle, log)
        text = log.decode(errors="replace").rstrip("\0\n")
        raise library.CompileError(describe_errors(program, _gcc_form(text)))
    kind = "PTX" if target.startswith("compute") else "CUBIN"
    _, size = getattr(nvrtc, f"nvrtcGet{kind}Size")(handle)
    code = bytearray(size)
    getattr(nvrtc, f"nvrtcGet{kind}")(handle, code)
    nvrtc.nvrtcDestroyProgram(handle)
    return bytes(code)


def _gcc_form(text: str) -> str:
    """NVRTC's messages, "x.h(3): error: ...", as gcc writes them: "x.h:3: error: ..."."""
    import re

    return re.sub(r"^(.+?)\((\d+)\): (?=\w)", r"\1:\2: ", text, flags=re.MULTILINE)


def compiled(program: Program, nvrtc: Any, target: str, driver_version: int) -> Path:
    """The compiled program in the cache folder, made if it is not there.

    It is kept under a hash of what it is made of, the compiler, the target, and the driver, which compiles PTX.
    """
    _, major, minor = nvrtc.nvrtcVersion()
    folder = library.cache_folder()
    digest = hashlib.sha256(f"{major}.{minor} {driver_version} {' '.join((*OPTIONS, target))}".encode())
    for part in program.parts():
        digest.update(len(part).to_bytes(8, "little") + part)
    path = folder / f"{program.name}-{digest.hexdigest()[:32]}.cubin"
    with library.taking_turns(folder):
        if not path.exists():
            code = compile_program(program, nvrtc, target)
            with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{program.name}-", delete=False) as file:
                file.write(code)
            os.replace(file.name, path)
    return path
