"""Quadrotor-v0 in plain Python."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from operant.reference.quadrotor_picture import draw

CORNERS = ((1.0, 1.0, 1.0), (1.0, -1.0, -1.0), (-1.0, -1.0, 1.0), (-1.0, 1.0, -1.0))
"""For each rotor, front left first and then clockwise: forward or back, left or right, and its torque's direction."""

Vector = tuple[float, float, float]


class Quadrotor(gymnasium.Env[np.ndarray, np.ndarray]):
    """Fly to a point and hover there.

    The model is RotorPy's (Folk, Paulos & Kumar 2023), with its parameters of the Crazyflie 2.0 (Foerster 2015): a
    rigid body; for each rotor a thrust `thrust_coefficient * w**2` and a drag at its own airspeed; and motors whose
    speed follows the command with the time constant `motor_time`. A step is one step of the midpoint method.

    `step` takes `[4]` float32: each rotor's thrust, from -1 for none to 1 for the maximum. Observations are `[22]`
    float32: position relative to the goal (m), velocity (m/s), the rotation matrix row by row, body rates (rad/s),
    rotor speeds as fractions of the maximum. The reward is 1 / (1 + cost); the cost is 0 at rest at the goal. The
    episode terminates at the floor, outside the box, and beyond `max_rate`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 100}  # noqa: RUF012 - Gymnasium's class attribute
    observation_space = spaces.Box(
        np.array([-np.inf] * 6 + [-1.0] * 9 + [-np.inf] * 3 + [0.0] * 4, np.float32),
        np.array([np.inf] * 6 + [1.0] * 9 + [np.inf] * 3 + [1.0] * 4, np.float32),
        dtype=np.float32,
    )
    action_space = spaces.Box(-1.0, 1.0, (4,), np.float32)

    def __init__(self, render_mode: str | None = None):
        self.render_mode = render_mode
        self.gravity, self.mass = 9.81, 0.03
        self.inertia_x, self.inertia_y, self.inertia_z = 1.43e-5, 1.43e-5, 2.89e-5
        self.arm = 0.043
        self.thrust_coefficient, self.torque_coefficient = 2.3e-8, 7.8e-10
        self.drag_coefficient, self.inflow_coefficient = 1.02506e-6, 7.553e-7
        self.max_rotor_speed, self.motor_time, self.dt = 2500.0, 0.072, 0.01
        self.goal_x, self.goal_y, self.goal_z = 0.0, 0.0, 1.5
        self.half_width, self.ceiling, self.max_rate = 2.0, 3.0, 35.0
        self.position_spread, self.velocity_spread, self.tilt_spread, self.rate_spread = 1.0, 0.5, 0.2, 0.5
        self.position_cost, self.velocity_cost, self.rate_cost = 4.0, 0.2, 0.02
        self.position: Vector = (0.0, 0.0, 0.0)
        self.velocity: Vector = (0.0, 0.0, 0.0)
        self.attitude = (1.0, 0.0, 0.0, 0.0)
        self.rates: Vector = (0.0, 0.0, 0.0)
        self.rotors = (0.0, 0.0, 0.0, 0.0)

    @property
    def state(self) -> np.ndarray:
        """`[17]` float64: position, velocity, attitude (a quaternion, w first), body rates, rotor speeds."""
        return np.array([*self.position, *self.velocity, *self.attitude, *self.rates, *self.rotors])

    @state.setter
    def state(self, values: Any) -> None:
        numbers = [float(value) for value in values]
        self.position, self.velocity = tuple(numbers[0:3]), tuple(numbers[3:6])  # type: ignore[assignment]
        self.attitude, self.rates = tuple(numbers[6:10]), tuple(numbers[10:13])  # type: ignore[assignment]
        self.rotors = tuple(numbers[13:17])  # type: ignore[assignment]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Starts near the goal, slightly tilted and moving, with the rotors at hovering speed."""
        super().reset(seed=seed)
        x, y, z = (self._within(self.position_spread) for _ in range(3))
        self.position = (self.goal_x + x, self.goal_y + y, self.goal_z + z)
        x, y, z = (self._within(self.velocity_spread) for _ in range(3))
        self.velocity = (x, y, z)
        x, y, z = (self._within(self.tilt_spread) for _ in range(3))
        norm = math.sqrt(1.0 + x * x + y * y + z * z)
        self.attitude = (1.0 / norm, x / norm, y / norm, z / norm)
        x, y, z = (self._within(self.rate_spread) for _ in range(3))
        self.rates = (x, y, z)
        hover = min(math.sqrt(self.mass * self.gravity / (4.0 * self.thrust_coefficient)), self.max_rotor_speed)
        self.rotors = (hover, hover, hover, hover)
        return self._observe(), {}

    def _within(self, spread: float) -> float:
        return self.np_random.uniform(-spread, spread)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Steps `dt` seconds; the infos are empty, and nothing is truncated."""
        speeds = []
        for component in action:
            share = 0.5 * (min(max(float(component), -1.0), 1.0) + 1.0)
            speeds.append(self.max_rotor_speed * math.sqrt(share))
        half = 0.5 * self.dt
        share = 1.0 - math.exp(-(half / self.motor_time))
        begin = [*self.position, *self.velocity, *self.attitude, *self.rates]
        self._move(begin, self._slope(), half, speeds, share)
        self._move(begin, self._slope(), self.dt, speeds, share)
        return self._observe(), self._reward(), self._is_over(), False, {}

    def rotation(self) -> tuple[Vector, Vector, Vector]:
        """The rotation matrix of the attitude, by rows: it maps vectors from the body's frame to the world's."""
        w, qx, qy, qz = self.attitude
        x, y, z = qx + qx, qy + qy, qz + qz
        wx, wy, wz = w * x, w * y, w * z
        xx, xy, xz, yy, yz, zz = qx * x, qx * y, qx * z, qy * y, qy * z, qz * z
        return (
            (1.0 - (yy + zz), xy - wz, xz + wy),
            (xy + wz, 1.0 - (xx + zz), yz - wx),
            (xz - wy, yz + wx, 1.0 - (xx + yy)),
        )

    def _move(self, begin: list[float], slope: list[float], h: float, speeds: list[float], share: float) -> None:
        """Moves the body from `begin` `[13]` along `slope` `[13]` for `h` seconds, and the rotors towards `speeds`.

        `share` is the fraction of the way to their commands that the rotors cover in half a step.
        """
        moved = [number + h * rate for number, rate in zip(begin, slope, strict=True)]
        w, x, y, z = moved[6:10]
        norm = math.sqrt(w * w + x * x + y * y + z * z)
        rotors = [speed + share * (goal - speed) for speed, goal in zip(self.rotors, speeds, strict=True)]
        self.state = [*moved[:6], w / norm, x / norm, y / norm, z / norm, *moved[10:], *rotors]

    def _slope(self) -> list[float]:
        """The time derivatives `[13]` of position, velocity, attitude and body rates."""
        force, torque = self._wrench()
        x_row, y_row, z_row = self.rotation()
        w, x, y, z = self.attitude
        roll, pitch, yaw = self.rates
        ix, iy, iz = self.inertia_x, self.inertia_y, self.inertia_z
        return [
            *self.velocity,
            _dot(x_row, force) / self.mass,
            _dot(y_row, force) / self.mass,
            _dot(z_row, force) / self.mass - self.gravity,
            -0.5 * (x * roll + y * pitch + z * yaw),
            0.5 * (w * roll + y * yaw - z * pitch),
            0.5 * (w * pitch + z * roll - x * yaw),
            0.5 * (w * yaw + x * pitch - y * roll),
            (torque[0] + (iy - iz) * (pitch * yaw)) / ix,
            (torque[1] + (iz - ix) * (roll * yaw)) / iy,
            (torque[2] + (ix - iy) * (roll * pitch)) / iz,
        ]

    def _wrench(self) -> tuple[Vector, Vector]:
        """Force (N) and torque (N m) of the four rotors in the body's frame."""
        m, (vx, vy, vz) = self.rotation(), self.velocity
        air_x, air_y, air_z = (m[0][axis] * vx + m[1][axis] * vy + m[2][axis] * vz for axis in range(3))
        roll, pitch, yaw = self.rates
        reach = self.arm * 0.7071067811865476
        force_x = force_y = force_z = torque_x = torque_y = torque_z = 0.0
        for w, (forward, left, turn) in zip(self.rotors, CORNERS, strict=True):
            at_x, at_y = reach * forward, reach * left
            along_x = -(self.drag_coefficient * w * (air_x - yaw * at_y))
            along_y = -(self.drag_coefficient * w * (air_y + yaw * at_x))
            inflow = self.inflow_coefficient * w * (air_z + (roll * at_y - pitch * at_x))
            up = self.thrust_coefficient * (w * w) - inflow
            force_x, force_y, force_z = force_x + along_x, force_y + along_y, force_z + up
            torque_x += at_y * up
            torque_y -= at_x * up
            torque_z = torque_z + (at_x * along_y - at_y * along_x) + self.torque_coefficient * (w * w) * turn
        return (force_x, force_y, force_z), (torque_x, torque_y, torque_z)

    def _from_goal(self) -> Vector:
        x, y, z = self.position
        return x - self.goal_x, y - self.goal_y, z - self.goal_z

    def _reward(self) -> float:
        cost = (
            self.position_cost * _dot(self._from_goal(), self._from_goal())
            + self.velocity_cost * _dot(self.velocity, self.velocity)
            + self.rate_cost * _dot(self.rates, self.rates)
        )
        return 1.0 / (1.0 + cost)

    def _is_over(self) -> bool:
        x, y, z = self.position
        outside = abs(x) > self.half_width or abs(y) > self.half_width or not 0.0 <= z <= self.ceiling
        return outside or max(abs(rate) for rate in self.rates) > self.max_rate

    def _observe(self) -> np.ndarray:
        matrix = [min(max(entry, -1.0), 1.0) for row in self.rotation() for entry in row]  # rounding may exceed 1
        rotors = [w / self.max_rotor_speed for w in self.rotors]
        return np.array([*self._from_goal(), *self.velocity, *matrix, *self.rates, *rotors], np.float32)

    def render(self) -> np.ndarray:
        """A frame `[400, 480, 3]` uint8: the box, the goal as a cross, and the quadrotor enlarged eight times."""
        return draw(
            np.array(self.position),
            np.array(self.rotation()),
            np.square(np.array(self.rotors) / self.max_rotor_speed),
            goal=np.array([self.goal_x, self.goal_y, self.goal_z]),
            arm=self.arm,
            half_width=self.half_width,
            ceiling=self.ceiling,
        )

    def close(self) -> None:
        """Does nothing: frames are drawn off screen."""


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
