"""The site of the docs is built without a warning."""

import sys

import pytest
from building import ROOT, locked, run


@pytest.mark.test_all("builds the whole site")
def test_the_site_is_built_without_a_warning():
    with locked(ROOT / "build" / "locks" / "docs"):
        run(sys.executable, ROOT / "docs" / "build_site.py", "-E")
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert len(pages) > 10 and pages <= {path.stem for path in (ROOT / "build" / "docs").glob("*.html")}
