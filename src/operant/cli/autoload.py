"""`operant autoload`: a hook in this Python environment that makes `operant/*` known to gymnasium alone."""

from __future__ import annotations

import contextlib
import importlib.util
import py_compile
import sys
import sysconfig
from pathlib import Path

from operant import import_hook
from operant.cli.parser import Parser
from operant.files.atomic import disk_error
from operant.messages import unknown

PTH_NAME = "operant-autoload.pth"
HOOK_NAME = "_operant_autoload.py"

# site executes this line at every start and prints a traceback if it raises. The try prevents that, and needs the exec.
PTH_LINE = 'import sys; exec("try: import _operant_autoload; _operant_autoload.install()\\nexcept Exception: pass")\n'

DESCRIPTION = """\
With autoload on, a script that imports only gymnasium finds operant/CartPole-v1 and the other operant/* environments.
A .pth file in this Python environment's site-packages imports operant whenever gymnasium is imported. Nothing else is
changed. If operant is uninstalled, the file has no effect.
"""


def command(argv: list[str]) -> int:
    """Turns the hook on or off, or prints its state."""
    parser = Parser("operant autoload", description=DESCRIPTION)
    parser.add_argument("action", metavar="on|off|status", help="the action to take; status changes nothing")
    action = parser.parse(argv).action
    actions = {"on": _turn_on, "off": _turn_off, "status": _status}
    if action not in actions:
        parser.error(unknown("action", action, actions))
    pth = Path(sysconfig.get_path("purelib")) / PTH_NAME
    try:
        said = actions[action](pth, pth.with_name(HOOK_NAME))
    except OSError as problem:
        raise disk_error("change", problem.filename or pth, problem) from None
    print(said)
    return 0


def _source() -> str:
    return Path(import_hook.__file__).read_text(encoding="utf-8")


def _turn_on(pth: Path, hook: Path) -> str:
    try:
        # The hook is written first, so that the .pth file never names a missing file.
        hook.write_text(_source(), encoding="utf-8")
        py_compile.compile(str(hook))
        pth.write_text(PTH_LINE, encoding="ascii")
    except OSError:
        for path in (pth, hook, _cached(hook)):  # the disk may have become full in the middle of one
            with contextlib.suppress(OSError):
                path.unlink()
        raise
    without = "\nThis Python runs without site (-S), so it reads no .pth files." if sys.flags.no_site else ""
    return f"autoload is on: {pth}{without}"


def _turn_off(pth: Path, hook: Path) -> str:
    was_on = pth.exists() or hook.exists()
    for path in (pth, hook, _cached(hook)):
        path.unlink(missing_ok=True)
    return f"autoload is off: {'removed ' if was_on else 'there was no '}{pth}"


def _cached(hook: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(hook)))


def _status(pth: Path, hook: Path) -> str:
    if not (pth.is_file() and hook.is_file()):
        return f"autoload is off: there is no {pth if hook.is_file() or not pth.is_file() else hook}"
    if (pth.read_text(encoding="utf-8"), hook.read_text(encoding="utf-8")) == (PTH_LINE, _source()):
        return f"autoload is on: {pth}"
    return f"autoload is on, from another version of operant (`operant autoload on` renews it): {pth}"
