"""Faults of workers: exceptions on their way to the caller, and the errors for workers that died or hang."""

from __future__ import annotations

import pickle
import signal
import traceback
from dataclasses import dataclass
from typing import Any, NoReturn


class WorkerDied(RuntimeError):
    """Raised when a worker process ended by itself: by a signal, by os._exit, or for want of memory."""


class WorkerTraceback(Exception):
    """The cause of an exception that an environment raised in a worker: which one, and its traceback as text."""


@dataclass(frozen=True)
class Failure:
    """An exception in a worker, as a message: what was raised, in which environment, and its traceback."""

    exception: BaseException
    row: int
    text: str

    def throw(self) -> NoReturn:
        """Raises the exception again, with the worker's traceback as its cause."""
        where = f"environment {self.row}" if self.row >= 0 else "the worker"
        raise self.exception from WorkerTraceback(f"raised by {where}:\n\n{self.text}")


def failure(exception: BaseException, row: int) -> Failure:
    """Makes the message for an exception that is being handled; one that cannot be pickled becomes a RuntimeError."""
    text = traceback.format_exc()
    try:
        pickle.loads(pickle.dumps(exception))
    except Exception:
        exception = RuntimeError(f"{type(exception).__name__}: {exception}")
    exception.__traceback__ = None
    return Failure(exception, row, text)


def died(name: str, row: int, code: int | None, trace: str) -> WorkerDied:
    """The error for a worker process that ended with exit code `code`."""
    if code is None:
        how = "closed its pipe"
    elif code < 0:
        try:
            how = f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            how = f"was killed by signal {-code}"
        if how.endswith("SIGKILL"):
            how += " (perhaps for want of memory)"
    else:
        how = f"ended with exit status {code}"
    return WorkerDied(f"{name} {how}{_in_environment(row)}; the others were ended{_trace(trace)}")


def hangs(late: list[tuple[str, int, str]], timeout: float) -> TimeoutError:
    """The error for workers, `(name, environment, traceback)` each, that gave no answer in `timeout` seconds."""
    which = "; ".join(f"{name}{_in_environment(row)}{_trace(trace)}" for name, row, trace in late)
    return TimeoutError(f"no answer within timeout={timeout} s from {which}\nall workers were ended")


def _in_environment(row: int) -> str:
    return f" in environment {row}" if row >= 0 else ""


def _trace(trace: str) -> str:
    return f"\n\n{trace.rstrip()}" if trace else ""


NOTHING: Any = object()
"""Stands for no message, because None is a message."""
