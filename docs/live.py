"""Writes the live pages: `make web`, or `python docs/live.py FOLDER`. Each is one file that opens from disk."""

import sys
from pathlib import Path

from operant.catalog import specs_by_header
from operant.web.modules import load_modules
from operant.web.page import environment_facts, page

GALLERY = """<p>Every environment of operant, stepped in this page by the C core that <code>pip install operant</code>
has.</p>"""


def gallery() -> str:
    """Thousands of any environment at once."""
    facts = [environment_facts(spec) for spec in specs_by_header().values()]
    return page("gallery", "Thousands of environments at once", GALLERY, {"environments": facts}, load_modules())


PAGES = {"gallery": gallery}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (folder / f"{name}.html").write_text(make(), encoding="utf-8")
