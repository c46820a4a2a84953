"""The core as WebAssembly modules, which pages contain.

They are compiled with zig, of the extra `operant[web]`, from the sources of the installed core and native/web/web.c.
A wheel has them beside this file. Where they are missing, they are compiled once into the user's cache folder. Their
names contain a hash of the sources, so modules of other sources are never taken.
"""

from __future__ import annotations

import gzip
import hashlib
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from operant.catalog import header_names
from operant.files.atomic import write_atomically
from operant.headers.library import CompileError, cache_folder, core_flags, list_environments, run_all, taking_turns
from operant.headers.sources import built_in_header, native_folder

FLAVOURS = {"vector": ("-Xclang", "-target-feature", "-Xclang", "+simd128"), "scalar": ()}
"""The two modules, and the flags by which they differ: pages take the scalar one without 128-bit vectors."""
FLAGS = (
    *("-target", "wasm32-wasi", "-mexec-model=reactor", "-s", "-g0", "-Wno-pass-failed"),
    # Float32 is enough for pages. Trainers multiply and add: see train/kernels.h.
    *("-DOPERANT_NO_EXACT", "-DOPERANT_UNFUSED"),
)
TARGETS = ("wasm", "scalar")
PACKAGE = Path(__file__).parent
"""Has the modules in a wheel."""
FOLDERS = ("core", "rollout", "train", "web")


@dataclass(frozen=True)
class Modules:
    """The compiled core: with 128-bit vectors, in gzip's format, and without."""

    vector_gz: bytes
    scalar: bytes


def load_modules() -> Modules:
    """The modules of the installed core. If neither the package nor the cache has them, compiles them: about a minute.

    Raises:
        ModuleNotFoundError: they have to be compiled, and zig is not installed.
        LibraryError: the cache folder cannot be written.
    """
    folder = PACKAGE
    if not _has_modules(folder):
        folder = cache_folder()
        with taking_turns(folder):
            if not _has_modules(folder):
                compile_modules(folder)
    found = {flavour: (folder / name).read_bytes() for flavour, name in file_names().items()}
    return Modules(found["vector"], gzip.decompress(found["scalar"]))


def will_compile() -> bool:
    """Returns True if `load_modules` has to compile the modules, and can."""
    return not (_has_modules(PACKAGE) or _has_modules(cache_folder())) and find_spec("ziglang") is not None


def _has_modules(folder: Path) -> bool:
    return all((folder / name).is_file() for name in file_names().values())


def compile_modules(folder: Path) -> None:
    """Compiles both modules into `folder`, each as gzip, in place of earlier ones.

    Raises:
        ModuleNotFoundError: zig is not installed.
        CompileError: it is another version, which cannot compile the core.
    """
    if find_spec("ziglang") is None:
        raise ModuleNotFoundError(
            "the core is not here as WebAssembly: pip install 'operant[web]', which brings a compiler for it",
            name="ziglang",
        )
    native = native_folder()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        list_environments([built_in_header(name) for name in header_names()], work)
        sources = [str(path) for path in _sources() if path.suffix == ".c"]
        zig = [sys.executable, "-m", "ziglang", "cc", *core_flags(), *FLAGS, f"-I{work}", f"-I{native}"]
        commands = {name: [*zig, *extra, *sources, "-o", str(work / name)] for name, extra in FLAVOURS.items()}
        for code, said in run_all(commands).values():
            if code:
                raise CompileError(f"zig cannot compile the core:\n{said.strip()}")
        for old in folder.glob("core-*.wasm.gz"):
            old.unlink()
        for flavour, name in file_names().items():
            write_atomically(folder / name, gzip.compress((work / flavour).read_bytes(), 9, mtime=0))


def file_names() -> dict[str, str]:
    """The files' names by flavour."""
    digest = hashlib.sha256(repr((FLAVOURS, FLAGS)).encode())
    native = native_folder()
    for path in (*_sources(), native / "flags.txt"):
        digest.update(f"{path.relative_to(native).as_posix()}\0".encode() + path.read_bytes())
    return {flavour: f"core-{digest.hexdigest()[:16]}-{flavour}.wasm.gz" for flavour in FLAVOURS}


def _sources() -> list[Path]:
    """The files that the modules are compiled from."""
    native = native_folder()
    found = [native / "operant.h", *(native / "targets" / f"{name}.c" for name in TARGETS)]
    found += [path for folder in FOLDERS for path in sorted((native / folder).glob("*.[ch]"))]
    return [*found, *sorted((native / "envs").rglob("*.h")), *sorted((native / "platform").glob("*.h"))]


if __name__ == "__main__":  # for a wheel: beside this file
    if not _has_modules(PACKAGE):
        compile_modules(PACKAGE)
