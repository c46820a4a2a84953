"""operant.h checks its arguments itself, for callers that are not Python: it returns an error, and nothing changes."""

import math

import numpy as np
import pytest

from operant._native import ffi, lib
from operant.batch.core import AUTORESET

N = 3


@pytest.fixture(params=[0, 1], ids=["float32", "float64"])
def batch(request):
    """CartPole, whose gravity lies in [0, 1000] and force in [0, 1e6]; reset with seeds 0."""
    opened = open_batch(b"cartpole", exact=request.param)
    yield opened
    lib.operant_close(opened)


def open_batch(env, message=None, **options):
    given = {"num_envs": N, "workers": 1, "max_episode_steps": 0, "autoreset": 0, **options}
    name = ffi.new("char[]", env)
    opened = lib.operant_open(ffi.new("operant_options *", {"env": name, **given}), message or ffi.NULL, 100)
    if opened != ffi.NULL:
        lib.operant_seed(opened, ffi.new("uint32_t[]", N), 1, ffi.NULL)
        observations = ffi.new("float[]", 4 * N)
        assert lib.operant_reset(opened, ffi.NULL, ffi.NULL, observations) == lib.OPERANT_OK
    return opened


def cartpole():
    """Its index in the core's list."""
    return [ffi.string(lib.operant_env(k).name) for k in range(lib.operant_env_count())].index(b"cartpole")


COUNT = lib.operant_env(cartpole()).param_count


def memory(batch, name, count):
    size = 8 if ffi.string(lib.operant_view(batch).isa) == b"exact" else 4
    return ffi.buffer(ffi.cast("char *", getattr(lib.operant_view(batch), name)), size * count)[:]


def parameters(batch):
    return memory(batch, "params", COUNT)


def state(batch):
    return memory(batch, "state", lib.operant_view(batch).stride * 4)


@pytest.mark.parametrize(
    "index, values",
    [
        (0, [-1e-3]),
        (0, [1001.0]),
        (0, [math.nan]),
        (0, [math.inf]),
        (0, [9.8, 9.8, -1.0]),
        (0, [9.8, math.nan, 9.8]),
        (-1, [9.8]),
        (COUNT, [9.8]),
        (0, [9.8, 9.8]),
        (0, []),
    ],
)
def test_a_parameter_out_of_its_bounds_is_refused(batch, index, values):
    before = parameters(batch)
    assert lib.operant_set_param(batch, index, ffi.new("double[]", values), len(values)) == lib.OPERANT_BAD_ARGUMENT
    assert parameters(batch) == before and not lib.operant_view(batch).params_vary


def test_a_bound_itself_is_accepted_in_both_builds(batch):
    for index in range(COUNT):
        each = lib.operant_env(cartpole()).parameters[index]
        for bound in (each.low, each.high):
            assert lib.operant_set_param(batch, index, ffi.new("double *", bound), 1) == lib.OPERANT_OK


@pytest.mark.parametrize(
    "index, low, high",
    [
        (0, -1.0, 5.0),
        (0, 5.0, 1001.0),
        (0, 6.0, 5.0),
        (0, math.nan, 5.0),
        (0, 5.0, math.nan),
        (6, 1.0, math.inf),  # x_limit may be infinite, but no number is drawn below infinity
        (-1, 1.0, 2.0),
        (COUNT, 1.0, 2.0),
    ],
)
def test_a_range_out_of_the_bounds_is_refused(batch, index, low, high):
    assert lib.operant_randomize(batch, index, low, high) == lib.OPERANT_BAD_ARGUMENT
    assert not lib.operant_view(batch).params_vary


@pytest.mark.parametrize("override", [-1.0, 1001.0, math.inf, -math.inf])
def test_an_override_out_of_its_bounds_is_refused_and_nothing_is_reset(batch, override):
    before, observations = state(batch), ffi.new("float[]", [7.0] * 4 * N)
    overrides = ffi.new("double[]", [override] + [math.nan] * (COUNT - 1))
    assert lib.operant_reset(batch, ffi.NULL, overrides, observations) == lib.OPERANT_BAD_ARGUMENT
    assert state(batch) == before and list(observations) == [7.0] * 4 * N
    overrides[0] = 1000.0
    assert lib.operant_reset(batch, ffi.NULL, overrides, observations) == lib.OPERANT_OK


def test_indices_and_counts_of_copied_environments_are_checked(batch):
    exact = ffi.string(lib.operant_view(batch).isa) == b"exact"
    other = open_batch(b"cartpole", exact=exact)
    before = state(batch)
    for indices, count in [([0, N], 2), ([-1], 1), ([1 << 40], 1), ([0], -1)]:
        pointer = ffi.new("int64_t[]", indices)
        for to, of in ((pointer, ffi.NULL), (ffi.NULL, pointer)):
            assert lib.operant_copy_environments(batch, to, other, of, count) == lib.OPERANT_BAD_ARGUMENT
    assert lib.operant_copy_environments(batch, ffi.NULL, other, ffi.NULL, N + 1) == lib.OPERANT_BAD_ARGUMENT
    assert state(batch) == before
    lib.operant_close(other)


def test_types_of_actions_and_words_of_seeds_are_checked(batch):
    view = lib.operant_view(batch)
    actions, output = ffi.new("double[]", N), ffi.new("operant_output *")
    for dtype in (-1, lib.OPERANT_FLOAT32, lib.OPERANT_FLOAT64, lib.OPERANT_UINT8, 5):
        assert lib.operant_step(batch, actions, dtype, output) == lib.OPERANT_BAD_ARGUMENT
    assert lib.operant_step_one(batch, 0, output) == lib.OPERANT_BAD_ARGUMENT, "a batch of three"
    for words in (0, -1):
        assert lib.operant_seed(batch, ffi.new("uint32_t[]", N), words, ffi.NULL) == lib.OPERANT_BAD_ARGUMENT
    assert lib.operant_clock(batch) == 0 and view.params_vary == 0


@pytest.mark.parametrize("restarting, count", [([0], -1), ([0] * 4, 4), ([-1], 1), ([0, N], 2)])
def test_environments_that_restart_are_checked_before_any_time_is_written(batch, restarting, count):
    starts, listed = ffi.new("double[]", [7.0] * N), ffi.new("int32_t[]", restarting)
    watch = ffi.new("operant_stopwatch *", {"starts": starts, "restarting": listed, "count": count})
    assert lib.operant_time_episodes(batch, watch, 9.0, ffi.NULL) == lib.OPERANT_BAD_ARGUMENT
    assert list(starts) == [7.0] * N and watch.count == count


def test_statistics_of_ended_episodes_need_a_place():
    """A thread may step between another's look at the number of ended episodes and its call."""
    batch = open_batch(b"cartpole", max_episode_steps=1)
    arrays = [ffi.new(kind) for kind in ("float[12]", "float[3]", "uint8_t[3]", "uint8_t[3]")]
    assert lib.operant_step(batch, ffi.new("int32_t[3]"), lib.OPERANT_INT32, ffi.new("operant_output *", arrays)) == 0
    assert lib.operant_last_finished(batch).count == N
    starts, listed = ffi.new("double[]", [7.0] * N), ffi.new("int32_t[]", N)
    watch = ffi.new("operant_stopwatch *", {"starts": starts, "restarting": listed, "count": 1})
    assert lib.operant_time_episodes(batch, watch, 9.0, ffi.NULL) == lib.OPERANT_BAD_ARGUMENT
    assert list(starts) == [7.0] * N and watch.count == 1
    lib.operant_close(batch)


@pytest.mark.parametrize(
    "options, says",
    [
        ({"num_envs": 0}, "num_envs must be at least 1, not 0"),
        ({"num_envs": -(2**63)}, "num_envs must be at least 1"),
        ({"num_envs": (1 << 30) + 1}, "num_envs=1073741825 is more than 2^30"),
        ({"workers": 0}, "workers must be from 1 to 1024"),
        ({"workers": 1025}, "workers must be from 1 to 1024"),
        ({"max_episode_steps": -1}, "max_episode_steps must be from 0"),
        ({"max_episode_steps": 2**31}, "max_episode_steps must be from 0"),
        ({"autoreset": -1}, "autoreset must be"),
        ({"autoreset": max(AUTORESET.values()) + 1}, "autoreset must be"),
    ],
)
def test_an_option_out_of_range_is_named(options, says):
    message = ffi.new("char[100]")
    assert open_batch(b"cartpole", message, **options) == ffi.NULL
    assert says in ffi.string(message).decode()
    assert open_batch(b"cartpole", **options) == ffi.NULL  # without room for a message


def test_names_and_indices_beyond_the_lists_are_answered_with_nothing():
    for index in (-1, 1 << 30):
        assert lib.operant_isa(index) == ffi.NULL
        assert lib.operant_isa_runs_here(index) == 0
        assert lib.operant_env(index).name == ffi.NULL
    assert lib.operant_certificate(ffi.NULL, b"cartpole", b"scalar", 0, 0) == 0
    assert lib.operant_certificate(ffi.NULL, b"cartpole", b"nothing", 0, 1) == 0
    assert lib.operant_certificate(ffi.NULL, b"nothing", b"scalar", 0, 1) == 0


@pytest.mark.parametrize(
    "steps, num_envs, workers", [(0, 1, 1), (1, 0, 1), (-1, 1, 1), (1, 1, 0), (1, 1, 1025), (1 << 40, 1 << 40, 1)]
)
def test_sizes_of_a_rollout_are_checked(steps, num_envs, workers):
    rollout = ffi.new("operant_rollout *", {"steps": steps, "num_envs": num_envs})
    out = ffi.new("float[]", 4)
    assert lib.operant_gae(rollout, ffi.NULL, workers, out, out) == lib.OPERANT_BAD_ARGUMENT
    assert lib.operant_vtrace(rollout, out, 1, 1, ffi.NULL, workers, out, out) == lib.OPERANT_BAD_ARGUMENT
    assert lib.operant_discounted_returns(rollout, ffi.NULL, workers, out) == lib.OPERANT_BAD_ARGUMENT


@pytest.mark.parametrize("features, rows", [(0, 1), (-1, 1), (1, -1), (1 << 62, 1), (1 << 40, 1 << 40)])
def test_sizes_of_moments_are_checked(features, rows):
    numbers, out = np.zeros(1), ffi.new("float[]", 1)
    pointer = ffi.from_buffer("double[]", numbers)
    moments = ffi.new("operant_moments *", {"features": features, "mean": pointer, "squares": pointer})
    assert lib.operant_update_moments(moments, out, rows, ffi.NULL, 1) == lib.OPERANT_BAD_ARGUMENT
    assert lib.operant_standardize(moments, out, rows, 1e-8, 1, 1, ffi.NULL, out) == lib.OPERANT_BAD_ARGUMENT
    assert numbers[0] == 0
