"""Notebooks install what they need where it is missing. The site's build runs them: tests/docs/test_site.py."""

import re

import nbformat
import pytest
from building import ROOT


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs_and_installs_what_is_missing(path):
    title, install, *cells = nbformat.read(path, as_version=4).cells
    assert title.source.startswith("# ") and not any(cell.get("outputs") for cell in (install, *cells))
    names = re.search(r"if not all\(map\(find_spec, \((.+)\)\)\):\n    %pip install -q \"?operant", install.source)[1]
    assert {"operant", "matplotlib"} <= set(re.findall(r'"(\w+)"', names))
