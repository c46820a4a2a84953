"""Several processes that train one policy, as `torchrun` starts them; one process where it did not.

Every process has its own environments, and gradients are averaged: the update is that of all environments together.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, distributed


def join() -> None:
    """Joins the processes that torchrun started, if it did: NCCL where there are GPUs, else gloo."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def joined() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def world_size() -> int:
    return distributed.get_world_size() if joined() else 1


def rank() -> int:
    return distributed.get_rank() if joined() else 0


def average(tensor: Tensor) -> None:
    """Makes a tensor its mean over all processes."""
    if world_size() > 1:
        distributed.all_reduce(tensor)
        tensor.div_(world_size())


def agreed(answer: bool) -> bool:
    """What the first process answers, in all of them."""
    if world_size() == 1:
        return answer
    verdict = torch.tensor(float(answer))
    distributed.broadcast(verdict, 0)
    return bool(verdict)
