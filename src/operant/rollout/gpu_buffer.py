"""GpuBuffer: a rollout in torch tensors on the GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from operant.batch.batch import Batch
from operant.messages import NotCopyable
from operant.rollout.buffer import Allocate, RolloutBuffer
from operant.rollout.tensors import NAMES, Tensors

if TYPE_CHECKING:
    from operant.cuda.batch import CudaBatch
    from operant.rollout.device_buffer import DeviceBuffer


class GpuBuffer(NotCopyable):
    """A rollout in torch tensors on the GPU, with the interface of `RolloutBuffer`.

    For a batch on the CPU, `host` is the same rollout in CPU memory. The batch writes there, and each row is copied to
    the device as soon as it is written. The memory is pinned if there is a GPU; without one, `tensors` share it. A
    batch on the GPU needs no second copy: see `DeviceBuffer`.

    Args:
        *sizes, **options: as for `RolloutBuffer`.
        device: a torch device; None takes "cuda" if there is one, else "cpu".

    Attributes:
        tensors: the rollout on the device.
    """

    instead = "copy its tensors: tensors.observations.clone()"

    def __init__(self, *sizes: Any, device: Any = None, **options: Any):
        self._place(device, lambda allocate: RolloutBuffer(*sizes, **options, allocate=allocate))

    @classmethod
    def for_batch(cls, batch: Batch | CudaBatch, steps: int, device: Any = None) -> GpuBuffer | DeviceBuffer:
        """See `RolloutBuffer.for_batch`; for a `CudaBatch` makes a `DeviceBuffer` on that batch's device."""
        if not isinstance(batch, Batch):
            from operant.rollout.device_buffer import DeviceBuffer

            return DeviceBuffer(batch, steps)
        buffer = cls.__new__(cls)
        buffer._place(device, lambda allocate: RolloutBuffer.for_batch(batch, steps, allocate=allocate))
        return buffer

    def _place(self, device: Any, make_host: Callable[[Allocate], RolloutBuffer]) -> None:
        import torch

        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.host = make_host(_pinned if torch.cuda.is_available() else np.zeros)
        self.mirrored = self.device.type != "cpu"
        self.tensors = self.host.tensors
        if self.mirrored:
            by_name = self.host.tensors.__dict__
            self.tensors = Tensors({name: torch.zeros_like(by_name[name], device=self.device) for name in NAMES})
        self.steps, self.num_envs = self.host.steps, self.host.num_envs

    def begin(self, observations: Any = None) -> None:
        """See `RolloutBuffer.begin`."""
        self.host.begin(observations)
        self._upload("observations", 0)

    def step(self, t: int) -> None:
        """See `RolloutBuffer.step`: steps with `tensors.actions[t]`."""
        if self.mirrored:
            self.host.tensors.actions[t].copy_(self.tensors.actions[t])  # waits for the GPU
        self.host.step(t)
        self._upload_step(t)

    def record(self, t: int, observations: Any, rewards: Any, terminated: Any, truncated: Any) -> None:
        """See `RolloutBuffer.record`."""
        self.host.record(t, observations, rewards, terminated, truncated)
        self._upload_step(t)

    def compute_advantages(self, *, gamma: float, lam: float, workers: int = 1) -> None:
        """See `RolloutBuffer.compute_advantages`; computed on the CPU, to which the values are copied first."""
        if self.mirrored:
            for name in ("values", "final_values", "last_values"):
                getattr(self.host.tensors, name).copy_(getattr(self.tensors, name))
        self.host.compute_advantages(gamma=gamma, lam=lam, workers=workers)
        self._upload("advantages", ...)
        self._upload("returns", ...)

    def roll(self) -> None:
        """See `RolloutBuffer.roll`."""
        self.host.roll()
        self._upload("observations", 0)

    def _upload_step(self, t: int) -> None:
        self._upload("observations", t + 1)
        for name in ("rewards", "terminated", "truncated"):
            self._upload(name, t)

    def _upload(self, name: str, row: Any) -> None:
        if self.mirrored:
            getattr(self.tensors, name)[row].copy_(getattr(self.host.tensors, name)[row], non_blocking=True)


def _pinned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeros in pinned memory, from which a GPU copies without the CPU's help."""
    import torch

    array: np.ndarray = torch.from_numpy(np.zeros(shape, dtype)).pin_memory().numpy()
    return array
