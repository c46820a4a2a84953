import re

import pytest

from operant.files.toml import DEEPEST, read_toml, write_toml


def test_tables_come_back_without_what_is_none(tmp_path):
    config = {"seed": 3, "options": {"hidden": [64, 64], "threads": None}, "stop_at": None}
    write_toml(tmp_path / "config.toml", config)
    assert read_toml(tmp_path / "config.toml") == {"seed": 3, "options": {"hidden": [64, 64]}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = " + "[" * 10**5, "its values are nested too deeply"),
        ("a = " + "{a = " * 10**4, "its values are nested too deeply"),
        ("a" + ".a" * 10**3 + " = 1", "its values are nested too deeply"),
        ("a = " + "[" * DEEPEST + "]" * DEEPEST, "its values are nested too deeply"),
        ("a = " + "9" * 5000, "Exceeds the limit"),
        ("a = 1\na = 2", "Cannot overwrite a value"),
        ("\0", "Invalid statement"),
    ],
    ids=range(7),
)
def test_a_strange_file_is_refused_in_one_line(tmp_path, text, says):
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))} cannot be read: {says}[^\n]*$"):
        read_toml(path)


def test_a_byte_order_mark_is_no_statement(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbfa = 1")
    assert read_toml(tmp_path / "a.toml") == {"a": 1}


def test_values_may_be_nested(tmp_path):
    (tmp_path / "a.toml").write_text("a = " + "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1))
    read_toml(tmp_path / "a.toml")


def test_a_missing_file_and_a_binary_one_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.toml does not exist$"):
        read_toml(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"a\.toml cannot be read: 'utf-8' codec"):
        read_toml(tmp_path / "a.toml")
