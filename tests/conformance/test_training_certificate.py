"""Certificates of training: a fixed training has the same weights on every target and with any number of threads."""

import pytest

from operant.batch.core import isas
from operant.cli.main import main
from operant.conformance.training import training_hash, training_hashes, training_kinds

KINDS = training_kinds()


@pytest.fixture(scope="module")
def scalar():
    return {kind: training_hash(kind, "scalar") for kind in KINDS}


@pytest.mark.check
def test_every_kind_has_weights_of_its_own(scalar):
    assert len(set(scalar.values())) == len(KINDS) and 0 not in scalar.values()


@pytest.mark.check
@pytest.mark.parametrize("kind", KINDS)
def test_every_target_trains_to_the_same_weights(kind, scalar):
    hashes = training_hashes(kind)
    assert set(hashes.values()) == {scalar[kind]}
    runs = {isa for isa, here in isas().items() if here}
    assert set(hashes) == runs & {"avx512", "avx2", "neon", "scalar"}


@pytest.mark.parametrize("workers", [2, 3, 16])
def test_any_number_of_threads_trains_to_the_same_weights(workers, scalar):
    best = next(iter(training_hashes("relu")))
    assert {kind: training_hash(kind, best, workers) for kind in KINDS} == scalar


def test_an_unknown_kind_or_target_and_one_that_does_not_train_have_no_hash():
    assert training_hash("cubist", "scalar") == 0
    for isa in ("z80", "exact", "sse2", "wasm"):
        assert training_hash("relu", isa) == 0
    assert training_hash("relu", "scalar", 0) == 0


def test_check_training_prints_a_line_for_each_kind(capsys, scalar):
    assert main(["check", "training"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[:-1]] == [["ok", kind, f"{scalar[kind]:016x}"] for kind in KINDS]
    assert lines[-1] == f"training: {len(KINDS)} of {len(KINDS)} checks hold"


def test_check_training_fails_if_a_target_trains_to_other_weights(capsys, monkeypatch):
    monkeypatch.setattr(
        "operant.conformance.training.training_hash", lambda kind, isa, workers=1: 1 + (kind == "relu") * workers
    )
    assert main(["check", "training"]) == 1
    out = capsys.readouterr().out
    assert "FAIL  relu" in out and "2 threads: 0000000000000003" in out
    assert out.endswith(f"training: {len(KINDS) - 1} of {len(KINDS)} checks hold\n")


@pytest.mark.parametrize("option", [["--only", "relu"], ["--sanitize"], ["--tolerance", "0.1"]])
def test_check_training_refuses_the_options_of_environments(capsys, option):
    with pytest.raises(SystemExit):
        main(["check", "training", *option])
    assert "--only, --sanitize and --tolerance are for environments: leave them out" in capsys.readouterr().err
