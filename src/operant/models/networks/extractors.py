"""Feature extractors: map observations, as returned by `Layout.unflatten`, to features `[..., F]` float32."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from operant.environments.layout import SUPPORTED
from operant.models.networks.heads import orthogonal
from operant.models.networks.spaces import is_image

# Filters, kernel, stride, padding. Mnih et al.'s kernels need sides of 36 pixels; smaller images get small kernels.
_NATURE = ((32, 8, 4, 0), (64, 4, 2, 0), (64, 3, 1, 0))
_SMALL = ((32, 3, 1, 1), (64, 3, 2, 1), (64, 3, 2, 1))
_NATURE_SIDE = 36


class Extractor(nn.Module):
    """Maps observations of one space to features `[..., features]`."""

    features: int


class Flatten(Extractor):
    """Flattens a Box or MultiBinary of any shape to one dimension of float32 numbers."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.depth, self.features = len(shape), math.prod(shape)

    def forward(self, observation: Tensor) -> Tensor:
        if self.depth != 1:
            observation = observation.reshape(*observation.shape[: observation.ndim - self.depth], self.features)
        return observation.float()


class OneHot(Extractor):
    """Encodes Discrete `[...]` or MultiDiscrete `[..., D]` as concatenated one-hot vectors."""

    offsets: Tensor

    def __init__(self, sizes: np.ndarray, start: np.ndarray, scalar: bool) -> None:
        super().__init__()
        self.features, self.scalar = int(sizes.sum()), scalar
        offsets = np.cumsum([0, *sizes.ravel()[:-1]]) - start.ravel()
        self.register_buffer("offsets", torch.as_tensor(offsets), persistent=False)
        self.depth = sizes.ndim

    def forward(self, observation: Tensor) -> Tensor:
        leading = observation.shape if self.scalar else observation.shape[: observation.ndim - self.depth]
        index = observation.reshape(*leading, self.offsets.numel()).long() + self.offsets
        return torch.zeros(*leading, self.features, device=index.device).scatter_(-1, index, 1.0)


class NatureCNN(Extractor):
    """The convolutions of Mnih et al. (2015) for an image `[..., C, H, W]` or `[..., H, W, C]`.

    The smaller of the first and last dimensions is assumed to be the channels. `scaled` divides bytes by 255. An image
    with a side of less than 36 pixels gets padded kernels of 3 pixels.
    """

    def __init__(self, shape: tuple[int, ...], scaled: bool, features: int = 512) -> None:
        super().__init__()
        self.last, self.scaled, self.features = shape[-1] < shape[0], scaled, features
        channels, *side = (shape[2], shape[0], shape[1]) if self.last else shape
        layers: list[nn.Module] = []
        for filters, kernel, stride, padding in _NATURE if min(side) >= _NATURE_SIDE else _SMALL:
            convolution = nn.Conv2d(channels, filters, kernel, stride, padding)
            layers += [orthogonal(convolution, math.sqrt(2)), nn.ReLU()]
            channels, side = filters, [(pixels + 2 * padding - kernel) // stride + 1 for pixels in side]
        linear = orthogonal(nn.Linear(channels * math.prod(side), features), math.sqrt(2))
        self.layers = nn.Sequential(*layers, nn.Flatten(), linear, nn.ReLU())

    def forward(self, observation: Tensor) -> Tensor:
        leading = observation.shape[:-3]
        image = observation.reshape(-1, *observation.shape[-3:])
        image = (image.permute(0, 3, 1, 2) if self.last else image).float()
        features: Tensor = self.layers(image / 255 if self.scaled else image)
        return features.reshape(*leading, self.features)


class Concatenate(Extractor):
    """Concatenates the features of a Dict's or Tuple's parts, in the space's order."""

    def __init__(self, parts: dict[Any, Extractor]) -> None:
        super().__init__()
        self.keys, self.parts = list(parts), nn.ModuleList(parts.values())
        self.features = sum(part.features for part in parts.values())

    def forward(self, observation: Any) -> Tensor:
        return torch.cat([part(observation[key]) for key, part in zip(self.keys, self.parts, strict=True)], -1)


def extractor_for(space: spaces.Space[Any]) -> Extractor:
    """Makes the extractor for an observation space; raises TypeError for an unsupported space."""
    if isinstance(space, spaces.Dict) and space.spaces:
        return Concatenate({key: extractor_for(part) for key, part in space.spaces.items()})
    if isinstance(space, spaces.Tuple) and space.spaces:
        return Concatenate({key: extractor_for(part) for key, part in enumerate(space.spaces)})
    if isinstance(space, spaces.Discrete):
        return OneHot(np.array([space.n]), np.array([space.start]), scalar=True)
    if isinstance(space, spaces.MultiDiscrete):
        start = getattr(space, "start", np.zeros_like(space.nvec))  # gymnasium 0.29 has no start
        return OneHot(space.nvec, start, scalar=False)
    if isinstance(space, spaces.MultiBinary):
        return Flatten(tuple(space.shape))
    if isinstance(space, spaces.Box):
        if is_image(space):
            return NatureCNN(space.shape, space.dtype == np.uint8 and bool(space.high.max() == 255))
        return Flatten(space.shape)
    raise TypeError(f"no policy supports the observation space {space}; supported are {SUPPORTED}")
