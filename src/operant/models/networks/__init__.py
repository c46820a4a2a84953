"""Policies, value functions and distributions."""
