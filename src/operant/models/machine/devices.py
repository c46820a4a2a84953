"""The device of a policy, and the arithmetic of a GPU."""

from __future__ import annotations

import os

import torch

from operant.messages import CudaError


def open_device(name: str) -> torch.device:
    """Returns PyTorch's device of a name. "emulated", an emulated GPU, is the CPU.

    Raises:
        ValueError: PyTorch has no such device.
        CudaError: the GPU does not exist.
    """
    if name == "emulated":
        return torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(
            f"device={name!r} must be cpu, cuda, cuda:1 or another device of PyTorch, or emulated"
        ) from None
    if device.type != "cuda":
        return device
    if not torch.cuda.is_available():
        from operant.cuda.nvidia import why_no_gpu

        raise CudaError(why_no_gpu())
    index = torch.cuda.current_device() if device.index is None else device.index
    if index >= torch.cuda.device_count():
        raise CudaError(
            f"device={name!r} does not exist: PyTorch sees {torch.cuda.device_count()} GPU(s), from cuda:0 on"
        )
    return torch.device("cuda", index)


def set_arithmetic(device: torch.device, tf32: bool, deterministic: bool) -> None:
    """Sets the use of TF32 and of deterministic algorithms, for all computations of this process on GPUs.

    For a policy on the CPU it sets nothing. Without `deterministic`, the user's setting of that is kept.
    """
    if device.type != "cuda":
        return
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined] # nothing reads it


def permutation(count: int, generator: torch.Generator) -> torch.Tensor:
    """Returns 0 to `count` - 1 in random order, on the generator's device."""
    if generator.device.type == "cpu":
        return torch.randperm(count, generator=generator)
    # Sorts random numbers, because `randperm` may wait for the GPU, which a CUDA graph cannot do. Equal numbers, about
    # count^2 / 2^54 pairs, keep the order of their indices.
    keys = torch.rand(count, generator=generator, dtype=torch.float64, device=generator.device)
    return keys.argsort()
