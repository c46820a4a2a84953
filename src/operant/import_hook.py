"""Does something once another package has been imported, without importing it.

operant registers its environments of several agents so, when pettingzoo comes. And `operant autoload on` copies this
file, to have operant imported when gymnasium is: the copy is `_operant_autoload.py` in site-packages, started by
`operant-autoload.pth` beside it. `operant autoload off` removes both; with operant uninstalled they do nothing, and may
simply be deleted.

Every start of Python runs this: it must import nothing that Python has not loaded already, and never fail.
"""

import sys

TYPE_CHECKING = False  # importing typing takes longer than all the rest
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class AfterImport:
    """A finder that finds one package by the other finders, and calls `action` once that package has been imported."""

    def __init__(self, package: str, action: "Callable[[], None]"):
        self.package = package
        self.action = action
        self.asking = False  # the other finders, one of which may ask us again

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """None, except for the package."""
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
            except Exception as problem:  # the package itself was imported well
                _warn(f"operant did not register its environments with {self.package} ({problem!r}): reinstall operant")

        try:
            # On the instance: a wrapper would hide the loader's other methods, which importlib.resources needs.
            loader.exec_module = execute_and_register  # type: ignore[method-assign]
        except AttributeError:
            return


def register() -> None:
    """Imports operant, which registers its environments. Does nothing if it is not installed; never raises."""
    try:
        from importlib.util import find_spec

        spec = find_spec("operant")
        # Without an origin it is some folder of that name; without locations it is a script, not our package.
        if spec is not None and spec.origin is not None and spec.submodule_search_locations is not None:
            __import__("operant")
    except Exception as problem:
        _warn(
            f"operant is installed but could not be imported ({type(problem).__name__}: {problem}): reinstall it, "
            f"or remove {__file__} and its .pth file"
        )


def register_agents() -> None:
    """`register`, for pettingzoo: it imports gymnasium, and so operant, before it has its own registry."""
    register()
    if "operant" in sys.modules:
        sys.modules["operant"].registration.register_parallel_environments()


def _warn(message: str) -> None:
    import contextlib
    import warnings

    with contextlib.suppress(Warning):  # under "python -W error", gymnasium itself still works
        warnings.warn(message, stacklevel=2)


def after_import(package: str, action: "Callable[[], None]") -> None:
    """Calls `action` once `package` has been imported: now if it has. The first action given for a package counts."""
    module = sys.modules.get(package)  # None where it may not be imported
    if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
        action()
    elif not any(isinstance(finder, AfterImport) and finder.package == package for finder in sys.meta_path):
        sys.meta_path.insert(0, AfterImport(package, action))


def install() -> None:
    """Starts waiting for gymnasium and pettingzoo. Called again, as when a .pth file is read twice, it does nothing."""
    after_import("gymnasium", lambda: register())  # looked up then, for the tests
    after_import("pettingzoo", lambda: register_agents())
