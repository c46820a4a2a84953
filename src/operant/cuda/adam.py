"""Adam on a GPU in two launches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from operant.cuda.arguments import AdamArguments
from operant.cuda.engine import Engine
from operant.cuda.training import PROGRAM, pointer_to
from operant.messages import NotCopyable, integer


class FusedAdam(NotCopyable):
    """`operant.models.machine.adam.Adam` in two launches, with gradient clipping, all on the device.

    The operations and their order are Adam's. Each is rounded by itself, with the same bits on a GPU as emulated.
    PyTorch does not round every product before adding it. So a step may differ from Adam's by an ulp of the old mean
    or of the gradient, an ulp of the square, and 4 ulp of the parameter or of the learning rate, whichever is larger.

    Args:
        parameters: a leaf tensor on the engine's device, float32 and contiguous; `step` reads its `grad`.
        learning_rate: may be set between steps, without waiting for the device. A CUDA graph uses the value at the
            time of its replay.
        engine: the device's.
        betas, epsilon: Adam's.
    """

    instead = "use state_dict() and load_state_dict()"

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
        """The learning rate of the next step."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._learning_rate = rate
        self._rate.fill_(rate)

    @property
    def steps(self) -> int:
        """The number of steps made; waits for the device."""
        return int(self._steps.item())

    def step(self, norm: Tensor | None = None, max_norm: float = 1.0) -> None:
        """Moves the parameters down their gradient.

        Args:
            norm: the gradient's length, one float32 on the device. The gradient is multiplied by
                min(1, max_norm / (norm + 1e-6)); `grad` itself is not changed. None does not clip.
            max_norm: the length to which the gradient is clipped.
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
        """The state for `load_state_dict`, this class's or Adam's; waits for the device."""
        return {"steps": self.steps, "mean": self.mean.clone(), "square": self.square.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from a state that `state_dict` returned."""
        self._steps.fill_(integer("steps", state["steps"], 0))
        self.mean.copy_(torch.as_tensor(state["mean"]))
        self.square.copy_(torch.as_tensor(state["square"]))
