"""PPO in the core: `PPO(backend="native")`, which needs no torch."""
