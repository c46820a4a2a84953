"""Completes the table of hashes in exactness.md: `make hashes` after an environment or a kind of training was added.

A hash that stands in the table is a promise. One that would change is refused.
"""

import re
from pathlib import Path

from operant.batch.core import trajectory_hash
from operant.catalog import header_names
from operant.conformance.certificate import TRAIN
from operant.conformance.training import training_hash, training_kinds

PAGE = Path(__file__).with_name("exactness.md")
TABLE = re.compile(r"(\| certificate \| float32 \|\n\| --- \| --- \|\n)((?:\|.*\|\n)*)")


def completed(page: str, hashes: dict[str, str]) -> str:
    """The page with a row for each name in `hashes`, and no others.

    Raises:
        ValueError: the page states another hash for one of them.
    """
    found = TABLE.search(page)
    assert found is not None
    stated = dict(re.findall(r"\| `([\w/]+)` \| `(\w+)` \|", found[2]))
    for name, value in hashes.items():
        if stated.get(name, value) != value:
            raise ValueError(
                f"{name} computes other numbers than {PAGE.name} promises: its hash is {value}, not {stated[name]}. If "
                "that is meant, remove its row first"
            )
    rows = "".join(f"| `{name}` | `{value}` |\n" for name, value in hashes.items())
    return page[: found.start(2)] + rows + page[found.end(2) :]


def computed() -> dict[str, str]:
    """The float32 hash of every environment and kind of training, which is the same on every target."""
    trajectories = {header: trajectory_hash(header, "scalar") for header in header_names()}
    trainings = {TRAIN + kind: training_hash(kind, "scalar") for kind in training_kinds()}
    return {name: f"{value:016x}" for name, value in (trajectories | trainings).items()}


if __name__ == "__main__":
    PAGE.write_text(completed(PAGE.read_text(), computed()))
