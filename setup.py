"""Builds the extensions: the C core through cffi, and the typed leaf modules through mypyc."""

import hashlib
import os
import shlex
import shutil
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

COMPILED = ["src/operant/batch/outputs.py"]
LINKS = {
    "Homepage": "",
    "Documentation": "/tree/main/docs",
    "Changelog": "/blob/main/CHANGELOG.md",
    "Issues": "/issues",
}
GROUPS = 4  # each file of native/targets/ is compiled in this many pieces and one more: see core/target.h


def mypyc_modules() -> list:
    """The leaf modules of the step path as extensions; OPERANT_MYPYC=0 leaves them Python."""
    if os.environ.get("OPERANT_MYPYC", "1") == "0":
        return []
    from mypyc.build import mypycify

    return mypycify(["--follow-imports=skip", "--ignore-missing-imports", *COMPILED])


class Build(build):
    """Compiles before it copies the modules, so that a machine without a compiler hears of nothing else."""

    sub_commands = sorted(build.sub_commands, key=lambda command: command[0] != "build_ext")


class BuildPython(build_py):
    """Omits native/build.py from the package, which contains native/ for its sources."""

    def find_package_modules(self, package: str, package_dir: str) -> list:
        return [] if package == "operant.native" else super().find_package_modules(package, package_dir)


class BuildExtensions(build_ext):
    """Compiles the pieces of an extension in parallel, and only those that have changed since the last build."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.build_temp = "build/objects"  # kept; an editable install would use and remove a temporary folder

    def build_extensions(self) -> None:
        if self.compiler.compiler_type == "msvc":
            take_clang(self.compiler)
        else:
            check_tools(self.compiler)
        compile_files = self.compiler.compile

        def compile_piece(source: str, folder: str, macros: list, options: dict) -> list:
            command = [*getattr(self.compiler, "compiler_so", ()), *options["extra_postargs"], *macros]
            folder = f"{folder}/{hashlib.sha256(repr(command).encode()).hexdigest()[:12]}"
            objects = self.compiler.object_filenames([source], output_dir=folder)
            if is_current(Path(objects[0])):
                return objects
            listing = "-MMD" if self.compiler.compiler_type == "unix" else "/clang:-MMD"
            options = options | {"extra_postargs": [*options["extra_postargs"], listing]}
            return compile_files([source], output_dir=folder, macros=macros, **options)

        def compile_pieces(sources: list, output_dir: str, macros: list, **options: object) -> list:
            groups = [[("OPERANT_GROUPS", GROUPS), ("OPERANT_GROUP", group)] for group in range(GROUPS + 1)]
            targets = [source for source in sources if "native/targets/" in source]
            pieces = [(source, [*macros, *group]) for group in groups for source in targets]
            pieces += [(source, macros) for source in sources if source not in targets]
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                each = pool.map(lambda piece: compile_piece(piece[0], output_dir, piece[1], options), pieces)
                return [file for files in each for file in files]

        self.compiler.compile = compile_pieces
        super().build_extensions()


WHY = "operant has no wheel for this Python here, and to build one"


def take_clang(compiler: object) -> None:
    """Makes MSVC's compiler object of setuptools run clang-cl, because MSVC has no vectors of GNU's kind.

    The linker, the headers and the libraries remain those of the Build Tools of Visual Studio.
    """
    compiler.initialize()
    program = shutil.which(os.environ.get("CC", "clang-cl")) or shutil.which(
        "clang-cl", path=os.path.join(os.environ.get("PROGRAMFILES", ""), "LLVM", "bin")
    )
    if program is None:
        sys.exit(f"{WHY} clang-cl is missing: install LLVM for Windows, or name another clang-cl in the variable CC")
    compiler.cc = program
    compiler.compile_options = [option for option in compiler.compile_options if option != "/GL"]  # which Clang lacks


def check_tools(compiler: object) -> None:
    """Ends the build with one line if it has no C compiler or no Python headers."""
    program = getattr(compiler, "compiler_so", ["cc"])[0]
    if shutil.which(program) is None:
        sys.exit(
            f"{WHY} the C compiler {program} is missing: install GCC or Clang (Debian and Ubuntu: apt-get install gcc "
            "libc6-dev; macOS: xcode-select --install), or name one in the variable CC"
        )
    folder = sysconfig.get_path("include")
    if not os.path.exists(os.path.join(folder, "Python.h")):
        sys.exit(f"{WHY} {folder}/Python.h is missing: install Python's headers (Debian and Ubuntu: python3-dev)")


def is_current(compiled: Path) -> bool:
    """Returns True if an object file is newer than its sources, which the compiler listed beside it (-MMD)."""
    try:
        _, _, names = compiled.with_suffix(".d").read_text(encoding="utf-8").replace("\\\n", " ").partition(": ")
        return all(os.stat(name).st_mtime < compiled.stat().st_mtime for name in shlex.split(names))
    except FileNotFoundError:
        return False


modules = mypyc_modules()
# The core alone is abi3: one wheel for all versions. mypyc's modules are not, and a free-threaded Python has no abi3.
stable = not modules and not sysconfig.get_config_var("Py_GIL_DISABLED")
home = os.environ.get("OPERANT_HOME_PAGE")
setup(
    # bench, compat and native are at the top of the repository: see package-dir in pyproject.toml.
    packages=[*find_packages("src"), "operant.bench", "operant.compat", "operant.native"],
    cffi_modules=["native/build.py:ffi"],
    ext_modules=modules,
    cmdclass={"build": Build, "build_ext": BuildExtensions, "build_py": BuildPython},
    options={"bdist_wheel": {"py_limited_api": "cp310"}} if stable else {},
    # The address of the repository, which the workflow that publishes a release knows: see pyproject.toml.
    project_urls={name: home + path for name, path in LINKS.items()} if home else {},
)
