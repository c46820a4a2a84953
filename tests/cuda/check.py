"""Judges operant on a machine with a GPU: certificates, tests and benchmark, within eight minutes; writes a report.

    make cuda-wheels                  here, with a network: the folder build/cuda-check/wheels
    python3 tests/cuda/check.py       there: needs PyTorch, pytest and NVIDIA's compiler and bindings, but no network

The wheels are unpacked beside it, not installed. `--device emulated` tries the script itself without a GPU.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "cuda-check"
LIMIT = 460  # seconds, of eight minutes

CERTIFICATES = """
import sys, operant
device = sys.argv[1]
hashes = operant.certificate(device)
names = [name for name, target, _ in hashes if target == device]
wrong = [name for name in names if hashes[name, device, "float32"] != hashes[name, "scalar", "float32"]]
print(len(wrong), "of", len(names), "hashes differ from the CPU's", *wrong)
sys.exit(len(wrong) > 0)
"""
FACTS = """
import torch
print("PyTorch", torch.__version__, "for CUDA", torch.version.cuda)
print(torch.cuda.get_device_properties(0) if torch.cuda.is_available() else "no GPU")
"""
BENCH = "import sys; from operant.cli.main import main; sys.exit(main())"


def unpack_wheels() -> Path:
    """Unpacks the folder of wheels and returns the folder that Python is to import from."""
    wheels = sorted((FOLDER / "wheels").glob("*.whl"))
    if not wheels:
        raise SystemExit(f"{FOLDER / 'wheels'} has no wheel: run `make cuda-wheels` where there is a network")
    site = FOLDER / "site"
    shutil.rmtree(site, ignore_errors=True)
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    return site


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help='"cuda", "cuda:1" or "emulated"')
    parser.add_argument("--report", type=Path, default=FOLDER / "report.txt")
    options = parser.parse_args()
    began = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(unpack_wheels()), str(ROOT / "tests")])}
    python = sys.executable
    pytest = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not test_all and not test_long"]
    parts: dict[str, tuple[list[str], float]] = {  # a command, and the seconds that it may take at most
        "GPU": (["nvidia-smi"], 20),
        "PyTorch": ([python, "-c", FACTS], 60),
        "certificates": ([python, "-c", CERTIFICATES, options.device], 120),
        "tests that need a GPU": ([*pytest, "tests/cuda/test_on_a_gpu.py"], 150),
        "benchmark": ([python, "-c", BENCH, "bench", "--device", options.device, "--quick"], 150),
        "all tests of tests/cuda": ([*pytest, "tests/cuda"], 200),
    }
    if options.device == "emulated":
        del parts["GPU"]
    failed = []
    with options.report.open("w") as report:

        def say(text: str) -> None:
            print(text, flush=True)
            print(text, file=report, flush=True)  # what is done stays, even if the machine is taken away

        say(f"operant on {options.device}: {platform.platform()}, Python {platform.python_version()}")
        for name, (command, limit) in parts.items():
            left = LIMIT - (time.monotonic() - began)
            say(f"\n== {name}")
            started = time.monotonic()
            code, output = run(command, min(limit, left), environment)
            say(output.rstrip())
            say(f"-- {'passed' if code == 0 else f'FAILED ({code})'} in {time.monotonic() - started:.0f} s")
            if code:
                failed.append(name)
        verdict = f"FAILED: {', '.join(failed)}" if failed else "all parts passed"
        say(f"\n{verdict} in {time.monotonic() - began:.0f} s")
    return bool(failed)


def run(command: list[str], limit: float, environment: dict[str, str]) -> tuple[int | str, str]:
    """Runs a command for at most `limit` seconds; returns its exit status, or a reason, and all that it printed."""
    if limit < 5:
        return "no time was left", ""
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=ROOT,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return f"stopped after {limit:.0f} s", (late.stdout or b"").decode(errors="replace")
    except FileNotFoundError:
        return "not found", ""
    return done.returncode, done.stdout.decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
