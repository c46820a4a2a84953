"""Every public name is in the API reference, with a docstring; every environment has a page, with a picture."""

import inspect
import json
import re
import sys
from importlib import import_module

import gymnasium
import pytest
from building import ROOT

from operant.catalog import CATALOG, ENGINES, MULTIAGENT

sys.path.insert(0, str(ROOT / "docs"))
import charts
import environment_pages
import pictures
import reference_pages

# Imported by pages about the inside of operant.
INSIDE = r"operant\.(models\.|messages|reference\.)"


@pytest.fixture(scope="module", autouse=True)
def adapters():
    patched = (gymnasium.wrappers, gymnasium.wrappers.common)  # by RL-Zoo3, when it is imported
    kept = [module.TimeLimit for module in patched]
    reference_pages.import_without_frameworks()
    yield
    for name in ("operant.compat.pufferlib", "operant.compat.rllib"):
        sys.modules.pop(name)
    for module, time_limit in zip(patched, kept, strict=True):
        module.TimeLimit = time_limit


@pytest.mark.parametrize("module", reference_pages.MODULES)
def test_public_names_have_docstrings_and_are_in_the_reference(module):
    page, names = reference_pages.page(module), reference_pages.public_names(module)
    undocumented = []
    for name in names:
        value = getattr(import_module(module), name)
        assert f".{name}" in page
        if inspect.isclass(value) or inspect.isfunction(value):
            undocumented += [name] if not (value.__doc__ or "").strip() else []
        if inspect.isclass(value):
            members = reference_pages.public_members(value)
            undocumented += [f"{name}.{each}" for each in members if not reference_pages.documentation(value, each)]
    assert undocumented == [] and (names or module == "operant.compat.zoo")


def test_the_reference_has_every_adapter_and_what_the_docs_import():
    adapters = {path.stem for path in (ROOT / "compat").glob("*.py") if "_" not in path.stem}
    assert {f"operant.compat.{name}" for name in adapters} <= set(reference_pages.MODULES)
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    imports = {found for page in pages for found in re.findall(r"^from (operant[\w.]*) import", page.read_text(), re.M)}
    public = set(reference_pages.MODULES) | {"operant.compat"}
    assert "operant.envs" in imports and {name for name in imports - public if not re.match(INSIDE, name)} == set()


def test_every_environment_has_a_page_with_its_spaces_parameters_and_equations():
    specs = environment_pages.specs()
    assert len(specs) == len(CATALOG) + len(MULTIAGENT) + len(ENGINES)
    assert sorted(name for names in environment_pages.groups().values() for name in names) == sorted(specs)
    page = environment_pages.page(specs["pendulum-v1"])
    assert "| action space | `Box(-2.0, 2.0, (1,), float32)` |" in page
    assert "| `mass` | 1 | kg | 0.001 to 1e+06 | `m` |" in page
    assert "angle² + 0.1 angular velocity²" in page and "LANE_FN vm pendulum_step" in page
    assert "| M steps/s | 79.3 |" in environment_pages.page(specs["taxi-v4"])
    for name, spec in specs.items():
        page = environment_pages.page(spec)
        assert (
            f"| id | `{spec.full_id}` |" in page
            and "## Exactness" in page
            and "## Speed" in page
            and "## Equations" in page
        ), name


def test_pictures_are_small_and_each_environment_has_one():
    files = {path.name: path.stat().st_size for path in (ROOT / "docs" / "pictures").iterdir()}
    every = (*CATALOG.values(), *MULTIAGENT.values(), *ENGINES.values())
    assert {f"{spec.header}.webp" for spec in every} <= set(files)
    assert max(files.values()) < 150_000 and sum(files.values()) < 1_500_000


def test_the_chart_of_speed_is_drawn_from_a_report_of_operant_bench():
    folder = ROOT / "docs" / "pictures"
    report = json.loads((folder / "speed.json").read_text())
    assert charts.speed(report) == (folder / "speed.svg").read_text()
    assert report["machine"]["git"] in (ROOT / "docs" / "comparison.md").read_text()


def test_an_environment_without_a_picture_gets_one_of_random_actions(tmp_path):
    picture = pictures.draw(CATALOG["Bandit-v0"], tmp_path, train=False)
    assert picture.read_bytes()[8:12] == b"WEBP"
