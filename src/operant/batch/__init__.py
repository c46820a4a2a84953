"""N environments in memory: opening, stepping, seeds, actions, snapshots."""
