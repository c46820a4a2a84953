"""Data-parallel training: several processes, started by `torchrun`, train one policy.

Every process has its own environments, and gradients are averaged, so an update uses all environments. All functions
but `joined`, `world_size` and `rank` wait for the other processes; in a single process they do nothing, and do not
import torch.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from operant.rollout.normalizer import RunningNormalizer

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")


def processes() -> int:
    """The number of processes that torchrun started, also before `join`."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def join() -> None:
    """Joins the processes of torchrun, if there are any: gloo for CPUs, NCCL for GPUs, one GPU per process."""
    if processes() > 1 and not joined():
        import torch
        from torch import distributed

        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")


def leave() -> None:
    """Undoes `join`."""
    if joined():
        from torch import distributed

        distributed.destroy_process_group()


def joined() -> bool:
    distributed: Any = sys.modules.get("torch.distributed")  # imported, if processes have joined
    return distributed is not None and distributed.is_available() and distributed.is_initialized()


def world_size() -> int:
    if not joined():
        return 1
    from torch import distributed

    return distributed.get_world_size()


def rank() -> int:
    if not joined():
        return 0
    from torch import distributed

    return distributed.get_rank()


def mean_in_place(tensor: Tensor) -> None:
    """Replaces a tensor by its mean over all processes."""
    if world_size() > 1:
        from torch import distributed

        distributed.all_reduce(tensor)
        tensor.div_(world_size())


def all_gather(tensor: Tensor) -> Tensor:
    """Gathers the tensors of all processes, `[W, *tensor.shape]` in the order of ranks; all have the same shape."""
    if world_size() == 1:
        return tensor[None]
    import torch
    from torch import distributed

    parts = [torch.empty_like(tensor) for _ in range(world_size())]
    distributed.all_gather(parts, tensor.contiguous())
    return torch.stack(parts)


def standardize(advantages: Tensor) -> Tensor:
    """Computes (A - mean) / std over the advantages of all processes, with Bessel's correction.

    Every process has the same number of advantages. If all are equal, the results are zeros.
    """
    if world_size() == 1:
        if advantages.numel() < 2:
            return advantages - advantages.mean()
        return (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    mean = advantages.mean()
    mean_in_place(mean)
    squares = (advantages - mean).square().mean()
    mean_in_place(squares)
    count = advantages.numel() * world_size()
    return (advantages - mean) / ((squares * count / (count - 1)).sqrt() + 1e-8)


def agreed(answer: bool) -> bool:
    """Returns the first process's answer in all processes."""
    if world_size() == 1:
        return answer
    import torch
    from torch import distributed

    verdict = torch.tensor(float(answer))
    distributed.broadcast(verdict, 0)
    return bool(verdict)


def anywhere(answer: bool) -> bool:
    """Returns True if the answer is True in any process."""
    return any(all_gather_object(answer))


def all_gather_object(value: T) -> list[T]:
    """Gathers the values of all processes, in the order of ranks; they must be picklable."""
    if world_size() == 1:
        return [value]
    from torch import distributed

    values: list[Any] = [None] * world_size()
    distributed.all_gather_object(values, value)
    return values


def broadcast(tensor: Tensor) -> None:
    """Copies the first process's tensor into that of every process."""
    if world_size() > 1:
        from torch import distributed

        distributed.broadcast(tensor, 0)


def merge(normalizer: RunningNormalizer, before: Mapping[str, Any]) -> None:
    """Merges a normaliser's statistics over all processes, with the same bits in each.

    `before` is its state_dict when all processes last agreed. The data of each process since then is merged into it,
    rank by rank.
    """
    if world_size() == 1:
        return
    news = all_gather_object(_since(before, normalizer.state_dict()))
    normalizer.load_state_dict(before)
    for state in news:
        one = RunningNormalizer(normalizer.shape)
        one.load_state_dict(state)
        normalizer.merge(one)


def _since(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Computes the moments of the data between two states: Chan et al.'s merge (1983), solved for its second part."""
    count = after["count"] - before["count"]
    means, squares = ([np.asarray(state[name]) for state in (before, after)] for name in ("mean", "squares"))
    if not count:
        return {"count": 0.0, "mean": np.zeros_like(means[0]).tolist(), "squares": np.zeros_like(means[0]).tolist()}
    mean = means[0] + (means[1] - means[0]) * (after["count"] / count)
    between = (mean - means[0]) ** 2 * (before["count"] * count / after["count"])
    return {"count": count, "mean": mean.tolist(), "squares": np.maximum(squares[1] - squares[0] - between, 0).tolist()}
