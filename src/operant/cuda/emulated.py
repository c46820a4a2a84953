"""The GPU's kernels compiled for the CPU. Each is a loop over its threads: slow, with the same bits."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import shlex
import shutil
from pathlib import Path

import torch

from operant.cuda.engine import BLOCK_THREADS, Engine, Kernels, Program, describe_errors, kept
from operant.headers import library
from operant.headers.sources import native_folder

COMPILERS = ("c++", "g++", "clang++")
# Pedantic, because NVIDIA's compiler lacks GNU extensions that a header may use in C, such as compound literals.
FLAGS = ("-x", "c++", "-std=gnu++17", "-O1", *library.POSITION, "-Werror=pedantic")
QUIET = ("-fdiagnostics-color=never", "-Wno-ignored-attributes")


class EmulatedEngine(Engine):
    """The CPU in place of a GPU."""

    def __init__(self) -> None:
        self.device = torch.device("cpu")

    def load(self, program: Program) -> Kernels:
        return _load(str(compiled(program)))

    def host_memory(self, count: int) -> torch.Tensor:
        return torch.zeros(count, dtype=torch.int32)

    def synchronize(self) -> None:
        pass


class EmulatedKernels(Kernels):
    """Kernels of a shared library."""

    def __init__(self, path: str):
        self._library = ctypes.CDLL(path)

    def launch(self, name: str, threads: int, arguments: ctypes.Structure) -> None:
        pointers = (ctypes.c_void_p * 1)(ctypes.addressof(arguments))
        self._library[name](ctypes.c_uint(-(-threads // BLOCK_THREADS)), pointers)


@functools.cache
def _load(path: str) -> EmulatedKernels:
    return EmulatedKernels(path)


def find_compiler() -> list[str]:
    """The C++ compiler's command: the variable CXX, else the first of COMPILERS that is installed."""
    given = os.environ.get("CXX")
    words = shlex.split(given) if given else [name for name in COMPILERS if shutil.which(name)][:1]
    if not words or shutil.which(words[0]) is None:
        found = f"CXX={given} is not installed" if given else f"there is no C++ compiler ({', '.join(COMPILERS)})"
        raise library.NoCompiler(f'{found}: device="emulated" needs one')
    return words


def compiled(program: Program) -> Path:
    """The program as a shared library in the cache folder, compiled if missing."""
    compiler = find_compiler()
    core_flags = [flag for flag in library.core_flags() if not flag.startswith(("-std", "-O"))]
    command = [*compiler, *FLAGS, *QUIET, *core_flags]

    def make(path: Path) -> None:
        source = path.with_name("kernels.cpp")
        source.write_text(program.text, encoding="utf-8")
        definitions = [f"-D{name}={value}" for name, value in program.definitions.items()]
        whole = [*command, *definitions, f"-I{native_folder()}", "-shared", str(source), "-o", str(path)]
        code, text = library.run_all({"kernels": whole})["kernels"]
        if code:
            raise library.CompileError(describe_errors(program, text))

    return kept(program, ".emulated.so", [*command, platform.machine(), *library.compiler_files(compiler)], make)
