import multiprocessing
import os
import signal
import struct
import threading
import time
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operant.monitor.metrics_file import CAPACITY, HEADER, MetricsFileError, MetricsReader, MetricsWriter

SEQUENCE = 48  # the offset of the sequence in the module's docstring
context = multiprocessing.get_context("fork")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.bin"


def test_a_row_can_be_read_as_soon_as_it_is_written(path):
    writer = MetricsWriter(path, "cartpole-1")
    with closing(MetricsReader(path)) as reader:
        assert (reader.run_id, reader.pid) == ("cartpole-1", os.getpid())
        assert reader.read().count == 0
        assert reader.read().last() == {}
        writer.write({"steps": 8192, "return": 21.5})
        writer.write({"return": 22.0, "steps": 16384})
        snapshot = reader.read()
    assert snapshot.columns == ("steps", "return")
    assert snapshot.rows.tolist() == [[8192, 21.5], [16384, 22.0]]
    assert snapshot.last() == {"steps": 16384, "return": 22.0}
    writer.close()
    writer.close()


def test_columns_may_be_added_later_and_be_missing(path):
    writer = MetricsWriter(path, "a", capacity=4)
    for k in range(6):
        writer.write({"steps": k})
    writer.write({"return": 1.5, "steps": 6})
    writer.write({"return": 2.5})
    with closing(MetricsReader(path)) as reader:
        snapshot = reader.read()
    assert snapshot.columns == ("steps", "return")
    assert repr(snapshot.rows.tolist()) == "[[4.0, nan], [5.0, nan], [6.0, 1.5], [nan, 2.5]]"
    assert snapshot.last() == {"return": 2.5}
    assert repr(snapshot.column("return").tolist()) == "[nan, nan, 1.5, 2.5]"
    assert np.isnan(snapshot.column("entropy")).tolist() == [True] * 4


@settings(max_examples=30)
@given(st.integers(1, 9), st.integers(0, 30))
def test_the_ring_holds_the_last_rows(tmp_path_factory, capacity, count):
    path = tmp_path_factory.mktemp("ring") / "metrics.bin"
    writer = MetricsWriter(path, "a", capacity)
    for k in range(count):
        writer.write({"row": k, "half": k / 2})
    with closing(MetricsReader(path)) as reader:
        snapshot = reader.read()
    expected = list(range(count))[-capacity:]
    assert snapshot.count == count
    assert snapshot.first == (expected[0] if expected else 0)
    assert snapshot.rows.tolist() == [[k, k / 2] for k in expected]


def test_a_value_or_a_column_that_does_not_fit_leaves_the_file_as_it_was(path):
    writer = MetricsWriter(path, "a")
    writer.write({"steps": 1})
    before = path.read_bytes()
    with pytest.raises(TypeError, match="return='x' is not a number"):
        writer.write({"steps": 1, "return": "x"})
    with pytest.raises(ValueError, match="'m63' is one too many, record fewer"):
        writer.write({f"m{k}": k for k in range(64)})
    with pytest.raises(ValueError, match="must have 1 to 64 bytes"):
        writer.write({"n" * 65: 1})
    assert path.read_bytes() == before
    writer.write({"steps": 2})
    with closing(MetricsReader(path)) as reader:
        assert reader.read().rows.tolist() == [[1], [2]]


def test_files_that_are_foreign_torn_or_newer_are_refused_in_one_line(path):
    MetricsWriter(path, "a").close()
    good = path.read_bytes()

    def message(contents):
        path.write_bytes(contents)
        with pytest.raises(MetricsFileError) as caught:
            MetricsReader(path)
        text = str(caught.value)
        assert text.startswith(f"{path} ")
        return text.removeprefix(f"{path} ")

    assert (
        message(b"")
        == message(b"steps,return\n")
        == "is not a metrics file of operant (or has another machine's byte order)"
    )
    assert message(good[:40]) == "is torn: 40 bytes are too few for a header"
    assert message(good[:5000]) == f"is torn: it has 5000 bytes, its header says {len(good)}"
    assert (
        message(good[:8] + struct.pack("Q", 2) + good[16:]) == "has version 2, but this operant reads 1: update operant"
    )
    for capacity in (0, 1 << 60):
        assert message(good[:24] + struct.pack("Q", capacity) + good[32:]) == "is torn: its header is inconsistent"
    with pytest.raises(OSError, match=r"cannot read .*missing: "):
        MetricsReader(path.with_name("missing"))


def test_an_impossible_count_is_refused(path):
    MetricsWriter(path, "a").close()
    good = path.read_bytes()
    path.write_bytes(good[:56] + struct.pack("Q", (1 << 64) - 1) + good[64:])
    with closing(MetricsReader(path)) as reader, pytest.raises(MetricsFileError, match="is torn: it counts 1844674407"):
        reader.read()


def test_a_pipe_is_refused(path):
    os.mkfifo(path)
    with pytest.raises(OSError, match=r"cannot read .*: it is not a regular file"):
        MetricsReader(path)


def test_a_file_that_is_cut_while_it_is_read_is_an_error_and_no_bus_error(path):
    MetricsWriter(path, "a").close()
    with closing(MetricsReader(path)) as reader:
        os.truncate(path, HEADER)
        with pytest.raises(MetricsFileError, match="is torn"):
            reader.read()


def test_a_full_disk_is_noticed_when_the_file_is_made(path):
    def make(connection):
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            MetricsWriter(path, "a")
        except OSError as problem:
            connection.send(str(problem))

    ours, theirs = context.Pipe()
    process = context.Process(target=make, args=(theirs,))
    process.start()
    assert ours.poll(30)
    assert ours.recv().startswith(f"cannot write {path}: ")
    process.join()
    assert os.listdir(path.parent) == []


def test_a_reader_writes_nothing(path):
    writer = MetricsWriter(path, "a")
    writer.write({"steps": 1})
    writer.close()
    path.chmod(0o444)
    before, changed = path.read_bytes(), path.stat().st_mtime_ns
    with closing(MetricsReader(path)) as reader:
        reader.read()
        with pytest.raises(TypeError):
            reader._map[0] = 0
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, changed)


def test_a_replaced_file_is_noticed(path):
    MetricsWriter(path, "a")
    with closing(MetricsReader(path)) as reader:
        assert not reader.is_replaced()
        MetricsWriter(path, "a")
        assert reader.is_replaced()
        path.unlink()
        assert reader.is_replaced()


def _tear(path, rows):
    """Leaves the file in the state of a writer that dies while it writes row `rows`."""
    contents = bytearray(path.read_bytes())
    contents[SEQUENCE : SEQUENCE + 8] = struct.pack("Q", 2 * rows + 1)
    start = HEADER + 8 * 64 * (rows % ((len(contents) - HEADER) // 512))
    contents[start : start + 8] = struct.pack("d", -1)
    path.write_bytes(contents)


@pytest.mark.parametrize(("rows", "expected"), [(2, [0, 1]), (4, [1, 2, 3]), (5, [2, 3, 4])])
def test_a_row_whose_writer_died_is_omitted_and_no_reader_hangs(path, rows, expected):
    writer = MetricsWriter(path, "a", capacity=4)
    for k in range(rows):
        writer.write({"row": k})
    writer.close()
    _tear(path, rows)
    with closing(MetricsReader(path)) as reader:
        began = time.monotonic()
        assert reader.read().column("row").tolist() == expected
        assert time.monotonic() - began < 5


def _write_for_ever(path, capacity):
    writer = MetricsWriter(path, "stress", capacity)
    row = 0
    while True:
        # All columns of a row hold the row number, which determines its place in the ring.
        writer.write({name: row * factor for factor, name in enumerate(COLUMNS, 1)})
        row += 1


COLUMNS = [f"times_{k}" for k in range(1, 21)]
FACTORS = np.arange(1, 21)


def _check(snapshot):
    assert snapshot.columns == tuple(COLUMNS)
    numbers = np.arange(snapshot.first, snapshot.count)
    np.testing.assert_array_equal(snapshot.rows, numbers[:, None] * FACTORS)


def _writing_process(path, capacity):
    process = context.Process(target=_write_for_ever, args=(path, capacity), daemon=True)
    process.start()
    while not path.exists():
        time.sleep(0.001)
    return process


@pytest.mark.parametrize("capacity", [64, CAPACITY])
def test_readers_beside_a_writer_that_never_rests_see_whole_rows_only(path, capacity):
    process = _writing_process(path, capacity)
    counts = [[], []]

    def watch(counts):
        with closing(MetricsReader(path)) as reader:
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                try:
                    snapshot = reader.read()
                except MetricsFileError as problem:  # the writer rewrites the whole small ring in a millisecond
                    assert capacity == 64 and "changes faster" in str(problem)
                    continue
                if snapshot.count:
                    _check(snapshot)
                    counts.append(snapshot.count)

    readers = [threading.Thread(target=watch, args=(list_,)) for list_ in counts]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    process.kill()
    process.join()
    for seen in counts:
        assert len(set(seen)) > 10
        assert seen == sorted(seen)


def test_writers_killed_at_any_time_leave_a_file_that_is_read_at_once(path):
    rng = np.random.default_rng(0)
    for _ in range(15):
        path.unlink(missing_ok=True)
        process = _writing_process(path, 64)
        with closing(MetricsReader(path)) as reader:
            time.sleep(rng.uniform(0.005, 0.03))
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            snapshot = reader.read()
            if snapshot.count:
                _check(snapshot)
                assert len(snapshot.rows) >= min(snapshot.count, 62)


def test_several_threads_may_write(path):
    writer = MetricsWriter(path, "a")

    def work(k):
        for j in range(300):
            writer.write({"thread": k, "row": j})

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(MetricsReader(path)) as reader:
        assert sorted(reader.read().rows.tolist()) == [[k, j] for k in range(4) for j in range(300)]
