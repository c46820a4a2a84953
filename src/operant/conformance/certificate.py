"""Certificates: one hash per environment or kind of training, target and precision, the same on every machine.

If two machines, targets or thread counts print the same hash, they computed the same fixed trajectory, or the same
weights in a fixed training, bit for bit. The float32 hashes do not depend on the machine at all; the float64 hashes
depend on its C library's sin, cos and pow.
"""

from __future__ import annotations

from operant.batch.core import isas, trajectory_hash
from operant.catalog import specs_by_header
from operant.conformance.training import training_hashes, training_kinds

TRAIN = "train/"
"""The beginning of a kind of training's name in the table, where environments have no slash."""


def certificate(device: str | None = None) -> dict[tuple[str, str, str], str]:
    """Prints and returns the hash of a fixed trajectory for each (environment, target, precision) that runs here.

    Then come ("train/categorical", target, "float32") and the other kinds of training, with the hash of their weights.
    A device, "cuda", "cuda:1" or "emulated", counts as another target; its kernels are compiled if necessary.
    """
    hashes: dict[tuple[str, str, str], str] = {}
    for header, spec in specs_by_header().items():
        found = {isa: trajectory_hash(header, isa) for isa, runs in isas().items() if runs}
        if device is not None:
            from operant.cuda.certificate import cuda_trajectory_hash

            found[device] = cuda_trajectory_hash(spec, device)
        for isa, value in found.items():
            precision = "float64" if isa == "exact" else "float32"
            hashes[header, isa, precision] = f"{value:016x}"
            print(f"{header:24} {isa:8} {precision:8} {hashes[header, isa, precision]}")
    for kind in training_kinds():
        for isa, value in training_hashes(kind).items():
            hashes[TRAIN + kind, isa, "float32"] = f"{value:016x}"
            print(f"{TRAIN + kind:24} {isa:8} float32  {value:016x}")
    return hashes
