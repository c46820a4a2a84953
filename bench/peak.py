"""The peak of a core's fused multiply-adds, measured by a loop in registers that the machine's C compiler makes."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from operant.headers.library import POSITION, find_compiler

CHAINS = 12  # independent ones: two units with a latency of four cycles need eight
FLAGS = {"avx512": ["-mavx512f"], "avx2": ["-mavx2", "-mfma"], "neon": []}
BYTES = {"avx512": 64, "avx2": 32, "neon": 16}
PROGRAM = """
typedef float vector __attribute__((vector_size(BYTES)));
float multiply_add(long turns, float factor) {
    vector sums[CHAINS], total = {0};
    for (int k = 0; k < CHAINS; k++) sums[k] = total + (float)k;
    for (long turn = 0; turn < turns; turn++) {
        for (int k = 0; k < CHAINS; k++) sums[k] = sums[k] * factor + factor;
        __asm__ volatile("");
    }
    for (int k = 0; k < CHAINS; k++) total += sums[k];
    return total[0];
}
"""


def multiply_adds(isa: str) -> tuple[Callable[[int], float], int]:
    """Compiles the loop for an instruction set with a fused multiply-add.

    Returns:
        The loop, called with its number of turns, and the floating-point operations of a turn.

    Raises:
        ValueError: there is no C compiler, or it cannot compile for `isa`.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "peak.c"), Path(folder, "peak.so")
        source.write_text(PROGRAM, encoding="utf-8")
        sizes = [f"-DCHAINS={CHAINS}", f"-DBYTES={BYTES[isa]}"]
        options = ["-O3", "-ffp-contract=fast", "-Wno-psabi", "-shared", *POSITION, *FLAGS[isa], *sizes]
        try:
            subprocess.run([*find_compiler(), *options, source, "-o", library], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as problem:
            raise ValueError(f"cannot compile a loop of fused multiply-adds: {problem}") from problem
        function = ctypes.CDLL(str(library)).multiply_add
    function.argtypes, function.restype = [ctypes.c_long, ctypes.c_float], ctypes.c_float

    def loop(turns: int) -> float:
        return float(function(turns, 0.5))

    return loop, 2 * CHAINS * BYTES[isa] // 4
