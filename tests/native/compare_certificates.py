"""Compares the certificates of another system with this machine's and prints a line for each environment and each
kind of training, which has no float64.

`make neon`, `make windows` and `make wasm` run it over their folder. It holds the output of certificates.c on the other
system (`hashes`) and here (`hashes-here`), and the output of rounded.c here (`rounded`).
"""

from __future__ import annotations

import sys
from pathlib import Path

Hashes = dict[str, dict[str, str]]


def read_hashes(listing: Path) -> Hashes:
    """The hash of every environment and kind of training on every target: `{name: {target: hash}}`."""
    hashes: Hashes = {}
    for line in listing.read_text().splitlines():
        name, target, value = line.split()
        hashes.setdefault(name, {})[target] = value
    return hashes


def read_rounded(listing: Path) -> dict[str, list[str]]:
    """The functions called by an environment's exact build whose last bit differs between libms, by environment."""
    lines = [line.split() for line in listing.read_text().splitlines()]
    return {words[0]: words[1:] for words in lines}


def compare(here: Hashes, there: Hashes, rounded: dict[str, list[str]]) -> tuple[list[str], list[str]]:
    """A line for each name, with its hashes there and a comparison of float64's, and a line for each fault."""
    lines: list[str] = []
    faults: list[str] = []
    if set(here) != set(there):
        faults.append(f"certificates: {sorted(here)} here, {sorted(there)} there")
    for name in sorted(set(here) & set(there)):
        fast = {target: value for target, value in there[name].items() if target != "exact"}
        faults += [
            f"{name}: float32 on {target} is {value}, here {here[name]['scalar']}"
            for target, value in fast.items()
            if value != here[name]["scalar"]
        ]
        line = f"{name} {'/'.join(fast)} {fast['scalar']}"
        if "exact" not in here[name]:
            lines.append(line)
            continue
        exact, equal = there[name]["exact"], there[name]["exact"] == here[name]["exact"]
        if not equal and not rounded[name]:
            faults.append(f"{name}: float64 is {exact}, here {here[name]['exact']}, but it needs no libm")
        why = "as here" if equal else f"another libm's {', '.join(rounded[name])}"
        lines.append(f"{line} exact {exact} {why}")
    return lines, faults


def main(folder: Path) -> int:
    hashes = read_hashes(folder / "hashes-here"), read_hashes(folder / "hashes")
    lines, faults = compare(*hashes, read_rounded(folder / "rounded"))
    print("\n".join(lines))
    if faults:
        print("\n".join(faults), file=sys.stderr)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
