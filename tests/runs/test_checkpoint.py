import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from operant.files.safetensors import write_safetensors
from operant.utils import CheckpointError, CheckpointFolder, load_checkpoint, save_checkpoint

torch.set_num_threads(1)
PARTICLE = np.dtype([("position", "f4", (2,)), ("counter", "u8"), ("name", "S3")], align=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.safetensors"


def test_tensors_numbers_and_nesting_come_back(path):
    state = {
        "weights": torch.arange(6, dtype=torch.float16).reshape(2, 3).requires_grad_(),
        "generator": torch.Generator().manual_seed(5).get_state(),
        "rng": np.random.default_rng(0).bit_generator.state,
        "list": [1, (2.5, None, True), "text", b"bytes"],
        "large": -(2**200),
        "not numbers": [float("inf"), -0.0],
        "dicts": {1: "one", "1": {"__kind__": "array"}, -2: {"a.b": np.zeros(1)}, "-2": {"a": {"b": np.ones(1)}}},
    }
    save_checkpoint(path, state)
    loaded = load_checkpoint(path)
    assert list(loaded) == list(state)
    for name in ("weights", "generator"):
        assert type(loaded[name]) is np.ndarray
        assert torch.equal(torch.from_numpy(loaded[name]), state[name])
    for name in ("rng", "list", "large", "not numbers", "dicts"):
        assert repr(loaded[name]) == repr(state[name])


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.5, -0.0], [np.nan, np.inf]]),
        np.array([([1, 2], 2**63, b"abc"), ([3, 4], 5, b"")], PARTICLE),
        np.array(["one", "three"]),
        np.arange(3, dtype=">i2"),
        np.zeros((0, 4), np.float32),
        np.array(7, np.uint8),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.zeros(2, np.dtype([])),
    ],
    ids=lambda array: str(array.dtype)[:20],
)
def test_arrays_come_back_with_dtype_shape_and_bits_and_may_be_changed(path, array):
    save_checkpoint(path, {"environment": {"array": array}})
    loaded = load_checkpoint(path)["environment"]["array"]
    assert loaded.dtype == array.dtype
    assert loaded.dtype.itemsize == array.dtype.itemsize
    assert loaded.shape == array.shape
    assert loaded.tobytes() == array.tobytes()
    assert loaded.flags.writeable


def test_scalars_of_numpy_stay_scalars(path):
    save_checkpoint(path, {"mean": np.float64(0.1), "particle": np.zeros(1, PARTICLE)[0]})
    loaded = load_checkpoint(path)
    assert type(loaded["mean"]) is np.float64
    assert loaded["mean"] == 0.1
    assert loaded["particle"].dtype == PARTICLE


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), r"state\['a'\]\[1\], a object"),
        (np.array([None]), r"state\['a'\]\[1\], a ndarray"),
        ({(1, 2): 3}, r"the key \(1, 2\) in state\['a'\]\[1\]"),
        ({1, 2}, r"state\['a'\]\[1\], a set"),
        (np.zeros(2, "M8[s]"), r"state\['a'\]\[1\], an array of datetime64\[s\]"),
        (np.zeros(2, [("x", "m8[s]")]), r"state\['a'\]\[1\], an array of "),
        (torch.ones(2, dtype=torch.bfloat16), r"state\['a'\]\[1\], a tensor of torch.bfloat16: convert it to float32"),
    ],
)
def test_an_unsupported_value_is_refused_by_its_place(path, value, message):
    with pytest.raises(TypeError, match=message):
        save_checkpoint(path, {"a": [0, value]})
    assert not path.exists()


def test_arrays_have_torchs_names_in_the_file(path):
    network = torch.nn.Sequential(torch.nn.Linear(4, 2))
    save_checkpoint(path, {"policy": network.state_dict(), "processes": [{"state": np.zeros(1, PARTICLE)}]})
    file = load_file(path)
    assert file.keys() == {"policy.0.weight", "policy.0.bias", "processes.0.state"}
    assert torch.equal(torch.from_numpy(file["policy.0.weight"]), network[0].weight)
    assert file["processes.0.state"].dtype == np.uint8


def test_checkpoints_need_no_torch(path):
    program = f"""
import sys
import numpy as np
from operant.utils import load_checkpoint, save_checkpoint
save_checkpoint({str(path)!r}, {{"a": np.ones(2), "b": [1, None]}})
assert load_checkpoint({str(path)!r})["a"].tolist() == [1, 1]
assert not {{"torch", "safetensors"}} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_changed_byte_and_every_cut_is_noticed(path):
    save_checkpoint(path, {"weights": torch.arange(4.0), "particles": np.zeros(1, PARTICLE), "steps": 8})
    whole = path.read_bytes()
    changed = [whole[:k] + bytes([whole[k] ^ 0xFF]) + whole[k + 1 :] for k in range(len(whole))]
    for content in (*changed, *(whole[:size] for size in range(len(whole)))):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=rf"^{re.escape(str(path))} is (empty|truncated|not a)[^\n]*$"):
            load_checkpoint(path)


def _write(path, kind):
    if kind == "text":
        path.write_text("hello, world")
    elif kind == "zip":
        torch.save({"weights": torch.ones(2)}, path)
    elif kind == "weights":
        save_file({"weights": np.ones(2)}, path)
    elif kind == "another's":
        write_safetensors(path, {}, {"format": "pt"})
    elif kind == "newer":
        write_safetensors(path, {}, {"format": "operant checkpoint", "version": "2"})
    elif kind == "directory":
        path.mkdir()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "does not exist"),
        ("directory", "cannot be read: it is a directory"),
        ("text", "is not a checkpoint of operant"),
        ("zip", "is not a checkpoint of operant"),
        ("weights", "is not a checkpoint of operant"),
        ("another's", "is not a checkpoint of operant"),
        ("newer", "was written by a newer operant (version 2, this one reads 1): update"),
    ],
)
def test_a_foreign_file_is_refused_in_one_line(path, kind, message):
    _write(path, kind)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert str(caught.value) == f"{path} {message}"


def _array(dtype, shape=(1,), name="a"):
    return {"a": {"__kind__": "array", "name": name, "dtype": dtype, "shape": shape}}


@pytest.mark.parametrize(
    "state",
    [
        _array("|O"),
        _array([["x", "|O"]]),
        _array([["x", [["y", "|O8", [1]]], [1]]]),
        _array("O"),
        _array("object"),
        _array("<M8[s]"),
        _array("f8,O"),
        _array("<f8\n"),
        _array("<f4"),
        _array("<f8", (2,)),
        _array("<f8", (-1,)),
        _array("<f8", (2**62, 2**62, 0)),
        _array("|V99999999"),
        _array("|b1", (8,)),
        _array([["x", "|b1", [8]]]),
        _array("<f8", name="b"),
        _array("<f8", name=[]),
        {"a": {"__kind__": "pickle", "name": "a"}},
        {"a": {"__kind__": "dict", "items": [[[], 1]]}},
        {"a": {"__kind__": "bytes", "hex": "xy"}},
        [],
    ],
    ids=str,
)
def test_a_crafted_state_is_refused_though_its_checksum_is_right(path, state):
    metadata = {"format": "operant checkpoint", "version": "1", "score": "nan", "state": json.dumps(state)}
    write_safetensors(path, {"a": np.arange(2, 10, dtype=np.uint8)}, metadata)
    with pytest.raises(CheckpointError, match=rf"^{re.escape(str(path))} is not a checkpoint of operant$"):
        load_checkpoint(path)


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OSError, match=f"cannot write {tmp_path}: it is a directory: name a file"):
        save_checkpoint(tmp_path, {})
    with pytest.raises(OSError, match=r"missing/a\.safetensors: the folder does not exist: create it first"):
        save_checkpoint(tmp_path / "missing" / "a.safetensors", {})


def test_a_device_is_not_replaced_by_a_file(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="it is not a regular file: choose another name"):
        save_checkpoint(pipe, {})
    assert pipe.is_fifo()


def test_the_last_and_the_best_are_kept(tmp_path):
    folder = CheckpointFolder(tmp_path / "checkpoints", keep=2)
    for steps, score in ((100, 1.0), (200, 5.0), (300, 2.0), (400, float("nan")), (500, 5.0)):
        folder.save({"steps": steps}, steps, score)
    assert sorted(os.listdir(folder.path)) == [
        "best.safetensors",
        "step-000000400.safetensors",
        "step-000000500.safetensors",
    ]
    assert load_checkpoint(folder.latest()) == {"steps": 500}
    assert load_checkpoint(folder.best()) == {"steps": 200}


def test_a_single_kept_checkpoint_is_the_last(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=1)
    folder.save({}, 1)
    folder.save({}, 2)
    assert os.listdir(tmp_path) == ["step-000000002.safetensors"]
    assert folder.best() == folder.latest() == tmp_path / "step-000000002.safetensors"


def test_the_best_score_is_known_after_a_resume(tmp_path):
    CheckpointFolder(tmp_path).save({"steps": 1}, 1, score=5.0)
    CheckpointFolder(tmp_path).save({"steps": 2}, 2, score=4.0)
    assert load_checkpoint(CheckpointFolder(tmp_path).best()) == {"steps": 1}
    CheckpointFolder(tmp_path).save({"steps": 3}, 3, score=6.0)
    assert load_checkpoint(CheckpointFolder(tmp_path).best()) == {"steps": 3}


def test_a_damaged_best_checkpoint_is_replaced(tmp_path):
    CheckpointFolder(tmp_path).save({"steps": 1}, 1, score=5.0)
    best = CheckpointFolder(tmp_path).best()
    best.write_bytes(best.read_bytes()[:-1])
    folder = CheckpointFolder(tmp_path)
    folder.save({"steps": 2}, 2)
    with pytest.raises(CheckpointError, match="is truncated or corrupt"):
        load_checkpoint(folder.best())
    folder.save({"steps": 3}, 3, score=4.0)
    assert load_checkpoint(folder.best()) == {"steps": 3}


def test_a_resumed_run_that_saves_a_lower_step_keeps_that(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=2)
    for steps in (10, 20, 15):
        path = folder.save({"steps": steps}, steps)
    assert load_checkpoint(path) == {"steps": 15}


def test_an_empty_folder_and_a_keep_below_one_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match=f"no checkpoint in {tmp_path}"):
        CheckpointFolder(tmp_path).latest()
    with pytest.raises(ValueError, match="keep=0: keep at least 1"):
        CheckpointFolder(tmp_path, keep=0)


def _save_for_ever(folder, started):
    torch.set_num_threads(1)
    for steps in range(1, 10**6):
        CheckpointFolder(folder, keep=2).save({"weights": torch.full((50_000,), steps)}, steps, score=steps)
        if steps == 3:
            started.set()


def test_a_process_killed_while_it_saves_leaves_whole_checkpoints(tmp_path):
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=_save_for_ever, args=(tmp_path, started))
    process.start()
    assert started.wait(60)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    folder = CheckpointFolder(tmp_path, keep=2)
    for file in (*folder.steps(), folder.best()):
        weights = load_checkpoint(file)["weights"]
        assert weights.shape == (50_000,)
        assert (weights == weights[0]).all()
    folder.save({}, 10**6)
    assert not list(tmp_path.glob(".*"))
