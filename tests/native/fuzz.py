"""Runs the fuzzer of the C interface: `fuzz.py PROGRAM SECONDS [--keep]`.

Its inputs are the lines of corpus.txt, in hexadecimal. With --keep the corpus becomes the smallest set of inputs, old
and new, that reaches the same code. An input that fails is printed in hexadecimal: mend it, then add it to corpus.txt.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).with_name("corpus.txt")
LIMITS = ("-timeout=20", "-max_len=800", "-verbosity=0", "-print_final_stats=1")


def run(program: str, seconds: str, keep: bool) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs, merged, failed = folder / "inputs", folder / "merged", folder / "failed"
        for each in (inputs, merged, failed):
            each.mkdir()
        for number, line in enumerate(CORPUS.read_text().split()):
            (inputs / str(number)).write_bytes(bytes.fromhex(line))
        # First every input of the corpus, which must not fail; then new ones.
        for turn in ("-runs=0", f"-max_total_time={seconds}"):
            command = [program, inputs, turn, *LIMITS, f"-artifact_prefix={failed}/"]
            done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
            if done.returncode:
                print(done.stderr)
                break
            print("".join(line for line in done.stderr.splitlines(True) if line.startswith("stat::")), end="")
        for path in failed.iterdir():
            print(f"this input fails: {path.read_bytes().hex()}")
        if keep and not done.returncode:
            command = [program, "-merge=1", "-use_counters=0", merged, inputs]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            lines = sorted((path.read_bytes().hex() for path in merged.iterdir()), key=lambda line: (len(line), line))
            CORPUS.write_text("".join(f"{line}\n" for line in lines if line))
            print(f"kept {len(lines)} inputs")
        return done.returncode


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2], "--keep" in sys.argv[3:]))
