"""The site of the docs is built without a warning, and its live pages run."""

import os
import re
import sys
import time
from pathlib import Path

import pytest
from building import ROOT, locked, make, needs, run
from web.browser import Browser

sys.path.insert(0, str(ROOT / "docs"))
import build_site
import environment_pages

SITE = ROOT / "build" / "docs"

builds = pytest.mark.test_all("builds the whole site")


@pytest.fixture(scope="module")
def site():
    make("web-modules", "INSTALLED=", f"BIN={Path(sys.executable).parent}")
    # Another backend than notebooks', as a test that imported EnvPool before leaves it.
    environment = os.environ | {"MPLBACKEND": "Agg"}
    with locked(ROOT / "build" / "locks" / "docs"):
        run(sys.executable, ROOT / "docs" / "build_site.py", "-E", env=environment)
    return SITE


@builds
def test_the_site_is_built_without_a_warning(site):
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert len(pages) > 10 and pages <= {path.stem for path in site.glob("*.html")}


# What a notebook prints, and the number of its pictures.
NOTEBOOKS = {
    "first_steps": (r"equal in every bit: True", 1),
    "train_and_compare": (r"the same bits: True", 1),
    "own_environment": (r"10 of 10 checks hold", 1),
    "study": (r"30 of 30 .*ppo is better than narrow in steps to the goal, by 30 seeds on cartpole: ", 2),
}


@builds
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_prints_and_draws_what_it_promises(site, name):
    printed, pictures = NOTEBOOKS[name]
    text = (site / "notebooks" / f"{name}.html").read_text()
    assert re.search(printed, text, re.DOTALL)
    assert text.count('src="../_images/') == pictures
    assert set(NOTEBOOKS) == set(build_site.NOTEBOOKS) == {path.stem for path in (ROOT / "examples").glob("*.ipynb")}


@builds
def test_live_pages_run_from_disk_where_the_site_has_them(site):
    needs("chromium", "chromium")
    with Browser() as browser:
        browser.look()
        visit(browser, site / "index.html")
        assert (
            browser.run("performance.getEntriesByType('resource').filter((each) => /live/.test(each.name)).length") == 0
        )
        for number, name in enumerate(("learn", "gallery")):
            browser.run(f"document.querySelectorAll('details.live > summary')[{number}].click()")
            end = time.monotonic() + 60
            while f"live/{name}.html" not in str(browser.call("Page.getFrameTree")):
                assert time.monotonic() < end, f"the frame of {name} does not load"
                time.sleep(0.05)
        visit(browser, site / "environments" / "pendulum-v1.html")
        browser.run("document.querySelector('a[href*=gallery]').click()")
        browser.wait("document.documentElement?.dataset.state === 'running'")
        assert browser.run("document.querySelector('#environment').value") == "pendulum"
    engines = {name for name, spec in environment_pages.specs().items() if spec.engine}
    linked = {path.stem for path in (site / "environments").glob("*.html") if "live/gallery.html?" in path.read_text()}
    assert linked == set(environment_pages.specs()) - engines


def test_a_notebook_of_the_site_opens_in_colab_if_the_projects_home_is_known():
    notebook = (ROOT / "examples" / "first_steps.ipynb").read_text()
    assert build_site.hosted("first_steps", notebook, "") == notebook
    assert build_site.hosted("first_steps", notebook, "https://forge.example/a/b") == notebook
    linked = build_site.hosted("first_steps", notebook, "https://github.com/a/b")
    assert "(https://colab.research.google.com/github/a/b/blob/main/examples/first_steps.ipynb)" in linked


def visit(browser, path):
    """Opens a page that is not a live one."""
    browser.call("Page.navigate", url=path.as_uri())
    browser.wait(f"document.readyState === 'complete' && location.pathname.endsWith({path.name!r})")
