"""Certificates: a fixed trajectory has the same hash on every target and with any number of workers, and so do the
weights after a fixed training.
"""

import contextlib
import io

import pytest

import operant
from operant.batch.core import isas, trajectory_hash
from operant.catalog import header_names
from operant.conformance.training import training_hashes, training_kinds

HEADERS = set(header_names())


@pytest.fixture(scope="module")
def certificate():
    """The hashes, and the printed text."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        return operant.certificate(), printed.getvalue()


@pytest.mark.check
def test_all_float32_targets_have_one_hash(certificate):
    hashes, printed = certificate
    runnable = {name for name, runs in isas().items() if runs}
    trained = {(f"train/{kind}", isa, "float32") for kind in training_kinds() for isa in training_hashes(kind)}
    assert set(hashes) - trained == {
        (header, isa, "float64" if isa == "exact" else "float32") for header in HEADERS for isa in runnable
    }
    for header in {header for header, _, _ in hashes}:
        assert len({value for (h, _, p), value in hashes.items() if h == header and p == "float32"}) == 1
    for (header, isa, precision), value in hashes.items():
        assert len(value) == 16 and int(value, 16) != 0
        assert any(line.split() == [header, isa, precision, value] for line in printed.splitlines())


@pytest.mark.check
def test_environments_precisions_and_kinds_of_training_have_different_hashes(certificate):
    assert len(set(certificate[0].values())) == 2 * len(HEADERS) + len(training_kinds())


@pytest.mark.parametrize("header", sorted(HEADERS))
def test_the_hash_does_not_depend_on_workers(certificate, header):
    alone = {isa: value for (name, isa, _), value in certificate[0].items() if name == header}
    assert alone == {isa: f"{trajectory_hash(header, isa, 3):016x}" for isa in alone}


def test_the_hash_of_an_unknown_environment_or_target_is_zero():
    assert trajectory_hash("cartpole", "z80") == 0
    assert trajectory_hash("ping_pong", "scalar") == 0
