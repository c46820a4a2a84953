"""Each rule finds the defect planted for it, shows it in a program that fails, and finds nothing elsewhere."""

import re
from pathlib import Path

import pytest
from walks import DEFECTS, FOLLOWING, RIGHT

from operant.doctor import examine
from operant.doctor.rules import RULES

STEPS = 40  # a walk is shorter
LONGEST = 17  # the most statements of a reproduction, without imports


@pytest.mark.parametrize("name", RIGHT)
def test_a_correct_environment_has_no_finding(name):
    assert examine(RIGHT[name]) == []


def test_a_defect_is_planted_for_every_rule():
    rules = {rule.name for rule in RULES} - {"spec-remakes"}  # only ids have a spec: see test_examine.py
    assert {name.partition(",")[0] for name in DEFECTS} == rules | {"make"}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_found_and_its_reproduction_fails_in_the_same_way(name):
    rule = name.partition(",")[0]
    findings = {finding.rule: finding for finding in examine(DEFECTS[name], steps=STEPS)}
    assert findings.keys() == {rule} | FOLLOWING.get(rule, set())
    for finding in findings.values():
        if finding.rule == "not-examined":
            continue
        statements = [line for line in finding.reproduction.splitlines() if line and " import " not in line]
        assert len(statements) <= LONGEST, finding.reproduction
        with pytest.raises(Exception) as raised:
            exec(finding.reproduction, {"make": DEFECTS[name]})
        said = " ".join(str(raised.value).split())
        call = finding.sentence.partition(" raises ")[0]
        assert finding.sentence in (said, f"{call} raises {raised.type.__name__}: {said}")


def test_the_page_lists_every_rule():
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    section = page[page.index("## What it looks at") : page.index("**When an episode begins**")]
    assert set(re.findall(r"`([a-z-]+)`", section)) - {"reset", "step"} == {rule.name for rule in RULES} | {"make"}
