"""A window that shows frames, at their rate. pygame is imported when it opens."""

from __future__ import annotations

from typing import Any

import numpy as np


class Window:
    """A window for frames `[H, W, 3]` uint8, `rate` in a second; it opens with the first."""

    def __init__(self, title: str, rate: float):
        self.title, self.rate = title, rate
        self._surface: Any = None

    def append(self, frame: np.ndarray) -> None:
        """Shows a frame, and waits until the next is due.

        Raises:
            ImportError: pygame is not installed.
            pygame.error: there is no display.
        """
        if self._surface is None:
            self._open((frame.shape[1], frame.shape[0]))
        pygame = self._pygame
        pygame.surfarray.blit_array(self._surface, frame.transpose(1, 0, 2))
        pygame.event.pump()
        self._clock.tick(self.rate)
        pygame.display.flip()

    def is_left(self) -> bool:
        """Takes the events since the last call; True if the user closed the window, or pressed Escape or q."""
        if self._surface is None:
            return False
        pygame = self._pygame
        return any(
            event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key in (pygame.K_ESCAPE, pygame.K_q))
            for event in pygame.event.get()
        )

    def is_seen(self) -> bool:
        """Tells whether the open window is on a display; SDL draws in memory where there is none."""
        return self._surface is not None and self._pygame.display.get_driver() not in ("offscreen", "dummy")

    def _open(self, size: tuple[int, int]) -> None:
        try:
            import pygame
        except ImportError:
            raise ImportError("a window needs pygame: pip install 'operant[render]'", name="pygame") from None
        pygame.display.init()
        pygame.display.set_caption(self.title)
        self._surface = pygame.display.set_mode(size)
        self._pygame, self._clock = pygame, pygame.time.Clock()

    def close(self) -> None:
        """Closes the window, and pygame with it."""
        if self._surface is not None:
            self._pygame.display.quit()
            self._pygame.quit()
            self._surface = None
