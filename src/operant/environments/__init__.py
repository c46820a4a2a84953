"""Batches presented as `gymnasium.vector.VectorEnv`, `gymnasium.Env`, PettingZoo's classes and in send/recv form."""
