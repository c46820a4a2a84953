"""The worker's loop: reads commands, steps its slice, and answers.

Commands and answers are 32-bit words; a word may have a message, any object, that follows it. The loop does not know
how they travel: a `Channel` does.
"""

from __future__ import annotations

import time
from array import array
from typing import Any, Protocol

from operant.workers.block import Block
from operant.workers.faults import NOTHING, Failure, failure
from operant.workers.slice import Slice

# Commands. A word below STEP is the index in the slice of an environment to step. CLOSE closes the environments; END
# also ends the worker.
STEP, STEP_GIVEN, RESET, APPLY, CLOSE, END = range(1 << 31, (1 << 31) + 6)
# Answers. A word below DONE is an environment whose step is finished. DONE and FAILED are added to a worker's index,
# and MESSAGE to a word if a message follows the words.
MESSAGE, FAILED, DONE = 1 << 31, 1 << 30, 1 << 29
MOST = 1024  # words in one answer: a pipe takes 4096 bytes whole or not at all
ANNOUNCE = 20e-6  # seconds: environments that finish within it are announced together


class Channel(Protocol):
    """The worker's end of the way to its caller."""

    def receive(self) -> array[int]:
        """Waits for command words; none once the caller is gone."""

    def fetch(self) -> Any:
        """Returns the message of the command, which may still be on its way."""

    def answer(self, words: list[int], message: Any = NOTHING) -> None:
        """Sends words that belong together, and their message."""


class Worker:
    """Executes the commands of one slice."""

    def __init__(self, index: int, envs: Slice, channel: Channel):
        self._index = index
        self._slice = envs
        self._channel = channel
        self.open = True

    def handle(self, words: array[int]) -> None:
        """Executes commands in their order."""
        chosen: list[int] = []
        for word in words:
            if word < STEP:
                chosen.append(word)
                continue
            if chosen:
                self._step_some(chosen)
                chosen = []
            self._command(word)
        if chosen:
            self._step_some(chosen)

    def _command(self, word: int) -> None:
        message: Any = NOTHING
        if word in (STEP, STEP_GIVEN, RESET):
            if word == STEP:
                infos = self._slice.step()
            elif word == STEP_GIVEN:
                infos = self._slice.step(self._channel.fetch())
            else:
                infos = self._slice.reset(self._channel.fetch())
            message = NOTHING if infos is None else infos
        elif word == APPLY:
            message = self._slice.apply(*self._channel.fetch())
        else:
            self.open = word != END
            self._slice.close()
        self._slice.rest()
        self._channel.answer([DONE + self._index + (0 if message is NOTHING else MESSAGE)], message)

    def _step_some(self, chosen: list[int]) -> None:
        """Steps single environments, and announces those that finish at about the same time together."""
        words: list[int] = []
        infos: list[list[dict[str, Any]]] = []
        since = time.perf_counter()
        for row, parts in self._slice.step_some(chosen):
            if parts:
                infos.append(parts)
            words.append(row + (MESSAGE if parts else 0))
            now = time.perf_counter()
            if now - since > ANNOUNCE or len(words) == MOST:
                self._channel.answer(words, infos or NOTHING)
                words, infos, since = [], [], now
        self._slice.rest()
        if words:
            self._channel.answer(words, infos or NOTHING)


def serve(index: int, envs: Slice, block: Block, channel: Channel) -> None:
    """Executes commands until the caller ends the worker or is gone."""
    worker = Worker(index, envs, channel)
    while worker.open and (words := channel.receive()):
        try:
            worker.handle(words)
        except BaseException as exception:
            report(index, failure(exception, int(block.current[index])), channel)


def report(index: int, problem: Failure, channel: Channel) -> None:
    """Tells the caller of an exception."""
    channel.answer([FAILED + index + MESSAGE], problem)
