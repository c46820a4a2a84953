"""Batches presented as Gymnasium's and PettingZoo's environments."""
