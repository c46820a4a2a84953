"""`operant doctor`: finds the faults of any vector environment, operant's or another's."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import textwrap
from collections import Counter
from typing import Any

from operant.cli.names import full_id_of_short
from operant.cli.parser import Parser, integer
from operant.doctor import Finding, Severity, Subject, examine, from_id
from operant.doctor.subject import MODES, VECTORS
from operant.messages import unknown

DESCRIPTION = """\
Examines a vector environment: autoreset, final_obs, time limits, reused arrays, spaces, seeds, hidden resets, and more.
With each finding it prints the shortest Python program that reproduces it. The exit code is 1 if there are errors.
"""


def command(argv: list[str]) -> int:
    """Prints the findings; the exit code is 1 if one of them is an error."""
    parser = Parser("operant doctor", description=DESCRIPTION)
    parser.add_argument(
        "env_id",
        metavar="ENV_ID",
        help="cartpole, an id such as CartPole-v1 or package:Task-v0; or module:function, where function(num_envs) "
        "returns the vector environment",
    )
    parser.add_argument("--vector", metavar="KIND", help=f"{', '.join(VECTORS)} (default: make_vec's choice)")
    parser.add_argument("--autoreset-mode", metavar="MODE", help=f"{', '.join(MODES)} (default: the environment's own)")
    parser.add_argument(
        "--num-envs", metavar="N", type=integer, default=4, help="environments in the longest tests (4)"
    )
    parser.add_argument("--steps", metavar="T", type=integer, default=256, help="steps in the longest tests (256)")
    parser.add_argument("--seed", metavar="S", type=integer, default=0, help="seed of the resets (0)")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    options = parser.parse(argv)
    for name, given, known in (("vector", options.vector, VECTORS), ("autoreset mode", options.autoreset_mode, MODES)):
        if given not in (None, *known):
            parser.error(unknown(name, given, known))
    sys.path.insert(0, os.getcwd())  # finds the user's own module, as `python -m` does
    try:
        subject = from_id(full_id_of_short(options.env_id), options.vector, options.autoreset_mode)
        with contextlib.redirect_stdout(sys.stderr):  # the report does not include the environment's output
            findings = examine(subject, seed=options.seed, num_envs=options.num_envs, steps=options.steps)
    except ValueError as problem:
        parser.error(str(problem))
    if options.json:
        print(json.dumps(_record(subject, findings), indent=2))
    else:
        _print(subject, findings)
    return int(any(finding.severity is Severity.ERROR for finding in findings))


def _print(subject: Subject, findings: list[Finding]) -> None:
    counts = Counter(finding.severity for finding in findings)
    parts = [f"{counts[each]} {each.value}{'s' * (counts[each] > 1)}" for each in Severity if counts[each]]
    print(f"{subject.title}: {', '.join(parts) or 'nothing found'}")
    for finding in findings:
        print(f"\n{finding.severity.value}: {finding.sentence} [{finding.rule}]")
        if finding.reproduction:
            print("\n" + textwrap.indent(finding.reproduction.rstrip(), "    "))


def _record(subject: Subject, findings: list[Finding]) -> dict[str, Any]:
    return {
        "subject": subject.title,
        "findings": [
            {
                "rule": finding.rule,
                "severity": finding.severity.value,
                "sentence": finding.sentence,
                "reproduction": finding.reproduction or None,
            }
            for finding in findings
        ],
    }
