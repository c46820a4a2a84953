"""The Python snippets of docs/integrations.md, by section: what the page shows is what the tests run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "integrations.md"
LONGEST = 10


def snippets(section: str) -> list[str]:
    """The Python snippets under the heading `## section`, in order."""
    parts = re.split(r"^## (.+)\n", PAGE.read_text(), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    return re.findall(r"```python\n(.*?)```", sections[section], re.DOTALL)


def run_snippets(section: str) -> dict[str, Any]:
    """Executes a section's snippets one after another; returns the names that they leave."""
    found = snippets(section)
    assert found, f"docs/integrations.md has no Python snippet under {section!r}"
    names: dict[str, Any] = {"__name__": "snippet"}
    for snippet in found:
        assert len(snippet.splitlines()) <= LONGEST, f"a snippet of {section!r} is longer than {LONGEST} lines"
        exec(compile(snippet, f"{PAGE.name}:{section}", "exec"), names)
    return names
