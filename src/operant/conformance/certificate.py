"""Certificates: one hash per environment or kind of training, target and precision, the same on every machine.

If two machines, targets or thread counts print the same hash, they computed the same fixed trajectory, or the weights of
the same fixed training, bit for bit. The float32 hashes do not depend on the machine at all; the float64 hashes depend
on its C library's sin, cos and pow.
"""

from __future__ import annotations

from operant._native import ffi, lib
from operant.batch.core import isas, trajectory_hash
from operant.catalog import specs_by_header

TRAIN = "train/"
"""A kind of training's name begins with it, in the table of certificates."""


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
            hashes[f"{TRAIN}{kind}", isa, "float32"] = f"{value:016x}"
            print(f"{TRAIN + kind:24} {isa:8} float32  {value:016x}")
    return hashes


def training_kinds() -> list[str]:
    """The kinds of training by PPO in the core: of networks, actions, masks, observations and losses."""
    kinds: list[str] = []
    while (name := lib.operant_train_kind(len(kinds))) != ffi.NULL:
        kinds.append(ffi.string(name).decode())
    return kinds


def training_hash(kind: str, isa: str, workers: int = 1) -> int:
    """The FNV-1a hash of the weights after a fixed training: `operant_train_certificate` in train.h; 0 if it has none."""
    return int(lib.operant_train_certificate(kind.encode(), isa.encode(), workers))


def training_hashes(kind: str, workers: int = 1) -> dict[str, int]:
    """The hash of a training on each target that runs here and has a fused multiply-add, or is scalar."""
    found = {isa: training_hash(kind, isa, workers) for isa in isas()}
    return {isa: value for isa, value in found.items() if value}
