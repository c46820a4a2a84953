"""Checks arguments of the C kernels: NumPy arrays or torch tensors on the CPU, read in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from operant._native import ffi, lib

BOOL, FLOAT32, FLOAT64 = np.dtype(np.bool_), np.dtype(np.float32), np.dtype(np.float64)


def as_numpy(name: str, value: Any) -> np.ndarray:
    """Returns an array unchanged, and a CPU tensor as an array over the same memory."""
    if isinstance(value, np.ndarray):
        return value
    if not hasattr(value, "numpy"):
        raise ValueError(f"{name} must be a NumPy array or a torch tensor, not {type(value).__name__}")
    try:
        array: np.ndarray = value.numpy()
    except (TypeError, RuntimeError) as problem:  # on a GPU, or part of an autograd graph
        raise ValueError(f"{name} must be a tensor on the CPU without gradient: {problem}") from None
    return array


def pointer_to(
    kind: str, name: str, value: Any, shape: tuple[int, ...], dtype: np.dtype, held: list[Any], writeable: bool = False
) -> Any:
    """A pointer to an array's data, which `held` keeps alive. Raises a ValueError that names an invalid argument."""
    array = checked(name, value, shape, dtype, writeable)
    held.append(array)
    return ffi.from_buffer(kind, array)


def checked(name: str, value: Any, shape: tuple[int, ...], dtype: np.dtype, writeable: bool = False) -> np.ndarray:
    """Returns the array if the core can use it in place; raises a ValueError that names the argument otherwise."""
    array = as_numpy(name, value)
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{name} must be {dtype} {shape}, not {array.dtype} {array.shape}")
    if not array.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous: give numpy.ascontiguousarray({name})")
    if not array.flags.aligned:
        raise ValueError(f"{name} must be aligned: give {name}.copy()")
    if writeable and not array.flags.writeable:
        raise ValueError(f"{name} must be writeable")
    return array


def outputs(
    names: tuple[str, ...],
    given: tuple[Any, ...] | None,
    shape: tuple[int, int],
    held: list[Any],
    *,
    in_place: bool = False,
) -> tuple[list[np.ndarray], list[Any]]:
    """The arrays to write, given or new, and pointers to them.

    Raises a ValueError for an array that overlaps one in `held`; with `in_place` it may be exactly one of them.
    """
    results: list[np.ndarray] = [np.empty(shape, FLOAT32) for _ in names] if given is None else list(given)
    if len(results) != len(names):
        raise ValueError(f"out must hold {len(names)} arrays ({', '.join(names)}), not {len(results)}")
    pointers = []
    for name, result in zip(names, results, strict=True):
        title = name if name == "out" else f"out ({name})"
        array = checked(title, result, shape, FLOAT32, writeable=True)
        others = [other for other in held if isinstance(other, np.ndarray)]
        if any(np.may_share_memory(array, other) and not (in_place and _same(array, other)) for other in others):
            raise ValueError(f"{title} overlaps another argument: give a separate array")
        pointers.append(pointer_to("float[]", title, array, shape, FLOAT32, held, writeable=True))
    return results, pointers


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.ctypes.data == other.ctypes.data and one.nbytes == other.nbytes


def isa_name(isa: str | None) -> Any:
    return ffi.NULL if isa is None else isa.encode()


def worker_count(workers: int) -> int:
    if not 1 <= workers <= 1024:
        raise ValueError(f"workers={workers} must be from 1 to 1024")
    return workers


def check_status(status: int, isa: str | None) -> None:
    if status == lib.OPERANT_NO_MEMORY:
        raise MemoryError("out of memory, or of threads: use fewer workers")
    if status != lib.OPERANT_OK:
        raise ValueError(f"isa {isa!r} is unknown or does not run here")
