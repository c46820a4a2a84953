"""The printed report, made from synthetic figures."""

import pytest

from operant.bench.report import Measure, Row, Target, as_json, format_row, format_summary, number, quantity
from operant.bench.timing import Comparison, Contender


def comparison():
    contenders = (Contender("operant", lambda calls: 0.0, 4096), Contender("Gymnasium", lambda calls: 0.0, 64))
    seconds = {"operant": [4.096e-6, 8.192e-6, 4.096e-6], "Gymnasium": [0.00064, 0.00128, 0.00032]}
    return Comparison(contenders, {"operant": 1000, "Gymnasium": 10}, seconds)


def row():
    result = Row("vector", "CartPole-v1, 4,096 environments", comparison(), "operant is faster", notes=["a note"])
    ratios = comparison().ratios("operant", "Gymnasium")
    result.add_ratio("Gymnasium", "CartPole-v1, times Gymnasium", ratios, Target(at_least=4000))
    result.measures.append(Measure("step", "us", [1.0, 3.0, 2.0], Target(at_most=1.5)))
    result.measures.append(Measure("speed", "steps/s", [5e8], Target(at_least=1e9, aim=True)))
    return result


def test_a_row_shows_rates_ratios_targets_and_verdicts():
    assert format_row(row()).splitlines() == [
        "vector: CartPole-v1, 4,096 environments",
        "             M steps/s  (min .. max)    us a call  operant is faster  (min .. max)       target",
        "  operant        1,000  (500 .. 1,000)       4.10",
        "  Gymnasium        0.1  (0.05 .. 0.2)         640            10,000x  (5,000 .. 10,000)  at least 4,000x  met",
        "  step         2.00 us  (1.00 .. 3.00)  at most 1.50 us          NOT MET",
        "  speed  500 M steps/s  (500 .. 500)    aim for 1,000 M steps/s  not reached",
        "  a note",
    ]


def test_the_summary_lists_figures_with_targets_and_counts_all_but_aims():
    other = Row("import", "no target", measures=[Measure("import gymnasium", "ms", [500.0])])
    lines = format_summary([row(), other]).splitlines()
    assert lines[0] == "summary"
    assert [line.split("  ")[1] for line in lines[2:5]] == [
        "vector: CartPole-v1, times Gymnasium",
        "vector: step",
        "vector: speed",
    ]
    assert lines[5:] == ["  1 of 2 targets met"]


def test_without_targets_there_is_no_summary():
    assert format_summary([Row("import", "", measures=[Measure("import gymnasium", "ms", [500.0])])]) == ""


def test_a_skipped_row_says_why():
    assert format_row(Row("workers", "two threads", skipped="one core")) == "workers: two threads\n  skipped: one core"


@pytest.mark.parametrize(
    ("target", "median", "verdict"),
    [
        (Target(at_least=4.0), 4.0, "met"),
        (Target(at_least=4.0), 3.99, "NOT MET"),
        (Target(at_most=1.5), 1.5, "met"),
        (Target(at_most=1.5), 1.51, "NOT MET"),
        (Target(at_least=4.0, aim=True), 3.0, "not reached"),
        (None, 3.0, ""),
    ],
)
def test_a_verdict_compares_the_median_with_the_target(target, median, verdict):
    assert Measure("figure", "x", [0.0, median, 100.0], target).verdict == verdict


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0381, "0.0381"),
        (0.9949, "0.995"),
        (1, "1.00"),
        (9.999, "10.0"),
        (99.96, "100"),
        (1234567, "1,234,567"),
        (0, "0"),
    ],
)
def test_numbers_have_three_digits_and_no_exponent(value, text):
    assert number(value) == text


def test_quantities_carry_their_unit():
    assert quantity(2.5e8, "steps/s") == "250 M steps/s"
    assert [quantity(4, "x"), quantity(30, "%"), quantity(50, "ms")] == ["4.00x", "30.0%", "50.0 ms"]


def test_json_holds_every_round_and_the_targets():
    whole = as_json({"python": "3"}, {"env": "CartPole-v1"}, [row()])
    assert list(whole) == ["machine", "options", "rows"]
    (only,) = whole["rows"]
    assert only["contenders"][0] == {
        "name": "operant",
        "work_per_call": 4096,
        "calls_per_round": 1000,
        "work_per_second": {"median": pytest.approx(1e9), "min": pytest.approx(5e8), "max": pytest.approx(1e9)},
        "microseconds_per_call": {
            "median": pytest.approx(4.096),
            "min": pytest.approx(4.096),
            "max": pytest.approx(8.192),
        },
        "seconds_per_call_rounds": [4.096e-6, 8.192e-6, 4.096e-6],
    }
    assert only["measures"][1] == {
        "label": "step",
        "unit": "us",
        "subject": None,
        "median": 2.0,
        "min": 1.0,
        "max": 3.0,
        "rounds": [1.0, 3.0, 2.0],
        "target": {"at_least": None, "at_most": 1.5, "aim": False},
        "met": False,
    }
