"""The live pages open from disk in a browser: they run, and their hashes are right."""

import re
import sys
from pathlib import Path

import pytest
from browser import Browser
from building import ROOT, make, needs, run

from operant.cli.main import main

pytestmark = pytest.mark.test_all("compiles the core for WebAssembly, and needs a browser")

PAGES = ("gallery", "learn", "disturb")
RIGHT = "✓ the bits of every other machine"
# The number of colours in the middle of a canvas: of an empty one it is 1.
COLOURS = """(() => {
    const canvas = document.querySelector("#canvas");
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(new Uint32Array(pixels.buffer)).size;
})()"""


@pytest.fixture(scope="module")
def folder():
    needs("chromium", "chromium")
    make("web", "INSTALLED=", f"BIN={Path(sys.executable).parent}")
    return ROOT / "build" / "web"


@pytest.fixture(scope="module")
def browser(folder):
    with Browser() as opened:
        opened.look()
        yield opened


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_one_file_that_runs_with_vectors_and_without(folder, browser, name):
    text = (folder / f"{name}.html").read_text()
    assert len(text) < 1_500_000
    assert not re.search(r"\b(src|href)=|https?:", text)
    for query, target in (("", "four lanes of simd128"), ("?scalar", "one lane")):
        browser.open(folder / f"{name}.html", query)
        assert target in browser.text("footer")
        assert browser.text("#verdict") == RIGHT
        browser.wait(f"{COLOURS} > 3")


def test_the_gallery_draws_every_environment_and_checks_its_hash(folder, browser):
    browser.open(folder / "gallery.html", "?count=16")
    names = browser.run("[...document.querySelectorAll('#environment option')].map((each) => each.value)")
    assert len(names) == 26
    for name in names:
        browser.choose("#environment", name)
        browser.wait(f"{COLOURS} > 2")
        assert browser.text("#hash").startswith(f"{name} ")
        assert browser.text("#verdict") == RIGHT
        browser.wait("document.documentElement.dataset.state === 'running' && /^[1-9]/.test(rate.textContent)")


def test_parameters_that_stand_for_something_else_have_no_slider(folder, browser):
    def sliders(name):
        browser.choose("#environment", name)
        return set(browser.run("[...document.querySelectorAll('#parameters input')].map((each) => each.name)"))

    browser.open(folder / "gallery.html", "?count=1")
    assert sliders("frozen_lake") == {"is_slippery", "success_rate", "goal_reward", "hole_reward", "frozen_reward"}
    cartpole = sliders("cartpole")
    assert {"gravity", "half_length", "low"} < cartpole and not {"total_mass", "pole_moment"} & cartpole


def test_a_slider_of_the_gallery_changes_the_physics(folder, browser):
    browser.open(folder / "gallery.html", "?environment=cartpole")
    browser.choose("#speed", "0")
    browser.choose("#count", "64")  # a new batch, which stands still
    browser.choose("[name=theta_limit]", "0")
    assert browser.run("document.querySelector('[name=theta_limit] ~ output').textContent") == "0 rad"
    browser.choose("#speed", "4")
    browser.wait("+episodes.textContent.replaceAll(',', '') > 640")
    assert browser.text("#return") == "1"  # every pole is beyond the limit after one step


@pytest.mark.parametrize("query", ["?seed=1", "?seed=1&scalar"])
def test_the_policy_that_learns_solves_cartpole_with_the_same_weights(folder, browser, query):
    browser.open(folder / "learn.html", query)
    browser.choose("#pace", "1000")
    browser.wait("document.documentElement.dataset.solved")
    assert re.fullmatch(
        r"Solved after [\d,]+ steps and [\d.]+ seconds: 100 of 100 episodes last until the time limit\.",
        browser.text("#outcome"),
    )
    assert (browser.text("#steps"), browser.text("#weights")) == ("32,768", "20a43fadfbbd118c")
    browser.run("document.querySelector('#again').click()")
    assert browser.text("#seed") == "2"
    browser.wait("document.documentElement.dataset.solved")


def test_the_mouse_pushes_a_cart(folder, browser):
    browser.open(folder / "disturb.html", "?count=1")
    x, y, width, height = browser.run(
        "(() => { const b = document.querySelector('#canvas').getBoundingClientRect();"
        " return [b.x, b.y, b.width, b.height]; })()"
    )
    browser.mouse("mousePressed", x + width / 4, y + height / 2)
    assert browser.run("document.documentElement.dataset.pushes") == "1"
    browser.mouse("mouseMoved", x + width / 2, y + height / 2)
    assert browser.run("document.documentElement.dataset.pushes") == "2"
    browser.mouse("mouseReleased", x + width / 2, y + height / 2)
    browser.mouse("mouseMoved", x + width / 4, y + height / 2)
    assert browser.run("document.documentElement.dataset.pushes") == "2"
    browser.wait("+episodes.textContent >= 1")  # two hard pushes to the right


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone_and_has_dark_colours(folder, browser, name):
    try:
        browser.look(360, 740, "dark")
        browser.open(folder / f"{name}.html")
        assert browser.run("document.documentElement.scrollWidth") <= 360
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 28)"
    finally:
        browser.look()


@pytest.mark.parametrize("name", PAGES)
def test_without_webassembly_a_page_says_so(folder, browser, name):
    with browser.before("delete globalThis.WebAssembly"):
        browser.open(folder / f"{name}.html", state="refused")
    assert browser.text("#status") == "This browser has no WebAssembly, or it is switched off. This page needs it."
    assert browser.run("document.querySelector('#main').hidden")


@pytest.mark.parametrize("lacking", ["WebAssembly.validate = () => false", "delete globalThis.DecompressionStream"])
def test_a_browser_without_vectors_takes_the_scalar_module(folder, browser, lacking):
    with browser.before(lacking):
        browser.open(folder / "gallery.html")
    assert "one lane" in browser.text("footer")
    assert browser.text("#verdict") == RIGHT


def test_a_page_that_fails_says_why(folder, browser):
    with browser.before("delete globalThis.Float32Array"):
        browser.open(folder / "disturb.html", state="refused")
    assert browser.text("#status") == "This page failed: Uncaught ReferenceError: Float32Array is not defined."


def test_an_exported_run_plays_in_a_page(folder, browser, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train = ["train", "operant/MountainCarContinuous-v0", "--timesteps", "20000", "--num-envs", "16"]
    assert main([*train, "--runs", "runs"]) == 0
    export = ["export", "--latest", "--runs", "runs", "--format", "html", "--out", "page.html"]
    # In a process where torch is not installed.
    program = f"import sys; sys.modules['torch'] = None; from operant.cli.main import main; main({export})"
    said = run(sys.executable, "-c", program)
    assert re.fullmatch(r"wrote page\.html: 0\.\d\d MB, which opens in any browser\n", said)
    assert Path("page.html").stat().st_size < 1_500_000
    browser.open(tmp_path / "page.html")
    assert browser.text("h1") == "A policy for MountainCarContinuous-v0"
    assert browser.text("#verdict") == RIGHT
    browser.wait("+steps.textContent.replaceAll(',', '') > 100")
    assert browser.run("document.querySelector('#which').hidden")
