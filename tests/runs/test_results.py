"""The results of trials: complete lines, also after a crash."""

import os

import pytest

from operant.runs.results import Results


def test_results_are_read_back_in_their_order(tmp_path):
    path = tmp_path / "study" / "results.jsonl"
    with Results(path) as results:
        results.add("b", {"steps": 512, "solved": True})
        results.add("a", {"steps": 1024, "solved": False})
        assert list(results.rows) == ["b", "a"]
    with Results(path) as results:
        assert list(results.rows.items()) == [
            ("b", {"steps": 512, "solved": True}),
            ("a", {"steps": 1024, "solved": False}),
        ]
    assert path.read_text().splitlines()[0] == '{"key": "b", "steps": 512, "solved": true}'


def test_a_torn_last_line_is_removed_and_its_trial_can_be_added_again(tmp_path):
    path = tmp_path / "results.jsonl"
    with Results(path) as results:
        results.add("a", {"steps": 1})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole + whole[:length])
        with Results(path) as results:
            assert list(results.rows) == ["a"]
        assert path.read_bytes() == whole


def test_a_second_result_of_a_trial_is_refused(tmp_path):
    with Results(tmp_path / "results.jsonl") as results:
        results.add("a", {"steps": 1})
        with pytest.raises(ValueError, match="has a result of 'a' already"):
            results.add("a", {"steps": 2})
        with pytest.raises(ValueError, match="not JSON compliant"):
            results.add("b", {"score": float("nan")})
        assert results.rows == {"a": {"steps": 1}}
    assert (tmp_path / "results.jsonl").read_text().count("\n") == 1


@pytest.mark.parametrize("line", ["step,reward", "[1]", '{"steps": 1}', '{"key": 1}', "[" * 100_000])
def test_another_programs_file_is_refused_and_left_as_it_was(tmp_path, line):
    path = tmp_path / "results.jsonl"
    path.write_text(f'{{"key": "a"}}\n{line}\n{{"key"')
    with pytest.raises(ValueError, match="is not a file of results: line 2 is no result; choose another folder"):
        Results(path)
    assert path.read_text() == f'{{"key": "a"}}\n{line}\n{{"key"'


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "results.jsonl")
    with pytest.raises(OSError, match="it is not a regular file"):
        Results(tmp_path / "results.jsonl")


def test_one_process_at_a_time_has_the_file(tmp_path):
    path = tmp_path / "results.jsonl"
    with Results(path), pytest.raises(ValueError, match="is in use: wait until the other process has ended"):
        Results(path)
    Results(path).close()
