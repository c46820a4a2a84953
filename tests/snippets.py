"""The snippets of a page, by section: what the page shows is what the tests run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "integrations.md"
LONGEST = 10


def snippets(section: str, page: str = "integrations.md", language: str = "python") -> list[str]:
    """The snippets of a language under the heading `## section`, in order."""
    parts = re.split(r"^## (.+)\n", (DOCS / page).read_text(), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    return re.findall(rf"```{language}\n(.*?)```", sections[section], re.DOTALL)


def run_snippets(section: str, page: str = "integrations.md") -> dict[str, Any]:
    """Executes a section's Python snippets one after another; returns the names that they leave.

    One that begins with `# file.py` is written to that file instead.
    """
    found = snippets(section, page)
    assert found, f"docs/{page} has no Python snippet under {section!r}"
    names: dict[str, Any] = {"__name__": "snippet"}
    for snippet in found:
        file = re.match(r"# ([\w/]+\.py)\n", snippet)
        if file:
            Path(file[1]).parent.mkdir(parents=True, exist_ok=True)
            Path(file[1]).write_text(snippet)
            continue
        assert len(snippet.splitlines()) <= LONGEST, f"a snippet of {section!r} is longer than {LONGEST} lines"
        exec(compile(snippet, f"{page}:{section}", "exec"), names)
    return names
