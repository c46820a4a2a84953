"""Crew: the workers as their caller sees them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, Protocol

from operant.workers.block import Block


class Crew(Protocol):
    """The caller's end of the ways to all workers; `block` holds the arrays of their environments."""

    block: Block
    shares_objects: bool
    """True if messages are the environments' own objects, False if copies."""

    def command(self, worker: int, words: Sequence[int]) -> None:
        """Sends command words to a worker."""

    def command_all(self, word: int, order: Sequence[int]) -> None:
        """Sends a command word to every worker, in this order."""

    def post(self, worker: int, message: Any) -> None:
        """Sends the message of a command; after the command, so that the worker reads while it is sent."""

    def listen(self, seconds: float | None) -> array[int]:
        """Waits for answers of any worker; none if there were none for `seconds`.

        Raises:
            WorkerDied: a worker ended by itself.
        """

    def collect(self, worker: int, word: int) -> Any:
        """Returns the message of an answer, of which `word` is one; it may still be on its way."""

    def traces(self, workers: Sequence[int]) -> list[tuple[str, int, str]]:
        """The name, the environment, and the traceback at this moment, of workers that hang."""

    def end(self, grace: float) -> None:
        """Closes the environments and ends the workers, by force after `grace` seconds."""
