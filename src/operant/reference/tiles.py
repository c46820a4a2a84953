"""Draws grids: a coloured square for every cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Colour = tuple[int, int, int]

TILE, GAP = 32, 1  # pixels: a cell's side, and the dark edge inside it


def paint(grid: np.ndarray, colours: Sequence[Colour]) -> np.ndarray:
    """Draws a grid `[H, W]` of colour numbers as a frame `[H * TILE, W * TILE, 3]` uint8.

    `colours[0]` is the colour of empty cells and edges.
    """
    frame: np.ndarray = np.array(colours, np.uint8)[grid].repeat(TILE, axis=0).repeat(TILE, axis=1)
    edge = np.zeros(TILE, np.bool_)
    edge[:GAP] = edge[-GAP:] = True
    frame[np.tile(edge, grid.shape[0])] = colours[0]
    frame[:, np.tile(edge, grid.shape[1])] = colours[0]
    return frame
