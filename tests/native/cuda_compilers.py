"""Compiles the GPU's kernels with nvcc for two architectures, with warnings as errors; `make cuda` runs it."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from operant.catalog import specs_by_header
from operant.cuda import certificate, training
from operant.cuda.engine import Program, environment_program
from operant.headers.library import run_all
from operant.headers.sources import native_folder

# NVRTC gets similar options: see OPTIONS in operant/cuda/nvidia.py.
OPTIONS = ("-std=c++17", "--fmad=false", "-Werror", "all-warnings")
ARCHITECTURES = ("-gencode", "arch=compute_80,code=sm_80", "-gencode", "arch=compute_90,code=sm_90")


def programs() -> dict[str, Program]:
    """All programs for a GPU, by name."""
    environments = {header: environment_program(spec) for header, spec in specs_by_header().items()}
    return environments | {program.name: program for program in (training.PROGRAM, certificate.PROGRAM)}


def compile_by_nvcc(program: Program, folder: Path) -> tuple[int, str]:
    """nvcc's exit code and output."""
    source = folder / f"{program.name}.cu"
    source.write_text(program.text)
    defined = [f"-D{name}={value}" for name, value in program.definitions.items()]
    include = f"-I{native_folder()}"
    command = ["nvcc", *OPTIONS, *ARCHITECTURES, include, *defined, "-fatbin", str(source), "-o", f"{source}.fatbin"]
    return run_all({"nvcc": command})["nvcc"]


def main(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    wanted = programs()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda program: compile_by_nvcc(program, folder), wanted.values()))
    for name, (code, text) in zip(wanted, results, strict=True):
        print(f"{'FAIL' if code else 'ok':4} {name}\n{text}".rstrip())
    return int(any(code for code, _ in results))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
