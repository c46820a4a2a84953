"""A device computes trajectories with the same certificates as the CPU's targets."""

import pytest

import operant
from operant.batch.core import trajectory_hash
from operant.catalog import header_names, specs_by_header
from operant.cuda.certificate import cuda_trajectory_hash, splitmix64


@pytest.mark.parametrize("header", header_names())
def test_the_emulated_device_has_the_hash_of_the_scalar_target(header):
    assert cuda_trajectory_hash(specs_by_header()[header], "emulated") == trajectory_hash(header, "scalar") != 0


def splitmix64_by_hand(z):
    z &= (1 << 64) - 1
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % (1 << 64)
    z = (z ^ z >> 27) * 0x94D049BB133111EB % (1 << 64)
    return z ^ z >> 31


def test_the_actions_are_drawn_by_splitmix64():
    golden = 0x9E3779B97F4A7C15
    assert splitmix64_by_hand(1234567 + golden) == 6457827717110365317  # the first of seed 1234567, as published
    assert splitmix64(3).tolist() == [splitmix64_by_hand(1 + k * golden) for k in (1, 2, 3)]


def test_a_device_is_a_target_of_the_certificate(monkeypatch, capsys):
    cartpole = specs_by_header()["cartpole"]
    monkeypatch.setattr("operant.conformance.certificate.specs_by_header", lambda: {"cartpole": cartpole})
    hashes = operant.certificate("emulated")
    assert hashes["cartpole", "emulated", "float32"] == hashes["cartpole", "scalar", "float32"]
    assert (
        f"cartpole                 emulated float32  {hashes['cartpole', 'scalar', 'float32']}"
        in capsys.readouterr().out
    )
