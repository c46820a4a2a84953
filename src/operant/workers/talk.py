"""Talk: what the caller says to workers and hears from them, and which environments step in the background."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from operant.workers.crew import Crew
from operant.workers.faults import NOTHING, Failure, hangs
from operant.workers.loop import CLOSE, DONE, FAILED, MESSAGE

Infos = list[dict[str, Any]]


class Harmless(Exception):
    """Carries an exception of an environment, after which all workers still do what is expected of them."""

    def __init__(self, problem: Failure):
        self.problem = problem


class Talk:
    """The caller's side of commands and answers. Any other exception than Harmless leaves workers in an unknown state.

    Args:
        crew: the workers.
        rows: the rows of each worker.
        timeout: seconds after which an answer is missing; None waits forever.

    Attributes:
        owner: the worker of each row.
        stepping: the rows that began in the background, and whose results the caller has not taken yet.
    """

    def __init__(self, crew: Crew, rows: Sequence[slice], timeout: float | None):
        self._crew = crew
        self._timeout = timeout
        self._rows = rows
        self.owner = [worker for worker, own in enumerate(rows) for _ in range(own.start, own.stop)]
        self.stepping: set[int] = set()
        self._arrived: deque[int] = deque()  # those of `stepping` whose results are there, in their order
        self._infos: dict[int, Infos] = {}  # and their infos
        self._coming: list[deque[Infos]] = [deque() for _ in rows]
        # The worker that answered last left an idle core; the caller is mostly on that of the first one. Asked in the
        # reverse order of their answers, workers stay on their cores, whose caches hold their environments.
        self._order = list(range(len(rows)))

    # Commands that every worker answers.

    def ask(self, command: int, messages: Sequence[Any] = (), final: bool = False) -> list[Any]:
        """Gives every worker a command, and its own message; returns `answers(final)`."""
        if messages:  # a worker that sends the infos of a step in the background does not read its message
            self._await_steps()
        self._crew.command_all(command, self._order)
        for worker, message in enumerate(messages):
            self._crew.post(worker, message)
        return self.answers(final, self._deadline())

    def close(self, seconds: float) -> Failure | None:
        """Lets workers close their environments; returns what one of them raised, if all answer in time."""
        try:
            self._crew.command_all(CLOSE, self._order)
            self.answers(False, time.monotonic() + seconds)
        except Harmless as harmless:
            return harmless.problem
        except Exception:  # they are ended by force
            return None
        return None

    def answers(self, final: bool, deadline: float | None = None) -> list[Any]:
        """Waits for every worker, and returns their messages, NOTHING where there was none.

        An exception in a worker is raised: at once if `final`, else as Harmless once all have answered.
        """
        answers: list[Any] = [NOTHING] * len(self._rows)
        pending = set(range(len(self._rows)))
        order: list[int] = []
        problem: Failure | None = None
        while pending:
            for word in self._hear(deadline, pending):
                worker = word & ~(MESSAGE | FAILED | DONE)
                pending.discard(worker)
                order.append(worker)
                if word & MESSAGE:
                    answers[worker] = self._crew.collect(worker, word)
                if word & FAILED:
                    problem = problem or answers[worker]
                    if final:
                        answers[worker].throw()
        self._order = order[::-1]
        if problem:
            raise Harmless(problem)
        return answers

    # Steps in the background.

    def begin(self, rows: Iterable[int]) -> None:
        """Lets environments step with the actions in the block."""
        chosen: list[list[int]] = [[] for _ in self._rows]
        for row in rows:
            worker = self.owner[row]
            chosen[worker].append(row - self._rows[worker].start)
        self.stepping.update(rows)
        for worker, own in enumerate(chosen):
            if own:
                self._crew.command(worker, own)

    def add(self, rows: Sequence[int], infos: dict[int, Infos]) -> None:
        """Adds results that are there already, of episodes that began."""
        self.stepping.update(rows)
        self._arrived.extend(rows)
        self._infos.update(infos)

    def receive(self, count: int) -> tuple[list[int], list[Infos]]:
        """Waits for the next results: their rows, and the infos of each. The rows stay in `stepping`."""
        deadline = self._deadline()
        while len(self._arrived) < count:
            self._hear(deadline)
        rows = [self._arrived.popleft() for _ in range(count)]
        return rows, [self._infos.pop(row, []) for row in rows]

    def discard(self) -> None:
        """Waits for everything that steps, and forgets its results."""
        self._await_steps()
        self.stepping.clear()
        self._arrived.clear()
        self._infos.clear()

    def _await_steps(self) -> None:
        """Waits until everything that steps in the background has arrived."""
        while len(self.stepping) > len(self._arrived):
            self._hear(self._deadline())

    def _hear(self, deadline: float | None, pending: set[int] | None = None) -> list[int]:
        """Waits for answers. Notes environments that finished; returns the words that answer a command.

        `pending` are the workers that are waited for; by default those of environments that are stepping.
        """
        words = self._crew.listen(None if deadline is None else deadline - time.monotonic())
        if not words:
            late = pending or {self.owner[row] for row in self.stepping.difference(self._arrived)}
            raise hangs(self._crew.traces(sorted(late)), self._timeout or 0.0)
        others = []
        for word in words:
            if not word & (DONE | FAILED):
                self._note(word)
            elif word & FAILED and self.stepping:
                self._crew.collect(word & ~(MESSAGE | FAILED), word).throw()
            else:
                others.append(word)
        return others

    def _note(self, word: int) -> None:
        """Notes an environment whose step is finished."""
        row = word & ~MESSAGE
        if word & MESSAGE:
            owner = self.owner[row]
            if not self._coming[owner]:  # one message has the infos of environments that were announced together
                self._coming[owner].extend(self._crew.collect(owner, word))
            self._infos[row] = self._coming[owner].popleft()
        self._arrived.append(row)

    def _deadline(self) -> float | None:
        return None if self._timeout is None else time.monotonic() + self._timeout
