"""ThreadCrew: workers in threads, for a free-threaded Python and for environments that wait."""

from __future__ import annotations

import queue
import sys
import threading
import traceback
from array import array
from collections.abc import Sequence
from typing import Any

from operant.messages import NotCopyable
from operant.workers.block import INSTEAD, Block
from operant.workers.faults import NOTHING, failure
from operant.workers.loop import DONE, END, report, serve
from operant.workers.plan import MakeEnv, Plan


class _ThreadChannel(NotCopyable):
    """One worker's queues. Messages are the objects themselves."""

    instead = INSTEAD

    def __init__(self, answers: queue.SimpleQueue[array[int]]):
        self._answers = answers
        self.commands: queue.SimpleQueue[array[int]] = queue.SimpleQueue()
        self.down: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.up: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def receive(self) -> array[int]:
        return self.commands.get()

    def fetch(self) -> Any:
        return self.down.get()

    def answer(self, words: list[int], message: Any = NOTHING) -> None:
        self._answers.put(array("I", words))
        if message is not NOTHING:
            self.up.put(message)


class ThreadCrew(NotCopyable):
    """Workers in daemon threads. A thread that hangs cannot be ended: it is left behind, and its environments too."""

    instead = INSTEAD
    shares_objects = True

    def __init__(self, plan: Plan, functions: Sequence[MakeEnv]):
        self.block = plan.block(bytearray(plan.size))
        self._answers: queue.SimpleQueue[array[int]] = queue.SimpleQueue()
        self._channels = [_ThreadChannel(self._answers) for _ in range(plan.workers)]
        self._threads = [
            threading.Thread(
                target=_run,
                args=(plan, w, functions[plan.rows(w)], self.block, channel),
                daemon=True,
                name=f"operant-worker-{w}",
            )
            for w, channel in enumerate(self._channels)
        ]
        for thread in self._threads:
            thread.start()

    def command(self, worker: int, words: Sequence[int]) -> None:
        self._channels[worker].commands.put(array("I", words))

    def command_all(self, word: int, order: Sequence[int]) -> None:
        for worker in order:
            self._channels[worker].commands.put(array("I", [word]))

    def post(self, worker: int, message: Any) -> None:
        self._channels[worker].down.put(message)

    def listen(self, seconds: float | None) -> array[int]:
        try:
            return self._answers.get(timeout=None if seconds is None else max(seconds, 0.0))
        except queue.Empty:
            return array("I")

    def collect(self, worker: int, word: int) -> Any:
        return self._channels[worker].up.get()

    def traces(self, workers: Sequence[int]) -> list[tuple[str, int, str]]:
        frames = sys._current_frames()
        found = []
        for w in workers:
            thread = self._threads[w]
            frame = frames.get(thread.ident or 0)
            text = "".join(traceback.format_stack(frame)) if frame else ""
            found.append((f"worker {w} ({thread.name})", int(self.block.current[w]), text))
        return found

    def end(self, grace: float) -> None:
        for channel in self._channels:
            channel.commands.put(array("I", [END]))
            channel.commands.put(array("I"))
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(grace)


def _run(plan: Plan, index: int, functions: Sequence[MakeEnv], block: Block, channel: _ThreadChannel) -> None:
    try:
        envs = plan.open(index, functions, block)
    except BaseException as exception:
        report(index, failure(exception, int(block.current[index])), channel)
        return
    channel.answer([DONE + index])
    serve(index, envs, block, channel)
