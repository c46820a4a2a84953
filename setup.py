"""What pyproject.toml cannot say: compile the C core through cffi, and the typed leaf modules through mypyc."""

import os

from setuptools import setup
from setuptools.command.build_py import build_py

COMPILED = ["src/operant/outputs.py"]


def mypyc_modules() -> list:
    """The leaf modules of the step path as extensions; OPERANT_MYPYC=0 leaves them Python."""
    if os.environ.get("OPERANT_MYPYC", "1") == "0":
        return []
    from mypyc.build import mypycify

    return mypycify(["--follow-imports=skip", "--ignore-missing-imports", *COMPILED])


class BuildPython(build_py):
    """Of native/, which is in the package for its headers, leaves the script out that builds the core."""

    def find_package_modules(self, package: str, package_dir: str) -> list:
        return [] if package == "operant.native" else super().find_package_modules(package, package_dir)


modules = mypyc_modules()
setup(
    cffi_modules=["native/build.py:ffi"],
    ext_modules=modules,
    cmdclass={"build_py": BuildPython},
    # The core alone is abi3: one wheel for all versions. mypyc's modules are not.
    options={} if modules else {"bdist_wheel": {"py_limited_api": "cp310"}},
)
