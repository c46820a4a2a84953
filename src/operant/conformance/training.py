"""Certificates of training by PPO in the core: the hash of the weights after a fixed short training of each kind."""

from __future__ import annotations

from operant._native import ffi, lib
from operant.batch.core import isas
from operant.conformance.trajectories import Failed

THREADS = (2, 3, 16)


def training_kinds() -> list[str]:
    """The kinds of training that have a certificate: of networks, actions, masks, observations and losses."""
    kinds: list[str] = []
    while (name := lib.operant_train_kind(len(kinds))) != ffi.NULL:
        kinds.append(ffi.string(name).decode())
    return kinds


def training_hash(kind: str, isa: str, workers: int = 1) -> int:
    """The FNV-1a hash of the weights: `operant_train_certificate` in train.h; 0 if the target does not train."""
    return int(lib.operant_train_certificate(kind.encode(), isa.encode(), workers))


def training_hashes(kind: str) -> dict[str, int]:
    """The hash on every target that trains here: those with a fused multiply-add, and scalar."""
    found = {isa: training_hash(kind, isa) for isa in isas()}
    return {isa: value for isa, value in found.items() if value}


def check_training(kind: str) -> str:
    """Compares the weights of a training on all targets, and on the best one with several threads; returns their hash.

    Raises:
        Failed: they differ.
    """
    hashes = training_hashes(kind)
    best = next(iter(hashes))
    found = {f"{isa}, 1 thread": value for isa, value in hashes.items()}
    found |= {f"{best}, {threads} threads": training_hash(kind, best, threads) for threads in THREADS}
    if len(set(found.values())) > 1:
        raise Failed("other weights: " + "; ".join(f"{where}: {value:016x}" for where, value in found.items()))
    threads = ", ".join(map(str, THREADS[:-1]))
    return f"{hashes[best]:016x} on {', '.join(hashes)}; with 1, {threads} and {THREADS[-1]} threads"
