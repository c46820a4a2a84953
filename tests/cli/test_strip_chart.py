"""The picture of an environment that has none."""

import numpy as np
import pytest

from operant.cli import strip_chart
from operant.cli.strip_chart import COLOURS, HEAT, StripChart


def colours(frame):
    return {tuple(each) for each in frame.reshape(-1, 3).tolist()}


def test_numbers_are_lines_and_a_larger_array_is_an_image():
    chart = StripChart(span=10)
    for step in range(10):
        chart.add({"height": float(step), "two": np.array([step, -step]), "grid": np.arange(9).reshape(3, 3) + step})
    frame = chart.draw("title")
    assert frame.shape == (480, 720, 3) and frame.dtype == np.uint8
    found = colours(frame)
    assert {COLOURS[0], COLOURS[1], tuple(HEAT[0]), tuple(HEAT[-1])} <= found  # the least and the largest number
    assert COLOURS[2] not in found


def test_a_curve_rises_with_its_number_and_leaves_at_the_left():
    chart = StripChart(span=5)
    for step in range(8):
        chart.add({"height": float(step)})
    assert [values.item() for values in chart._values["height"]] == [3, 4, 5, 6, 7]
    rows, columns = np.nonzero((chart.draw("") == COLOURS[0]).all(axis=-1))
    assert columns[rows.argmin()] > columns[rows.argmax()] + 600  # the largest is at the top right


def test_missing_and_equal_numbers_are_drawn_too():
    chart = StripChart()
    chart.add({"reward": np.nan, "constant": 2.0, "none": np.zeros(0)})
    assert COLOURS[0] in colours(chart.draw("a"))
    chart.add({"reward": 1.0, "constant": 2.0, "none": np.zeros(0)})
    chart.draw("b")


def test_what_does_not_fit_is_counted():
    few, many = StripChart(), StripChart()
    for chart, count in ((few, strip_chart.MOST), (many, strip_chart.MOST + 3)):
        chart.add({f"number {k}": k for k in range(count)})
    title = (slice(0, strip_chart.TITLE - 4), slice(200, None))
    assert (few.draw("a")[title] == 255).all()
    assert many.draw("a" * 30)[title].min() < 100  # "(and 3 more)"


def test_without_pygame_it_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pygame", None)
    with pytest.raises(ImportError, match=r"--video needs pygame: pip install 'operant\[video\]'"):
        StripChart()
