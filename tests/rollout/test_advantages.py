"""GAE, V-trace and discounted returns: numbers computed by hand, the slow loops of loops.py, and bad arguments."""

import loops
import numpy as np
import pytest
import torch

from operant.rollout.advantages import discounted_returns, gae, vtrace

NUMBERS = {"gamma": 0.99, "lam": 0.95}


def column(*numbers, dtype=np.float32):
    return np.array(numbers, dtype)[:, None]


# Three steps of one environment, gamma = lam = 0.5, in numbers that float32 holds exactly.
HAND = {
    "rewards": column(1, 2, 3),
    "values": column(4, 8, 16),
    "terminated": column(0, 0, 0, dtype=bool),
    "truncated": column(0, 0, 0, dtype=bool),
    "last_values": np.array([32], np.float32),
    "final_values": column(np.nan, np.nan, np.nan),
}
TERMINATED = HAND | {"terminated": column(0, 1, 0, dtype=bool)}
TRUNCATED = HAND | {"truncated": column(0, 1, 0, dtype=bool), "final_values": column(np.nan, 64, np.nan)}
BOTH = TRUNCATED | {"terminated": TERMINATED["terminated"]}


@pytest.mark.parametrize(
    "rollout, advantages",
    [
        # delta = 1+4-4, 2+8-8, 3+16-16 = 1, 2, 3;  A = 1 + 2.75/4, 2 + 3/4, 3
        (HAND, [1.6875, 2.75, 3]),
        # delta_1 = 2+0-8 = -6, and nothing is carried over the episode's end
        (TERMINATED, [1 - 1.5, -6, 3]),
        # delta_1 = 2+32-8 = 26
        (TRUNCATED, [1 + 6.5, 26, 3]),
        (BOTH, [1 - 1.5, -6, 3]),
    ],
)
def test_gae_of_three_steps_equals_the_numbers_computed_by_hand(rollout, advantages):
    ours, returns = gae(**rollout, gamma=0.5, lam=0.5)
    assert ours[:, 0].tolist() == advantages
    assert returns[:, 0].tolist() == [a + v for a, v in zip(advantages, [4, 8, 16], strict=True)]


@pytest.mark.parametrize(
    "rollout, returns",
    [(HAND, [6.75, 11.5, 19]), (TERMINATED, [2, 2, 19]), (TRUNCATED, [18, 34, 19]), (BOTH, [2, 2, 19])],
)
def test_discounted_returns_of_three_steps_equal_the_numbers_computed_by_hand(rollout, returns):
    without_values = {name: array for name, array in rollout.items() if name != "values"}
    assert discounted_returns(**without_values, gamma=0.5)[:, 0].tolist() == returns


def test_vtrace_of_three_steps_equals_the_numbers_computed_by_hand():
    # ratios 1, 1, 1 with bars at 1: v - V = delta + gamma lam (v' - V'), as GAE; advantage = r + gamma v' - V
    targets, advantages = vtrace(**TRUNCATED, log_ratios=column(0, 0, 0), gamma=0.5, lam=0.5)
    assert targets[:, 0].tolist() == [4 + 7.5, 8 + 26, 16 + 3]
    assert advantages[:, 0].tolist() == [1 + 17 - 4, 2 + 32 - 8, 3 + 16 - 16]
    # Ratios of 2 with rho_bar = 2 and c_bar = 1: delta counts twice, the carried sum once.
    twice = np.full((3, 1), np.log(2), np.float32)
    targets, _ = vtrace(**TRUNCATED, log_ratios=twice, gamma=0.5, lam=0.5, rho_bar=2, c_bar=1)
    assert np.allclose(targets[:, 0], [4 + 2 + 13, 8 + 52, 16 + 6], rtol=1e-6)


@pytest.mark.parametrize("steps, num_envs", [(1, 1), (5, 3), (7, 16), (16, 67), (9, 130)])
def test_gae_and_returns_equal_the_slow_loop_bit_for_bit_on_every_target(steps, num_envs, isa):
    rollout = loops.random_rollout(steps, num_envs)
    for ours, slow in zip(gae(**rollout, **NUMBERS, isa=isa), loops.gae(rollout, **NUMBERS), strict=True):
        assert ours.tobytes() == slow.tobytes()
    expected = loops.discounted_returns(rollout, 0.99)
    del rollout["values"]
    assert discounted_returns(**rollout, gamma=0.99, isa=isa).tobytes() == expected.tobytes()
    assert not np.isnan(expected).any()


def test_vtrace_equals_the_slow_loop_within_two_ulp_of_each_ratio(isa):
    rollout = loops.random_rollout(16, 67)
    log_ratios = np.random.default_rng(1).normal(size=(16, 67)).astype(np.float32)
    ours = vtrace(**rollout, log_ratios=log_ratios, **NUMBERS, rho_bar=1.5, c_bar=1.0, isa=isa)
    slow = loops.vtrace(rollout, np.exp(log_ratios), **NUMBERS, rho_bar=1.5, c_bar=1.0)
    for one, other in zip(ours, slow, strict=True):
        # 16 steps of sums of numbers below 8, each ratio off by 2 ulp (2.4e-7)
        np.testing.assert_allclose(one, other, rtol=0, atol=16 * 8 * 2.4e-7)
    # With ratios that are exact in both, the bits are the same.
    exact = vtrace(**rollout, log_ratios=np.zeros_like(log_ratios), **NUMBERS, isa=isa)
    same = loops.vtrace(rollout, np.ones_like(log_ratios), **NUMBERS, rho_bar=1, c_bar=1)
    assert [one.tobytes() for one in exact] == [one.tobytes() for one in same]


@pytest.mark.parametrize("workers", [2, 3, 8])
def test_threads_do_not_change_a_bit(workers, isa):
    rollout = loops.random_rollout(8, 1100)  # more than one block of columns, and not a multiple of a block or vector
    log_ratios = np.random.default_rng(1).normal(size=(8, 1100)).astype(np.float32)
    for kernel, given in ((gae, rollout), (vtrace, rollout | {"log_ratios": log_ratios})):
        one = kernel(**given, **NUMBERS, isa="scalar")
        many = kernel(**given, **NUMBERS, isa=isa, workers=workers)
        assert [array.tobytes() for array in one] == [array.tobytes() for array in many]


def test_results_go_into_the_arrays_and_tensors_that_are_given():
    rollout = loops.random_rollout(5, 20)
    tensors = {name: torch.from_numpy(array) for name, array in rollout.items()}
    out = torch.zeros(5, 20), np.zeros((5, 20), np.float32)
    results = gae(**tensors, **NUMBERS, out=out)
    assert results == out
    expected = gae(**rollout, **NUMBERS)
    assert np.array_equal(out[0].numpy(), expected[0]) and np.array_equal(out[1], expected[1])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"rewards": np.zeros(3, np.float32)}, r"rewards must be \[T, N\] .* not of shape \(3,\)"),
        ({"rewards": [[1.0]]}, "rewards must be a NumPy array or a torch tensor, not list"),
        ({"values": None}, "values must be a NumPy array or a torch tensor, not NoneType"),
        ({"terminated": None}, "terminated must be a NumPy array or a torch tensor, not NoneType"),
        ({"values": np.frombuffer(bytes(401), np.uint8)[1:].view(np.float32).reshape(5, 20)}, "values must be aligned"),
        ({"values": np.zeros((5, 20))}, r"values must be float32 \(5, 20\), not float64 \(5, 20\)"),
        ({"values": np.zeros((20, 5), np.float32).T}, r"values must be C-contiguous: give numpy.ascontiguousarray"),
        ({"terminated": np.zeros((5, 20), np.uint8)}, r"terminated must be bool \(5, 20\), not uint8"),
        ({"truncated": np.zeros((5, 21), bool)}, r"truncated must be bool \(5, 20\), not bool \(5, 21\)"),
        ({"last_values": np.zeros((1, 20), np.float32)}, r"last_values must be float32 \(20,\)"),
        (
            {"last_values": torch.zeros(20, requires_grad=True)},
            "last_values must be a tensor on the CPU without",
        ),
        ({"gamma": 1.5}, r"gamma=1.5 must be from 0 to 1"),
        ({"lam": float("nan")}, r"lam=nan must be from 0 to 1"),
        ({"workers": 0}, r"workers=0 must be from 1 to 1024"),
        ({"isa": "mmx"}, r"isa 'mmx' is unknown or does not run here"),
        ({"out": (np.zeros((5, 20), np.float32),)}, r"out must hold 2 arrays \(advantages, returns\), not 1"),
        ({"final_values": None}, r"final_values is None, but truncated\[\d, \d+\] is set"),
    ],
)
def test_bad_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        gae(**(loops.random_rollout(5, 20) | NUMBERS | change))


def test_a_read_only_output_is_refused():
    out = np.zeros((5, 20), np.float32), np.zeros((5, 20), np.float32)
    out[1].flags.writeable = False
    with pytest.raises(ValueError, match=r"out \(returns\) must be writeable"):
        gae(**loops.random_rollout(5, 20), **NUMBERS, out=out)


def test_an_output_that_overlaps_an_input_or_the_other_output_is_refused():
    rollout, own = loops.random_rollout(5, 20), np.zeros((5, 20), np.float32)
    kept = {name: array.copy() for name, array in rollout.items()}
    behind = np.zeros((6, 20), np.float32)
    for out, name in (
        ((rollout["rewards"], own), "advantages"),
        ((own, rollout["values"]), "returns"),
        ((own, own), "returns"),
        ((behind[:5], behind[1:]), "returns"),
    ):
        with pytest.raises(ValueError, match=rf"out \({name}\) overlaps another argument: give a separate array"):
            gae(**rollout, **NUMBERS, out=out)
    assert all(np.array_equal(rollout[name], kept[name], equal_nan=True) for name in kept) and not own.any()


def test_vtrace_without_values_names_them():
    with pytest.raises(ValueError, match="values must be a NumPy array or a torch tensor, not NoneType"):
        vtrace(**(HAND | {"values": None}), log_ratios=column(0, 0, 0), gamma=0.5)


def test_vtrace_refuses_invalid_bars():
    with pytest.raises(ValueError, match=r"rho_bar=0.5 and c_bar=1.0"):
        vtrace(**HAND, log_ratios=column(0, 0, 0), gamma=0.5, rho_bar=0.5)
