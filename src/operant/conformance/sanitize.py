"""Runs a header under AddressSanitizer and UBSan: the core with only this environment, in a separate process."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from operant.conformance.trajectories import Failed
from operant.headers.library import (
    ONE_LANE,
    CompileError,
    core_flags,
    describe_errors,
    find_compiler,
    included,
    list_environments,
    run_all,
)
from operant.headers.sources import native_folder
from operant.spec import EnvSpec

# For floats, division by zero is defined, but the result is infinite or NaN. A header that discards such a result must
# divide by some other number in that lane.
SANITIZERS = ("-fsanitize=address,undefined,float-divide-by-zero", "-fno-sanitize-recover=all")
FLAGS = ("-O1", "-g1", *SANITIZERS)


def sanitize(spec: EnvSpec) -> str:
    """Compiles the core with a user's header under the sanitizers and calls all functions of its interface.

    Only the one-lane targets run, because sanitizers do not check vectors; wider targets run the same C.

    Raises:
        Failed: a sanitizer reported an error; the text is its report, at the header's line.
        LibraryError: compiling failed, or the compiler has no sanitizers.
    """
    header, native, compiler = Path(spec.source), native_folder(), find_compiler()
    with tempfile.TemporaryDirectory(prefix=f"operant-{header.stem}-") as temporary:
        work = Path(temporary)
        list_environments([header], work)
        sources = [path for part in ("core", "rollout", "train") for path in sorted((native / part).glob("*.c"))]
        sources += [native / "targets" / "scalar.c", native / "targets" / "exact.c", native / "library" / "exercise.c"]
        compile_one = [*compiler, *core_flags(), *FLAGS, ONE_LANE, f"-I{work}", f"-I{native}", "-c"]
        # Two folders may have a file of one name.
        objects = {path: str(work / f"{path.parent.name}-{path.name}.o") for path in sources}
        commands = {str(path): [*compile_one, str(path), "-o", objects[path]] for path in sources}
        program = work / "exercise"
        failed = [text for code, text in run_all(commands).values() if code]
        if failed:
            raise CompileError(describe_errors(header, included(header), failed[0]))
        link = [*compiler, *SANITIZERS, *objects.values(), "-lm", "-lpthread", "-ldl", "-o", str(program)]
        code, text = run_all({"link": link})["link"]
        if code:
            raise CompileError(f"{compiler[0]} does not link with the sanitizers: {text.strip()[-1000:]}")
        said = ""
        for workers in ("1", "3"):
            said = _run(header, [str(program), workers])
    return f"AddressSanitizer and UBSan find nothing: {said.strip()}"


def _run(header: Path, command: list[str]) -> str:
    options = {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", env=os.environ | options, check=False
    )
    if done.returncode == 0:
        return done.stdout
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    found = [line for line in lines if re.search(r"runtime error|ERROR: AddressSanitizer|exercise|: status", line)]
    places = [line.strip() for line in lines if str(header) in line]
    raise Failed("\n".join([*found[:1], *dict.fromkeys(places[:3])] or lines[:20] or [f"exit code {done.returncode}"]))
