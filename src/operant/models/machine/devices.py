"""Where a policy is, and how the GPU there computes."""

from __future__ import annotations

import os

import torch

from operant.cuda.engine import CudaError


def open_device(name: str) -> torch.device:
    """The device that PyTorch knows by a name; "emulated", where environments pretend to be on a GPU, is the CPU.

    Raises:
        CudaError: there is no such GPU.
    """
    if name == "emulated":
        return torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(
            f"device={name!r} must be cpu, cuda, cuda:1 or another that PyTorch knows, or emulated"
        ) from None
    if device.type != "cuda":
        return device
    if not torch.cuda.is_available():
        from operant.cuda.nvidia import why_no_gpu

        raise CudaError(why_no_gpu())
    index = torch.cuda.current_device() if device.index is None else device.index
    if index >= torch.cuda.device_count():
        raise CudaError(
            f"device={name!r} is not there: PyTorch sees {torch.cuda.device_count()} GPU(s), from cuda:0 on"
        )
    return torch.device("cuda", index)


def set_arithmetic(device: torch.device, tf32: bool, deterministic: bool) -> None:
    """TF32 or not, and algorithms that return the same bits in every run, for all that this process does on GPUs.

    Nothing is set for a policy on the CPU. Without `deterministic`, what the user has set of that stays.
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
    """0 to `count` - 1 in random order, on the generator's device."""
    if generator.device.type == "cpu":
        return torch.randperm(count, generator=generator)
    # By sorting random numbers: `randperm` may wait for the GPU, which a CUDA graph cannot. Where two are equal, about
    # count^2 / 2^54 times, their order is that of their places.
    keys = torch.rand(count, generator=generator, dtype=torch.float64, device=generator.device)
    return keys.argsort()
