"""Memory for rollouts of T steps of N environments, shared between the core, NumPy and torch.

torch is imported on first use, by `RolloutBuffer.tensors` and by `GpuBuffer`.
"""

from operant.rollout.buffer import RolloutBuffer
from operant.rollout.gpu_buffer import GpuBuffer
from operant.rollout.tensors import Tensors

__all__ = ["GpuBuffer", "RolloutBuffer", "Tensors"]
