"""Describes the C core to cffi.

setuptools compiles `ffi` into `operant._native` (see setup.py). `list_environments` writes the core's only generated
file, as `make native` does.
"""

import sys
from pathlib import Path

from cffi import FFI

NATIVE = Path(__file__).resolve().parent

# These flags are needed for correctness: without them targets differ in their last bits. The Makefile and
# operant.headers.library use the same file.
FLAGS = [*(NATIVE / "flags.txt").read_text(encoding="utf-8").split(), "-g0"]

# On Windows clang-cl compiles, Clang with MSVC's options: each of ours is handed on by /clang:. MSVC's libraries, whose
# sin and pow Python calls too, have M_PI only if asked, and contain what is apart elsewhere.
WINDOWS = sys.platform == "win32"
ARGUMENTS = [*(f"/clang:{flag}" for flag in FLAGS), "-D_USE_MATH_DEFINES"] if WINDOWS else FLAGS
LIBRARIES = [] if WINDOWS else ["m", "pthread", "dl"]

HEADERS = ("operant.h", "engines/engines.h", "rollout/rollout.h", "train/train.h")


def list_environments() -> None:
    """Writes build/environments.h as environments.sh does, which make runs: a build by pip needs no shell (Windows)."""
    lines = []
    names = sorted(header.stem for folder in ("envs", "envs/variants") for header in (NATIVE / folder).glob("*.h"))
    for index, name in enumerate(names):
        folder = "envs" if (NATIVE / "envs" / f"{name}.h").exists() else "envs/variants"
        lines += [
            f"#if OPERANT_HAS({index})",
            f"#define OPERANT_ENV {name}",
            f'#include "{folder}/{name}.h"',
            '#include "core/batch.h"',
            "#undef OPERANT_ENV",
            "#endif",
        ]
    lines.append(f"#define OPERANT_ENVIRONMENTS(E){''.join(f' E({name})' for name in names)}")
    text = "\n".join([*lines, ""])
    listing = NATIVE / "build" / "environments.h"
    listing.parent.mkdir(exist_ok=True)
    if not listing.exists() or listing.read_text(encoding="utf-8") != text:  # a newer file would recompile everything
        listing.write_text(text, encoding="utf-8")


def declarations() -> str:
    """The public headers without preprocessor lines, which cffi cannot read."""
    lines = [line for header in HEADERS for line in (NATIVE / header).read_text(encoding="utf-8").splitlines()]
    return "\n".join(line for line in lines if not line.startswith("#"))


list_environments()
ffi = FFI()
ffi.cdef(declarations())
ffi.set_source(
    "operant._native",
    "".join(f'#include "{header}"\n' for header in HEADERS),
    sources=sorted(
        f"native/{path.relative_to(NATIVE)}"
        for part in ("core", "engines", "rollout", "targets", "train")
        for path in (NATIVE / part).rglob("*.c")
    ),
    depends=["native/flags.txt", *sorted(f"native/{path.relative_to(NATIVE)}" for path in NATIVE.rglob("*.h"))],
    include_dirs=["native"],
    libraries=LIBRARIES,
    extra_compile_args=ARGUMENTS,
)
