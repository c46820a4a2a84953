"""Policies and value functions, and the distributions that they act by."""
