"""Adam for one flat tensor of parameters.

PyTorch's Adam computes the same, but making one imports `torch._dynamo`, the compiler. That takes two thirds of the
time of `import torch` in addition, before the first step of a training run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from operant.messages import integer


class Adam:
    """Adam: Kingma and Ba (2014), https://arxiv.org/abs/1412.6980, algorithm 1.

    m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2, p <- p - a m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + e).

    Args:
        parameters: a leaf tensor; `step` reads its `grad`.
        learning_rate: a; may be set between steps.
        betas: b1 and b2.
        epsilon: e.
    """

    def __init__(
        self,
        parameters: Tensor,
        learning_rate: float,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ):
        self.parameters, self.learning_rate, self.betas, self.epsilon = parameters, learning_rate, betas, epsilon
        self.steps = 0
        self.mean, self.square = torch.zeros_like(parameters.detach()), torch.zeros_like(parameters.detach())

    @torch.no_grad()
    def step(self, norm: Tensor | None = None, max_norm: float = 1.0) -> None:
        """Moves the parameters down their gradient.

        Args:
            norm: the gradient's norm; `grad` is first multiplied by min(1, max_norm / (norm + 1e-6)). None does not
                scale it.
            max_norm: the largest gradient norm.
        """
        gradient = self.parameters.grad
        assert gradient is not None
        if norm is not None:
            gradient.mul_((max_norm / (norm + 1e-6)).clamp(max=1.0))
        self.steps += 1
        first, second = self.betas
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        deviation = self.square.sqrt().div_(math.sqrt(1 - second**self.steps)).add_(self.epsilon)
        self.parameters.addcdiv_(self.mean, deviation, value=-self.learning_rate / (1 - first**self.steps))

    def state_dict(self) -> dict[str, Any]:
        """Returns the state for `load_state_dict`."""
        return {"steps": self.steps, "mean": self.mean.clone(), "square": self.square.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from a state of `state_dict`."""
        self.steps = integer("steps", state["steps"], 0)
        self.mean.copy_(torch.as_tensor(state["mean"]))
        self.square.copy_(torch.as_tensor(state["square"]))
