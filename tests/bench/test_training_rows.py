"""The rows of `operant bench --train`, with few and short rounds. No test depends on a time."""

import pytest

from operant.bench import training, workloads
from operant.bench.peak import FLAGS, multiply_adds
from operant.bench.timing import Contender
from operant.bench.trainers import RLtools, Trained, by_processor
from operant.catalog import CATALOG

BRIEF = workloads.Plan(CATALOG["CartPole-v1"], rounds=2, seconds=0.0001)


@pytest.fixture
def program(tmp_path):
    """A program that prints what RLtools' does."""
    path = tmp_path / "benchmark"
    path.write_text("#!/bin/sh\necho STEP_LIMIT: 74\necho Time: 0.25s\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("name", ["train_ppo", "train_isa", "train_kernels", "train_pendulum", "train_inference"])
def test_a_row_of_updates_yields_figures(name, monkeypatch):
    monkeypatch.setattr(training, "available_cores", lambda: 1)  # two threads of torch would wait for each other
    (row,) = training.ROWS[name](BRIEF)
    assert row.name == name and row.comparison is not None
    assert all(len(measure.samples) == 2 for measure in row.measures)
    assert all(seconds > 0 for samples in row.comparison.seconds.values() for seconds in samples)


def test_the_row_on_workers_has_operant_and_sb3_with_the_same_options(monkeypatch):
    pytest.importorskip("Box2D")
    pytest.importorskip("stable_baselines3")
    few = {"num_envs": 2, "rollout_steps": 8, "epochs": 1, "minibatches": 2}
    monkeypatch.setattr(training, "stranger_options", lambda: few)
    (row,) = training.train_workers(BRIEF)
    assert [contender.work for contender in row.comparison.contenders] == [16] * 4
    assert [measure.target is None for measure in row.measures] == [True, False, False]


def test_memory_is_measured_in_a_process_without_torch():
    (row,) = training.train_footprint(BRIEF)
    beyond, imported = row.measures
    assert all(mebibytes > 20 for mebibytes in imported.samples), "NumPy and Gymnasium"
    assert all(0 < mebibytes < 100 for mebibytes in beyond.samples), "torch alone takes more"


def test_the_shares_of_an_update_are_a_whole():
    (row,) = training.train_kernels(BRIEF)
    shares = [measure.samples for measure in row.measures if measure.label.startswith("share of an update")]
    assert [round(sum(round_)) for round_ in zip(*shares, strict=True)] == [100, 100]


@pytest.mark.parametrize("isa", FLAGS)
def test_a_turn_of_the_loop_in_registers_is_two_operations_a_number(isa):
    from operant.batch.core import isas

    if not isas().get(isa):
        pytest.skip(f"this CPU has no {isa}")
    loop, operations = multiply_adds(isa)
    assert operations == 2 * 12 * {"avx512": 16, "avx2": 8, "neon": 4}[isa]
    assert loop(0) == sum(range(12))
    assert loop(1) == sum(number / 2 + 0.5 for number in range(12))


def test_rltools_takes_turns_by_the_seconds_that_it_prints(program, monkeypatch):
    monkeypatch.setenv("RLTOOLS", str(program))
    (row,) = training.train_pendulum(BRIEF)
    assert row.comparison.seconds["RLtools"] == [0.25, 0.25]
    assert row.comparison.rates("RLtools") == [307_200 / 0.25] * 2
    assert [measure.label for measure in row.measures if measure.target] == ["Pendulum, times RLtools"]


def test_another_program_than_rltools_is_named(program):
    program.write_text("#!/bin/sh\necho Usage\n")
    with pytest.raises(ValueError, match=r"RLTOOLS=.*benchmark printed no line 'Time: 1\.5s'"):
        RLtools(str(program)).contender.measure(1)


def test_ratios_by_processor_time_are_for_equal_work():
    ours, theirs = object.__new__(Trained), object.__new__(Trained)
    ours.contender, ours.processor = Contender("ours", float, work=100), [9.0, 1.0, 2.0]
    theirs.contender, theirs.processor = Contender("theirs", float, work=300), [9.0, 12.0, 12.0]
    assert by_processor(ours, theirs, rounds=2) == [4.0, 2.0]
