"""Draws the numbers of any environment over time: the picture of one whose header has no drawing."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

WIDTH, HEIGHT = 720, 480
TITLE, MARGIN, LABEL = 26, 8, 18  # pixels: the title's height, around a panel, and above its curve
SPAN = 200  # the most steps that are shown; earlier ones leave at the left
MOST = 24  # panels
LINES = 4  # an array of at most so many numbers is drawn as lines, a larger one as an image with a row for each
PAPER, PANEL, INK, FAINT = (255, 255, 255), (243, 245, 248), (44, 62, 80), (120, 132, 144)
COLOURS = ((39, 144, 176), (214, 69, 65), (243, 156, 18), (88, 140, 80))
HEAT = np.array([(13, 22, 58), (39, 144, 176), (250, 231, 120)], np.float64)  # of the smallest number to the largest


class StripChart:
    """Panels with the last `span` values of named numbers, and of named arrays `[K]`.

    Raises:
        ImportError: pygame is not installed.
    """

    def __init__(self, span: int = SPAN) -> None:
        try:
            import pygame
        except ImportError as missing:
            raise ImportError(f"--video needs {missing.name}: pip install 'operant[video]'", name="pygame") from None
        self._pygame = pygame
        pygame.font.init()
        self._large, self._small = pygame.font.Font(None, 22), pygame.font.Font(None, 18)
        self._span = span
        self._values: dict[str, deque[np.ndarray]] = {}

    def add(self, numbers: Mapping[str, np.ndarray | float]) -> None:
        """Adds the values of a step. The names must be the same in every step."""
        for name, value in numbers.items():
            values = self._values.setdefault(name, deque(maxlen=self._span))
            values.append(np.ravel(np.asarray(value, np.float64)))

    def draw(self, title: str) -> np.ndarray:
        """Draws a frame `[HEIGHT, WIDTH, 3]` uint8."""
        surface = self._pygame.Surface((WIDTH, HEIGHT))
        surface.fill(PAPER)
        shown = list(self._values)[:MOST]
        if len(shown) < len(self._values):
            title += f"   (and {len(self._values) - MOST} more)"
        self._write(surface, title, (MARGIN, MARGIN), self._large, INK)
        columns = math.ceil(len(shown) / 8) or 1
        rows = math.ceil(len(shown) / columns) or 1
        width, height = (WIDTH - MARGIN) // columns, (HEIGHT - TITLE - MARGIN) // rows
        for k, name in enumerate(shown):
            row, column = divmod(k, columns)
            box = self._pygame.Rect(MARGIN + column * width, TITLE + row * height, width - MARGIN, height - MARGIN // 2)
            self._panel(surface, name, np.stack(self._values[name], axis=1), box)
        picture: np.ndarray = self._pygame.surfarray.array3d(surface).swapaxes(0, 1)
        return np.ascontiguousarray(picture)

    def _panel(self, surface: Any, name: str, values: np.ndarray, box: Any) -> None:
        """Draws the values `[K, T]` of one name into `box`."""
        pygame = self._pygame
        x, y, width, height = box
        text = "  ".join(f"{value:.4g}" for value in values[:, -1])
        if len(values) > LINES or self._small.size(f"{name}  {text}")[0] > width:
            text = f"{len(values)} numbers"
        self._write(surface, name, (x, y), self._small, INK)
        self._write(surface, text, (x + width, y), self._small, FAINT, right=True)
        plot = pygame.Rect(x, y + LABEL, width, max(height - LABEL, 4))
        pygame.draw.rect(surface, PANEL, plot)
        known = values[np.isfinite(values)]
        low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
        heights = (values - low) / (high - low) if high > low else np.full_like(values, 0.5)
        if len(values) > LINES:
            image = _heat(heights, self._span)
            picture = pygame.surfarray.make_surface(image)
            surface.blit(pygame.transform.scale(picture, (plot.width, plot.height)), plot)
            return
        across = plot.left + np.arange(values.shape[1]) * (plot.width - 1) / (self._span - 1)
        for line, colour in zip(heights, COLOURS, strict=False):
            up = plot.bottom - 3 - line * (plot.height - 6)
            points = [(px, py) for px, py in zip(across.tolist(), up.tolist(), strict=True) if math.isfinite(py)]
            if len(points) > 1:
                pygame.draw.lines(surface, colour, False, points, 2)
            elif points:
                pygame.draw.circle(surface, colour, points[0], 2)

    def _write(
        self,
        surface: Any,
        text: str,
        place: tuple[int, int],
        font: Any,
        colour: tuple[int, int, int],
        right: bool = False,
    ) -> None:
        drawn = font.render(text, True, colour)
        x, y = place
        surface.blit(drawn, (x - drawn.get_width() if right else x, y))


def _heat(heights: np.ndarray, span: int) -> np.ndarray:
    """Colours `[span, K, 3]` of values from 0 to 1 `[K, T]`; times to come are of the panel's colour."""
    image = np.empty((span, len(heights), 3), np.uint8)
    image[:] = PANEL
    places = np.linspace(0, 1, len(HEAT))
    values = np.nan_to_num(heights.T)
    image[: heights.shape[1]] = np.stack([np.interp(values, places, HEAT[:, c]) for c in range(3)], axis=-1)
    return image
