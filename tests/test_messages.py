from fractions import Fraction

import numpy as np
import pytest

from operant.messages import float_array, is_number, printable, printable_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("runs/cartpole-ppo", "runs/cartpole-ppo"),
        ("Größe 10 m/s², 方", "Größe 10 m/s², 方"),
        ("\x1b[2J\x07\r\n\t\x00", r"\x1b[2J\x07\r\n\t\x00"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u202eb\u200b", r"a\u202eb\u200b"),
        ("\udc80", r"\udc80"),
    ],
)
def test_text_of_a_file_is_shown_without_control_characters(text, shown):
    assert printable(text) == shown
    assert shown.isprintable()


def test_lines_stay_lines():
    assert printable_lines("a\tb\n\x1bc\r\n") == "a       b\n\\x1bc\\r\n"


@pytest.mark.parametrize("value", [1, 1.5, Fraction(1, 2), np.int8(1), np.float32(1), np.float64("nan"), 10**400])
def test_numbers_of_python_and_numpy_are_numbers(value):
    assert is_number(value)


@pytest.mark.parametrize("value", [True, np.bool_(True), "1", None, 1j, np.array(1), [1]])
def test_what_is_no_single_real_number_is_none(value):
    assert not is_number(value)


@pytest.mark.parametrize("value", [1, True, np.float32(1), [1, np.int8(1)], [[Fraction(1)]], np.ones((2, 1), ">f4")])
def test_an_array_of_floats_has_the_shape_of_the_numbers(value):
    numbers = float_array(value)
    assert (numbers.dtype, numbers.shape) == (np.float64, np.shape(value)) and (numbers == 1).all()


@pytest.mark.parametrize("value", ["1", b"1", None, 1j, [1, "1"], [1, None], np.datetime64(1, "s"), [[1, 2], [3]], {}])
def test_anything_else_becomes_no_array_of_floats(value):
    with pytest.raises((TypeError, ValueError)):
        float_array(value)
