"""InlineCrew: no worker at all: the caller itself executes the commands."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from typing import Any

from operant.workers.faults import NOTHING
from operant.workers.loop import END, Worker
from operant.workers.plan import MakeEnv, Plan


class InlineCrew:
    """All environments in this process and thread. What an environment raises goes straight to the caller."""

    shares_objects = True

    def __init__(self, plan: Plan, functions: Sequence[MakeEnv]):
        self.block = plan.block(bytearray(plan.size))
        self._answers: array[int] = array("I")
        self._commands: deque[int] = deque()  # another thread may add to it
        self._down: deque[Any] = deque()
        self._up: deque[Any] = deque()
        self._worker = Worker(0, plan.open(0, functions, self.block), self)

    def command(self, worker: int, words: Sequence[int]) -> None:
        self._commands.extend(words)

    def command_all(self, word: int, order: Sequence[int]) -> None:
        self._commands.append(word)

    def post(self, worker: int, message: Any) -> None:
        self._down.append(message)

    def listen(self, seconds: float | None) -> array[int]:
        """Executes the commands so far, those for single environments one at a time, and returns their answers."""
        words: array[int] = array("I")
        while self._commands:
            words.append(self._commands.popleft())
        self._worker.handle(words)
        answers, self._answers = self._answers, array("I")
        return answers

    def collect(self, worker: int, word: int) -> Any:
        return self._up.popleft()

    def traces(self, workers: Sequence[int]) -> list[tuple[str, int, str]]:
        return []

    def end(self, grace: float) -> None:
        if self._worker.open:
            self._worker.handle(array("I", [END]))

    # The worker's end of the way.

    def receive(self) -> array[int]:
        return array("I")

    def fetch(self) -> Any:
        return self._down.popleft()

    def answer(self, words: list[int], message: Any = NOTHING) -> None:
        self._answers.extend(words)
        if message is not NOTHING:
            self._up.append(message)
