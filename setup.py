"""What pyproject.toml cannot say: compile the C core through cffi, and the typed leaf modules through mypyc."""

import os
from concurrent.futures import ThreadPoolExecutor

from setuptools import find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

COMPILED = ["src/operant/batch/outputs.py"]


def mypyc_modules() -> list:
    """The leaf modules of the step path as extensions; OPERANT_MYPYC=0 leaves them Python."""
    if os.environ.get("OPERANT_MYPYC", "1") == "0":
        return []
    from mypyc.build import mypycify

    return mypycify(["--follow-imports=skip", "--ignore-missing-imports", *COMPILED])


class BuildPython(build_py):
    """Of native/, which is in the package for its sources, leaves the script out that builds the core."""

    def find_package_modules(self, package: str, package_dir: str) -> list:
        return [] if package == "operant.native" else super().find_package_modules(package, package_dir)


class BuildExtensions(build_ext):
    """Compiles an extension's files side by side: the core's take a quarter of a minute each."""

    def build_extensions(self) -> None:
        compile_sources = self.compiler.compile

        def compile_side_by_side(sources: list, **options: object) -> list:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                each = pool.map(lambda source: compile_sources([source], **options), sources)
                return [file for files in each for file in files]

        self.compiler.compile = compile_side_by_side
        super().build_extensions()


modules = mypyc_modules()
setup(
    # bench, compat and native lie at the top of the repository: see package-dir in pyproject.toml.
    packages=[*find_packages("src"), "operant.bench", "operant.compat", "operant.native"],
    cffi_modules=["native/build.py:ffi"],
    ext_modules=modules,
    cmdclass={"build_ext": BuildExtensions, "build_py": BuildPython},
    # The core alone is abi3: one wheel for all versions. mypyc's modules are not.
    options={} if modules else {"bdist_wheel": {"py_limited_api": "cp310"}},
)
