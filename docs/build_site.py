"""Builds the site in build/docs: `make docs`.

The pages of this folder, CHANGELOG.md, CONTRIBUTING.md and SECURITY.md are copied to build/docs-source. Links to other
files of the repository become links to pages that show those files.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SOURCE = ROOT / "build" / "docs-source"
SITE = ROOT / "build" / "docs"

PROJECT = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
LANGUAGES = {".c": "c", ".h": "c", ".py": "python", ".toml": "toml", ".mjs": "javascript"}
LINK = re.compile(r"(?<=\]\()(?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?(?=\))")

NAVIGATION = {
    "Guides": ("integrations", "training", "add-an-environment", "vectorize", "mujoco", "gpu", "doctor", "c"),
    "Environments": ("environments",),
    "Explanations": ("architecture", "exactness", "benchmarks", "add-an-algorithm"),
    "Project": ("changelog", "contributing", "security"),
}


class Pages:
    """The pages of the site as MyST sources, by their path without ".md"."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def add(self, name: str, text: str, origin: Path) -> None:
        """Adds a page whose links are relative to the file `origin`, in the repository."""

        def link(found: re.Match[str]) -> str:
            target = (origin.parent / found[1]).resolve()
            if target.suffix == ".png":
                return os.path.relpath(SOURCE / target.relative_to(DOCS), (SOURCE / name).parent)
            return f"{os.path.relpath(self.page_of(target), Path(name).parent)}.md{found[2] or ''}"

        self.texts[name] = LINK.sub(link, text)

    def page_of(self, file: Path) -> str:
        """The name of the page that shows a file of the repository."""
        place = file.relative_to(ROOT)
        if file.suffix == ".md":
            return place.stem.lower() if place.name in PROJECT else str(place.relative_to("docs").with_suffix(""))
        name = f"source/{place}"
        if name not in self.texts:
            shown = f"````{LANGUAGES[file.suffix]}\n{file.read_text()}````\n"
            self.texts[name] = f"---\norphan: true\n---\n\n# {file.name}\n\n`{place}`\n\n{shown}"
        return name

    def write(self) -> None:
        """Writes the pages that differ from those written before, and removes the others, so that Sphinx is quick."""
        wanted = {SOURCE / f"{name}.md": text for name, text in self.texts.items()}
        for path in SOURCE.rglob("*.md"):
            if path not in wanted:
                path.unlink()
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_text() != text:
                path.write_text(text)


def toctrees() -> str:
    """The navigation, as the landing page holds it."""
    trees = []
    for caption, names in NAVIGATION.items():
        trees.append(f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(names) + "\n```\n")
    return "\n".join(trees)


def collect() -> Pages:
    """All pages of the site."""
    pages = Pages()
    for path in [*DOCS.rglob("*.md"), *(ROOT / name for name in PROJECT)]:
        text = path.read_text()
        pages.add(pages.page_of(path), text + toctrees() if path.name == "index.md" else text, path)
    return pages


def main(arguments: list[str]) -> int:
    """Builds the site; `arguments` go to Sphinx."""
    from sphinx.cmd.build import main as sphinx

    collect().write()
    for name in ("pictures", "static"):
        if (DOCS / name).exists():
            shutil.copytree(DOCS / name, SOURCE / name, dirs_exist_ok=True)
    options = ["--quiet", "--fail-on-warning", "--keep-going", "-j", "auto", "-c", str(DOCS)]
    return sphinx([*options, *arguments, "-d", str(SITE.with_name("docs-doctrees")), str(SOURCE), str(SITE)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
