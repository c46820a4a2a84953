"""The training kernels on a GPU: advantages and returns over rollouts `[T, N]`, and Adam.

Arguments are contiguous tensors on the engine's device, float32 or bool. A ValueError names an invalid one. The host
reads nothing back, so every call may be captured in a CUDA graph.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor

from operant.cuda.arguments import AdamArguments, AdvantageArguments, Rollout
from operant.cuda.engine import Engine, Program
from operant.messages import NotCopyable

PROGRAM = Program(
    "training",
    '#include "cuda/prelude.h"\n#include "cuda/training.h"\n',
    {
        "OPERANT_ADVANTAGE_BYTES": ctypes.sizeof(AdvantageArguments),
        "OPERANT_ADAM_BYTES": ctypes.sizeof(AdamArguments),
    },
)
Pair = tuple[Tensor, Tensor]


class TrainingKernels(NotCopyable):
    """The functions of `operant.rollout.advantages` on a device, with the same bits; see there for the formulas.

    The arguments are the same, but `final_values` is required. Its values affect the result only where an episode was
    truncated.
    """

    instead = "make new ones"

    def __init__(self, engine: Engine):
        self.device = engine.device
        self._kernels = engine.load(PROGRAM)

    def gae(
        self,
        rewards: Tensor,
        values: Tensor,
        terminated: Tensor,
        truncated: Tensor,
        last_values: Tensor,
        final_values: Tensor,
        *,
        gamma: float,
        lam: float,
        out: Pair | None = None,
    ) -> Pair:
        """Generalised advantage estimation: advantages and returns, `[T, N]` float32."""
        arguments = self._rollout(rewards, terminated, truncated, last_values, final_values, gamma, lam)
        arguments.rollout.values = self._check("values", values, tuple(rewards.shape))
        advantages, returns = self._outputs(("advantages", "returns"), out, rewards)
        arguments.first, arguments.second = advantages.data_ptr(), returns.data_ptr()
        self._kernels.launch("operant_device_gae", rewards.shape[1], arguments)
        return advantages, returns

    def vtrace(
        self,
        rewards: Tensor,
        values: Tensor,
        log_ratios: Tensor,
        terminated: Tensor,
        truncated: Tensor,
        last_values: Tensor,
        final_values: Tensor,
        *,
        gamma: float,
        lam: float = 1.0,
        rho_bar: float = 1.0,
        c_bar: float = 1.0,
        out: Pair | None = None,
    ) -> Pair:
        """V-trace: value targets and policy-gradient advantages, `[T, N]` float32."""
        if not (0 < c_bar <= rho_bar):
            raise ValueError(f"rho_bar={rho_bar} and c_bar={c_bar} must be above 0, and rho_bar at least c_bar")
        arguments = self._rollout(rewards, terminated, truncated, last_values, final_values, gamma, lam)
        arguments.rollout.values = self._check("values", values, tuple(rewards.shape))
        arguments.log_ratios = self._check("log_ratios", log_ratios, tuple(rewards.shape))
        arguments.rho_bar, arguments.c_bar = rho_bar, c_bar
        targets, advantages = self._outputs(("targets", "advantages"), out, rewards)
        arguments.first, arguments.second = targets.data_ptr(), advantages.data_ptr()
        self._kernels.launch("operant_device_vtrace", rewards.shape[1], arguments)
        return targets, advantages

    def discounted_returns(
        self,
        rewards: Tensor,
        terminated: Tensor,
        truncated: Tensor,
        last_values: Tensor,
        final_values: Tensor,
        *,
        gamma: float,
        out: Tensor | None = None,
    ) -> Tensor:
        """Discounted sums of rewards, bootstrapped from final and last values, `[T, N]` float32."""
        arguments = self._rollout(rewards, terminated, truncated, last_values, final_values, gamma, 1.0)
        (returns,) = self._outputs(("returns",), None if out is None else (out,), rewards)
        arguments.first = returns.data_ptr()
        self._kernels.launch("operant_device_discounted_returns", rewards.shape[1], arguments)
        return returns

    def _rollout(
        self,
        rewards: Tensor,
        terminated: Tensor,
        truncated: Tensor,
        last_values: Tensor,
        final_values: Tensor,
        gamma: float,
        lam: float,
    ) -> AdvantageArguments:
        """The kernels' arguments without the outputs; they point into the tensors, which must outlive the launch."""
        shape = tuple(getattr(rewards, "shape", ()))
        given = self._check("rewards", rewards, shape)
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"rewards must be [T, N] with T and N at least 1, not of shape {shape}")
        for name, number in (("gamma", gamma), ("lam", lam)):
            if not 0 <= number <= 1:
                raise ValueError(f"{name}={number} must be from 0 to 1")
        rollout = Rollout(rewards=given, steps=shape[0], num_envs=shape[1], gamma=gamma, lam=lam)
        rollout.terminated = self._check("terminated", terminated, shape, torch.bool)
        rollout.truncated = self._check("truncated", truncated, shape, torch.bool)
        rollout.last_values = self._check("last_values", last_values, shape[1:])
        rollout.final_values = self._check("final_values", final_values, shape)
        return AdvantageArguments(rollout=rollout)

    def _outputs(self, names: tuple[str, ...], given: tuple[Tensor, ...] | None, like: Tensor) -> tuple[Tensor, ...]:
        """The tensors to write to: those given, else new ones."""
        if given is None:
            return tuple(torch.empty_like(like) for _ in names)
        if len(given) != len(names):
            raise ValueError(f"out must hold {len(names)} tensors ({', '.join(names)}), not {len(given)}")
        for name, tensor in zip(names, given, strict=True):
            self._check("out" if len(names) == 1 else f"out ({name})", tensor, tuple(like.shape))
        return given

    def _check(self, name: str, tensor: Any, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> int:
        """The address of a tensor's numbers; see `pointer_to`."""
        return pointer_to(name, tensor, shape, dtype, self.device)


def pointer_to(name: str, tensor: Any, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> int:
    """The address of a tensor's numbers; a ValueError names an invalid argument and the remedy."""
    if not isinstance(tensor, Tensor):
        raise ValueError(f"{name} must be a torch tensor on {device}, not {type(tensor).__name__}")
    if tensor.device != device:
        raise ValueError(
            f"{name} is on {tensor.device}, but the kernels are on {device}: give {name}.to({str(device)!r})"
        )
    if tensor.dtype != dtype or tuple(tensor.shape) != shape:
        needed, found = (str(each).removeprefix("torch.") for each in (dtype, tensor.dtype))
        raise ValueError(f"{name} must be {needed} {shape}, not {found} {tuple(tensor.shape)}")
    if not tensor.is_contiguous():
        raise ValueError(f"{name} must be contiguous: give {name}.contiguous()")
    if tensor.requires_grad:
        raise ValueError(f"{name} must be without gradient: give {name}.detach()")
    return tensor.data_ptr()
