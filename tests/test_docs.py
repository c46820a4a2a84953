"""What README and docs say is what the code does."""

import re
from pathlib import Path
from typing import Any

import pytest
from properties.test_fast_step import ULPS

from operant.batch.core import trajectory_hash
from operant.catalog import header_names

ROOT = Path(__file__).parent.parent


def table(page: str, heading: str) -> dict[str, list[str]]:
    """The rows of the table under a column heading, by their first cell."""
    text = (ROOT / "docs" / page).read_text()
    lines = text[text.index(heading) :].splitlines()[2:]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines[: lines.index("")]]
    return {cells[0]: cells[1:] for cells in rows}


def test_every_python_snippet_of_the_readme_runs():
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(snippets) == 2
    names: dict[str, Any] = {}
    exec(snippets[0], names)
    assert names["observations"].shape == (4096, 4)
    exec(snippets[1], names)
    names["pool"].close()


@pytest.mark.check
def test_exactness_states_the_hashes_that_are_computed():
    stated = {name: cells[0] for name, cells in table("exactness.md", "| environment | float32 |").items()}
    assert stated == {header: f"{trajectory_hash(header, 'scalar'):016x}" for header in header_names()}


def test_exactness_states_the_ulps_that_are_tested():
    stated = table("exactness.md", "| environment | state |")
    tested = {
        header: [", ".join(map(str, of["state"])), ", ".join(map(str, of["observation"])), str(of["reward"])]
        for header, of in ULPS.items()
    }
    assert stated == tested


def test_every_file_that_a_page_links_to_is_there():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name} links to {target}"
