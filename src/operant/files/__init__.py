"""Reads and writes files: atomically, and TOML."""
