"""`operant check`: runs the conformance checks on one environment."""

from __future__ import annotations

import argparse
import functools
import textwrap
from collections.abc import Callable, Mapping

from operant.cli.names import full_id
from operant.cli.parser import Parser, number
from operant.conformance import CHECKS, Failed, checks_of
from operant.conformance.parity import parity
from operant.conformance.sanitize import sanitize
from operant.conformance.training import check_training, training_kinds
from operant.engines.batch import opened_spec
from operant.environments.lookup import find_spec
from operant.environments.register import check_parameters
from operant.headers.library import TASK, build
from operant.messages import printable_lines, unknown
from operant.spec import EnvSpec

DESCRIPTION = """\
Checks that an environment keeps operant's promises, and prints the results: the same bits on every instruction set and
in the GPU code, with any batch size and number of threads; episodes that depend only on the seed and the actions; no
NaN; observations within their bounds; autoreset; snapshots. If the descriptor names a reference class, the float64
build must return the same numbers as that class. ENV is a header, or an id of an operant environment. `operant check
training` trains each kind of network and action shortly by PPO in the core: the weights are the same bits on every
instruction set and with any number of threads. The hashes that it prints are in docs/exactness.md.
"""
PROGRAM = "operant check"
TRAINING = "training"
RULES = {name: (check.__doc__ or "").splitlines()[0] for name, check in CHECKS.items()} | {
    "parity": "The float64 build matches the reference class bit for bit.",
    "sanitize": "AddressSanitizer and UBSan find nothing; with --sanitize.",
}


def command(argv: list[str]) -> int:
    """Runs the checks; the exit code is 0, or 1 if one fails."""
    parser = Parser(
        PROGRAM,
        description=DESCRIPTION,
        epilog="checks:\n" + "\n".join(f"  {name:12} {rule}" for name, rule in RULES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "environment", metavar="ENV", help="a header such as lander.h, cartpole, an id such as CartPole-v1, or training"
    )
    parser.add_argument(
        "--sanitize", action="store_true", help="also run under AddressSanitizer and UBSan, in a process of its own"
    )
    parser.add_argument("--only", metavar="CHECK", nargs="+", help="run only these checks")
    parser.add_argument(
        "--tolerance", metavar="X", type=number, default=0.0, help="relative tolerance of parity (0: all bits)"
    )
    options = parser.parse(argv)
    if options.environment == TRAINING:
        if options.only or options.sanitize or options.tolerance:
            parser.error("--only, --sanitize and --tolerance are for environments: leave them out")
        return _run(TRAINING, {kind: functools.partial(check_training, kind) for kind in training_kinds()})
    names = [*(options.only or RULES.keys() - {"sanitize"}), *(["sanitize"] if options.sanitize else [])]
    for name in names:
        if name not in RULES:
            parser.error(unknown("check", name, RULES))
    if not 0 <= options.tolerance < 1:
        parser.error(f"--tolerance {options.tolerance} must be from 0 to 1")
    spec = _find(options.environment)
    if not spec.reference and not options.only:
        names.remove("parity")
    for name in options.only or (["sanitize"] if options.sanitize else []):
        if spec.engine and name not in checks_of(spec):
            parser.error(f"check {name!r} is not for {spec.id}, which is computed by {spec.engine}: leave it out")
    if "sanitize" in names and not spec.source:
        raise ValueError(f"--sanitize is for your own headers: `make sanitize` checks the built-in {spec.id}")
    checks = checks_of(spec) | {"parity": functools.partial(parity, tolerance=options.tolerance), "sanitize": sanitize}
    failed = _run(spec.id, {name: functools.partial(checks[name], spec) for name in checks if name in names})
    if not spec.reference and not options.only and not spec.engine:
        print("parity was not checked: the descriptor names no reference class")
    return failed


def _find(name: str) -> EnvSpec:
    """Returns the spec. A user's header is compiled, and the compiler's warnings are printed."""
    spec = find_spec(full_id(name, also=(TRAINING,)))
    if spec.source:
        warnings = build(spec.source, extra=(TASK,) if spec.engine else ()).warnings
        if warnings:
            print(printable_lines(warnings))
        check_parameters(spec)
    return opened_spec(spec) if spec.engine else spec


def _run(subject: str, checks: Mapping[str, Callable[[], str]]) -> int:
    """Prints a line for each check of a subject; returns the exit code."""
    failed, width = 0, max(12, *map(len, checks))
    for name, check in checks.items():
        try:
            print(f"ok    {name:{width}} {check()}", flush=True)
        except Failed as found:
            failed += 1
            print(f"FAIL  {name:{width}} {RULES.get(name, 'The weights have the same bits everywhere.')}")
            print(textwrap.indent(str(found), " " * 6), flush=True)
    print(f"{subject}: {len(checks) - failed} of {len(checks)} checks hold")
    return 1 if failed else 0
