"""PPO in the core: the same bits on every target and any threads, its calls, its state, and bad input."""

import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from trainers import KINDS, Trainer, opened, pointer

from operant._native import ffi, lib
from operant.batch.batch import Batch
from operant.environments.lookup import find_spec
from operant.rollout.normalizer import RewardNormalizer, RunningNormalizer


def digest(trainer):
    return hashlib.sha256(trainer.parameters.tobytes()).hexdigest()


def trained(kind, updates=2, **options):
    """The hash of the parameters after some updates with made-up experience."""
    trainer = Trainer(kind, rows=200, steps=16, epochs=2, **options)
    for seed in range(updates):
        assert trainer.learn(trainer.experience(seed))[0] == lib.OPERANT_OK
    return digest(trainer)


@pytest.fixture(scope="module")
def scalar_hashes():
    return {kind: trained(kind, isa="scalar") for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_target_trains_to_the_same_bits(kind, isa, scalar_hashes):
    assert trained(kind, isa=isa) == scalar_hashes[kind]


@pytest.mark.parametrize("workers", [2, 3, 16])
@pytest.mark.parametrize("kind", ["categorical", "masked", "squashed", "shared silu"])
def test_any_number_of_threads_trains_to_the_same_bits(kind, workers, scalar_hashes):
    assert trained(kind, workers=workers) == scalar_hashes[kind]


WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20, 31, 32, 33, 47, 48, 49, 63, 64, 65, 80, 100, 130]
RANDOM_SHAPES = 16


def trained_with_random_shapes(seed, **options):
    """The hash of the parameters of networks, actions and minibatches of any sizes, after an update."""
    rng = np.random.default_rng(seed)
    layers = [tuple(int(width) for width in rng.choice(WIDTHS, rng.integers(0, 4))) for _ in range(2)]
    share = int(rng.integers(0, 2))
    shape = {"share": share, "hidden": layers[0], "value_hidden": () if share else layers[1]}
    shape |= {"activation": rng.choice(["tanh", "relu", "silu"]), "parts": (("float32", int(rng.choice(WIDTHS))),)}
    shape |= {name: int(rng.integers(1, most)) for name, most in (("rows", 150), ("steps", 12), ("minibatches", 6))}
    if rng.random() < 0.5:
        shape["choices"] = tuple(int(choices) for choices in rng.integers(1, 9, rng.integers(1, 5)))
    else:
        numbers = int(rng.integers(1, 12))
        shape |= {"low": (-1.0,) * numbers, "high": (1.5,) * numbers, "squash": int(rng.integers(0, 2))}
    trainer = Trainer("categorical" if "choices" in shape else "normal", epochs=2, **shape, **options)
    trainer.randomize(seed)
    assert trainer.learn(trainer.experience(seed))[0] == lib.OPERANT_OK
    return digest(trainer)


@pytest.fixture(scope="module")
def scalar_hashes_of_random_shapes():
    return [trained_with_random_shapes(seed, isa="scalar") for seed in range(RANDOM_SHAPES)]


@pytest.mark.parametrize("workers", [1, 3])
def test_networks_of_any_shape_train_to_the_same_bits(isa, workers, scalar_hashes_of_random_shapes):
    found = [trained_with_random_shapes(seed, isa=isa, workers=workers) for seed in range(RANDOM_SHAPES)]
    assert found == scalar_hashes_of_random_shapes
    assert len(set(found)) == RANDOM_SHAPES


def gradient_arguments(experience, count):
    """The first samples of a rollout, as a minibatch whose old values are 0."""
    rewards, returns = experience["rewards"], experience["final_values"]
    columns = [experience["log_probs"], np.zeros_like(rewards), rewards, returns]
    actions = experience["actions"].reshape(rewards.size, -1)
    return [experience["observations"][:-1].ravel()[:count], actions[:count], *(c.ravel()[:count] for c in columns)]


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_that_are_not_finite_leave_no_trace_in_the_trainers_memory(kind, isa):
    """Of a gradient in four strands, and of activations; the next one has fewer samples, in two strands."""
    untouched, trainer = Trainer(kind, isa=isa), Trainer(kind, isa=isa)
    for each in (untouched, trainer):
        each.randomize(0)
    experience = trainer.experience()
    wrong = {"log_probs": -np.inf, "final_values": np.nan}  # ratios of 1e38, and NaN in the value's gradient
    broken = {name: np.full_like(experience[name], number) for name, number in wrong.items()}
    assert np.isnan(trainer.gradient(gradient_arguments(experience | broken, 512))).any()
    rows = experience["observations"][0].copy()
    for name in rows.dtype.names:
        if rows.dtype[name].base.kind == "f":
            rows[name] = np.nan
            with pytest.raises(RuntimeError, match=str(lib.OPERANT_NOT_FINITE)):
                trainer.act(rows)
    good = gradient_arguments(experience, 300)
    assert trainer.gradient(good).tobytes() == untouched.gradient(good).tobytes()


def test_another_seed_trains_to_other_bits(scalar_hashes):
    assert trained("categorical", seed=2) != scalar_hashes["categorical"]


TASKS = {
    "cartpole": {"env_id": "operant/CartPole-v1", "choices": (2,)},
    "pendulum": {"env_id": "operant/Pendulum-v1", "low": (-2.0,), "high": (2.0,), "parts": (("float32", 3),)},
    "normalised": {
        "env_id": "operant/Pendulum-v1",
        "low": (-2.0,),
        "high": (2.0,),
        "parts": (("float32", 3),),
        "normalize_observations": 1,
        "normalize_rewards": 1,
    },
    "taxi": {"env_id": "operant/Taxi-v4", "choices": (6,), "parts": (("int64", 1, 500, 0),), "table": True},
    "blackjack": {
        "env_id": "operant/Blackjack-v1",
        "choices": (2,),
        "parts": (("int64", 1, 32), ("int64", 1, 11), ("int64", 1, 2)),
    },
    "snake": {"env_id": "operant/Snake-v0", "choices": (4,), "parts": (("uint8", 400),)},
    "simple_spread": {"env_id": "operant/simple_spread_v3", "choices": (5,), "parts": (("float32", 18),), "agents": 3},
}


def trainer_of(task, environments, **options):
    given = {"hidden": (32,)} | TASKS[task] | options
    rows = environments * given.pop("agents", 1)
    given.pop("env_id")
    if given.pop("table", False):
        given["mask_table"] = 500
    return Trainer("categorical" if "choices" in given else "normal", rows=rows, **given)


def batch_of(task, environments):
    """A batch whose episodes are short, and its first observations."""
    batch = Batch(find_spec(TASKS[task]["env_id"]), environments, autoreset="SameStep", max_episode_steps=9)
    batch.seed(3)
    return batch, batch.reset().observations


def play(trainer, batch, now):
    """A rollout by separate calls; returns the experience, and the observations at its end."""
    o, row = trainer.o, trainer.observations.dtype
    shape = (o["steps"], o["rows"])
    e = {"observations": np.empty((o["steps"] + 1, o["rows"]), row), "actions": trainer.empty_actions(*shape)}
    e |= {name: np.zeros(shape, np.float32) for name in ("log_probs", "rewards", "final_values")}
    e |= {name: np.zeros(shape, np.uint8) for name in ("terminated", "truncated")}
    for t in range(o["steps"]):
        rows = np.ascontiguousarray(now).reshape(o["rows"], -1).view(row)[:, 0]
        e["observations"][t] = rows
        e["actions"][t], bounded, e["log_probs"][t] = trainer.act(rows, trainer.state.draw)
        trainer.state.draw += 1
        now, *results, _ = batch.step(bounded.reshape(batch._actions.shape))
        now = now.copy()
        for name, column in zip(("rewards", "terminated", "truncated"), results, strict=True):
            e[name][t] = column.ravel()
        if batch.last_finished.count:
            ended, _, _ = batch.finished()
            final = np.ascontiguousarray(batch.final_observations()).reshape(len(ended), -1).view(row)[:, 0]
            cut = e["truncated"][t, ended] & ~e["terminated"][t, ended] & 1 != 0
            e["final_values"][t, ended[cut]] = trainer.values(np.ascontiguousarray(final[cut]))
    e["observations"][-1] = np.ascontiguousarray(now).reshape(o["rows"], -1).view(row)[:, 0]
    return e, now


@pytest.mark.parametrize("task", TASKS)
def test_acting_and_learning_as_separate_calls_give_what_collecting_in_the_core_gives(task):
    together, apart = (trainer_of(task, 50, steps=20, minibatches=7) for _ in range(2))
    first, _ = batch_of(task, 50)
    second, now = batch_of(task, 50)
    for _ in range(2):
        expected = together.update(first._handle)
        experience, now = play(apart, second, now)
        status, metrics = apart.learn(experience)
        assert status == lib.OPERANT_OK
        for name in ("policy_loss", "value_loss", "entropy", "approximate_kl", "clip_fraction", "gradient_norm"):
            assert getattr(metrics, name) == getattr(expected, name)
    assert digest(together) == digest(apart)
    assert together.state.episodes > 100


def test_the_episodes_of_a_batch_are_counted_with_their_returns_and_lengths():
    trainer = Trainer("categorical", rows=50, steps=40)
    with opened("cartpole", 50, limit=7) as batch:
        trainer.update(batch)
    assert trainer.state.episodes == 250
    assert list(trainer.state.lengths) == list(trainer.state.returns) == [7] * 100


def test_rewards_are_scaled_as_the_normaliser_of_rollouts_scales_them():
    o = {"rows": 30, "steps": 20, "minibatches": 1}
    scaling, plain = Trainer("normal", normalize_rewards=1, **o), Trainer("normal", **o)
    normalizer = RewardNormalizer(30, 0.98)
    for seed in range(2):
        e = scaling.experience(seed)
        scaled = e | {"rewards": np.empty_like(e["rewards"])}
        for t in range(20):
            ended = (e["terminated"][t] | e["truncated"][t]).astype(bool)
            scaled["rewards"][t] = normalizer(e["rewards"][t], ended)
        assert scaling.learn(e)[0] == plain.learn(scaled)[0] == lib.OPERANT_OK
    assert digest(scaling) == digest(plain)
    state = normalizer.state_dict()
    assert scaling.state.rewards.count == state["statistics"]["count"]
    assert list(ffi.unpack(scaling.state.reward_sums, 30)) == state["returns"]


def test_observations_are_normalised_by_the_statistics_from_before_the_rollout():
    normalizing, plain = Trainer("normal", normalize_observations=1), Trainer("normal")
    normalizer = RunningNormalizer((4,))
    for seed in range(3):
        e = normalizing.experience(seed)
        e["observations"]["part0"] = 5 * e["observations"]["part0"] + 3
        seen = e["observations"]["part0"].reshape(-1, 4)
        scaled = e["observations"].copy()
        scaled["part0"] = normalizer.normalize(seen).reshape(scaled["part0"].shape)
        assert normalizing.learn(e)[0] == plain.learn(e | {"observations": scaled})[0] == lib.OPERANT_OK
        normalizer.update(seen[: 8 * 64])
    assert digest(normalizing) == digest(plain)
    assert np.array_equal(normalizer.mean, np.array(ffi.unpack(normalizing.state.observations.mean, 4)))


def copy_state(to, of):
    """Copies what a checkpoint holds."""
    for name in ("parameters", "mean", "square"):
        to.array(name)[:] = of.array(name)
    for name in ("descents", "draw", "shuffle", "episodes", "returns", "lengths"):
        setattr(to.state, name, getattr(of.state, name))
    for name in ("observations", "rewards"):
        mine, theirs = getattr(to.state, name), getattr(of.state, name)
        mine.count = theirs.count
        for array in ("mean", "squares"):
            ffi.memmove(getattr(mine, array), getattr(theirs, array), 8 * theirs.features)
    ffi.memmove(to.state.reward_sums, of.state.reward_sums, 4 * of.o["rows"])
    return lib.operant_train_restored(to.handle)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_restored_state_continues_with_the_same_bits_on_another_target_and_with_other_threads(isa, workers):
    options = {"normalize_observations": 1, "normalize_rewards": 1, "steps": 30}
    straight = trainer_of("pendulum", 20, **options)
    batch, _ = batch_of("pendulum", 20)
    for _ in range(2):
        straight.update(batch._handle)
    resumed = trainer_of("pendulum", 20, isa=isa, workers=workers, **options)
    assert copy_state(resumed, straight) == lib.OPERANT_OK
    snapshot, second = batch.get_state(), batch_of("pendulum", 20)[0]
    second.set_state(snapshot)
    for _ in range(2):
        straight.update(batch._handle)
        resumed.update(second._handle)
    assert digest(resumed) == digest(straight)
    assert list(resumed.state.returns) == list(straight.state.returns)


def test_moments_decayed_to_the_smallest_numbers_change_as_adam_says(isa):
    """Weights of inputs that are always 0 have no gradient."""
    inputs, width = 64, 32
    options = {"hidden": (width,), "parts": (("float32", inputs),), "epochs": 1, "minibatches": 1}
    trainer = Trainer("categorical", isa=isa, learning_rate=1.0, **options)
    smallest, weights = np.float32(2.0**-149), slice(inputs * width)
    number = np.arange(inputs * width)
    mean, square, parameters = (trainer.array(name)[weights] for name in ("mean", "square", "parameters"))
    mean[:] = (number % 17 - 8) * smallest
    square[:] = np.where(number % 19 < 12, 494 + number % 19, number % 19 - 12) * smallest
    parameters[:] = np.array([0.1, 0, 1e-31, -1e-38, 2e-30], np.float32)[number % 5]
    assert lib.operant_train_restored(trainer.handle) == lib.OPERANT_OK

    tenth, kept = np.float32(0.1), np.float32(0.999)
    new_mean = (mean - np.float64(tenth) * mean).astype(np.float32)  # exact in float64, then rounded once
    new_square = square * kept
    rate, root = np.float32(1 / (1 - 0.9)), np.float32(np.sqrt(1 - 0.999))
    expected = parameters - rate * new_mean / (np.sqrt(new_square) / root + np.float32(1e-5))
    assert (new_mean == mean).mean() > 0.5  # many stay as they are ...
    assert (expected != parameters).mean() > 0.1  # ... but move a parameter that is tiny
    experience = trainer.experience()
    experience["observations"].view(np.uint8)[:] = 0
    assert trainer.learn(experience)[0] == lib.OPERANT_OK
    assert (mean == new_mean).all()
    assert (square == new_square).all()
    assert (parameters == expected).all()


@pytest.mark.parametrize("name", ["parameters", "mean", "square"])
def test_a_state_that_is_not_finite_is_refused(name):
    trainer = Trainer("normal")
    trainer.array(name)[3] = np.nan
    assert lib.operant_train_restored(trainer.handle) == lib.OPERANT_NOT_FINITE


def test_an_update_ends_once_the_policy_has_changed_by_the_target():
    trainer = Trainer("categorical", target_kl=1e-4, learning_rate=0.01, epochs=10)
    status, metrics = trainer.learn(trainer.experience())
    assert status == lib.OPERANT_OK
    assert 1 <= metrics.minibatches < 40
    assert trainer.state.descents == metrics.minibatches


@pytest.mark.parametrize(("minibatches", "made"), [(7, 7), (512, 512), (9999, 512)])
def test_minibatches_may_be_of_uneven_size_and_are_at_most_as_many_as_samples(minibatches, made):
    trainer = Trainer("categorical", minibatches=minibatches, epochs=1)
    status, metrics = trainer.learn(trainer.experience())
    assert (status, metrics.minibatches) == (lib.OPERANT_OK, made)


def test_a_mask_is_never_broken():
    trainer = Trainer("masked", rows=4096)
    trainer.randomize(0)
    rows = trainer.observations.draw(np.random.default_rng(1), 4096)
    allowed = trainer.observations.masks(rows)
    for actions in (trainer.act(rows)[0], trainer.greedy(rows)):
        assert allowed[np.arange(4096), actions[:, 0]].all()
        assert allowed[np.arange(4096), 3 + actions[:, 1]].all()


def test_a_mask_that_allows_nothing_and_a_number_out_of_its_choices_are_refused():
    masked, table = Trainer("masked"), Trainer("masked by a table")
    rows = masked.observations.draw(np.random.default_rng(1), 5)
    rows["mask"][3, 3:] = 0
    with pytest.raises(RuntimeError, match=str(lib.OPERANT_BAD_ARGUMENT)):
        masked.act(rows)
    e = table.experience()
    e["observations"]["part0"][2, 5] = 4
    assert table.learn(e)[0] == lib.OPERANT_BAD_ARGUMENT
    with pytest.raises(RuntimeError, match=str(lib.OPERANT_BAD_ARGUMENT)):
        table.act(e["observations"][2])


@pytest.mark.parametrize("name", ["rewards", "observations"])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_number_that_is_not_finite_stops_before_the_parameters_change(name, number):
    trainer = Trainer("categorical", epochs=1, minibatches=1)
    before, e = trainer.parameters, trainer.experience()
    place = e["observations"]["part0"] if name == "observations" else e[name]
    place[3, 5] = number
    status, _ = trainer.learn(e)
    assert status == lib.OPERANT_NOT_FINITE
    assert np.array_equal(trainer.parameters, before)


def test_an_action_that_is_none_of_its_choices_or_not_finite_is_refused():
    for kind, wrong in (("several choices", 3), ("several choices", -1), ("normal", np.nan)):
        trainer = Trainer(kind)
        e = trainer.experience()
        e["actions"][7, 63, 0] = wrong
        assert trainer.learn(e)[0] == lib.OPERANT_BAD_ACTION
        arrays = [ffi.from_buffer(part) for part in (e["observations"], e["actions"])]
        columns = [pointer(np.zeros(512, np.float32)) for _ in range(4)]
        gradient = pointer(np.empty_like(trainer.parameters))
        call = lib.operant_train_gradient(trainer.handle, 512, *arrays, *columns, gradient)
        assert call == lib.OPERANT_BAD_ACTION
        call = lib.operant_train_gradient(trainer.handle, 512, *arrays, *columns, ffi.NULL)
        assert call == lib.OPERANT_BAD_ARGUMENT


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        ("normal", {"rows": 0}, "rows=0 and steps=8 must be at least 1"),
        ("normal", {"steps": 1 << 40}, r"steps=1099511627776 must be at least 1, and their product at most 2\^30"),
        ("normal", {"parts": (("float32", 5000),)}, "at most 4096 inputs, but up to part 0 there are 5000"),
        ("normal", {"parts": (("float32", 4, 2),)}, "choices of part 0 must be integers"),
        ("normal", {"parts": (("int32", 4),), "normalize_observations": 1}, "normalize_observations needs rows"),
        ("normal", {"low": (1.0, 1.0, 1.0), "high": (2.0, 0.0, 2.0)}, r"low\[1\]=1 must be at most high\[1\]=0"),
        ("normal", {"squash": 1}, r"squash needs finite bounds, low below high, not low\[2\]=-inf"),
        ("normal", {"log_std": 30.0}, "log_std=30 must be from -20 to 20"),
        ("normal", {"mask": "uint8", "choices": ()}, "action_size=0 must be from 1 to 256"),
        ("categorical", {"choices": (0,)}, r"choices\[0\]=0 must be from 1 to 1024"),
        ("categorical", {"choices": (600, 600)}, "at most 1024 choices in all, not 1200"),
        ("categorical", {"mask_table": 7}, "mask_table needs choices in the first part"),
        ("masked by a table", {"mask": "uint8"}, "exclude each other"),
        ("categorical", {"hidden": (1,) * 9}, "hidden_layers=9 must be from 0 to 8"),
        ("categorical", {"hidden": (64, 0)}, r"^hidden\[1\]=0 must be from 1 to 4096"),
        ("categorical", {"value_hidden": (5000,)}, r"value_hidden\[0\]=5000 must be from 1 to 4096"),
        ("categorical", {"share": 1, "value_hidden": (5,)}, "share excludes value_hidden_layers=1"),
        ("categorical", {"workers": 0}, "workers=0 must be from 1 to 1024"),
        ("categorical", {"epochs": 0}, "epochs=0 must be at least 1"),
        ("categorical", {"minibatches": 0}, "minibatches=0 must be at least 1"),
        ("categorical", {"learning_rate": float("nan")}, "learning_rate=-?nan must be above 0 and at most 1"),
        ("categorical", {"learning_rate": 1.5}, "learning_rate=1.5 must be above 0 and at most 1"),
        ("categorical", {"gamma": 1.5}, "gamma=1.5 must be from 0 to 1"),
        ("categorical", {"clip": 0.0}, "clip=0 must be positive"),
        ("categorical", {"target_kl": -1.0}, "target_kl=-1 must be at least 0"),
        ("categorical", {"max_grad_norm": 0.0}, "max_grad_norm=0 must be positive"),
        ("categorical", {"value_coefficient": float("inf")}, "value_coefficient=inf must be at least 0"),
        ("categorical", {"isa": "mmx"}, "isa=mmx is unknown"),
    ],
)
def test_bad_options_are_refused_with_a_reason(kind, change, reason):
    with pytest.raises(ValueError, match=reason):
        Trainer(kind, **change)


@pytest.mark.parametrize(("rate", "clip"), [(-1e-9, 0.2), (1.1, 0.2), (np.nan, 0.2), (0.1, 0.0), (0.1, np.inf)])
def test_a_bad_learning_rate_or_clip_is_refused(rate, clip):
    assert lib.operant_train_adjust(Trainer().handle, rate, clip) == lib.OPERANT_BAD_ARGUMENT


def test_a_batch_of_another_size_or_task_is_refused():
    trainer, e = Trainer("categorical", rows=10), ffi.new("operant_experience *")
    for env, count in (("cartpole", 11), ("acrobot", 10), ("pendulum", 10)):
        with opened(env, count) as batch:
            assert lib.operant_train_collect(trainer.handle, batch, e) == lib.OPERANT_BAD_ARGUMENT


@pytest.mark.parametrize("parts", [(("int32", 4),), (("float32", 2), ("float64", 1)), (("float32", 3), ("uint8", 4))])
def test_a_batch_whose_observations_have_another_type_is_refused(parts):
    trainer, e = Trainer("categorical", rows=10, parts=parts), ffi.new("operant_experience *")
    with opened("cartpole", 10) as batch:  # rows of 16 bytes, too
        assert lib.operant_train_collect(trainer.handle, batch, e) == lib.OPERANT_BAD_ARGUMENT
        assert lib.operant_train_evaluate(trainer.handle, batch, ffi.new("double *")) == lib.OPERANT_BAD_ARGUMENT


def almost_normal(seed, count):
    """The numbers of the initial weights: each the sum of twelve uniform ones, less 6."""
    words, state = [], (seed * 0x2545F4914F6CDD1D + 1) % 2**64
    for _ in range(12 * count):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        words.append((z ^ z >> 31) >> 11)
    sums = np.full((count, 1), -6.0)
    return np.add.accumulate(np.hstack((sums, np.array(words).reshape(count, 12) * 2.0**-53)), axis=1)[:, -1]


@pytest.mark.parametrize(("inputs", "outputs"), [(33, 50), (50, 49), (20, 16), (5, 40)])
def test_initial_weights_are_those_of_one_vector_after_the_other(isa, inputs, outputs):
    trainer = Trainer("categorical", seed=3, isa=isa, hidden=(outputs,), parts=(("float32", inputs),))
    few = min(inputs, outputs)
    vectors = almost_normal(3, inputs * outputs).reshape(few, -1)

    def dot(one, other):
        return np.add.accumulate(one * other)[-1]  # in their order

    for i, own in enumerate(vectors):
        for other in vectors[:i]:
            own -= dot(own, other) * other
        own /= np.sqrt(dot(own, own))
    expected = (np.sqrt(2) * (vectors if inputs > outputs else vectors.T)).astype(np.float32)
    assert (trainer.parameters[: inputs * outputs].reshape(outputs, inputs) == expected).all()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_one_hot_inputs_take_no_memory_of_their_own():
    def mapped(*parts):
        before = int(Path("/proc/self/statm").read_text().split()[0])
        trainer = Trainer("categorical", choices=(16,), hidden=(16,), parts=parts)
        assert trainer.greedy(np.zeros(1, trainer.observations.dtype)).shape == (1, 1)
        return (int(Path("/proc/self/statm").read_text().split()[0]) - before) * os.sysconf("SC_PAGESIZE")

    mapped(("uint8", 1, 4000))  # the heap grows once
    difference = mapped(("uint8", 1, 4000), ("uint8", 1)) - mapped(("uint8", 2, 2000))
    assert difference > 0.9 * 64 * 4000 * 4  # a block of 64 rows of float32


def test_evaluation_gives_the_mean_return_of_one_greedy_episode_in_each_environment():
    n, trainer, mean = 5, Trainer("categorical"), ffi.new("double *")
    with opened("cartpole", 64) as batch:
        for _ in range(4):
            trainer.update(batch)
    with opened("cartpole", n) as batch:
        assert lib.operant_train_evaluate(trainer.handle, batch, mean) == lib.OPERANT_OK
    with opened("cartpole", n) as batch:
        x, rewards, flags = np.empty((n, 4), np.float32), np.empty(n, np.float32), np.empty((2, n), np.uint8)
        arrays = (ffi.from_buffer(x), pointer(rewards), pointer(flags[0]), pointer(flags[1]))
        output = ffi.new("operant_output *", arrays)
        lib.operant_reset(batch, ffi.NULL, ffi.NULL, arrays[0])
        total, playing = 0, np.ones(n, bool)
        while playing.any():
            actions = trainer.greedy(x)
            assert lib.operant_step(batch, pointer(actions), lib.OPERANT_INT32, output) == lib.OPERANT_OK
            total += rewards[playing].sum()
            playing &= ~flags.any(axis=0)
    assert mean[0] == total / n
    assert 10 < mean[0] < 60  # neither a fall at once nor the time limit alone


def test_an_evaluation_without_a_time_limit_is_refused_because_it_may_never_end():
    trainer, mean = Trainer("categorical"), ffi.new("double *", 7)
    with opened("cartpole", 3, limit=0) as batch:
        assert lib.operant_train_evaluate(trainer.handle, batch, mean) == lib.OPERANT_BAD_ARGUMENT
    assert mean[0] == 7
