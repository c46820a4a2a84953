import multiprocessing
import os
import re
import resource
import signal
import threading

import numpy as np
import pytest

from operant.runs.logger import read_csv
from operant.utils import Logger


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.csv"


def test_rows_are_written_under_the_names_of_their_keywords(path):
    with Logger(csv_path=path) as logger:
        logger.log(steps=8192, reward=21.5, length=21.5)
        logger.log(steps=16384, reward=0.1, length=float("nan"))
    assert path.read_text() == "steps,reward,length\n8192,21.5,21.5\n16384,0.1,nan\n"


def test_numbers_of_numpy_and_torch_are_written_like_pythons(path):
    import torch

    with Logger(csv_path=path) as logger:
        logger.log(a=np.float64(0.5), b=np.int32(3), c=np.float32(0.25), d=torch.tensor(1.5), e=True)
    assert path.read_text() == "a,b,c,d,e\n0.5,3,0.25,1.5,1\n"


def test_a_row_is_in_the_file_before_the_next_one_is_logged(path):
    logger = Logger(csv_path=path)
    logger.log(steps=1)
    assert path.read_text() == "steps\n1\n"
    logger.close()


def test_an_existing_file_is_continued(path):
    for steps in (1, 2):
        with Logger(csv_path=path) as logger:
            logger.log(steps=steps, reward=0.5)
    assert path.read_text() == "steps,reward\n1,0.5\n2,0.5\n"


@pytest.mark.parametrize("torn", ["3", "3,", "3,0.25", "3,0.2"])
def test_a_line_that_a_crash_tore_is_removed_on_reopening(path, torn):
    path.write_text("steps,reward\n1,0.5\n" + torn)
    with Logger(csv_path=path) as logger:
        logger.log(steps=4, reward=0.75)
    assert path.read_text() == "steps,reward\n1,0.5\n4,0.75\n"


def test_a_header_that_a_crash_tore_is_written_again(path):
    path.write_text("steps,rew")
    with Logger(csv_path=path) as logger:
        logger.log(steps=4, reward=0.75)
    assert path.read_text() == "steps,reward\n4,0.75\n"


def test_values_go_to_their_columns_in_any_order_and_missing_ones_stay_empty(path):
    with Logger(csv_path=path) as logger:
        logger.log(steps=1, reward=0.5)
        logger.log(reward=0.25, steps=2)
        logger.log(steps=3)
    assert path.read_text() == "steps,reward\n1,0.5\n2,0.25\n3,\n"


def test_a_new_name_widens_the_table(path):
    with Logger(csv_path=path) as logger:
        logger.log(steps=1)
        logger.log(steps=2, reward=0.5)
        logger.log(steps=3)
    with Logger(csv_path=path) as logger:
        logger.log(steps=4, entropy=0.25)
    assert path.read_text() == "steps,reward,entropy\n1,,\n2,0.5,\n3,,\n4,,0.25\n"
    assert os.listdir(path.parent) == ["metrics.csv"]


def test_rows_beyond_a_step_are_dropped_for_a_run_that_resumes_there(path):
    with Logger(csv_path=path) as logger:
        for steps in (10, 20, 30, 40):
            logger.log(steps=steps)
        assert logger.drop_after("steps", 20) == 2
        assert logger.drop_after("steps", 20) == 0
        assert logger.drop_after("reward", 20) == 0
        logger.log(steps=25)
    assert path.read_text() == "steps\n10\n20\n25\n"


def test_reading_leaves_a_torn_line_out_and_takes_an_empty_cell_for_nan(path):
    path.write_text("steps,reward\n1,\n2,0.5\n3,0.")
    columns, rows = read_csv(path)
    assert columns == ["steps", "reward"]
    assert repr(rows) == "[[1.0, nan], [2.0, 0.5]]"
    path.write_text("")
    assert read_csv(path) == ([], [])


def test_threads_log_whole_rows(path):
    with Logger(csv_path=path) as logger:

        def work(k):
            for j in range(200):
                logger.log(thread=k, row=j)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(read_csv(path)[1]) == [[k, j] for k in range(4) for j in range(200)]


def _log_for_ever(path, started):
    with Logger(csv_path=path) as logger:
        row = 0
        while True:
            logger.log(row=row, twice=2 * row)
            row += 1
            if row == 100:
                started.set()


def test_a_killed_process_leaves_whole_rows(path):
    context = multiprocessing.get_context("fork")
    for _ in range(3):
        path.unlink(missing_ok=True)
        started = context.Event()
        process = context.Process(target=_log_for_ever, args=(path, started))
        process.start()
        assert started.wait(30)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        rows = read_csv(path)[1]
        assert len(rows) >= 100
        assert rows == [[k, 2 * k] for k in range(len(rows))]


def test_a_full_disk_is_named_with_its_remedy():
    logger = Logger(csv_path="/dev/full")
    with pytest.raises(OSError, match=r"^cannot write /dev/full: the disk is full: free some space") as caught:
        logger.log(steps=1)
    assert "\n" not in str(caught.value)


def _log_until_the_disk_is_full(path, connection):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
    logger = Logger(csv_path=path)
    try:
        for steps in range(1000, 1010):
            logger.log(steps=steps)
    except OSError as problem:
        connection.send(str(problem))


def test_a_row_that_does_not_fit_on_the_disk_leaves_no_part_of_it(path):
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_log_until_the_disk_is_full, args=(path, theirs))
    process.start()
    assert ours.poll(30)
    assert ours.recv().startswith(f"cannot write {path}: ")
    process.join()
    # "steps\n" and two rows of 5 bytes are 16 of the 20 bytes; the third row would be cut.
    assert path.read_text() == "steps\n1000\n1001\n"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.mkdir(), "it is a directory: name a file"),
        (lambda path: None, "the folder does not exist: create it first"),
    ],
)
def test_a_path_that_cannot_be_opened_is_named_with_its_remedy(tmp_path, make, message):
    path = tmp_path / "missing" / "metrics.csv" if "does not exist" in message else tmp_path / "metrics.csv"
    make(path)
    with pytest.raises(OSError) as caught:
        Logger(csv_path=path)
    assert str(caught.value) == f"cannot open {path}: {message}"


@pytest.mark.parametrize("contents", [b"\x89PNG\r\n\x1a\n\0\0\n", b"a,a\n1,2\n", b"a,,b\n1,2,3\n", b"\xff\xfe\0"])
def test_a_file_that_is_not_a_table_is_refused_and_left_alone(path, contents):
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=r"is not a log of operant .*: choose another file or remove it"):
        Logger(csv_path=path)
    assert path.read_bytes() == contents


def test_a_table_of_other_columns_is_refused_and_left_alone(path):
    path.write_text("name,age\nx,3\n")
    with Logger(csv_path=path) as logger, pytest.raises(ValueError, match=r"holds name, age and none of steps, reward"):
        logger.log(steps=1, reward=2)
    assert path.read_text() == "name,age\nx,3\n"


def test_invalid_values_and_names_are_refused(path):
    with Logger(csv_path=path) as logger:
        with pytest.raises(TypeError, match="reward='high' is not a number"):
            logger.log(reward="high")
        with pytest.raises(TypeError, match=r"reward=\[1\] is not a number"):
            logger.log(reward=[1])
        for name in ("a,b", '"a"', "", " a", "a\n", "a\x1b[2J", "a\u202e"):  # a file with them would be refused
            with pytest.raises(ValueError, match=f"^{re.escape(repr(name))} cannot name a column"):
                logger.log_row({name: 1})
        with pytest.raises(ValueError, match="at least one value"):
            logger.log()
    assert path.read_text() == ""


def test_a_closed_logger_says_so(path):
    logger = Logger(csv_path=path)
    logger.close()
    logger.close()
    with pytest.raises(ValueError, match="is closed: open a new one"):
        logger.log(steps=1)
