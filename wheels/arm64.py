"""A 64-bit Arm machine in a folder: Debian's Python for it, unpacked and run by QEMU, and a compiler for it.

Nothing is installed on this machine: apt-get downloads into the folder, as if that were a system of its own.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("python3", "libpython3-dev", "libstdc++6")  # NumPy needs the last
COMPILER = "aarch64-linux-gnu-gcc"
PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")

Run = Callable[..., str]


@dataclass(frozen=True)
class Machine:
    """The machine. `root` is the folder of its files; its Python imports what `install` puts into `site`."""

    root: Path
    site: Path
    version: str
    run: Run

    def variables(self) -> dict[str, str]:
        """The environment variables with which a Python here compiles for this machine.

        Python takes the other's settings, such as the suffix of extensions, from its file of them. So a compiled step
        path is possible only if both have one version.
        """
        settings = next((self.root / "usr" / "lib").glob("python3.*/_sysconfigdata__aarch64-linux-gnu.py"))
        alone = self.site.parent / "settings"
        alone.mkdir(exist_ok=True)
        shutil.copy(settings, alone)
        headers = self.root / "usr" / "include"
        return {
            "CC": COMPILER,
            "LDSHARED": f"{COMPILER} -shared",
            "CFLAGS": f"-I{headers}/python{self.version} -idirafter {headers}",
            "PYTHONPATH": str(alone),
            "_PYTHON_HOST_PLATFORM": "linux-aarch64",
            "_PYTHON_SYSCONFIGDATA_NAME": settings.stem,
        }

    def install(self, *what: str | os.PathLike[str]) -> None:
        """Puts packages that are made for the machine into `site`; `what` is as for pip."""
        fits = [word for platform in PLATFORMS for word in ("--platform", f"{platform}_aarch64")]
        fits += ["--python-version", self.version, "--implementation", "cp", "--only-binary", ":all:"]
        into = ("-m", "pip", "install", "-q", "--no-compile", "--upgrade", "--target", self.site)
        self.run(sys.executable, *into, *fits, *what)

    def python(self, *arguments: str | os.PathLike[str]) -> str:
        """Runs the machine's Python and returns what it printed."""
        program = self.root / "usr" / "bin" / f"python{self.version}"
        return self.run("qemu-aarch64", "-L", self.root, program, *arguments, PYTHONPATH=str(self.site))


def unpack(folder: Path, run: Run) -> Machine:
    """Downloads Debian's packages for the machine into `folder` and unpacks them there."""
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    (folder / "status").touch()
    apt = [
        "apt-get",
        *("-qq", "-o", "APT::Architecture=arm64", "-o", "APT::Architectures=arm64"),
        *("-o", f"Dir::State::status={folder}/status", "-o", f"Dir::State::lists={folder}/lists"),
        *("-o", f"Dir::Cache={folder}/cache", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User="),
    ]
    run(*apt, "update")
    run(*apt, "install", "--download-only", "-y", "--no-install-recommends", *PACKAGES)
    root = folder / "root"
    for package in (folder / "cache" / "archives").glob("*.deb"):
        run("dpkg-deb", "-x", package, root)
    version = next((root / "usr" / "lib").glob("python3.*/os.py")).parent.name.removeprefix("python")
    return Machine(root, folder / "site", version, run)
