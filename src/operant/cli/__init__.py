"""The `operant` command."""
