"""A pytest plugin, for `make durations`, that measures every test and lists the slow ones in tests/slow.txt.

It counts processor seconds of the test and of the processes that it waited for, so a busy machine finds the same tests.
The time of a module's or session's fixture counts for each test that uses it, because each may be the first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

LIMIT = 0.5  # seconds
SLOW = Path(__file__).with_name("slow.txt")
SHARED = pytest.StashKey[dict[str, float]]()  # by the item: seconds of the fixtures that it had to make
BEGUN = pytest.StashKey[float]()
seconds_of_fixtures: dict[tuple[str, str], float] = {}  # in this process, by where it is defined and its name
measured: dict[str, float] = {}  # by test, in the process that writes the file


def processor_seconds() -> float:
    """The processor seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Iterator[None]:
    """Measures a fixture that several tests share; fixtures that it needs itself are made before."""
    begun = processor_seconds()
    result = yield
    if fixturedef.scope != "function":
        taken = processor_seconds() - begun
        seconds_of_fixtures[fixturedef.baseid, fixturedef.argname] = taken
        request._pyfuncitem.stash.setdefault(SHARED, {})[fixturedef.argname] = taken
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    item.stash[BEGUN] = processor_seconds()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    result = yield
    own = processor_seconds() - item.stash[BEGUN] - sum(item.stash.get(SHARED, {}).values())
    names = set(getattr(item, "fixturenames", ()))
    shared = sum(
        taken for (base, name), taken in seconds_of_fixtures.items() if name in names and item.nodeid.startswith(base)
    )
    item.user_properties.append(("processor seconds", own + shared))
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown":
        measured[report.nodeid] = dict(report.user_properties)["processor seconds"]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the tests that took too long, in the process that all others report to."""
    if not hasattr(session.config, "workerinput"):
        SLOW.write_text("".join(f"{name}\n" for name in sorted(measured) if measured[name] >= LIMIT))
