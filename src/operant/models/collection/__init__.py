"""Collects rollouts from any source of environments."""
