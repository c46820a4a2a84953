"""CudaBatch, emulated: the CPU's bits for every header, and its checks of tensors."""

import copy
import pickle

import numpy as np
import pytest
import torch
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from support import bits
from twins import SPECS

from operant.batch.batch import Batch
from operant.catalog import CATALOG
from operant.cuda.batch import CudaBatch, Outputs, seed_keys
from operant.cuda.open import open_engine

CARTPOLE = CATALOG["CartPole-v1"]


def random_actions(spec, rows, random):
    if spec.actions:
        return random.integers(0, np.array(spec.actions), (rows, *spec.action_shape))
    return random.normal(0, 2, (rows, *spec.action_shape)).astype(np.float32)


def cartpoles(num_envs=4, **options):
    batch = CudaBatch(CARTPOLE, num_envs, device="emulated", **options)
    batch.seed(0)
    batch.reset()
    return batch


@pytest.mark.parametrize("header", SPECS)
@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_every_header_returns_the_cpus_bits(header, mode):
    spec, rows = SPECS[header], {}
    mine = CudaBatch(spec, 67, device="emulated", autoreset=mode, max_episode_steps=20)
    other = Batch(spec, 67, autoreset=mode, max_episode_steps=20)
    for batch in (mine, other):
        batch.seed(5)
        rows[batch] = batch.reset().observations
    assert rows[mine].numpy().tobytes() == rows[other].tobytes()
    random = np.random.default_rng(0)
    for _ in range(60):
        actions = random_actions(spec, mine.num_rows, random)
        expected, results = other.step(actions), mine.step(torch.from_numpy(actions))
        for part, its in zip(results[:4], expected[:4], strict=True):
            assert part.numpy().tobytes() == its.tobytes()
        index, returns, lengths = other.finished()
        ended = torch.from_numpy(index)
        assert mine.final_returns[ended].numpy().tobytes() == returns.tobytes()
        assert mine.final_lengths[ended // mine.agents].tolist() == lengths.tolist()
        if results.final_observations is not None:
            assert results.final_observations[ended].numpy().tobytes() == other.final_observations().tobytes()
    assert mine.get_state().tobytes() == other.get_state().tobytes()
    mine.check()


def test_ended_episodes_are_summed_until_the_caller_clears_the_sums():
    batch = cartpoles(5, autoreset="SameStep", max_episode_steps=3)
    for _ in range(7):
        batch.step(torch.ones(5, dtype=torch.int64))
    count, returns, lengths = batch.sums
    assert count.tolist() == [2] * 5 and returns.tolist() == [6] * 5 and lengths.tolist() == [6] * 5
    for each in batch.sums:
        each.zero_()
    for _ in range(2):
        batch.step(torch.ones(5, dtype=torch.int64))
    assert [each.tolist() for each in batch.sums] == [[1] * 5, [3] * 5, [3] * 5]


def test_a_step_writes_into_the_given_tensors():
    batch, twin = cartpoles(autoreset="SameStep", max_episode_steps=2), cartpoles(autoreset="SameStep")
    rollout = torch.full((3, 4, 4), 7.0)
    outputs = Outputs(rollout[1], torch.empty(4), torch.empty(4, dtype=bool), torch.empty(4, dtype=bool), None)
    assert batch.step(torch.ones(4, dtype=torch.int64), outputs) is outputs
    expected = twin.step(torch.ones(4, dtype=torch.int64))
    assert torch.equal(rollout[1], expected.observations) and torch.equal(outputs.rewards, expected.rewards)
    assert (rollout[::2] == 7).all()


def test_final_observations_can_be_limited_to_truncated_episodes():
    batch = cartpoles(300, autoreset="SameStep", max_episode_steps=12)
    seen = 0
    for _ in range(12):
        outputs = batch.new_outputs()
        outputs.final_observations.fill_(7)
        batch.step(torch.ones(300, dtype=torch.int64), outputs, final_truncated=True)
        written = (outputs.final_observations != 7).all(dim=1)
        assert torch.equal(written, outputs.truncated & ~outputs.terminated)
        seen += int(outputs.terminated.sum() > 0) + int(written.sum() > 0)
    assert seen >= 2


@pytest.mark.parametrize(
    "name, tensor, found",
    [
        ("observations", torch.empty(4, 3), r"float32 \(4, 3\) on cpu"),
        ("observations", torch.empty(4, 8)[:, ::2], r"float32 \(4, 4\) on cpu, strides \(8, 2\)"),
        ("rewards", torch.empty(4, dtype=torch.float64), r"float64 \(4,\) on cpu"),
        ("rewards", np.empty(4, np.float32), "ndarray"),
        ("terminated", torch.empty(4, dtype=torch.uint8), r"uint8 \(4,\) on cpu"),
        ("truncated", torch.empty(4, dtype=bool, device="meta"), r"bool \(4,\) on meta"),
        ("final_observations", torch.empty(5, 4), r"float32 \(5, 4\) on cpu"),
    ],
)
def test_tensors_that_a_kernel_cannot_write_to_are_refused_by_name(name, tensor, found):
    batch = cartpoles(autoreset="SameStep")
    before = batch.get_state().tobytes()
    outputs = batch.new_outputs()._replace(**{name: tensor})
    with pytest.raises(ValueError, match=rf"^{name} must be a contiguous tensor .* on cpu, not {found}$"):
        batch.step(torch.zeros(4, dtype=torch.int64), outputs)
    assert batch.get_state().tobytes() == before


def test_a_mask_and_a_tensor_to_observe_into_are_checked_too():
    batch = cartpoles()
    with pytest.raises(ValueError, match=r"^mask must be .* bool \(4,\) on cpu, not bool \(3,\) on cpu"):
        batch.reset(torch.ones(3, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"^observations must be .* float32 \(4, 4\)"):
        batch.observe(torch.empty(4, 4, dtype=torch.float64))
    into = torch.empty(4, 4)
    assert batch.observe(into) is into and torch.equal(into, batch.observe())


def test_before_the_first_reset_and_after_close_calls_are_refused():
    batch = CudaBatch(CARTPOLE, 2, device="emulated")
    actions, mask = torch.zeros(2, dtype=torch.int64), torch.ones(2, dtype=torch.bool)
    for call in (lambda: batch.step(actions), lambda: batch.reset(mask)):
        with pytest.raises(ResetNeeded, match="reset the whole environment before"):
            call()
    assert not batch.ready
    batch.close()
    batch.close()
    for call in (
        lambda: batch.step(actions),
        lambda: batch.reset(),
        lambda: batch.seed(0),
        lambda: batch.check(),
        lambda: batch.get_state(),
        lambda: batch.observe(),
        lambda: batch.parameter("gravity"),
        lambda: batch.episode_returns,
        lambda: batch.final_returns,
        lambda: batch.bytes,
    ):
        with pytest.raises(ClosedEnvironmentError, match="the environment is closed"):
            call()


@pytest.mark.parametrize(
    "clone", [copy.deepcopy, lambda batch: pickle.loads(pickle.dumps(batch))], ids=["deep", "pickle"]
)
def test_a_copy_continues_identically(clone):
    batch = CudaBatch(CARTPOLE, 9, device="emulated", autoreset="SameStep", max_episode_steps=8, copy=False)
    batch.set_parameter("gravity", np.linspace(8, 12, 9))
    batch.randomize("half_length", 0.3, 0.9)
    batch.seed(4)
    batch.reset()
    for _ in range(5):
        batch.step(torch.ones(9, dtype=torch.int64))
    other = clone(batch)
    assert other.copy is False and other.max_episode_steps == 8 and other.autoreset == "SameStep"
    for _ in range(20):
        for mine, its in zip(
            batch.step(torch.ones(9, dtype=torch.int32)), other.step(torch.ones(9, dtype=torch.int32)), strict=True
        ):
            assert torch.equal(mine, its)
    assert batch.get_state().tobytes() == other.get_state().tobytes()


def test_a_batch_that_was_never_reset_can_be_copied():
    other = copy.deepcopy(CudaBatch(CARTPOLE, 3, device="emulated"))
    assert not other.ready and other.num_envs == 3


@pytest.mark.parametrize("seed", [0, 7, (1 << 32) - 2, (1 << 63) - 4, (1 << 63) - 3, (1 << 64) - 2, 1 << 70])
def test_seeds_made_on_the_device_are_the_cores(seed):
    mine, other = CudaBatch(CARTPOLE, 4, device="emulated"), Batch(CARTPOLE, 4)
    for batch in (mine, other):
        batch.seed(seed)
        batch.reset()
    assert mine.get_state().tobytes() == other.get_state().tobytes()


def test_seeds_of_more_than_64_bits_are_mixed_by_numpys_seed_sequence():
    words = np.array([[1, 2, 0], [1, 2, 3]], np.uint32)
    mixed = np.random.SeedSequence(1 | 2 << 32 | 3 << 64).generate_state(2).tolist()
    assert seed_keys(words).T.tolist() == [[1, 2], mixed]


def test_parameters_are_shared_until_one_is_set_for_each_environment():
    batch = cartpoles(3)
    assert batch.parameter("gravity").tolist() == [np.float32(9.8)] * 3
    batch.set_parameter("gravity", 5.0)
    assert not batch._params_vary() and batch.parameter("gravity").tolist() == [5] * 3
    batch.set_parameter("gravity", [1.0, 2.0, 3.0])
    assert batch.parameter("gravity").tolist() == [1, 2, 3]
    assert bits(batch.parameter("half_length")) == bits([np.float32(0.5)] * 3)


def test_an_engine_can_be_given_and_its_memory_is_counted():
    engine = open_engine("emulated")
    small, large = (CudaBatch(CARTPOLE, n, device=engine) for n in (1, 1001))
    # State 16, return 4, elapsed 4, episode 4, seed 8, final return and length 8, sums 12: 56 bytes per environment.
    assert small.engine is engine and large.bytes - small.bytes == 1000 * 56
    large.randomize("gravity", 1, 2)
    assert large.bytes - small.bytes > 1000 * (56 + 4 * (len(large.parameters) - 1))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"autoreset": "samestep"}, "unknown autoreset_mode 'samestep': did you mean 'SameStep'"),
        ({"num_envs": 0}, "num_envs=0 must be from 1 to"),
        ({"max_episode_steps": 0}, "max_episode_steps=0 must be from 1 to"),
        ({"device": "cude"}, "unknown device 'cude': did you mean 'cuda'"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_compiled(arguments, message):
    with pytest.raises(ValueError, match=message):
        CudaBatch(CARTPOLE, **{"num_envs": 2, "device": "emulated", **arguments})
