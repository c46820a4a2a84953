"""`operant bench`: the benchmark in bench/, which parses its own options."""

from __future__ import annotations

from importlib import import_module


def command(argv: list[str]) -> int:
    """Forwards to `operant.bench.main.main`."""
    return int(import_module("operant.bench.main").main(argv) or 0)
