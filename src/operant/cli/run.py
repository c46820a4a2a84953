"""`operant run`: imports operant, then runs a script or module as `python` would."""

from __future__ import annotations

import builtins
import multiprocessing.spawn
import os
import pkgutil
import sys
from collections.abc import Callable
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec, SourceFileLoader, SourcelessFileLoader
from importlib.util import find_spec
from types import CodeType, ModuleType, TracebackType
from typing import Any, cast

from operant.cli.parser import fail
from operant.messages import unknown
from operant.registration import warn_of_old_gymnasium

HELP = """\
usage: operant run SCRIPT [ARGUMENT ...]
       operant run -m MODULE [ARGUMENT ...]

Imports operant, then runs a script or module exactly as python does. Use it for programs that take an environment's id
but do not import operant:

    operant run ppo.py --env-id operant/CartPole-v1

All arguments after SCRIPT or MODULE are passed to it. Worker processes of Python's multiprocessing import operant too.
"""

# The modules whose frames lie between this command and the program. The last two are importlib's frozen part.
OWN_FRAMES = (__name__, "importlib._bootstrap", "importlib._bootstrap_external")


def command(argv: list[str]) -> int:
    """Runs the program. Its exceptions, SystemExit included, pass through."""
    if not argv:
        fail("operant run", "name a script, or -m and a module (see operant run --help)")
    first, *rest = argv
    if first in ("-h", "--help"):
        print(HELP, end="")
        return 0
    warn_of_old_gymnasium()  # which `import operant` leaves to commands
    _import_in_workers()
    if first.startswith("-m"):
        module = first[2:] or (rest.pop(0) if rest else "")
        if not module:
            fail("operant run", "name a module after -m (see operant run --help)")
        _run_module(module, rest)
    elif first.startswith("-"):
        fail("operant run", f"{unknown('option', first, ('-m', '--help'))} (put the script's options after the script)")
    else:
        _run_script(first, rest)
    return 0


def _run_script(script: str, arguments: list[str]) -> None:
    try:
        open(os.path.join(script, "__main__.py") if os.path.isdir(script) else script, "rb").close()
    except OSError as problem:
        fail("operant run", f"cannot open {problem.filename!r}: {problem.strerror}")
    sys.argv[:] = [script, *arguments]
    path = os.path.abspath(script)
    archive = pkgutil.get_importer(path)
    if archive is not None:  # a folder, or a zip file
        if _has_script_folder():
            del sys.path[0]
        sys.path.insert(0, path)
        spec = archive.find_spec("__main__")
        if spec is None:
            fail("operant run", f"there is no __main__ module in {script!r}")
        _execute_found(spec)
    else:
        if _has_script_folder():
            sys.path[0] = os.path.dirname(os.path.realpath(path))
        loader = (SourcelessFileLoader if path.endswith(".pyc") else SourceFileLoader)("__main__", path)
        _execute(lambda: _code(loader, path), __file__=path, __cached__=None, __loader__=loader, __package__=None)


def _run_module(module: str, arguments: list[str]) -> None:
    sys.argv[:] = ["-m", *arguments]
    if _has_script_folder():
        sys.path[0] = os.getcwd()
    spec = _find_module(module)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = _find_module(f"{module}.__main__")
        if spec is None:
            fail("operant run", f"{module!r} is a package without a __main__ module: name a module in it")
    if spec is None:
        fail("operant run", f"there is no module {module!r} in this Python environment or the current folder")
    sys.argv[0] = spec.origin or module
    _execute_found(spec)


def _find_module(module: str) -> ModuleSpec | None:
    """Returns the module's spec, or None if there is no such module. Imports its parent packages."""
    try:
        return find_spec(module)
    except ModuleNotFoundError as problem:
        if problem.name is None or not f"{module}.".startswith(f"{problem.name}."):
            raise  # a parent package imports a missing module
    except ValueError:  # for example a relative name
        pass
    return None


def _execute_found(spec: ModuleSpec) -> None:
    loader = cast(InspectLoader, spec.loader)
    _execute(
        lambda: loader.get_code(spec.name),
        __file__=spec.origin,
        __cached__=spec.cached,
        __loader__=loader,
        __package__=spec.parent,
        __spec__=spec,
    )


def _code(loader: SourceFileLoader | SourcelessFileLoader, path: str) -> CodeType | None:
    if isinstance(loader, SourcelessFileLoader):
        return loader.get_code("__main__")
    # Compiled here, because the loader would leave a __pycache__ beside the script.
    return compile(loader.get_data(path), path, "exec", dont_inherit=True)


def _execute(get_code: Callable[[], CodeType | None], **attributes: Any) -> None:
    """Runs code as the module `__main__`, and leaves it there until the interpreter ends.

    runpy would restore operant's own `__main__` after the program's last line, while its threads and atexit functions
    may still run. Nor does runpy combine an absolute `__file__` with a relative `sys.argv[0]`, as python does for a
    script.
    """
    main = ModuleType("__main__")
    vars(main).update(__builtins__=builtins, __annotations__={}, **attributes)
    sys.modules["__main__"] = main
    try:
        code = get_code()
        if code is None:
            fail("operant run", f"{attributes['__file__']} holds no Python code")
        exec(code, vars(main))
    except BaseException as failure:
        _hide_own_frames(failure)
        raise


def _has_script_folder() -> bool:
    """Tells whether sys.path[0] is the folder of operant's own script, which the program's folder must replace."""
    return not getattr(sys.flags, "safe_path", sys.flags.isolated)


def _hide_own_frames(failure: BaseException) -> None:
    """Makes the traceback of an uncaught exception begin in the program, as it does under python."""
    trace = failure.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__") in OWN_FRAMES:
        trace = trace.tb_next
    show = sys.excepthook

    def show_program(kind: type[BaseException], value: BaseException, whole: TracebackType | None) -> None:
        if value is failure:
            value.__traceback__ = whole = trace
        show(kind, value, whole)

    sys.excepthook = show_program


class _ForWorkers:
    """An object that calls `_import_in_workers` when it is unpickled, which imports operant.

    The call also patches the worker, so that processes which it starts import operant too.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _import_in_workers, ()


def _import_in_workers() -> None:
    """Makes processes started by spawn and forkserver import operant, which they do not inherit.

    Both pickle the result of `get_preparation_data`, and ignore unknown keys in it.
    """
    prepare = multiprocessing.spawn.get_preparation_data

    def prepare_with_operant(name: str) -> dict[str, Any]:
        return prepare(name) | {"operant": _ForWorkers()}

    multiprocessing.spawn.get_preparation_data = prepare_with_operant
