import pytest

from operant.messages import printable, printable_lines


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
