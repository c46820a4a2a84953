"""Layout: nested observations flattened into one array row each, and unflattened without a copy.

```python
layout = Layout(env.single_observation_space)
rows = layout.flatten(observations)       # [N, *layout.shape]: one array, whatever the space
observations = layout.unflatten(rows)     # the same structure again: views of the rows
```
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from gymnasium import spaces

SUPPORTED = "Box, Discrete, MultiDiscrete, MultiBinary, and Dict and Tuple of them"


@dataclass(frozen=True)
class Leaf:
    """Where one array of the structure lies in a row: bytes `start` to `stop`. `keys` lead to it from the root."""

    keys: tuple[str | int, ...]
    space: spaces.Space[Any]
    start: int
    stop: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def path(self) -> str:
        return _path(self.keys)


_Tree: TypeAlias = "Leaf | dict[str, _Tree] | tuple[_Tree, ...]"


class Layout:
    """The positions of a space's leaves in one array row.

    The row of a plain Box is the observation itself. Any other space has rows of bytes, uint8 `[size]`: each leaf
    starts at a multiple of its item size, and the row is padded to a multiple of 8. Raises TypeError for a space with
    an unsupported leaf; see SUPPORTED.
    """

    def __init__(self, space: spaces.Space[Any]) -> None:
        self.space = space
        self.shape: tuple[int, ...]
        self.dtype: np.dtype[Any]
        self._tree, size = _place(space, (), 0)
        self._plain = isinstance(space, spaces.Box)
        if isinstance(space, spaces.Box):
            self.shape, self.dtype = space.shape, np.dtype(space.dtype)
        else:
            self.shape, self.dtype = (_align(size, 8),), np.dtype(np.uint8)

    def leaves(self) -> list[Leaf]:
        """Lists the arrays of the structure, in the order of the space."""
        return _leaves(self._tree)

    def flatten(self, observation: Any, out: np.ndarray | None = None) -> np.ndarray:
        """The rows `[..., *shape]` of an observation, or of a batch with leading dimensions in every leaf.

        `out`, if given, is filled and returned; without it the array of a plain Box is returned uncopied. Raises
        ValueError for a leaf that is missing or has the wrong shape.
        """
        leading = self._leading(observation)
        if out is None and not self._plain:
            out = np.zeros((*leading, *self.shape), self.dtype)
        elif out is None:
            return np.asarray(observation, self.dtype)
        elif out.shape != (*leading, *self.shape) or out.dtype != self.dtype:
            raise ValueError(f"out must be {self.dtype} {(*leading, *self.shape)}, not {out.dtype} {out.shape}")
        if self._plain:
            out[...] = observation
        else:
            _write(self._tree, observation, out, leading)
        return out

    def unflatten(self, array: Any) -> Any:
        """The structure of rows `[..., *shape]`, a NumPy array or torch tensor: leaves `[..., *leaf]`, all views."""
        depth = len(self.shape)
        if tuple(array.shape[array.ndim - depth :]) != self.shape:
            raise ValueError(f"rows of this layout end in {self.shape}, but the array is {tuple(array.shape)}")
        return array if self._plain else _view(self._tree, array)

    def _leading(self, observation: Any) -> tuple[int, ...]:
        """The leading batch dimensions of an observation, taken from its first leaf."""
        tree = self._tree
        while not isinstance(tree, Leaf):
            observation = _child(tree, observation, next(iter(_items(tree)))[0])
            tree = next(iter(_items(tree)))[1]
        shape: tuple[int, ...] = np.shape(observation)
        leading = shape[: max(len(shape) - len(tree.shape), 0)]
        _check(tree, shape, leading)
        return leading


def _path(keys: tuple[str | int, ...]) -> str:
    return "observation" + "".join(f"[{key!r}]" for key in keys)


def _leaves(tree: _Tree) -> list[Leaf]:
    return [tree] if isinstance(tree, Leaf) else [leaf for _, part in _items(tree) for leaf in _leaves(part)]


def _place(space: spaces.Space[Any], keys: tuple[str | int, ...], offset: int) -> tuple[_Tree, int]:
    """The tree of leaves from byte `offset` on, and the first byte after them."""
    if isinstance(space, spaces.Dict) and space.spaces:
        named: dict[str, _Tree] = {}
        for key, part in space.spaces.items():
            named[key], offset = _place(part, (*keys, key), offset)
        return named, offset
    if isinstance(space, spaces.Tuple) and space.spaces:
        parts: list[_Tree] = []
        for k, part in enumerate(space.spaces):
            tree, offset = _place(part, (*keys, k), offset)
            parts.append(tree)
        return tuple(parts), offset
    if not isinstance(space, spaces.Box | spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary):
        raise TypeError(f"{_path(keys)} is {space}, which has no fixed layout; supported are {SUPPORTED}")
    dtype = np.dtype(space.dtype)
    shape = tuple(space.shape or ())
    start = _align(offset, dtype.itemsize)
    stop = start + math.prod(shape) * dtype.itemsize
    return Leaf(keys, space, start, stop, dtype, shape), stop


def _align(offset: int, size: int) -> int:
    return -(-offset // size) * size


def _items(tree: dict[str, _Tree] | tuple[_Tree, ...]) -> Any:
    return tree.items() if isinstance(tree, dict) else enumerate(tree)


def _child(tree: _Tree, observation: Any, key: Any) -> Any:
    try:
        return observation[key]
    except (KeyError, IndexError, TypeError):
        expected = sorted(tree) if isinstance(tree, dict) else f"{len(tree)} parts"  # type: ignore[arg-type]
        raise ValueError(f"the observation has no part {key!r}; its space has {expected}") from None


def _check(leaf: Leaf, shape: tuple[int, ...], leading: tuple[int, ...]) -> None:
    if shape != (*leading, *leaf.shape):
        raise ValueError(f"{leaf.path} has shape {shape}, but its space says {(*leading, *leaf.shape)}")


def _write(tree: _Tree, observation: Any, out: np.ndarray, leading: tuple[int, ...]) -> None:
    if isinstance(tree, Leaf):
        _check(tree, np.shape(observation), leading)
        _view(tree, out)[...] = observation
        return
    for key, part in _items(tree):
        _write(part, _child(tree, observation, key), out, leading)


def _view(tree: _Tree, array: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _view(part, array) for key, part in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_view(part, array) for part in tree)
    part = array[..., tree.start : tree.stop]
    # A tensor exists only if torch has been imported; this module does not import it.
    dtype = tree.dtype if isinstance(array, np.ndarray) else getattr(sys.modules["torch"], tree.dtype.name)
    return part.view(dtype).reshape((*array.shape[:-1], *tree.shape))
