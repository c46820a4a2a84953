"""Compiles a user's header into a shared library with the machine's C compiler, once for each content.

The library is kept in the user's cache folder under a hash of everything that decides its results: the header and the
headers that it includes, the core's sources, the compiler and its flags. It is put there atomically. If several
processes need the same library at the same time, one compiles it and the others wait.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from operant.files.private import check_private, is_own_file
from operant.headers.sources import native_folder

TARGETS = ("scalar", "exact", "sse2", "avx2", "avx512", "neon")  # targets of other CPUs compile to nothing
TASK = "-DOPERANT_TASK_LIBRARY"  # as a flag of `build`: a task on MuJoCo, and not an environment of the core's
ONE_LANE = "-DOPERANT_ONE_LANE"  # as a flag of `build`: only the first two targets
WINDOWS = sys.platform == "win32"
# MSVC has no vectors of GNU's kind, and the GCC of MinGW misaligns wide ones on the stack.
COMPILERS = ("clang",) if WINDOWS else ("cc", "gcc", "clang")
INSTALL = (
    "install LLVM and the Build Tools of Visual Studio, whose libraries Clang takes, or name another Clang in the "
    "variable CC, such as `python -m ziglang cc` after `pip install ziglang`"
    if WINDOWS
    else "install one (Debian and Ubuntu: apt-get install gcc libc6-dev; Fedora: dnf install gcc; macOS: xcode-select "
    "--install; conda: conda install -c conda-forge c-compiler), or name one in the variable CC"
)
# Of Windows' linkers and libraries: a library has another suffix, all code is independent of its position, there is no
# libm, and M_PI is asked for.
SUFFIX = ".dll" if WINDOWS else ".so"
POSITION = () if WINDOWS else ("-fPIC",)
MATHEMATICS = () if WINDOWS else ("-lm",)
DIALECT = ("-D_USE_MATH_DEFINES",) if WINDOWS else ()
# Added to the core's flags. A double among floats would give the one-lane build other bits than the vectors, and an
# undeclared function would be noticed only when the library is loaded.
FLAGS = ("-g0", *POSITION, *DIALECT, "-fvisibility=hidden", "-DOPERANT_LIBRARY", "-fdiagnostics-color=never")
WARNINGS = ("-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror=implicit-function-declaration")
FAST_WARNINGS = ("-Werror=double-promotion",)
UNUSED_DAYS = 30  # a library that has not been used for so long is removed when its header is compiled again

# Compilers' messages where a header breaks a rule of lanes, and the rule.
HINTS = {
    r"used vector type where|scalar is required|scalar type|arithmetic or pointer type is required": (
        "a header does not branch on a lane: select with vsel(mask, a, b), join masks with &, | and vnot"
    ),
    r"double-promotion|involves truncation|incompatible type for argument": (
        "write constants as R(0.5), or vreal(R(0.5)) for one in each lane; use the functions vsin, vsqrt, vabs ..."
    ),
    r"macro .MEMBER. (requires|passed)|arguments provided to function-like macro": (
        'a parameter is P(name, default, "unit", low, high), where low and high bound what may be set'
    ),
    r"error: expected an expression|compound.literals": (
        "for a GPU the header is compiled as C++, which has no (type){a, b}: write VALUE(type, a, b)"
    ),
}


class LibraryError(ValueError):
    """Raised when a header's library cannot be made; the text says what to change."""


class NoHeader(LibraryError, FileNotFoundError):
    """Raised when the header does not exist."""


class CompileError(LibraryError):
    """Raised when the header does not compile; the text has the compiler's messages about the user's lines."""


class NoCompiler(LibraryError):
    """Raised when the machine has no C compiler."""


class NoCache(LibraryError, OSError):
    """Raised when the cache folder cannot be written."""


@dataclass(frozen=True)
class Built:
    """A compiled library. `seconds` is the time that compiling took, 0 if it was in the cache."""

    path: Path
    seconds: float
    warnings: str

    @property
    def cached(self) -> bool:
        """True if the library was there already, and nothing was compiled."""
        return self.seconds == 0


def build(header: str | os.PathLike[str], *, again: bool = False, extra: tuple[str, ...] = ()) -> Built:
    """The library of a header, compiled if it is not in the cache or with `again`; `extra` are additional flags.

    Raises:
        LibraryError: the header does not exist, its name is not a C identifier, it includes a file through a macro or
            does not compile; or the compiler or a folder for the library is missing.
    """
    return build_checked(check_header(header), again=again, extra=extra)


def build_checked(path: Path, *, again: bool = False, extra: tuple[str, ...] = ()) -> Built:
    """`build` for a path that `check_header` returned."""
    compiler = [*find_compiler(), *extra]
    sources = included(path)
    name = f"{path.stem}-{_digest(path, sources, compiler)}"
    folder = cache_folder()
    library, said = folder / f"{name}{SUFFIX}", folder / f"{name}.txt"
    with taking_turns(folder):
        if again or not is_own_file(library):
            begun = time.perf_counter()
            warnings = _compile(path, sources, compiler, library)
            if warnings:
                said.write_text(warnings, encoding="utf-8")
            remove_unused(folder, path.stem)
            return Built(library, time.perf_counter() - begun, warnings)
        os.utime(library)  # marks it as used
    return Built(library, 0.0, said.read_text(encoding="utf-8") if said.exists() else "")


def check_header(header: str | os.PathLike[str]) -> Path:
    """The header's absolute path; raises a LibraryError if its name or path is invalid or it does not exist."""
    path = Path(header).expanduser().resolve()
    if path.suffix != ".h" or not re.fullmatch(r"[A-Za-z_]\w*", path.stem, re.ASCII):
        raise LibraryError(f"{header} must be named like lander.h: its functions begin with the name, lander_step")
    if not path.is_file():
        raise _missing(path, header)
    if re.search(r'["\\\n]', path.as_posix()):
        raise LibraryError(f"{path} has a quote or a backslash in its path, so C cannot include it: move it")
    return path


def _missing(path: Path, given: str | os.PathLike[str]) -> NoHeader:
    return NoHeader(f"{given} does not exist: `operant new {path.stem}` writes one to start from")


def find_compiler() -> list[str]:
    """The command of the C compiler: the variable CC, or else the first of COMPILERS that is installed."""
    given = os.environ.get("CC")
    if given:
        # A backslash is a part of paths on Windows, and quotes are kept there.
        words = [word.strip('"') for word in shlex.split(given, posix=not WINDOWS)]
        if not words or shutil.which(words[0]) is None:
            raise NoCompiler(f"CC={given} is not installed: install it, or unset CC")
        return words
    for name in COMPILERS:
        if shutil.which(name):
            return [name]
    raise NoCompiler(f"there is no C compiler ({', '.join(COMPILERS)}): {INSTALL}")


def cache_folder() -> Path:
    """The folder of compiled libraries: OPERANT_CACHE, or `operant` in the user's cache folder. Made if missing.

    Raises:
        NoCache: it cannot be written, is another user's, or others can write to it.
    """
    given = os.environ.get("OPERANT_CACHE")
    if given:
        folder = Path(given).expanduser().absolute()
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Caches" / "operant"
    elif WINDOWS:
        folder = Path.home() / "AppData" / "Local" / "operant" / "cache"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "operant"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        check_private(folder)
        if not os.access(folder, os.W_OK):
            raise PermissionError("it is not writable")
    except OSError as problem:
        raise _no_cache(folder, problem) from None
    return folder


def _no_cache(folder: Path, problem: OSError) -> NoCache:
    return NoCache(
        f"cannot keep compiled libraries in {folder} ({problem.strerror or problem}): "
        "name another folder in the variable OPERANT_CACHE"
    )


def included(header: Path) -> dict[Path, bytes]:
    """The contents of a header and of all files included with quotes, directly or not."""
    found: dict[Path, bytes] = {}
    waiting = [header]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        try:
            found[path] = path.read_bytes()
        except FileNotFoundError:
            raise _missing(path, path) from None
        text = found[path].decode("utf-8", "replace")
        for name in re.findall(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', text, re.MULTILINE):
            for folder in (path.parent, native_folder()):
                if (folder / name).is_file():
                    waiting.append((folder / name).resolve())
                    break  # a file that is found nowhere is reported by the compiler
    return found


def _digest(header: Path, sources: Mapping[Path, bytes], compiler: list[str]) -> str:
    """32 hexadecimal digits that change with anything that may change the library's results."""
    digest = hashlib.sha256()
    for part in (_core_digest(), platform.machine(), header.stem, *compiler, *FLAGS, *WARNINGS, *FAST_WARNINGS):
        digest.update(f"{part}\0".encode())
    for program in compiler_files(compiler):
        digest.update(f"{program}\0".encode())
    for path in sorted(sources):
        digest.update(f"{os.path.relpath(path, header.parent)} {len(sources[path])}\0".encode() + sources[path])
    return digest.hexdigest()[:32]


def compiler_files(compiler: list[str]) -> list[str]:
    """Path, size and time of the files that a compiler's command may run; they change with the compiler.

    All files of that name on the PATH count, because ccache hides one behind another.
    """
    found = [
        os.path.join(folder, word) for word in compiler if not word.startswith("-") for folder in os.get_exec_path()
    ]
    programs = [(path, os.stat(path)) for path in found if os.access(path, os.X_OK) and os.path.isfile(path)]
    return [f"{os.path.realpath(path)} {status.st_size} {status.st_mtime_ns}" for path, status in programs]


@functools.cache
def _core_digest() -> str:
    digest = hashlib.sha256()
    for path in _core_sources():
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _core_sources() -> list[Path]:
    """The core's sources that a library is compiled from."""
    folder = native_folder()
    files = [folder / "operant.h", folder / "flags.txt"]
    for pattern in ("core/*.h", "engines/*.h", "engines/mujoco/*.h", "library/*.c", "platform/*.h", "targets/*.c"):
        files += sorted(folder.glob(pattern))
    return files


def core_flags() -> list[str]:
    """The flags that the core itself is compiled with; its results depend on them."""
    return (native_folder() / "flags.txt").read_text(encoding="utf-8").split()


def list_environments(headers: Sequence[str | Path], folder: Path) -> None:
    """Writes build/environments.h, which core/target.h includes, into `folder`; it lists only these environments."""
    each = (
        f'#define OPERANT_ENV {header.stem}\n#include "{header.as_posix()}"\n'
        '#include "core/batch.h"\n#undef OPERANT_ENV\n'
        for header in map(Path, headers)
    )
    names = " ".join(f"E({Path(header).stem})" for header in headers)
    (folder / "build").mkdir()
    (folder / "build" / "environments.h").write_text(
        f"{''.join(each)}#define OPERANT_ENVIRONMENTS(E) {names}\n", encoding="utf-8"
    )


def _compile(header: Path, sources: Mapping[Path, bytes], compiler: list[str], library: Path) -> str:
    """Compiles all targets in parallel, links them into `library`, and returns the compiler's warnings."""
    native = native_folder()
    with tempfile.TemporaryDirectory(prefix=f".{header.stem}-", dir=library.parent) as temporary:
        work = Path(temporary)
        list_environments([header], work)
        shared = [*compiler, *core_flags(), *FLAGS, *WARNINGS, f"-I{work}", f"-I{native}", "-MMD", "-c"]
        commands = {}
        if TASK in compiler:
            include = f'#define OPERANT_TASK {header.stem}\n#include "{header.as_posix()}"\n'
            (work / "build" / "task.h").write_text(include, encoding="utf-8")
            commands["task"] = [*shared, str(native / "library" / "task.c"), "-o", str(work / "task.o")]
        else:
            for name in TARGETS[:2] if ONE_LANE in compiler else TARGETS:
                extra = () if name == "exact" else FAST_WARNINGS
                commands[name] = [*shared, *extra, str(native / "targets" / f"{name}.c"), "-o", str(work / f"{name}.o")]
            commands["library"] = [*shared, str(native / "library" / "library.c"), "-o", str(work / "library.o")]
        outputs = run_all(commands)
        failed = [text for code, text in outputs.values() if code]
        if failed:
            raise CompileError(describe_errors(header, sources, failed[0]))
        for listing in work.glob("*.d"):
            _check_dependencies(listing, sources, work, native)
        objects = [str(work / f"{name}.o") for name in commands]
        complete = ["-Wl,-z,defs"] if sys.platform == "linux" else []
        linked = work / library.name
        link = [*compiler, "-shared", *complete, *objects, *MATHEMATICS, "-o", str(linked)]
        code, text = run_all({"link": link})["link"]
        if code:
            raise CompileError(f"{header.name} does not link:\n{text.strip()}")
        linked.chmod(0o700)
        os.replace(linked, library)
    return "\n".join(dict.fromkeys(diagnostics(sources, "".join(text for _, text in outputs.values()))))


_DISK_ERRORS = {
    errno.ENOSPC: "No space left on device",
    errno.EDQUOT: "Disk quota exceeded",
    errno.EFBIG: "File size limit exceeded",
}
"""Texts of compilers and linkers, in the locale C, for files that cannot be written."""


def run_all(commands: Mapping[str, list[str]]) -> dict[str, tuple[int, str]]:
    """Runs commands in parallel; returns the exit code and output of each. An interrupt ends them all.

    Raises:
        OSError: the disk is full, as one of them says.
    """
    environment = os.environ | {"LC_ALL": "C"}
    running: dict[str, subprocess.Popen[str]] = {}
    try:
        for name, command in commands.items():
            running[name] = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
            )
        outputs = {name: process.communicate()[0] for name, process in running.items()}
        for number, said in _DISK_ERRORS.items():
            if any(said in text for text in outputs.values()):
                raise OSError(number, said)
        return {name: (running[name].returncode, text) for name, text in outputs.items()}
    finally:
        for process in running.values():
            if process.poll() is None:
                process.kill()
                process.wait()


def _check_dependencies(listing: Path, sources: Mapping[Path, bytes], work: Path, native: Path) -> None:
    """Raises a LibraryError for a file that `included` has not found, because the digest does not cover it."""
    _, _, names = listing.read_text(encoding="utf-8").replace("\\\n", " ").partition(": ")  # not that of a drive
    for name in re.findall(r"(?:\\ |\S)+", names):
        path = Path(name.replace("\\ ", " ")).resolve()
        ours = path.is_relative_to(work.resolve()) or path.is_relative_to(native)
        if not ours and path not in sources:
            raise LibraryError(
                f"{path} is included through a macro or in brackets: write #include "
                f'"{path.name}" on a line of its own, so that changes are noticed'
            )


def diagnostics(sources: Mapping[Path, bytes], text: str) -> list[str]:
    """The compiler's messages about the user's own files, each with the source lines below it.

    Where the core expands the list of parameters, Clang names the user's line in a note.
    """
    kept: list[str] = []
    taking, elsewhere = False, ""
    for line in text.splitlines():
        message = re.match(r"(.+?):(\d+):(?:\d+:)? (\w[\w ]*):", line)
        if message:
            theirs, note = Path(message[1]).resolve() in sources, message[3] == "note"
            if theirs and elsewhere and line.endswith("note: expanded from macro 'PARAMETERS'"):
                line, elsewhere, note = line.partition("note: ")[0] + elsewhere, "", False
            elif not theirs and not note:
                elsewhere = line[message.start(3) :]
            taking = theirs and not note
            if taking:
                kept.append(line)
        elif taking and line.startswith(" "):
            kept[-1] += f"\n{line}"
        else:
            taking = False
    return kept


def describe_errors(header: Path, sources: Mapping[Path, bytes], text: str) -> str:
    """The message for a header that does not compile: its own errors, or the required name that it lacks."""
    found = [message for message in dict.fromkeys(diagnostics(sources, text)) if "error:" in message.splitlines()[0]]
    name = re.escape(header.stem) + r"_\w+"
    missing = re.findall(rf"(?:declaration of function|undeclared identifier|unknown type name) '({name})'", text)
    missing += re.findall(rf"'({name})' undeclared", text)
    if not found and missing:
        names = ", ".join(dict.fromkeys(missing))
        return f"{header.name} does not define {names}: see the table in docs/add-an-environment.md"
    if "the header lists no parameters" in text:
        return (
            f'{header.name} lists no parameters: write #define PARAMETERS(P) P(gravity, 9.8, "m/s2", 0, 100) ... and '
            f"typedef struct {{ PARAMETERS(MEMBER) }} {header.stem}_params; see docs/add-an-environment.md"
        )
    contract = re.search(rf"(?:too many parameters in {header.stem}|{header.stem}_params must [^\"\n]*)", text)
    if not found and contract:
        return f"{header.name} does not compile: {contract[0]}"
    hints = [hint for pattern, hint in HINTS.items() if re.search(pattern, "\n".join(found))]
    shown = [*found[:5], *(["..."] if len(found) > 5 else [])] or [text.strip()[:4000]]
    return "\n".join([f"{header.name} does not compile:", *shown, *(f"hint: {hint}" for hint in hints)])


@contextlib.contextmanager
def taking_turns(folder: Path) -> Iterator[None]:
    """Lets in one process or thread at a time; without file locks they run in parallel, which is safe too."""
    lock = folder / "lock"
    try:
        file = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as problem:
        raise _no_cache(folder, OSError(f"{lock} is a link") if lock.is_symlink() else problem) from None
    try:
        with contextlib.suppress(OSError, ImportError):
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    except LibraryError:
        raise
    except OSError as problem:  # for example, the disk is full
        raise _no_cache(folder, problem) from None
    finally:
        os.close(file)


def remove_unused(folder: Path, stem: str) -> None:
    """Removes libraries of headers with that name that have not been used for UNUSED_DAYS."""
    oldest = time.time() - UNUSED_DAYS * 86400
    for library in (*folder.glob(f"{stem}-*{SUFFIX}"), *folder.glob(f"{stem}-*.cubin")):
        with contextlib.suppress(OSError):
            if library.stat().st_mtime < oldest:
                library.unlink()
                library.with_suffix(".txt").unlink(missing_ok=True)
