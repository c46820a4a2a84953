"""`operant check`: what every environment must hold, on one."""

from __future__ import annotations

from collections.abc import Callable

from operant.authoring import check_defaults
from operant.cli.build import find_header
from operant.cli.parser import Parser, fail, unknown
from operant.configuration import find_spec
from operant.conformance import CHECKS, Failed
from operant.conformance.parity import parity
from operant.conformance.sanitize import sanitize
from operant.library import build
from operant.spec import EnvSpec

DESCRIPTION = """\
Tries what operant promises of every environment, and prints what it found: the same bits on every instruction set, for
any batch and number of threads; episodes that depend on the seed and the actions alone; no NaN; observations within
their bounds; autoreset; snapshots; and, where the descriptor names a reference class, the same numbers from that and the
float64 build. ENV is a header, or an id of operant's.
"""
PROGRAM = "operant check"


def command(argv: list[str]) -> int:
    """Checks; the exit code is 0, or 1 where something is not as it must be."""
    checks = "\n".join(f"  {name:12} {(check.__doc__ or '').splitlines()[0]}" for name, check in CHECKS.items())
    extra = "  parity       The float64 build returns what the reference class returns, bit for bit.\n"
    extra += "  sanitize     Only with --sanitize."
    import argparse

    parser = Parser(
        PROGRAM,
        description=DESCRIPTION,
        epilog=f"checks:\n{checks}\n{extra}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("environment", metavar="ENV", help="such as lander.h, or CartPole-v1")
    parser.add_argument("--sanitize", action="store_true", help="also under AddressSanitizer and UBSan, in a process")
    parser.add_argument("--only", metavar="CHECK", nargs="+", help="these checks alone")
    parser.add_argument("--tolerance", metavar="X", type=float, default=0.0, help="of parity: relative, 0 for all bits")
    options = parser.parse(argv)
    known = [*CHECKS, "parity", "sanitize"]
    for name in options.only or ():
        if name not in known:
            parser.error(unknown("check", name, known))
    if not 0 <= options.tolerance < 1:
        parser.error(f"--tolerance {options.tolerance} must be from 0 to 1")
    try:
        spec = _find(options.environment)
        chosen = _choose(spec, options.only, options.sanitize, options.tolerance)
        return _run(spec, chosen)
    except (ValueError, RuntimeError, OSError, ImportError) as problem:
        fail(PROGRAM, str(problem), 1)


def _find(name: str) -> EnvSpec:
    """The descriptor; a user's header is compiled, and the compiler's warnings are printed."""
    header = name if ":" in name else str(find_header(name)) if name.endswith(".h") or _is_file(name) else name
    spec = find_spec(header)
    if spec.source:
        warnings = build(spec.source).warnings
        if warnings:
            print(warnings)
        check_defaults(spec)
    return spec


def _is_file(name: str) -> bool:
    from pathlib import Path

    return Path(f"{name}.h").is_file()


def _choose(
    spec: EnvSpec, only: list[str] | None, sanitized: bool, tolerance: float
) -> dict[str, Callable[[EnvSpec], str]]:
    chosen: dict[str, Callable[[EnvSpec], str]] = dict(CHECKS)
    if spec.reference and not spec.agents:
        chosen["parity"] = lambda spec: parity(spec, tolerance)
    if sanitized or "sanitize" in (only or ()):
        if not spec.source:
            raise ValueError(f"--sanitize is for headers of one's own: `make sanitize` does it to {spec.id}")
        chosen["sanitize"] = sanitize
    if only:
        if "parity" in only and "parity" not in chosen:
            raise ValueError(f'{spec.id} has no reference: name one in its descriptor, reference = "module:Class"')
        chosen = {name: chosen[name] for name in chosen if name in only}
    return chosen


def _run(spec: EnvSpec, chosen: dict[str, Callable[[EnvSpec], str]]) -> int:
    failed = 0
    for name, check in chosen.items():
        try:
            print(f"ok    {name:12} {check(spec)}", flush=True)
        except Failed as found:
            failed += 1
            indented = str(found).replace("\n", "\n" + " " * 6)
            print(f"FAIL  {name:12} {(check.__doc__ or '').splitlines()[0] if check.__doc__ else ''}")
            print(f"      {indented}", flush=True)
    if "parity" not in chosen and not spec.reference:
        print("      parity       not checked: the descriptor names no reference class")
    print(f"{spec.id}: {len(chosen) - failed} of {len(chosen)} checks hold")
    return 1 if failed else 0
