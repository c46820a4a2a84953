"""Remembers the headers and modules whose code this user has run on purpose; refuses others that a file names.

A run, a checkpoint or a configuration names its environment. If that is a header or another package's module, to make
it runs their code. So a name that comes from a file must be of code that this user has trained, built or registered:
`remember` notes its path and the hash of its contents in the user's state folder, and `check_trust` looks them up.
A name that the user gives is not checked.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path

from operant.files.atomic import disk_errors, write_atomically
from operant.files.private import check_private
from operant.headers.library import check_header, included
from operant.headers.sources import native_folder
from operant.messages import printable


class Untrusted(ValueError):
    """Raised for code that a file names and that this user has not trusted; the text says what allows it."""


@dataclass(frozen=True)
class _Code:
    """The files whose code an environment's id runs, with their contents; `path` is the one that it names."""

    path: Path
    files: Mapping[Path, bytes]

    @property
    def entry(self) -> tuple[str, str]:
        """Hashes of the path and of the contents."""
        contents = hashlib.sha256()
        for file in sorted(self.files):
            name = os.path.relpath(file, self.path.parent)
            contents.update(f"{name} {len(self.files[file])}\0".encode("utf-8", "surrogateescape") + self.files[file])
        return hashlib.sha256(os.fsencode(self.path)).hexdigest()[:32], contents.hexdigest()[:32]


def remember(env_id: str) -> None:
    """Notes that this user runs the code of a header's path or of "module:id"; other ids have no code of their own.

    If the note cannot be written, a line on stderr says so.
    """
    code = _code(env_id)
    if code is None or _everything_is_trusted():
        return
    try:
        folder = _folder()
        note = folder / "-".join(code.entry)
        if _is_noted(note):
            return
        with disk_errors("make", folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        check_private(folder)
        write_atomically(note, os.fsencode(code.path) + b"\n")
    except OSError as problem:
        _complain(f"cannot remember that you trust {code.path}: {problem}")


def check_trust(env_id: str, what: str, remedy: str) -> None:
    """Raises Untrusted if `env_id`, which `what` names, would run code that this user has not run on purpose.

    Args:
        env_id: a header's path, "module:id", or an id without code of its own, which passes.
        what: what names it, such as "the checkpoint x.safetensors".
        remedy: how the user can allow it.
    """
    module = env_id.rpartition(":")[0]
    if _everything_is_trusted() or (module in sys.modules and not env_id.endswith(".h")):  # its code has run already
        return
    code = _code(env_id)
    if code is None:
        return
    path, contents = code.entry
    try:
        folder = _folder()
        if _is_noted(folder / f"{path}-{contents}"):
            return
        known = any(folder.glob(f"{path}-*"))
        reason = "which has changed since you" if known else "which you have not"
        reason += " trained, built or registered" + (" it" if known else "")
    except OSError as problem:
        reason = f"and what you trust cannot be read ({problem})"
    raise Untrusted(f"{what} names {code.path}, {reason}: to run its code, {remedy} or set OPERANT_TRUST=1")


def code_hash(env_id: str) -> str | None:
    """Returns a hash of the code of a header's path or of "module:id"; None for an id without code of its own.

    Raises:
        LibraryError: the header does not exist.
    """
    code = _code(env_id)
    return None if code is None else code.entry[1]


def _everything_is_trusted() -> bool:
    return os.environ.get("OPERANT_TRUST") == "1"


def _folder() -> Path:
    """The folder with a note for each trusted path and contents; raises OSError if the user has no home."""
    given = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(given):
        return Path(given) / "operant" / "trusted"
    places = {"win32": "AppData/Local", "darwin": "Library/Application Support"}
    try:
        return Path.home() / places.get(sys.platform, ".local/state") / "operant" / "trusted"
    except RuntimeError:
        raise OSError("there is no home folder") from None


def _is_noted(note: Path) -> bool:
    """Returns True if the note exists; raises a PermissionError if another user may have written it."""
    if not note.parent.exists():
        return False
    check_private(note.parent)
    return note.is_file()


@functools.cache
def _complain(problem: str) -> None:
    line = printable(f"operant: {problem}: set XDG_STATE_HOME to another folder, or OPERANT_TRUST=1")
    print(line, file=sys.stderr)


def _code(env_id: str) -> _Code | None:
    if env_id.endswith(".h"):
        header = check_header(env_id)
        files = {path: text for path, text in included(header).items() if not path.is_relative_to(native_folder())}
        text = b""
        for descriptor in (header.with_suffix(".toml"), header.with_suffix(".py")):
            if descriptor.is_file():
                files[descriptor] = descriptor.read_bytes()
                text += files[descriptor]
        for model in header.parent.glob("*.xml"):  # of a task on MuJoCo
            if model.name.encode() in text:
                files[model] = model.read_bytes()
        for module in (*header.parent.glob("*.py"), *header.parent.glob("*/__init__.py")):  # such as the reference's
            package = module.parent if module.name == "__init__.py" else None
            name = package.name if package else module.stem
            if re.search(rb"\b%s\b" % re.escape(name.encode()), text):
                parts = package.rglob("*.py") if package else [module]
                files |= {part: part.read_bytes() for part in parts if part.is_file()}
        return _Code(header, files)
    found = _module_files(env_id.rpartition(":")[0])
    files = {path: path.read_bytes() if path.is_file() else b"" for path in found}  # no file: a module in an archive
    return _Code(found[-1], files) if found else None


def _module_files(module: str) -> list[Path]:
    """The files of a module and of the packages around it, without importing them; none if it does not exist."""
    files: list[Path] = []
    names = module.split(".") if module else []
    folders = None
    for k in range(len(names)):
        spec = _find_module(".".join(names[: k + 1]), folders)
        if spec is None:
            break  # to import it would run the code of the packages before it
        if spec.origin not in (None, "built-in", "frozen"):
            files.append(Path(spec.origin).resolve())
        folders = spec.submodule_search_locations
        if folders is None:
            break  # no package
    return files


def _find_module(name: str, folders: Sequence[str] | None) -> ModuleSpec | None:
    """Finds a module in the folders of its package (None: on sys.path), which need not be imported."""
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        if find is None:  # of an old form, which `import` passes over, too
            continue
        try:
            spec: ModuleSpec | None = find(name, folders)
        except KeyError:  # a namespace package asks for the imported one around it, unless it has a plain name
            spec = find(name.rpartition(".")[2], folders)
        if spec is not None:
            return spec
    return None
