"""Rollouts collected from any source of environments."""
