"""The training rows of `operant bench --device`, emulated, in tiny sizes. No test depends on a time."""

from operant.bench import cuda, cuda_training
from operant.catalog import CATALOG


def emulated(row_function):
    """Returns the only row of a function, in tiny sizes; it must say that it is emulated, and have no target."""
    plan = cuda.DevicePlan(CATALOG["CartPole-v1"], sizes=(8,), rounds=1, seconds=0.0001, device="emulated")
    (row,) = row_function(plan)
    assert row.name == row_function.__name__
    assert row.title.endswith("emulated: speeds mean nothing")
    assert all(measure.target is None for measure in row.measures)
    return row


def test_the_speed_of_training_comes_with_its_learning_curve():
    labels = [measure.label for measure in emulated(cuda_training.cuda_train).measures]
    assert labels[0] == "PPO end to end"
    assert labels[4::2] == [f"mean return of 100 episodes at {512 * k:,} steps" for k in range(1, 9)]
    assert labels[5::2] == ["  in TF32"] * 8


def test_a_run_that_does_not_solve_ends_with_its_steps():
    figures = {measure.label: measure.samples for measure in emulated(cuda_training.cuda_solve).measures}
    assert figures["steps until then"] == [8 * 512]
    assert figures["share of seeds that solve"] == [0]
    (mean,) = figures["mean return of the greedy episodes"]
    assert 8 <= mean < cuda_training.SOLVED


def test_a_rate_can_exclude_the_first_updates():
    learning = cuda_training.Learning([10, 20, 30], [5.0, 6.0, 7.0], [0.0] * 3)
    assert learning.rate() == 30 / 7
    assert learning.rate(after=1) == 10
