"""README and docs agree with the code."""

import re
import runpy
from pathlib import Path

import pytest
from properties.test_fast_step import ULPS

ROOT = Path(__file__).parent.parent
HASHES = runpy.run_path(str(ROOT / "docs" / "hashes.py"))


def table(page: str, heading: str) -> dict[str, list[str]]:
    """The rows of the table with a column heading, by their first cell."""
    text = (ROOT / "docs" / page).read_text()
    lines = text[text.index(heading) :].splitlines()[2:]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines[: lines.index("")]]
    return {cells[0]: cells[1:] for cells in rows}


def test_the_readme_is_short_and_shows_three_pictures():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) < 120
    assert len(re.findall(r"!\[.+\]\(docs/pictures/|<img [^>]*src=\"docs/pictures/", text)) == 3


@pytest.mark.check
def test_exactness_states_the_hashes_that_are_computed():
    page = (ROOT / "docs" / "exactness.md").read_text()
    assert HASHES["completed"](page, HASHES["computed"]()) == page, "make hashes adds a missing row"


def test_make_hashes_adds_what_is_new_removes_what_is_gone_and_keeps_what_is_promised():
    page = "Above.\n\n| certificate | float32 |\n| --- | --- |\n| `a` | `12` |\n| `b` | `34` |\n\nBelow.\n"
    assert HASHES["completed"](page, {"a": "12", "c": "56"}) == page.replace("| `b` | `34` |", "| `c` | `56` |")
    with pytest.raises(
        ValueError, match=r"b computes other numbers than exactness\.md promises: its hash is 35, not 34"
    ):
        HASHES["completed"](page, {"a": "12", "b": "35"})


def test_exactness_states_the_tested_ulps():
    stated = table("exactness.md", "| environment | state |")
    tested = {
        header: [", ".join(map(str, of["state"])), ", ".join(map(str, of["observation"])), str(of["reward"])]
        for header, of in ULPS.items()
    }
    assert stated == tested


def test_every_file_that_a_page_links_to_exists():
    for page in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name} links to {target}"
