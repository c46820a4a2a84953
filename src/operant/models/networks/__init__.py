"""Policies, value functions, and distributions over actions."""
