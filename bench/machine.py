"""Facts on which a figure depends besides the code: versions, compiler, CPU."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import operant
from operant.batch.batch import Batch
from operant.batch.core import isas
from operant.catalog import CATALOG
from operant.workers.choice import available_cores


def describe() -> dict[str, str]:
    """Returns the versions and the CPU by name, in the order to print them."""
    facts = {
        "operant": operant.__version__,
        "git": _git_describe(),
        "compiled by": _compiler(),
        "instruction set": Batch(CATALOG["CartPole-v1"], 4096).isa,
        "others that run here": ", ".join(name for name, runs in isas().items() if runs),
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
    }
    for package in ("numpy", "gymnasium", "envpool"):
        facts[package] = version(package) or "not installed"
    facts["CPU"] = _cpu()
    facts["cores"] = f"{available_cores()} available to this process, {os.cpu_count()} in all"
    facts["system"] = f"{platform.system()} {platform.release()} {platform.machine()}"
    return {name: value for name, value in facts.items() if value}


def version(package: str) -> str | None:
    """Returns a distribution's version, or None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_describe() -> str:
    """Describes the commit of the package's sources; "" if the package is not in a checkout of its own."""
    package = Path(operant.__file__).parent
    try:
        # The file must be tracked: a virtual environment may lie inside the checkout of another project.
        for command in (["ls-files", "--error-unmatch", "__init__.py"], ["describe", "--always", "--dirty"]):
            answer = subprocess.run(["git", *command], cwd=package, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.strip()


def _compiler() -> str:
    """Reads the compiler's name and version from the core's library."""
    path = getattr(sys.modules.get("operant._native"), "__file__", None)
    if path is None:
        return ""
    found = re.search(rb"GCC: \([^)]*\) [\w.]+|clang version [\w.]+", Path(path).read_bytes())
    return found.group().decode().replace("GCC: ", "GCC ") if found else ""


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found.group(1)
    except OSError:
        pass
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return platform.processor() or platform.machine()
