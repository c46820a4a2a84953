import errno
import json
import multiprocessing
import os
import re
import subprocess
import sys
import time

import pytest

from operant.files.toml import read_toml, write_toml
from operant.runs.run_directory import runs_root
from operant.utils import RunDirectory, RunError


@pytest.fixture
def fixed_time(monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda _: "20261121-142301")


def test_a_run_holds_its_config_and_how_it_was_started(tmp_path):
    config = {"seed": 3, "ppo": {"learning_rate": 3e-4, "target_kl": None, "sizes": (64, 64)}}
    run = RunDirectory.create(
        tmp_path, "cartpole-ppo", config, environment="operant/CartPole-v1", algorithm="ppo", seed=3, total_steps=1000
    )
    assert re.fullmatch(r"cartpole-ppo-\d{8}-\d{6}", run.id)
    assert run.path == tmp_path / run.id
    assert sorted(os.listdir(run.path)) == ["checkpoints", "config.toml", "run.json"]
    assert run.config == {"seed": 3, "ppo": {"learning_rate": 3e-4, "sizes": [64, 64]}}
    record = json.loads((run.path / "run.json").read_text())
    assert record["environment"] == "operant/CartPole-v1"
    assert record["algorithm"] == "ppo"
    assert record["seed"] == 3
    assert record["total_steps"] == 1000
    assert record["command"] == sys.argv
    assert record["pid"] == os.getpid()
    assert record["versions"]["python"] == sys.version.split()[0]
    assert set(record["versions"]) == {"python", "operant", "torch", "numpy", "gymnasium", "mujoco"}
    assert abs(record["created"] - time.time()) < 60


def test_runs_of_the_same_second_get_ids_of_their_own(tmp_path, fixed_time):
    ids = [RunDirectory.create(tmp_path, "cartpole-ppo", {}).id for _ in range(3)]
    assert ids == [f"cartpole-ppo-20261121-142301{suffix}" for suffix in ("", "-2", "-3")]


def _create(root, start, connection):
    start.wait()
    connection.send([RunDirectory.create(root, "race", {}).id for _ in range(5)])


def test_processes_that_start_at_once_share_no_run(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(4)
    ours, theirs = context.Pipe()
    processes = [context.Process(target=_create, args=(tmp_path, barrier, theirs)) for _ in range(4)]
    for process in processes:
        process.start()
    ids = []
    for _ in processes:
        assert ours.poll(30)
        ids += ours.recv()
    for process in processes:
        process.join()
    assert len(set(ids)) == len(os.listdir(tmp_path)) == 20


def test_a_name_becomes_part_of_a_file_name(tmp_path, fixed_time):
    assert RunDirectory.create(tmp_path, "operant/CartPole-v1 ppo", {}).id == "operant-CartPole-v1-ppo-20261121-142301"
    assert RunDirectory.create(tmp_path, "../..", {}).id == "run-20261121-142301"


def test_the_folder_is_the_option_or_the_variable_or_runs(monkeypatch):
    monkeypatch.delenv("OPERANT_RUNS", raising=False)
    assert str(runs_root()) == "runs"
    monkeypatch.setenv("OPERANT_RUNS", "/elsewhere")
    assert str(runs_root()) == "/elsewhere"
    assert str(runs_root("here")) == "here"


def _make(root, *names):
    for k, name in enumerate(names):
        (root / name).mkdir(parents=True)
        record = {
            "format": 1,
            "id": name,
            "created": k,
            "status": "finished",
            "host": "",
            "pid": 0,
            "pid_started": None,
        }
        record |= {"environment": "", "algorithm": "", "total_steps": None}
        (root / name / "run.json").write_text(json.dumps(record))


def test_a_run_is_found_by_its_id_or_a_beginning_of_it_or_its_path(tmp_path):
    _make(tmp_path, "cartpole-1", "cartpole-12", "pendulum-1")
    assert RunDirectory.find(tmp_path, "cartpole-1").id == "cartpole-1"
    assert RunDirectory.find(tmp_path, "cartpole-12").id == "cartpole-12"
    assert RunDirectory.find(tmp_path, "pen").id == "pendulum-1"
    assert RunDirectory.find("nowhere", str(tmp_path / "pendulum-1")).id == "pendulum-1"


def test_an_ambiguous_id_is_answered_with_the_candidates(tmp_path):
    _make(tmp_path, "cartpole-2", "cartpole-1", "pendulum-1")
    with pytest.raises(RunError, match=r"^run id 'cart' is ambiguous: choose one of cartpole-1, cartpole-2$"):
        RunDirectory.find(tmp_path, "cart")


def test_an_unknown_id_is_answered_with_the_nearest(tmp_path):
    _make(tmp_path, "cartpole-1", "pendulum-1")
    with pytest.raises(
        RunError, match=r"^no run 'cartpol-1' in .*: did you mean 'cartpole-1'\? \(`operant runs` lists"
    ):
        RunDirectory.find(tmp_path, "cartpol-1")
    with pytest.raises(RunError, match=r"no run '' in .*: the newest is 'pendulum-1'"):
        RunDirectory.find(tmp_path, "")


def test_the_newest_run_is_the_one_that_was_created_last_whatever_its_name(tmp_path):
    _make(tmp_path, "zebra", "cartpole-1")
    for number, name in enumerate(("zebra", "cartpole-1")):
        RunDirectory(tmp_path / name).update(created=1000.0 + number)
    with pytest.raises(RunError, match=r"no run 'q' in .*: the newest is 'cartpole-1'"):
        RunDirectory.find(tmp_path, "q")
    (tmp_path / "cartpole-1" / "run.json").write_text("{")
    with pytest.raises(RunError, match=r"no run 'q' in .*: the newest is 'zebra'"):
        RunDirectory.find(tmp_path, "q")


def test_without_runs_it_says_how_to_start_one(tmp_path):
    for root in (tmp_path, tmp_path / "missing"):
        for find in (lambda root=root: RunDirectory.find(root, "a"), lambda root=root: RunDirectory.latest(root)):
            with pytest.raises(RunError, match=rf"^no runs in {root}: start one with `operant train`"):
                find()
        assert RunDirectory.all(root) == []


def test_runs_are_listed_in_the_order_of_their_making_without_damaged_ones(tmp_path):
    _make(tmp_path, "z", "a", "m")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    (tmp_path / "other").mkdir()
    (tmp_path / "file").touch()
    assert [run.id for run in RunDirectory.all(tmp_path)] == ["z", "a", "m"]
    assert RunDirectory.latest(tmp_path).id == "m"


def test_a_directory_that_is_not_a_run_or_newer_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"is not a run directory: its run\.json cannot be read"):
        RunDirectory(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 2, "id": "a"}')
    with pytest.raises(RunError, match=r"was written by a newer operant \(format 2\): update operant"):
        RunDirectory(tmp_path)


def test_the_status_changes_and_keeps_the_rest(tmp_path):
    run = RunDirectory.create(tmp_path, "a", {}, seed=5)
    other = RunDirectory(run.path)
    assert other.status == "starting"
    run.update(status="finished", steps=100)
    assert other.status == "starting"
    other.refresh()
    assert (other.status, other.record["steps"], other.record["seed"]) == ("finished", 100, 5)
    with pytest.raises(ValueError, match="status 'done' does not exist: choose from starting, running"):
        run.update(status="done")


CREATE = "import sys; from operant.utils import RunDirectory; print(RunDirectory.create(sys.argv[1], 'a', {}).id)"


def test_a_run_without_its_process_has_crashed_until_another_continues_it(tmp_path):
    script = CREATE + "; sys.stdout.flush(); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    run = RunDirectory(tmp_path / process.stdout.readline().strip())
    assert run.status == "starting"
    process.kill()
    while run.status == "starting":  # until the kernel has ended it; the process has not been waited for yet
        time.sleep(0.01)
    assert run.status == "crashed"
    process.communicate()
    assert run.status == "crashed"
    run.restart()
    assert run.status == "starting"
    assert run.record["pid"] == os.getpid()


def test_a_run_that_was_handed_over_is_starting_until_its_process_is_gone(tmp_path):
    run = RunDirectory.create(tmp_path, "a", {})
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run.hand_over(process.pid)
    assert (run.status, run.in_progress) == ("starting", True)
    process.communicate(b"")
    assert (run.status, run.in_progress) == ("crashed", False)


def test_a_directory_that_cannot_be_filled_is_not_kept(tmp_path, monkeypatch):
    def full(path, contents):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("operant.runs.run_directory.write_atomically", full)
    with pytest.raises(OSError, match="No space left"):
        RunDirectory.create(tmp_path, "a", {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="the system does not tell when a process started")
def test_another_process_that_got_the_same_number_is_not_the_run(tmp_path):
    run = RunDirectory.create(tmp_path, "a", {})
    run.update(pid_started="1")
    assert run.status == "crashed"


def test_a_run_of_another_machine_has_its_recorded_status(tmp_path):
    run = RunDirectory.create(tmp_path, "a", {})
    run.update(host="elsewhere", pid=2**22 + 1, status="running")
    assert run.status == "running"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=rf"^cannot create a run in {tmp_path}/file: .*choose another folder"):
        RunDirectory.create(tmp_path / "file", "a", {})


def test_toml_that_is_wrong_is_named_with_its_line(tmp_path):
    path = tmp_path / "config.toml"
    with pytest.raises(ValueError, match=r"config\.toml does not exist"):
        read_toml(path)
    path.write_text("a = 1\nb = \n")
    with pytest.raises(ValueError, match=r"config\.toml cannot be read: .*line 2"):
        read_toml(path)
    write_toml(path, {"name": 'say "a"\n', "numbers": [1, 2.5], "table": {"on": True, "none": None}})
    assert read_toml(path) == {"name": 'say "a"\n', "numbers": [1, 2.5], "table": {"on": True}}


def test_run_directories_load_neither_torch_nor_tensorboard(tmp_path):
    script = CREATE + "; import operant.monitor.recorder as r; R = RunDirectory.latest(sys.argv[1]); "
    script += "recorder = r.Recorder(R); recorder.record({'steps': 1}); "
    script += "print([m for m in ('torch', 'textual', 'psutil', 'wandb') if m in sys.modules])"
    output = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[1] == "[]"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "../run"),
        ("id", "\x1b[2J"),
        ("id", ""),
        ("id", 5),
        ("status", "\x1b[2J"),
        ("status", None),
        ("created", "now"),
        ("created", float("nan")),
        ("created", 1e300),
        ("host", ["a"]),
        ("pid", 10**30),
        ("pid", "1"),
        ("pid_started", 1),
        ("environment", 1),
        ("total_steps", "many"),
        ("total_steps", 10**400),
    ],
)
def test_an_impossible_record_is_no_run_and_named(tmp_path, name, value):
    run = RunDirectory.create(tmp_path, "run", {})
    file = run.path / "run.json"
    file.write_text(json.dumps(run.record | {name: value}))
    with pytest.raises(RunError, match=rf"cannot be read \({name} is .*\)$"):
        RunDirectory(run.path)
    assert RunDirectory.all(tmp_path) == []
