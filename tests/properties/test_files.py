"""Damaged files are refused, or read as other values. They raise no other error, and a refusal changes nothing."""

import contextlib
import hashlib
import io
import json
import math

import numpy as np
import pytest
from authored import write_lander
from hypothesis import example, given, settings
from hypothesis import strategies as st

import operant
from operant.files import safetensors
from operant.headers.descriptor import DescriptorError, read_descriptor
from operant.runs.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from operant.runs.logger import Logger, read_csv
from operant.runs.run_directory import RunDirectory, RunError

STATE = {
    "policy": {"0.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "0.bias": np.zeros(2)},
    "snapshot": np.zeros(2, [("theta", "<f4"), ("cells", "<i4", (2, 2))]),
    "scalar": np.float64(0.5),
    "list": [1, 2.5, "three", None, True, (b"bytes", {4: math.inf})],
}


@st.composite
def damages(draw):
    """A function that damages some bytes: replaces, removes, repeats or inserts a few of them, up to four times."""
    steps = draw(
        st.lists(st.tuples(st.sampled_from("=-+*"), st.floats(0, 1), st.binary(max_size=9)), min_size=1, max_size=4)
    )

    def damage(whole: bytes) -> bytes:
        for kind, place, new in steps:
            at = int(place * len(whole))
            if kind == "=":
                whole = whole[:at] + new + whole[at + len(new) :]
            elif kind == "-":
                whole = whole[:at] + whole[at + max(len(new), 1) :]
            elif kind == "+":
                whole = whole[:at] + new + whole[at:]
            else:
                whole = whole[:at] + whole[at : at + 5 * len(new)] * 2 + whole[at:]
        return whole

    return damage


@st.composite
def edits(draw, value):
    """A copy of nested JSON-like values in which one of them is replaced or removed."""
    others = st.sampled_from(
        [None, True, -1, 2**70, 0.5, math.nan, math.inf, "", "\x1b[31m", [], {}, [[1]], {"a": 1}, "F32", [1, 2]]
    )
    copied = json.loads(json.dumps(value))
    place = copied
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = draw(st.sampled_from(list(keys)))
        if not isinstance(place[key], dict | list) or not place[key] or draw(st.booleans()):
            break
        place = place[key]
    if isinstance(place, dict) and draw(st.booleans()):
        del place[key]
    else:
        place[key] = draw(others)
    return copied


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "state.safetensors"
    save_checkpoint(path, STATE)
    return path, path.read_bytes()


def signed(whole: bytes) -> bytes:
    """The file with a right checksum, as a stranger can compute it."""
    blank = bytearray(whole)
    blank[safetensors._DIGEST] = safetensors._BLANK
    blank[safetensors._DIGEST] = hashlib.sha256(blank).hexdigest().encode()
    return bytes(blank)


@settings(max_examples=300)
@given(damage=damages())
def test_a_damaged_checkpoint_is_refused(checkpoint, damage):
    path, whole = checkpoint
    path.write_bytes(damage(whole))
    if path.read_bytes() != whole:
        with pytest.raises(CheckpointError, match=r"^[^\n]+$"):
            load_checkpoint(path)


@settings(max_examples=300)
@given(damage=damages())
def test_a_forged_checkpoint_is_refused_or_holds_other_values(checkpoint, damage):
    path, whole = checkpoint
    path.write_bytes(signed(damage(whole)))
    try:
        assert isinstance(load_checkpoint(path), dict)
    except CheckpointError as problem:
        assert "\n" not in str(problem)


HEADER = len(b"12345678")


@settings(max_examples=300)
@given(data=st.data())
def test_a_checkpoint_whose_header_was_edited_is_refused_or_holds_other_values(checkpoint, data):
    path, whole = checkpoint
    size = int.from_bytes(whole[:HEADER], "little")
    header = data.draw(edits(json.loads(whole[HEADER : HEADER + size])))
    text = json.dumps(header, separators=(",", ":")).encode()
    path.write_bytes(signed(len(text).to_bytes(HEADER, "little") + text + whole[HEADER + size :]))
    try:
        assert isinstance(load_checkpoint(path), dict)
    except CheckpointError as problem:
        assert "\n" not in str(problem)


@pytest.fixture(scope="module")
def taxis():
    envs = operant.OperantVectorEnv("Taxi-v4", num_envs=3)
    envs.reset(seed=0)
    envs.step([0, 1, 2])
    return envs


@settings(max_examples=300)
@given(damage=damages())
def test_a_damaged_snapshot_is_refused_or_is_a_state_that_steps(taxis, damage):
    before = taxis.get_state()
    file = io.BytesIO()
    np.save(file, before)
    try:
        snapshot = np.load(io.BytesIO(damage(file.getvalue())), allow_pickle=False)
    except Exception:  # np.load's own, of many kinds
        return
    try:
        taxis.set_state(snapshot)
    except (ValueError, TypeError) as problem:
        assert "\n" not in str(problem)
        assert taxis.get_state().tobytes() == before.tobytes()
    else:
        taxis.step([5, 4, 3])
        taxis.set_state(before)


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    path = tmp_path_factory.mktemp("metrics") / "metrics.csv"
    with Logger(csv_path=path) as logger:
        for k in range(5):
            logger.log(steps=1000 * k, reward=0.5 + k, length=math.nan)
    return path, path.read_bytes()


@settings(max_examples=300)
@given(damage=damages())
def test_a_damaged_metrics_file_is_refused_or_is_a_table(metrics, damage):
    path, whole = metrics
    path.write_bytes(damage(whole))
    try:
        columns, rows = read_csv(path)
    except ValueError as problem:
        assert "\n" not in str(problem)
    else:
        assert all(len(row) == len(columns) for row in rows)


@pytest.fixture(scope="module")
def descriptor(tmp_path_factory):
    header = write_lander(tmp_path_factory.mktemp("descriptor"))
    toml = header.with_suffix(".toml")
    return header, toml, toml.read_bytes()


@settings(max_examples=300)
@given(damage=damages())
def test_a_damaged_descriptor_is_refused_or_describes_something_else(descriptor, damage):
    header, toml, whole = descriptor
    toml.write_bytes(damage(whole))
    with contextlib.suppress(DescriptorError):
        read_descriptor(header)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = RunDirectory.create(tmp_path_factory.mktemp("runs"), "a-run", {"seed": 3}, environment="operant/CartPole-v1")
    return made.path, json.loads((made.path / "run.json").read_text())


@settings(max_examples=300)
@given(data=st.data())
@example(data=[])
@example(data={"format": math.inf})
def test_an_edited_run_record_is_refused_or_is_listed(run, data):
    path, record = run
    edited = data if isinstance(data, list | dict) else data.draw(edits(record))
    (path / "run.json").write_text(json.dumps(edited))
    try:
        found = RunDirectory(path)
    except RunError:
        return
    assert found.id
    assert found.status
