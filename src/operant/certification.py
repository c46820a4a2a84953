"""Certificates: one hash per environment, target and precision, the same on every machine.

Two machines, targets or thread counts that print the same hash computed the same fixed trajectory bit for bit. The
float32 hashes do not depend on the machine at all; the float64 ones depend on its C library's sin, cos and pow.
"""

from __future__ import annotations

from operant.batch import isas, trajectory_hash
from operant.catalog import header_names


def certificate() -> dict[tuple[str, str, str], str]:
    """Prints and returns the hash of a fixed trajectory for each (environment, target, precision) that runs here."""
    hashes: dict[tuple[str, str, str], str] = {}
    for header in header_names():
        for isa, runs in isas().items():
            if not runs:
                continue
            precision = "float64" if isa == "exact" else "float32"
            hashes[header, isa, precision] = f"{trajectory_hash(header, isa):016x}"
            print(f"{header:24} {isa:8} {precision:8} {hashes[header, isa, precision]}")
    return hashes
