"""Writing files atomically; reading and writing TOML."""
