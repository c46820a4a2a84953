"""Configures Sphinx for the pages that build_site.py collects; `make docs` builds the site in build/docs."""

import importlib.metadata

project = "operant"
release = importlib.metadata.version("operant")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
myst_heading_anchors = 4
nb_execution_mode = "off"

html_theme = "furo"
html_title = "operant"
