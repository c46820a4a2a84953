"""Runs trials: one after the other in this process, or several at the same time in processes of their own."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol, TypeAlias

from operant.cli.run_config import RunConfig
from operant.cli.training import INTERRUPTED, asked_to_stop
from operant.workers.interrupts import interrupts_held, take_interrupts

Ends: TypeAlias = Callable[[int, float], bool]
"""Called during a trial with the steps so far and the mean return; True ends the trial."""

Train: TypeAlias = Callable[[Any, Ends], "dict[str, Any] | None"]
"""Trains a task and returns its result, or None if it was interrupted. A module's function: processes import it."""


def one_thread(config: RunConfig) -> RunConfig:
    """Returns the run with one thread, unless its options say how many: several trials may share the machine."""
    return dataclasses.replace(config, options=dataclasses.replace(config.options, threads=config.options.threads or 1))


class Trials(Protocol):
    """The trials to make. All methods are called in the process that calls `run_trials`."""

    def next(self) -> tuple[str, Any] | None:
        """Returns the key and the task of a trial that has not begun, or None if there is none at present."""

    def ends(self, key: str, steps: int, mean_return: float) -> bool:
        """Returns True if the trial should end before its time."""

    def finish(self, key: str, result: dict[str, Any]) -> None:
        """Records the result of a trial."""


def run_trials(trials: Trials, train: Train, jobs: int) -> int:
    """Runs trials until there are no more, `jobs` at a time. Ctrl-C or SIGTERM interrupts them.

    Returns:
        The exit code: 0, or 130 if they were interrupted.

    Raises:
        ValueError: a trial failed in a process of its own; the message names it. The others are interrupted.
    """
    return _run_here(trials, train) if jobs == 1 else _run_in_processes(trials, train, jobs)


def _run_here(trials: Trials, train: Train) -> int:
    with asked_to_stop() as asked:
        while not asked.by_signal and (trial := trials.next()) is not None:
            key, task = trial
            result = train(task, partial(trials.ends, key))
            if result is None:
                return INTERRUPTED
            trials.finish(key, result)
    return INTERRUPTED if asked.by_signal else 0


_CLOSED = (EOFError, BrokenPipeError, ConnectionResetError)


class _Worker:
    """A process that trains one task after the other; `key` is that of the present one."""

    def __init__(self, train: Train):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, train), daemon=True)
        with interrupts_held():
            self.process.start()
        theirs.close()
        self.key = ""

    def begin(self, key: str, task: Any) -> None:
        self.key = key
        self.send(task)

    def send(self, message: Any) -> None:
        with contextlib.suppress(*_CLOSED):  # then there is an answer that says so
            self.connection.send(message)

    def receive(self) -> tuple[str, Any]:
        """Returns the kind and the content of a message; ("killed", None) if the process has ended."""
        try:
            kind, content = self.connection.recv()
        except _CLOSED:
            return "killed", None
        return str(kind), content

    def close(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _run_in_processes(trials: Trials, train: Train, jobs: int) -> int:
    idle: list[_Worker] = []
    busy: list[_Worker] = []
    stopping = False
    try:
        with asked_to_stop() as asked:
            while True:
                while not stopping and len(busy) < jobs and (trial := trials.next()) is not None:
                    worker = idle.pop() if idle else _Worker(train)
                    busy.append(worker)
                    worker.begin(*trial)
                if not busy:
                    return INTERRUPTED if stopping else 0
                ready = wait([worker.connection for worker in busy], timeout=0.2)
                for worker in [each for each in busy if each.connection in ready]:
                    kind = _hear(trials, worker, stopping or asked.by_signal)
                    if kind != "ends":
                        busy.remove(worker)
                        idle.append(worker)
                    stopping |= kind == "interrupted"
                if asked.by_signal and not stopping:
                    stopping = True
                    for worker in busy:  # each finishes its update
                        worker.process.terminate()
    finally:
        for worker in (*busy, *idle):
            worker.close()


def _hear(trials: Trials, worker: _Worker, stopping: bool) -> str:
    """Answers a message, and returns its kind: "ends", "finished" or "interrupted"."""
    kind, content = worker.receive()
    if kind == "killed":  # by our SIGTERM, before its training began, or by somebody else
        kind, content = ("interrupted", None) if stopping else ("failed", "its process was killed")
    if kind == "failed":
        raise ValueError(f"trial {worker.key} failed: {content}; the same command repeats it")
    if kind == "ends":
        worker.send(trials.ends(worker.key, *content))
    elif kind == "finished":
        trials.finish(worker.key, content)
    return kind


def _work(connection: Connection, train: Train) -> None:
    """Trains tasks until the other end of the connection is closed, or its process is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # after Ctrl-C the other process decides
    take_interrupts()
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def ends(steps: int, mean_return: float) -> bool:
        connection.send(("ends", (steps, mean_return)))
        return bool(connection.recv())

    with contextlib.suppress(*_CLOSED):
        while True:
            task = connection.recv()
            try:
                result = train(task, ends)
            except Exception as problem:
                connection.send(("failed", f"{type(problem).__name__}: {' '.join(str(problem).split())}"))
            else:
                connection.send(("interrupted", None) if result is None else ("finished", result))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
