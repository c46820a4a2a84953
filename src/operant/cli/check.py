"""`operant check`: what every environment must hold, on one."""

from __future__ import annotations

import argparse
import functools
import textwrap
from pathlib import Path

from operant.cli.parser import Parser, fail
from operant.conformance import CHECKS, Failed
from operant.conformance.checks import Check
from operant.conformance.parity import parity
from operant.conformance.sanitize import sanitize
from operant.environments.lookup import find_spec
from operant.environments.register import check_parameters
from operant.headers.library import build
from operant.messages import unknown
from operant.spec import EnvSpec

DESCRIPTION = """\
Tries what operant promises of every environment, and prints what it found: the same bits on every instruction set and
from a GPU's code, for any batch and number of threads; episodes that depend on the seed and the actions alone; no NaN;
observations within their bounds; autoreset; snapshots; and, where the descriptor names a reference class, the same
numbers from that and the float64 build. ENV is a header, or an id of operant's.
"""
PROGRAM = "operant check"
RULES = {name: (check.__doc__ or "").splitlines()[0] for name, check in CHECKS.items()} | {
    "parity": "The float64 build returns what the reference class returns, bit for bit.",
    "sanitize": "AddressSanitizer and UBSan find nothing; with --sanitize.",
}


def command(argv: list[str]) -> int:
    """Checks; the exit code is 0, or 1 where something is not as it must be."""
    parser = Parser(
        PROGRAM,
        description=DESCRIPTION,
        epilog="checks:\n" + "\n".join(f"  {name:12} {rule}" for name, rule in RULES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("environment", metavar="ENV", help="such as lander.h, or CartPole-v1")
    parser.add_argument("--sanitize", action="store_true", help="also under AddressSanitizer and UBSan, in a process")
    parser.add_argument("--only", metavar="CHECK", nargs="+", help="these checks alone")
    parser.add_argument("--tolerance", metavar="X", type=float, default=0.0, help="of parity: relative, 0 for all bits")
    options = parser.parse(argv)
    names = [*(options.only or RULES.keys() - {"sanitize"}), *(["sanitize"] if options.sanitize else [])]
    for name in names:
        if name not in RULES:
            parser.error(unknown("check", name, RULES))
    if not 0 <= options.tolerance < 1:
        parser.error(f"--tolerance {options.tolerance} must be from 0 to 1")
    try:
        spec = _find(options.environment)
        if not spec.reference and not options.only:
            names.remove("parity")
        if "sanitize" in names and not spec.source:
            raise ValueError(f"--sanitize is for headers of one's own: `make sanitize` does it to {spec.id}")
        checks = CHECKS | {"parity": functools.partial(parity, tolerance=options.tolerance), "sanitize": sanitize}
        failed = _run(spec, {name: check for name, check in checks.items() if name in names})
        if not spec.reference and not options.only:
            print("parity was not checked: the descriptor names no reference class")
        return failed
    except (ValueError, ImportError) as problem:
        fail(PROGRAM, str(problem), 1)


def _find(name: str) -> EnvSpec:
    """The descriptor; a user's header is compiled, and the compiler's warnings are printed."""
    spec = find_spec(f"{name}.h" if Path(f"{name}.h").is_file() else name)
    if spec.source:
        warnings = build(spec.source).warnings
        if warnings:
            print(warnings)
        check_parameters(spec)
    return spec


def _run(spec: EnvSpec, checks: dict[str, Check]) -> int:
    """Prints a line for each check; returns the exit code."""
    failed = 0
    for name, check in checks.items():
        try:
            print(f"ok    {name:12} {check(spec)}", flush=True)
        except Failed as found:
            failed += 1
            print(f"FAIL  {name:12} {RULES[name]}")
            print(textwrap.indent(str(found), " " * 6), flush=True)
    print(f"{spec.id}: {len(checks) - failed} of {len(checks)} checks hold")
    return 1 if failed else 0
