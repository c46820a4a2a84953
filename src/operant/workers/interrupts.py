"""Ctrl-C while processes start: it reaches them all, and none of them can answer it well before its own code runs."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Holds Ctrl-C back, for this process until the end of the block, and for processes that are started in it.

    Those take it again with `take_interrupts`. Without this it would end a new process with a traceback, and one that
    arrives in a hook of `os.fork` would be lost here, because Python ignores what hooks raise.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # which would end the holding, where a process's start begins it
    came: list[FrameType | None] = []
    handler = signal.getsignal(signal.SIGINT)
    # The system may give the signal to another thread, which does not hold it, and the main thread runs the handler.
    replaced = callable(handler) and threading.current_thread() is threading.main_thread()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        if replaced:
            signal.signal(signal.SIGINT, lambda _, frame: came.append(frame))
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if replaced:
            signal.signal(signal.SIGINT, handler)
        if came and callable(handler):
            handler(signal.SIGINT, came[0])


def take_interrupts() -> None:
    """Ends the holding in a process that was started in an `interrupts_held`, once it has a handler of its own."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
