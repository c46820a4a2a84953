"""Advantages, running statistics and the buffers of rollouts."""

from operant.rollout.advantages import discounted_returns, gae, vtrace

__all__ = ["discounted_returns", "gae", "vtrace"]
