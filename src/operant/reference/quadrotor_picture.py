"""Draws Quadrotor-v0: a box in perspective, with the goal and the quadrotor in it."""

from __future__ import annotations

import math

import numpy as np
from gymnasium.error import DependencyNotInstalled

WIDTH, HEIGHT = 480, 400
ENLARGED = 8.0  # scale of the quadrotor, which would be a dot in a box of several metres
EYE = (3.4, 2.3, 1.3)  # the camera's position, in half widths of the box: sideways, back, up

SKY, FLOOR, GRID, EDGE = (238, 242, 246), (221, 228, 235), (196, 206, 216), (206, 214, 222)
GOAL, ARM, ROTOR, FRONT, THRUST, SHADOW = (
    (214, 69, 65),
    (44, 62, 80),
    (93, 109, 126),
    (243, 156, 18),
    (39, 144, 176),
    (178, 188, 198),
)


def draw(
    position: np.ndarray,
    rotation: np.ndarray,
    thrusts: np.ndarray,
    *,
    goal: np.ndarray,
    arm: float,
    half_width: float,
    ceiling: float,
) -> np.ndarray:
    """Draws a frame `[HEIGHT, WIDTH, 3]` uint8.

    Args:
        position: the quadrotor's position `[3]`, m.
        rotation: `[3, 3]`, maps its body's axes to the world's.
        thrusts: the rotors' thrusts `[4]`, as fractions of the maximum, front left first and then clockwise.
        goal: `[3]`, m.
        arm: the distance from the centre to a rotor, m.
        half_width, ceiling: the size of the box, m.
    """
    try:
        import pygame
        from pygame import gfxdraw
    except ImportError:
        raise DependencyNotInstalled("Quadrotor-v0 is drawn with pygame: pip install 'operant[render]'") from None
    surface = pygame.Surface((WIDTH, HEIGHT))
    surface.fill(SKY)
    camera = _Camera(half_width, ceiling)

    def line(colour: tuple[int, int, int], *points: np.ndarray, width: int = 1) -> None:
        (x0, y0), (x1, y1) = (camera(point) for point in points)
        if width == 1:
            pygame.draw.aaline(surface, colour, (x0, y0), (x1, y1))
        else:
            pygame.draw.line(surface, colour, (x0, y0), (x1, y1), width)

    def shape(colour: tuple[int, int, int], points: np.ndarray) -> None:
        corners = [(round(x), round(y)) for x, y in map(camera, points)]
        gfxdraw.filled_polygon(surface, corners, colour)
        gfxdraw.aapolygon(surface, corners, colour)

    w = half_width
    shape(FLOOR, np.array([[-w, -w, 0], [w, -w, 0], [w, w, 0], [-w, w, 0]]))
    for at in np.linspace(-w, w, 9):
        line(GRID, np.array([at, -w, 0]), np.array([at, w, 0]))
        line(GRID, np.array([-w, at, 0]), np.array([w, at, 0]))
    corners = np.array([[-w, -w, 0], [w, -w, 0], [w, w, 0], [-w, w, 0]])
    for k in range(4):
        up = np.array([0, 0, ceiling])
        line(EDGE, corners[k], corners[k] + up)
        line(EDGE, corners[k] + up, corners[(k + 1) % 4] + up)

    line(GRID, goal, goal * (1, 1, 0))
    shape(SHADOW, goal * (1, 1, 0) + _circle(0.04 * w))
    for axis in np.eye(3) * 0.09 * w:
        line(GOAL, goal - axis, goal + axis, width=3)

    size = ENLARGED * arm
    shape(SHADOW, position * (1, 1, 0) + _circle(size))
    places = math.sqrt(0.5) * size * np.array([[1, 1, 0], [1, -1, 0], [-1, -1, 0], [-1, 1, 0]])
    hubs = position + places @ rotation.T
    line(ARM, hubs[0], hubs[2], width=4)
    line(ARM, hubs[1], hubs[3], width=4)
    for k in range(4):
        shape(FRONT if k < 2 else ROTOR, hubs[k] + _circle(0.55 * size) @ rotation.T)
        line(THRUST, hubs[k], hubs[k] + 2.5 * size * float(thrusts[k]) * rotation[:, 2], width=3)
    picture: np.ndarray = pygame.surfarray.array3d(surface).swapaxes(0, 1)
    return np.ascontiguousarray(picture)


def _circle(radius: float) -> np.ndarray:
    """24 points `[24, 3]` on a circle around the origin, in the plane of x and y."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return radius * np.stack([np.cos(angles), np.sin(angles), np.zeros(24)], axis=1)


class _Camera:
    """A pinhole camera that sees the whole box from outside one of its corners."""

    def __init__(self, half_width: float, ceiling: float):
        self.eye = np.array([-EYE[0] * half_width, -EYE[1] * half_width, EYE[2] * half_width + ceiling / 2])
        ahead = np.array([0.0, 0.0, 0.45 * ceiling]) - self.eye
        self.ahead = ahead / np.linalg.norm(ahead)
        right = np.cross(self.ahead, [0.0, 0.0, 1.0])
        self.right = right / np.linalg.norm(right)
        self.up = np.cross(self.right, self.ahead)
        self.scale = 1.35 * HEIGHT * float(np.linalg.norm(ahead)) / (4 * max(half_width, ceiling / 2))

    def __call__(self, point: np.ndarray) -> tuple[float, float]:
        """The position in the frame, in pixels, of a point `[3]` of the world."""
        away = point - self.eye
        depth = max(float(away @ self.ahead), 1e-3)
        x, y = float(away @ self.right) / depth, float(away @ self.up) / depth
        return WIDTH / 2 + self.scale * x, HEIGHT / 2 - self.scale * y
