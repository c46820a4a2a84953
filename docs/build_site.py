"""Builds the site in build/docs: `make docs`.

The pages of this folder, CHANGELOG.md, CONTRIBUTING.md, SECURITY.md and the notebooks of examples/ are copied to
build/docs-source. Links to other files of the repository become links to pages that show those files. Pages of the
environments and of the public modules are made there, and the live pages, which Sphinx copies as they are. Sphinx
executes the notebooks, and any warning is an error.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import environment_pages
import live
import pictures
import reference_pages

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SOURCE = ROOT / "build" / "docs-source"
SITE = ROOT / "build" / "docs"
AS_THEY_ARE = ROOT / "build" / "docs-as-they-are"
"""The files that Sphinx copies into the site: conf.py names the folder, too."""

PROJECT = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
PICTURES = (".png", ".svg", ".webp")
LANGUAGES = {".c": "c", ".h": "c", ".py": "python", ".toml": "toml", ".mjs": "javascript"}
LINK = re.compile(r"(?<=\]\()(?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?(?=\))")
LIVE_LINK = re.compile(r"\[([^\]]+)\]\((live/[^)\s]+)\)")
LIVE_NAME = re.compile(rf"`(({'|'.join(live.TITLES)})\.html)`")
LIVE_EMBEDDED = re.compile(rf"^<!-- live: ({'|'.join(live.TITLES)}) -->$", re.MULTILINE)

NOTEBOOKS = ("first_steps", "train_and_compare", "own_environment", "study")
NAVIGATION = {
    "Tutorials": tuple(
        f"tutorials/{name}"
        for name in ("first-batch", "stable-baselines3", "own-environment", "mujoco", "train-and-resume")
    ),
    "Notebooks": tuple(f"notebooks/{name}" for name in NOTEBOOKS),
    "How-to guides": (
        *("integrations", "training", "studies", "add-an-environment", "add-an-algorithm", "vectorize", "mujoco"),
        *("gpu", "doctor", "live", "c"),
    ),
    "Reference": ("all-environments", "reference"),
    "Explanations": ("comparison", "when-not-to-use-it", "environments", "architecture", "exactness", "benchmarks"),
    "Project": ("platforms", "changelog", "contributing", "security"),
}


class Pages:
    """The pages of the site as MyST sources, by their path without ".md"."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def add(self, name: str, text: str, origin: Path) -> None:
        """Adds a page whose links are relative to the file `origin`, in the repository.

        Links to live/NAME.html, which only the site has, become HTML, because MyST would look for a source.
        """

        def link_live(found: re.Match[str]) -> str:
            return f'<a href="{os.path.relpath(found[2], Path(name).parent)}">{found[1]}</a>'

        def link(found: re.Match[str]) -> str:
            target = (origin.parent / found[1]).resolve()
            if target.suffix in PICTURES:
                return os.path.relpath(SOURCE / target.relative_to(DOCS), (SOURCE / name).parent)
            ending = ".ipynb" if target.suffix == ".ipynb" else ".md"
            return f"{os.path.relpath(self.page_of(target), Path(name).parent)}{ending}{found[2] or ''}"

        self.texts[name] = LINK.sub(link, LIVE_LINK.sub(link_live, text))

    def page_of(self, file: Path) -> str:
        """The name of the page that shows a file of the repository."""
        place = file.relative_to(ROOT)
        if file.suffix == ".md":
            return place.stem.lower() if place.name in PROJECT else str(place.relative_to("docs").with_suffix(""))
        if file.suffix == ".ipynb":
            return f"notebooks/{file.stem}"
        name = f"source/{place}"
        if name not in self.texts:
            shown = f"````{LANGUAGES.get(file.suffix, 'text')}\n{file.read_text()}````\n"
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


def with_live_pages(text: str) -> str:
    """A text in which the names of live pages are links, and comments `<!-- live: NAME -->` are the pages themselves.

    A page is loaded when a reader unfolds it. Elsewhere, as on a forge, the text says enough without them.
    """

    def embed(found: re.Match[str]) -> str:
        title = live.TITLES[found[1]]
        frame = f'<iframe src="live/{found[1]}.html" title="{title}" loading="lazy"></iframe>'
        return f'<details class="live"><summary>Run it here: {title.lower()}</summary>\n{frame}\n</details>'

    return LIVE_EMBEDDED.sub(embed, LIVE_NAME.sub(r"[`\1`](live/\1)", text))


def toctrees() -> str:
    """The navigation, as the landing page holds it."""
    placed = {name for names in NAVIGATION.values() for name in names} | {"index"}
    new = tuple(sorted(path.stem for path in DOCS.glob("*.md") if path.stem not in placed))
    guides = {"How-to guides": (*NAVIGATION["How-to guides"], *new)}
    return "\n".join(toctree(names, caption) for caption, names in (NAVIGATION | guides).items())


def toctree(names: Iterable[str], caption: str = "") -> str:
    """A part of the navigation, which the page itself does not show."""
    title = f":caption: {caption}\n" if caption else ""
    return f"\n```{{toctree}}\n:hidden:\n{title}\n" + "\n".join(names) + "\n```\n"


def collect() -> Pages:
    """All pages of the site."""
    pages = Pages()
    for path in [*DOCS.rglob("*.md"), *(ROOT / name for name in PROJECT)]:
        text = path.read_text()
        if path.name in ("index.md", "live.md"):
            text = with_live_pages(text)
        pages.add(pages.page_of(path), text + toctrees() if path.name == "index.md" else text, path)
    written_here = DOCS / "index.md"
    for name, spec in environment_pages.specs().items():
        pages.add(f"environments/{name}", environment_pages.page(spec), written_here)
    children = [f"environments/{name}" for names in environment_pages.groups().values() for name in names]
    pages.add("all-environments", environment_pages.index() + toctree(children), written_here)
    reference_pages.import_without_frameworks()
    for module in reference_pages.MODULES:
        pages.add(reference_pages.page_name(module), reference_pages.page(module), written_here)
    children = [reference_pages.page_name(module) for module in reference_pages.MODULES]
    pages.add("reference", reference_pages.index() + toctree(children), written_here)
    return pages


def hosted(name: str, notebook: str, home: str) -> str:
    """The text of a notebook, with a link that opens it in Colab if the project's home is on GitHub."""
    forge = "https://github.com/"
    if not home.startswith(forge):
        return notebook
    content = json.loads(notebook)
    address = f"https://colab.research.google.com/github/{home.removeprefix(forge)}/blob/main/examples/{name}.ipynb"
    content["cells"][0]["source"] += [f"\n\n[Open it in Colab]({address})"]
    return json.dumps(content)


def main(arguments: list[str]) -> int:
    """Builds the site; `arguments` go to Sphinx."""
    from sphinx.cmd.build import main as sphinx

    collect().write()
    shutil.copytree(DOCS / "pictures", SOURCE / "pictures", dirs_exist_ok=True)
    for name, spec in pictures.specs().items():
        if not (SOURCE / "pictures" / f"{name}.webp").exists():  # a new environment
            pictures.draw(spec, SOURCE / "pictures", train=False)
    live.write(AS_THEY_ARE / "live")
    (SOURCE / "notebooks").mkdir(exist_ok=True)
    for name in NOTEBOOKS:
        text = (ROOT / "examples" / f"{name}.ipynb").read_text()
        (SOURCE / "notebooks" / f"{name}.ipynb").write_text(hosted(name, text, os.environ.get("OPERANT_HOME_PAGE", "")))
    # Notebooks call the command of this environment.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # Their pictures belong into the page, whichever backend the caller's environment names.
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    options = ["--quiet", "--fail-on-warning", "--keep-going", "-c", str(DOCS)]
    return sphinx([*options, *arguments, "-d", str(SITE.with_name("docs-doctrees")), str(SOURCE), str(SITE)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
