"""The training kernels on a GPU: advantages and returns over rollouts `[T, N]`, and Adam.

Arguments are tensors on the engine's device, contiguous, float32 and bool; bad ones raise a ValueError that names them.
Nothing is read on the host, so all of it may be captured in a CUDA graph.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from operant.cuda.arguments import AdamArguments, AdvantageArguments, Rollout
from operant.cuda.engine import Engine, Program

PROGRAM = Program(
    "training",
    '#include "cuda/prelude.h"\n#include "cuda/training.h"\n',
    {
        "OPERANT_ADVANTAGE_BYTES": ctypes.sizeof(AdvantageArguments),
        "OPERANT_ADAM_BYTES": ctypes.sizeof(AdamArguments),
    },
)
Pair = tuple[Tensor, Tensor]


class TrainingKernels:
    """`operant.rollout`'s functions on a device, with the same bits; see there for formulas and arguments.

    `final_values` must be given; what it holds where no episode was truncated is never read into a result.
    """

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
        arguments = self._rollout(rewards, values, terminated, truncated, last_values, final_values, gamma, lam)
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
        arguments = self._rollout(rewards, values, terminated, truncated, last_values, final_values, gamma, lam)
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
        arguments = self._rollout(rewards, None, terminated, truncated, last_values, final_values, gamma, 1.0)
        (returns,) = self._outputs(("returns",), None if out is None else (out,), rewards)
        arguments.first = returns.data_ptr()
        self._kernels.launch("operant_device_discounted_returns", rewards.shape[1], arguments)
        return returns

    def _rollout(
        self,
        rewards: Tensor,
        values: Tensor | None,
        terminated: Tensor,
        truncated: Tensor,
        last_values: Tensor,
        final_values: Tensor,
        gamma: float,
        lam: float,
    ) -> AdvantageArguments:
        """The kernels' arguments but for the outputs; the caller's tensors are theirs, and must outlive the launch."""
        shape = tuple(getattr(rewards, "shape", ()))
        given = self._check("rewards", rewards, shape)
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"rewards must be [T, N] with T and N at least 1, not of shape {shape}")
        for name, number in (("gamma", gamma), ("lam", lam)):
            if not 0 <= number <= 1:
                raise ValueError(f"{name}={number} must be from 0 to 1")
        rollout = Rollout(rewards=given, steps=shape[0], num_envs=shape[1], gamma=gamma, lam=lam)
        if values is not None:
            rollout.values = self._check("values", values, shape)
        rollout.terminated = self._check("terminated", terminated, shape, torch.bool)
        rollout.truncated = self._check("truncated", truncated, shape, torch.bool)
        rollout.last_values = self._check("last_values", last_values, shape[1:])
        rollout.final_values = self._check("final_values", final_values, shape)
        return AdvantageArguments(rollout=rollout)

    def _outputs(self, names: tuple[str, ...], given: tuple[Tensor, ...] | None, like: Tensor) -> tuple[Tensor, ...]:
        """The tensors to write, those given or new ones."""
        if given is None:
            return tuple(torch.empty_like(like) for _ in names)
        if len(given) != len(names):
            raise ValueError(f"out must hold {len(names)} tensors ({', '.join(names)}), not {len(given)}")
        for name, tensor in zip(names, given, strict=True):
            self._check("out" if len(names) == 1 else f"out ({name})", tensor, tuple(like.shape))
        return given

    def _check(self, name: str, tensor: Any, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> int:
        """Where a tensor's numbers lie."""
        return pointer_to(name, tensor, shape, dtype, self.device)


class FusedAdam:
    """`operant.models.adam.Adam` in two launches, the gradient's clipping included, with nothing on the host.

    The operations are Adam's in its order, each rounded by itself, with the same bits on a GPU as emulated. PyTorch
    does not round every product that it adds. So a step may differ from Adam's by an ulp of the old mean or of the
    gradient, an ulp of the square, and 4 ulp of the parameter or of the learning rate, whichever is larger.

    Args:
        parameters: a leaf tensor on the engine's device, float32 and contiguous; `step` reads its `grad`.
        learning_rate: may be set between steps, without waiting for the device; a CUDA graph takes the one that is set
            when it is replayed.
        engine: of the device.
        betas, epsilon: as Adam's.
    """

    def __init__(
        self,
        parameters: Tensor,
        learning_rate: float,
        *,
        engine: Engine,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ):
        self._shape, device = tuple(parameters.shape), engine.device
        self.parameters, self.betas, self.epsilon = parameters, betas, epsilon
        flat = parameters.detach()
        self.mean, self.square = torch.zeros_like(flat), torch.zeros_like(flat)
        self._kernels = engine.load(PROGRAM)
        self._rate = torch.zeros(1, dtype=torch.float64, device=device)
        self._steps = torch.zeros(1, dtype=torch.int64, device=device)
        self._factors = torch.zeros(3, device=device)
        self._arguments = AdamArguments(
            parameters=pointer_to("parameters", flat, self._shape, torch.float32, device),
            mean=self.mean.data_ptr(),
            square=self.square.data_ptr(),
            learning_rate=self._rate.data_ptr(),
            steps=self._steps.data_ptr(),
            factors=self._factors.data_ptr(),
            size=flat.numel(),
            first=betas[0],
            second=betas[1],
            epsilon=epsilon,
        )
        self.learning_rate = learning_rate

    @property
    def learning_rate(self) -> float:
        """a, as it was last set."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._learning_rate = rate
        self._rate.fill_(rate)

    @property
    def steps(self) -> int:
        """How many steps were made; waits for the device."""
        return int(self._steps.item())

    def step(self, norm: Tensor | None = None, max_norm: float = 1.0) -> None:
        """Moves the parameters down their gradient.

        Args:
            norm: the gradient's length, one float32 on the device; the gradient is taken times
                min(1, max_norm / (norm + 1e-6)), and stays as it is in `grad`. None takes it whole.
            max_norm: longest gradient.
        """
        gradient, device = self.parameters.grad, self.parameters.device
        assert gradient is not None
        arguments = self._arguments
        arguments.gradient = pointer_to("the gradient", gradient, self._shape, torch.float32, device)
        arguments.norm = None if norm is None else pointer_to("norm", norm.reshape(1), (1,), torch.float32, device)
        arguments.max_norm = max_norm
        self._kernels.launch("operant_device_adam_begin", 1, arguments)
        self._kernels.launch("operant_device_adam", gradient.numel(), arguments)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes, Adam's included; waits for the device."""
        return {"steps": self.steps, "mean": self.mean.clone(), "square": self.square.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from there."""
        self._steps.fill_(state["steps"])
        self.mean.copy_(state["mean"])
        self.square.copy_(state["square"])


def pointer_to(name: str, tensor: Any, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> int:
    """Where a tensor's numbers lie, or a ValueError that names the argument and what it must be."""
    if not isinstance(tensor, Tensor):
        raise ValueError(f"{name} must be a torch tensor on {device}, not {type(tensor).__name__}")
    if tensor.device != device:
        raise ValueError(
            f"{name} is on {tensor.device}, and the kernels are on {device}: give {name}.to({str(device)!r})"
        )
    if tensor.dtype != dtype or tuple(tensor.shape) != shape:
        needed, found = (str(each).removeprefix("torch.") for each in (dtype, tensor.dtype))
        raise ValueError(f"{name} must be {needed} {shape}, not {found} {tuple(tensor.shape)}")
    if not tensor.is_contiguous():
        raise ValueError(f"{name} must be contiguous: give {name}.contiguous()")
    if tensor.requires_grad:
        raise ValueError(f"{name} must be without gradient: give {name}.detach()")
    return tensor.data_ptr()
