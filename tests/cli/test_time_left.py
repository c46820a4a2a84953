"""The progress of trials: the time left, and the lines."""

import pytest

from operant.cli import time_left
from operant.cli.time_left import Progress, duration


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets: clock[0] is the time in seconds."""
    now = [0.0]
    monkeypatch.setattr(time_left.time, "monotonic", lambda: now[0])
    return now


def test_the_time_left_is_that_of_trials_of_the_same_kind(clock):
    kinds = {"a0": ("pole", "a"), "a1": ("pole", "a"), "a2": ("pole", "a"), "b0": ("pole", "b")}
    shown = Progress(kinds, done=0, jobs=1)
    assert shown.seconds_left() is None
    shown.begin("a0")
    clock[0] = 10.0
    assert shown.seconds_left() is None  # nothing tells how long a trial takes
    shown.show("a0", 0.25)
    assert shown.seconds_left() is None  # nor how long the next ones take
    shown.end("a0", "done")
    assert shown.seconds_left() == 10 + 10 + 10  # b0 as long as all others
    shown.begin("a1")
    clock[0] = 14.0
    assert shown.seconds_left() == 6 + 10 + 10
    shown.end("a1", "done")  # in 4 seconds
    assert shown.seconds_left() == 7 + 7


def test_two_trials_at_a_time_take_half_of_the_time(clock):
    shown = Progress({"a": ("r", "c"), "b": ("r", "c"), "d": ("r", "c")}, done=0, jobs=2)
    shown.begin("a")
    clock[0] = 8.0
    shown.end("a", "done")
    assert shown.seconds_left() == 8


def test_the_share_of_a_trial_tells_where_none_has_ended(clock):
    shown = Progress({"a": ("r", "c")}, done=3, jobs=1)
    shown.begin("a")
    clock[0] = 10.0
    shown.show("a", 0.25)
    assert shown.seconds_left() == pytest.approx(30)


def test_each_trial_is_a_line_outside_of_a_terminal(clock, capsys):
    with Progress({"a": ("r", "c"), "b": ("r", "c")}, done=1, jobs=1) as shown:
        shown.begin("a")
        clock[0] = 75.0
        shown.end("a", "r c seed 0: done")
    assert capsys.readouterr().err == "[2/3, 1 min 15 s left] r c seed 0: done\n"


@pytest.mark.parametrize(
    "seconds, words", [(0.4, "0 s"), (59.4, "59 s"), (125, "2 min 05 s"), (3600, "1 h 00 min"), (11_400, "3 h 10 min")]
)
def test_a_duration_has_its_two_largest_units(seconds, words):
    assert duration(seconds) == words
