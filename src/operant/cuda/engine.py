"""Engines, which compile and run kernels: on a GPU, or on the CPU in its place."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from operant.cuda.arguments import ResetArguments, StepArguments
from operant.files.private import is_own_file
from operant.headers import library
from operant.headers.sources import built_in_header, native_folder
from operant.messages import NotCopyable
from operant.spec import EnvSpec

if TYPE_CHECKING:
    import torch

BLOCK_THREADS = 256  # of native/cuda/prelude.h


@dataclass(frozen=True)
class Program:
    """C++ source that #includes files of native/ and, if the environment is a user's, the header `path`."""

    name: str
    text: str
    definitions: Mapping[str, int]
    path: Path | None = None

    @functools.cached_property
    def sources(self) -> dict[Path, bytes]:
        """The user's files that it includes, with their contents."""
        return library.included(self.path) if self.path else {}

    def parts(self) -> list[bytes]:
        """Everything that determines the compiled code, except the compiler and its options."""
        core = sorted((*native_folder().glob("c*/*.h"), *native_folder().glob("rollout/*.h")))
        built_in = [] if self.path else sorted(native_folder().glob("envs/**/*.h"))
        files = [path.read_bytes() for path in (*core, *built_in)]
        return [self.text.encode(), repr(sorted(self.definitions.items())).encode(), *files, *self.sources.values()]


def environment_program(spec: EnvSpec) -> Program:
    """The kernels of one environment."""
    path = library.check_header(spec.source) if spec.source else None
    agents = max(1, len(spec.agents))
    lines = [
        f"#define OPERANT_ENV {spec.header}",
        '#include "cuda/prelude.h"',
        f'#include "{path or built_in_header(spec.header)}"',
        '#include "cuda/batch.h"',
    ]
    definitions = {
        "OPERANT_STATE_SIZE": spec.state_size,
        "OPERANT_ROW_BYTES": agents * spec.observation_size * np.dtype(spec.number_type).itemsize,
        "OPERANT_STEP_BYTES": ctypes.sizeof(StepArguments),
        "OPERANT_RESET_BYTES": ctypes.sizeof(ResetArguments),
    }
    return Program(spec.header, "\n".join((*lines, "")), definitions, path)


def kept(program: Program, suffix: str, made_by: Sequence[str], make: Callable[[Path], None]) -> Path:
    """The compiled program in the cache folder, made by `make(path)` if missing.

    Its name has a hash of its parts and of `made_by`: compiler, options, and all else that determines the result. It
    appears whole or not at all. If several processes want it at the same time, one makes it and the others wait.
    """
    digest = hashlib.sha256("\0".join(made_by).encode())
    for part in program.parts():
        digest.update(len(part).to_bytes(8, "little") + part)
    folder = library.cache_folder()
    path = folder / f"{program.name}-{digest.hexdigest()[:32]}{suffix}"
    with library.taking_turns(folder):
        if is_own_file(path):
            os.utime(path)  # in use
            return path
        with tempfile.TemporaryDirectory(prefix=f".{program.name}-", dir=folder) as temporary:
            made = Path(temporary) / path.name
            make(made)
            made.chmod(0o700)
            os.replace(made, path)
        library.remove_unused(folder, program.name)
    return path


def describe_errors(program: Program, text: str) -> str:
    """The reason why a program does not compile, in the form of `library.describe_errors`."""
    return library.describe_errors(program.path or Path(f"{program.name}.h"), program.sources, text)


class Kernels(NotCopyable, ABC):
    """The kernels of a compiled program."""

    instead = "compile the program again"

    @abstractmethod
    def launch(self, name: str, threads: int, arguments: ctypes.Structure) -> None:
        """Runs a kernel with at least `threads` threads, after all earlier work on the current stream.

        `arguments` is read before this returns.
        """


class Engine(NotCopyable, ABC):
    """A device that runs kernels; `device` is the `torch.device` of their tensors."""

    instead = "open it again"

    device: torch.device

    @abstractmethod
    def load(self, program: Program) -> Kernels:
        """Loads a program, compiled first if it is not yet in the cache."""

    @abstractmethod
    def host_memory(self, count: int) -> torch.Tensor:
        """Zeros `[count]` int32 in the host's memory that kernels can write to."""

    def recording(self) -> bool:
        """Returns True while launches are recorded into a CUDA graph instead of being run."""
        return False

    @abstractmethod
    def synchronize(self) -> None:
        """Waits until all launched kernels have run."""
