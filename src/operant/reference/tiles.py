"""Pictures of grids: a square of colour for every cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Colour = tuple[int, int, int]

TILE, GAP = 32, 1  # pixels: a cell's side, and the dark edge around what it holds


def paint(grid: np.ndarray, colours: Sequence[Colour]) -> np.ndarray:
    """A frame `[H * TILE, W * TILE, 3]` uint8 of a grid `[H, W]` of numbers, cell by cell in the colour of its number.

    `colours[0]` is that of empty cells and edges.
    """
    frame: np.ndarray = np.array(colours, np.uint8)[grid].repeat(TILE, axis=0).repeat(TILE, axis=1)
    edge = np.zeros(TILE, np.bool_)
    edge[:GAP] = edge[-GAP:] = True
    frame[np.tile(edge, grid.shape[0])] = colours[0]
    frame[:, np.tile(edge, grid.shape[1])] = colours[0]
    return frame
