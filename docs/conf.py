"""Configures Sphinx for the pages that build_site.py collects; `make docs` builds the site in build/docs."""

import importlib.metadata
import pathlib
import re
from typing import Any

from sphinx.ext.napoleon.docstring import GoogleDocstring

project = "operant"
release = importlib.metadata.version("operant")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
myst_heading_anchors = 4
nb_execution_mode = "cache"
nb_execution_cache_path = str(pathlib.Path(__file__).resolve().parent.parent / "build" / "docs-notebooks")
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

default_role = "code"  # our docstrings mark code by single backticks, as Markdown does
napoleon_use_ivar = True
napoleon_google_docstring = napoleon_numpy_docstring = False  # as_restructured_text reads Google's form
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = "operant"
html_show_copyright = False
html_static_path = ["static"]
html_extra_path = [str(pathlib.Path(__file__).resolve().parent.parent / "build" / "docs-as-they-are")]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}


def as_restructured_text(
    app: Any, what: str, name: str, documented: object, options: Any, lines: list[str], *_: object
) -> None:
    """Rewrites a docstring: our code blocks are indented as in Markdown, and asterisks are only that.

    Indented lines after an empty one are code, unless they continue a section such as "Args:". A property is treated
    as a method, because Sphinx would take the beginning of a first line with a colon for its type.
    """
    result: list[str] = []
    in_section = in_code = False
    for line in lines:
        indented = line.startswith("    ")
        if line.strip() and not indented:
            in_section, in_code = bool(re.fullmatch(r"(Args|Attributes|Raises|Returns|Yields):", line)), False
        if indented and not in_section and not in_code and (not result or not result[-1]):
            result += [".. code-block:: python", ""]
            in_code = True
        if not in_code:
            line = re.sub(r"(`[^`]+`)(?=\w)", r"\1\\ ", line)  # as in a plural
            parts = re.split(r"(`[^`]*`)", line)
            line = "".join(part if part.startswith("`") else re.sub(r"\*+(?!\w+:)", r"\\*", part) for part in parts)
        result.append(line)
    kind = "method" if what in ("property", "attribute", "data") else what
    described = GoogleDocstring(result, app.config, app, kind, name, documented, options).lines()
    lines[:] = [re.sub(r"^(:param \w+: [A-Za-z])\.$", r"\1\\.", line) for line in described]  # "N." is no list
    lines.append("")


def setup(app: Any) -> None:
    """Registers the rewriting of docstrings."""
    app.connect("autodoc-process-docstring", as_restructured_text)
