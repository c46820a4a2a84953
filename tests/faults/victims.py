"""`python victims.py SUBJECT CALL FOLDER`, under failing.c: does SUBJECT again and again.

The first time the first CALL fails, then the second, until none is left to fail. It prints the number of failures.
After each, the error is one line, nothing that was written before is lost, and the same succeeds at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from operant.runs.checkpoint import CheckpointFolder, load_checkpoint
from operant.runs.logger import Logger, read_csv

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the other modules of the tests

_failing = ctypes.CDLL(None)
_fail_call = _failing.fail_call
_fail_call.argtypes = [ctypes.c_char_p, ctypes.c_long]


Act = Callable[[int], object]
"""Does a thing for a turn, or checks that it was done."""


@contextlib.contextmanager
def failing(call: str, number: int) -> Iterator[None]:
    name = call.encode()
    _fail_call(name, number)
    try:
        yield
    finally:
        _fail_call(None, 0)


def check_message(problem: BaseException) -> None:
    """An OSError's or ValueError's text is one line that says more than a number; a MemoryError may have none."""
    text = str(problem)
    assert isinstance(problem, MemoryError) or len(text) > 20, repr(problem)
    assert "\n" not in text, text


def checkpoint(folder: Path) -> tuple[Act, Act]:
    checkpoints = CheckpointFolder(folder / "checkpoints", keep=2)
    weights = np.arange(3000, dtype=np.float32)

    def save(turn: int) -> object:
        return checkpoints.save({"weights": weights + turn, "turn": turn}, steps=turn, score=float(turn))

    def holds(turn: int) -> None:
        """The latest and the best are whole, and of this turn or the one before it."""
        for path in (checkpoints.latest(), checkpoints.best()):
            state = load_checkpoint(path)
            assert state["turn"] in (turn - 1, turn), (state["turn"], turn)
            assert np.array_equal(state["weights"], weights + state["turn"])

    return save, holds


def metrics(folder: Path) -> tuple[Act, Act]:
    path = folder / "metrics.csv"
    logger = Logger(csv_path=path)
    logger.log(turn=-1, other=1.0)

    def log(turn: int) -> None:
        logger.log(turn=turn, **{f"column_{turn}": 1.0})  # a new column: the file is rewritten

    def holds(turn: int) -> None:
        columns, rows = read_csv(path)
        turns = [row[columns.index("turn")] for row in rows]
        assert turns in ([*range(-1, turn)], [*range(-1, turn + 1)]), (turns, turn)
        assert rows[0][columns.index("other")] == 1.0

    return log, holds


def batch(folder: Path) -> tuple[Act, Act]:
    """The C interface alone: NumPy itself does not survive every failed allocation."""
    from operant._native import ffi, lib

    n = 3000
    env, message = ffi.new("char[]", b"cartpole"), ffi.new("char[100]")
    options = ffi.new(
        "operant_options *", {"env": env, "num_envs": n, "workers": 2, "autoreset": lib.OPERANT_SAME_STEP}
    )
    output = ffi.new("operant_output *")
    arrays = {"observations": f"float[{4 * n}]", "rewards": f"float[{n}]", "terminated": f"uint8_t[{n}]"}
    arrays["truncated"] = arrays["terminated"]
    kept = [ffi.new(kind) for kind in arrays.values()]
    for name, array in zip(arrays, kept, strict=True):
        setattr(output, name, array)
    actions, values = ffi.new(f"int32_t[{n}]"), ffi.new(f"double[{n}]", [9.0 + k % 2 for k in range(n)])

    def use(turn: int) -> None:
        handle = lib.operant_open(options, message, 100)
        if handle == ffi.NULL:
            raise MemoryError(ffi.string(message).decode())
        try:
            for status in (
                lib.operant_reset(handle, ffi.NULL, ffi.NULL, output.observations),
                lib.operant_set_param(handle, 0, values, n),
                lib.operant_randomize(handle, 1, 1.0, 2.0),
                lib.operant_step(handle, actions, lib.OPERANT_INT32, output),
            ):
                if status == lib.OPERANT_NO_MEMORY:
                    raise MemoryError
                assert status == lib.OPERANT_OK, status
        finally:
            lib.operant_close(handle)

    return use, lambda turn, _owners=(env, kept): None


def header(folder: Path) -> tuple[Act, Act]:
    from authored import write_lander

    from operant.headers.library import build

    path = write_lander(folder)

    def compile_it(turn: int) -> object:
        return build(path, again=True)

    def holds(turn: int) -> None:
        assert build(path).path.stat().st_size > 10_000

    return compile_it, holds


def main(subject: str, call: str, folder: Path) -> None:
    do, holds = SUBJECTS[subject](folder)
    do(0)
    holds(0)
    for number in range(1, 4000):
        problem = failure(do, call, number)
        if problem is None:
            print(number - 1)
            return
        check_message(problem)
        del problem  # and with it the frames that it holds
        gc.collect()
        holds(number)
        do(number)
        holds(number)
    raise AssertionError(f"{call} still fails at its call {number}")


def failure(do: Act, call: str, number: int) -> BaseException | None:
    """The error of `do` if its call `number` fails, or None if it makes fewer calls."""
    try:
        with failing(call, number):
            do(number)
    except (OSError, ValueError, MemoryError, RuntimeError) as problem:  # Python's open() raises the last of them
        return problem
    return None


SUBJECTS = {"checkpoint": checkpoint, "metrics": metrics, "batch": batch, "header": header}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
