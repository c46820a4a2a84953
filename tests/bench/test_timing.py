"""The arithmetic of a comparison, on synthetic timings."""

import pytest

from operant.bench.timing import Comparison, Contender, Summary, calibrate, compare, summarize, timed, timed_over


def unmeasured(calls):
    raise AssertionError("not to be timed")


def synthetic():
    """A call of ours does 100 units, one of theirs 10; the machine was half as fast in the second of three rounds."""
    contenders = (Contender("ours", unmeasured, 100), Contender("theirs", unmeasured, 10))
    return Comparison(contenders, {"ours": 5, "theirs": 1}, {"ours": [0.5, 1.0, 0.25], "theirs": [1.0, 2.0, 1.0]})


def test_a_summary_is_the_median_with_the_smallest_and_the_largest_sample():
    assert summarize([5.0, 1.0, 2.0]) == Summary(median=2.0, low=1.0, high=5.0)
    assert summarize([4.0, 1.0, 2.0, 8.0]) == Summary(median=3.0, low=1.0, high=8.0)


def test_a_rate_is_work_per_second_in_each_round():
    assert synthetic().rates("ours") == [200.0, 100.0, 400.0]
    assert synthetic().rates("theirs") == [10.0, 5.0, 10.0]


def test_a_ratio_is_formed_within_each_round_so_that_a_slow_round_does_not_change_it():
    assert synthetic().ratios("ours", "theirs") == [20.0, 20.0, 40.0]
    assert summarize(synthetic().ratios("ours", "theirs")) == Summary(20.0, 20.0, 40.0)


class Scripted:
    """A contender with its own clock: every call takes `cost` seconds. It logs its name and its number of calls."""

    def __init__(self, name, cost, log):
        self.name, self.cost, self.log = name, cost, log

    def contender(self):
        return Contender(self.name, self.measure)

    def measure(self, calls):
        self.log.append((self.name, calls))
        return calls * self.cost


def test_contenders_take_turns_and_every_second_round_goes_backwards():
    log = []
    comparison = compare(
        [Scripted("a", 0.5, log).contender(), Scripted("b", 0.25, log).contender()], rounds=3, seconds=1.0
    )
    assert log[-6:] == [("a", 2), ("b", 4), ("b", 4), ("a", 2), ("a", 2), ("b", 4)]
    assert comparison.calls == {"a": 2, "b": 4}
    assert comparison.seconds == {"a": [0.5] * 3, "b": [0.25] * 3}


def test_a_call_longer_than_a_sample_is_made_once():
    assert calibrate(Scripted("slow", 60.0, []).contender(), seconds=0.1) == 1


def test_calibration_ends_even_if_the_clock_stands_still():
    assert calibrate(Scripted("free", 0.0, []).contender(), seconds=1.0) == 1 << 24


def test_contenders_with_the_same_name_are_refused():
    with pytest.raises(ValueError, match="different names"):
        compare([Contender("same", unmeasured), Contender("same", unmeasured)], rounds=1, seconds=0.1)


def test_timed_makes_as_many_calls_as_asked():
    calls = []
    assert timed(lambda: calls.append(1))(7) >= 0
    assert len(calls) == 7


def test_timed_over_goes_round_its_arguments_from_one_measurement_to_the_next():
    seen = []
    measure = timed_over(seen.append, "abc")
    measure(2)
    measure(3)
    assert "".join(seen) == "abcab"
