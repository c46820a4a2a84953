"""Calls a function once another package has been imported, without importing that package.

operant uses it to register its multi-agent environments when pettingzoo is imported. `operant autoload on` copies this
file into site-packages as `_operant_autoload.py`, started by `operant-autoload.pth` beside it, so that operant is
imported whenever gymnasium is. `operant autoload off` removes both. With operant uninstalled they do nothing and may be
deleted.

After `autoload on` every start of Python runs this file: it must import only modules that Python has already loaded,
and it must never fail.
"""

import sys

TYPE_CHECKING = False  # importing typing takes longer than everything else here
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class AfterImport:
    """An import finder that calls `action` once one package has been imported; the other finders find the package."""

    def __init__(self, package: str, action: "Callable[[], None]"):
        self.package = package
        self.action = action
        self.asking = False  # true while the other finders are asked: one of them may ask this one again

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """The package's spec; None for any other name."""
        if name != self.package or self.asking:
            return None
        self.asking = True
        try:
            return self._ask(name, path, target)
        finally:
            self.asking = False

    def _ask(self, name: str, path: "Sequence[str] | None", target: "ModuleType | None") -> "ModuleSpec | None":
        for finder in list(sys.meta_path):
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find else None
            if spec is not None:
                self._follow(spec)
                return spec
        return None

    def _follow(self, spec: "ModuleSpec") -> None:
        loader = spec.loader
        execute = getattr(loader, "exec_module", None)
        if (
            loader is None
            or execute is None
            or isinstance(loader, type)
            or "exec_module" in getattr(loader, "__dict__", ())
        ):
            return

        def execute_and_register(module: "ModuleType") -> None:
            vars(loader).pop("exec_module", None)
            execute(module)  # if this fails, the finder stays, for another attempt
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            try:
                self.action()
            except Exception as problem:  # the package itself was imported without a fault
                _warn(f"operant did not register its environments with {self.package} ({problem!r}): reinstall operant")

        try:
            # Set on the instance: a wrapper would hide the loader's other methods, which importlib.resources needs.
            loader.exec_module = execute_and_register  # type: ignore[method-assign]
        except AttributeError:
            return


def register() -> None:
    """Imports operant, which registers its environments. Does nothing if operant is not installed; never raises."""
    try:
        from importlib.util import find_spec

        spec = find_spec("operant")
        # Without an origin it is just a folder with that name; without locations it is a script, not our package.
        if spec is not None and spec.origin is not None and spec.submodule_search_locations is not None:
            __import__("operant")
    except Exception as problem:
        _warn(
            f"operant is installed but could not be imported ({type(problem).__name__}: {problem}): reinstall it, "
            f"or remove {__file__} and its .pth file"
        )


def register_agents() -> None:
    """`register` for pettingzoo, which imports gymnasium, and so operant, before its own registry exists."""
    register()
    if "operant" in sys.modules:
        sys.modules["operant"].registration.register_parallel_environments()


def _warn(message: str) -> None:
    import contextlib
    import warnings

    with contextlib.suppress(Warning):  # under "python -W error", gymnasium itself still works
        warnings.warn(message, stacklevel=2)


def after_import(package: str, action: "Callable[[], None]") -> None:
    """Calls `action` once `package` has been imported: now if it already is. Only a package's first action counts."""
    module = sys.modules.get(package)  # an entry may be None, which forbids the import
    if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
        action()
    elif not any(isinstance(finder, AfterImport) and finder.package == package for finder in sys.meta_path):
        sys.meta_path.insert(0, AfterImport(package, action))


def install() -> None:
    """Starts waiting for gymnasium and pettingzoo. A second call does nothing: a .pth file may be read twice."""
    after_import("gymnasium", lambda: register())  # a lambda, so that tests can replace `register`
    after_import("pettingzoo", lambda: register_agents())
