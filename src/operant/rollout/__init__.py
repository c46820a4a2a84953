"""Advantages and returns of rollouts, computed in C, and the buffers and normalisers around them."""

from operant.rollout.advantages import discounted_returns, gae, vtrace

__all__ = ["discounted_returns", "gae", "vtrace"]
