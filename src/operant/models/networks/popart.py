"""PopArt: a value head that normalises its targets and preserves its predictions.

van Hasselt et al. (2016), "Learning values across many orders of magnitude", https://arxiv.org/abs/1602.07714.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from operant.models.machine.data_parallel import mean_in_place


class PopArtValueHead(nn.Module):
    """A linear value head over `features`, in units of running standard deviations of the returns.

    `forward` returns normalised values `[..., 1]`. `update` averages returns into the mean and deviation, with the rate
    `beta` per call, and rescales the layer so that `denormalize(forward(x))` does not change.
    """

    mean: Tensor
    square: Tensor
    weight: Tensor

    def __init__(self, features: int, beta: float = 0.1, epsilon: float = 1e-4):
        super().__init__()
        if not 0 < beta <= 1:
            raise ValueError(f"beta={beta} must be above 0 and at most 1")
        self.linear = nn.Linear(features, 1)
        nn.init.orthogonal_(self.linear.weight, 1.0)
        nn.init.zeros_(self.linear.bias)
        self.beta, self.epsilon = beta, epsilon
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("square", torch.ones(()))
        self.register_buffer("weight", torch.zeros(()))  # total weight so far, which corrects the averages' start at 0

    @property
    def deviation(self) -> Tensor:
        """The standard deviation of the returns so far, at least `epsilon`; 1 before the first update."""
        return (self.square - self.mean.square()).clamp(min=self.epsilon**2).sqrt()

    def forward(self, features: Tensor) -> Tensor:
        """Returns normalised values `[...]` of features `[..., F]`; `denormalize` gives them in units of reward."""
        values: Tensor = self.linear(features)
        return values

    def normalize(self, returns: Tensor) -> Tensor:
        """Computes (R - mean) / deviation."""
        return (returns - self.mean) / self.deviation

    def denormalize(self, values: Tensor) -> Tensor:
        """Converts normalised values to units of reward."""
        return values * self.deviation + self.mean

    @torch.no_grad()
    def update(self, returns: Tensor) -> None:
        """Updates the statistics with returns R, and rescales the layer.

        mean <- mean + b (mean(R) - mean), and likewise for squares; w <- w s / s', bias <- (s bias + m - m') / s'.
        """
        mean, deviation = self.mean.clone(), self.deviation
        self.weight += self.beta * (1 - self.weight)
        rate = self.beta / self.weight
        moments = torch.stack((returns.mean(), returns.square().mean()))
        mean_in_place(moments)
        self.mean += rate * (moments[0] - self.mean)
        self.square += rate * (moments[1] - self.square)
        self.linear.weight.mul_(deviation / self.deviation)
        self.linear.bias.copy_((deviation * self.linear.bias + mean - self.mean) / self.deviation)
