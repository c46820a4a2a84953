"""Compares the speed of contenders on a machine that does other work too.

The contenders take turns, round after round, so that a disturbance affects all of them equally. A ratio is formed
within a round, from neighbours in time, and only then summarised. This module does not depend on what is timed:

    comparison = compare([
        Contender("ours", timed(lambda: train(ours)), work=batch_size),
        Contender("theirs", timed(lambda: train(theirs)), work=batch_size),
    ], rounds=9, seconds=0.1)
    summarize(comparison.ratios("ours", "theirs")).median   # how many times faster ours is
"""

from __future__ import annotations

import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

MAX_CALLS = 1 << 24


@dataclasses.dataclass(frozen=True)
class Summary:
    """The median, minimum and maximum of some samples."""

    median: float
    low: float
    high: float


def summarize(samples: Sequence[float]) -> Summary:
    """Computes median, minimum and maximum of at least one sample."""
    return Summary(statistics.median(samples), min(samples), max(samples))


@dataclasses.dataclass(frozen=True)
class Contender:
    """A call to time.

    Attributes:
        name: unique within a comparison.
        measure: makes the given number of calls and returns the seconds they took; it may exclude preparations.
        work: the work of one call, in a unit that all contenders share: environment steps, samples, bytes.
    """

    name: str
    measure: Callable[[int], float]
    work: float = 1.0


def timed(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> Callable[[int], float]:
    """Returns a `Contender.measure` that times `call()`, including the loop around it (about 20 ns).

    With `clock=time.process_time` it counts processor time, which other processes hardly change.
    """

    def measure(calls: int) -> float:
        start = clock()
        for _ in itertools.repeat(None, calls):
            call()
        return clock() - start

    return measure


def timed_over(
    call: Callable[[Any], object], arguments: Iterable[Any], clock: Callable[[], float] = time.perf_counter
) -> Callable[[int], float]:
    """Returns a `Contender.measure` that times `call(argument)`, cycling through the arguments.

    Each result is held until the next one arrives, like in a program that uses its results.
    """
    endless: Iterator[Any] = itertools.cycle(arguments)

    def measure(calls: int) -> float:
        held = None
        start = clock()
        for argument in itertools.islice(endless, calls):
            held = call(argument)
        seconds = clock() - start
        del held
        return seconds

    return measure


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The result of `compare`.

    Attributes:
        contenders: the contenders in the given order.
        calls: the number of calls in one measurement of a contender, by name.
        seconds: seconds per call by name, one number per round.
    """

    contenders: tuple[Contender, ...]
    calls: dict[str, int]
    seconds: dict[str, list[float]]

    def rates(self, name: str) -> list[float]:
        """Returns the work per second, one number per round."""
        work = self._contender(name).work
        return [work / seconds for seconds in self.seconds[name]]

    def ratios(self, name: str, reference: str) -> list[float]:
        """Returns the rate of `name` divided by the rate of `reference`, one number per round."""
        return [rate / divisor for rate, divisor in zip(self.rates(name), self.rates(reference), strict=True)]

    def _contender(self, name: str) -> Contender:
        return next(contender for contender in self.contenders if contender.name == name)


def calibrate(contender: Contender, seconds: float) -> int:
    """Finds the number of calls, at least one, that takes about `seconds`; this also warms up the contender."""
    calls = 1
    contender.measure(1)
    while (taken := contender.measure(calls)) < seconds / 4 and calls < MAX_CALLS:
        # A clock may return 0 for a short measurement, so the number grows at most tenfold at a time.
        calls = min(MAX_CALLS, max(2 * calls, int(calls * min(10.0, seconds / max(taken, 1e-9)))))
    return max(1, min(MAX_CALLS, round(calls * seconds / max(taken, 1e-9))))


def compare(contenders: Sequence[Contender], *, rounds: int, seconds: float) -> Comparison:
    """Times contenders in turn, for a number of rounds.

    Args:
        contenders: the contenders. Every second round times them in reverse order, which cancels a steady drift.
        rounds: the number of samples of each contender.
        seconds: the approximate duration of one sample; a call that takes longer is made once.
    """
    names = [contender.name for contender in contenders]
    if len(set(names)) != len(names):
        raise ValueError(f"contenders must have different names: {names}")
    calls = {contender.name: calibrate(contender, seconds) for contender in contenders}
    samples: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for contender in contenders if turn % 2 == 0 else reversed(contenders):
            samples[contender.name].append(contender.measure(calls[contender.name]) / calls[contender.name])
    return Comparison(tuple(contenders), calls, samples)
