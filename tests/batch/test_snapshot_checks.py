"""Snapshots are checked before anything is written: their origin, and every number by its range."""

import numpy as np
import pytest
from support import vector

from operant.batch.batch import Batch
from operant.catalog import CATALOG, MULTIAGENT, specs_by_header
from operant.environments.single import OperantEnv

SPECS = [pytest.param(spec, id=name) for name, spec in specs_by_header().items()]
EXTREMES = {np.dtype(np.int32): (-(2**31), 2**31 - 1), np.dtype(np.int64): (-(2**63), 2**63 - 1)}


def opened(spec, precision="float32", num_envs=3):
    batch = Batch(spec, num_envs, precision=precision, max_episode_steps=spec.max_episode_steps)
    batch.seed(0)
    batch.reset()
    return batch


def refused(batch, snapshot, says):
    before = batch.get_state().tobytes()
    with pytest.raises(ValueError, match=says):
        batch.set_state(snapshot)
    assert batch.get_state().tobytes() == before


def impossible(batch):
    """A value out of its range, and where it is in a snapshot, for every number: (field, index, value)."""
    parts = {part.name: part for part in batch.spec.state}
    parameters = {f"param:{part.name}": part for part in batch.parameters}
    for name in batch.snapshot_dtype.names:
        kind = batch.snapshot_dtype[name].base
        place = tuple(size - 1 for size in batch.snapshot_dtype[name].shape)
        if name in parts:
            low, high = parts[name].low, parts[name].high
            assert not parts[name].integer or np.isfinite(high - low), f"{name} has no bounds"
            for value in (*EXTREMES.get(kind, (np.nan, np.inf, -np.inf)), low - 1, high + 1):
                if not (parts[name].integer and np.isinf(value)):
                    yield name, place, value
        elif name in parameters:
            low, high = parameters[name].low, parameters[name].high
            yield name, (), np.nan
            yield from ((name, (), bound) for bound in (low - 1 - abs(low), high + 1 + abs(high)) if np.isfinite(bound))
        elif name == "episode_return":
            yield from ((name, place, value) for value in (np.nan, np.inf, -np.inf))
        elif name == "generator":
            yield from ((name, (3,), 2), (name, (3,), 0), (name, (4,), 2**33))
        elif name == "elapsed":
            yield name, (), -1
            if batch.max_episode_steps:
                yield name, (), batch.max_episode_steps
        elif name == "environment":
            yield name, (), b"x"
        elif name == "version":
            yield from ((name, (), 0), (name, (), 2))
        else:
            assert name in ("seed", "episode", "finished")  # where every number is possible


@pytest.mark.parametrize("spec", SPECS)
def test_every_number_out_of_its_range_is_refused_and_the_batch_is_as_it_was(spec, precision):
    batch = opened(spec, precision)
    seen = set()
    for field, place, value in impossible(batch):
        snapshot = batch.get_state()
        snapshot[field][(1, *place)] = value
        refused(batch, snapshot, r"parameter|snapshot")
        seen.add(field)
    assert seen == {*batch.snapshot_dtype.names} - {"seed", "episode", "finished"}


@pytest.mark.parametrize("spec", SPECS)
def test_the_states_of_long_walks_are_within_their_ranges(spec, precision):
    """The other side: no snapshot of an environment is refused, whatever was done before."""
    for mode in ("NextStep", "SameStep"):
        batch = Batch(spec, 20, precision=precision, autoreset=mode, max_episode_steps=spec.max_episode_steps)
        batch.seed(1)
        batch.reset()
        random = np.random.default_rng(0)
        for t in range(60):
            if spec.actions:
                actions = random.integers(0, spec.actions, (batch.num_rows, *spec.action_shape))
            else:
                actions = random.uniform(-1, 1, (batch.num_rows, *spec.action_shape))
            batch.step(actions)
            if t % 3 == 0:
                snapshot = batch.get_state()
                batch.set_state(snapshot)
                assert batch.get_state().tobytes() == snapshot.tobytes()


def test_the_refusal_names_the_field_the_value_and_the_range():
    batch = opened(CATALOG["Taxi-v4"])
    for field, value, says in [
        ("row", 100, r"row is 100 in record 1: it must be finite, and in \[0, 4\]"),
        ("episode_return", np.nan, "episode_return is nan in record 1: it must be finite"),
        ("elapsed", 300, "elapsed 300 steps, but max_episode_steps is 200"),
        ("param:is_rainy", 2, r"parameter 'is_rainy' = 2.0 is outside \[0, 1\]"),
    ]:
        snapshot = batch.get_state()
        snapshot[field][1] = value
        refused(batch, snapshot, says)


def test_the_refusal_of_a_number_without_bounds_names_none():
    batch = opened(CATALOG["CartPole-v1"])
    snapshot = batch.get_state()
    snapshot["x"][1] = np.inf
    refused(batch, snapshot, r"x is inf in record 1: it must be finite$")


def test_an_episode_that_is_over_is_refused_where_every_end_begins_the_next():
    """It would go on beyond its end and its time limit."""
    batch, other = (Batch(CATALOG["CartPole-v1"], 3, autoreset=mode) for mode in ("NextStep", "SameStep"))
    for each in (batch, other):
        each.reset()
    snapshot = batch.get_state()
    snapshot["finished"][1] = True
    batch.set_state(snapshot)
    refused(other, snapshot, "finished is 1 in record 1: it must be False, because SAME_STEP")


def test_a_flag_that_is_neither_true_nor_false_is_refused():
    batch = opened(CATALOG["CartPole-v1"])
    snapshot = batch.get_state()
    snapshot["finished"].view(np.uint8)[1] = 2
    refused(batch, snapshot, "finished is 2 in record 1: it must be True or False")


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_arrays_of_another_shape_are_refused(precision):
    batch = opened(CATALOG["CartPole-v1"], precision)
    snapshot = batch.get_state()
    for wrong in (snapshot[:2], snapshot[:0], np.stack([snapshot] * 2), snapshot[None]):
        refused(batch, wrong, f"holds {wrong.size} environments, but 3 are to be set")
    batch.set_state(snapshot.view(np.recarray))
    batch.set_state(snapshot[0], np.array([True, False, True]))


def test_a_tile_beyond_the_map_is_refused():
    for env_id, row, column in [("FrozenLake-v1", 4, 0), ("FrozenLake-v1", 0, 4), ("FrozenLake-v1", 7, 7)]:
        batch = opened(CATALOG[env_id])
        snapshot = batch.get_state()
        snapshot["row"][1], snapshot["column"][1] = row, column
        refused(batch, snapshot, "record 1 has a state that cannot be")
    whole = opened(CATALOG["FrozenLake8x8-v1"])
    snapshot = whole.get_state()
    snapshot["row"], snapshot["column"] = 7, 7
    whole.set_state(snapshot)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_file_keeps_the_snapshots_environment_and_version(tmp_path, precision):
    batch = opened(CATALOG["CartPole-v1"], precision)
    snapshot = batch.get_state()
    np.save(tmp_path / "snapshot.npy", snapshot)
    np.savez(tmp_path / "snapshot.npz", snapshot=snapshot)
    for saved in (np.load(tmp_path / "snapshot.npy"), np.load(tmp_path / "snapshot.npz")["snapshot"]):
        batch.step(np.zeros(3, int))
        batch.set_state(saved)
        assert batch.get_state().tobytes() == snapshot.tobytes()
        refused(opened(CATALOG["MountainCar-v0"], precision), saved, "snapshot is of cartpole .* is mountain_car")
        other = "float64" if precision == "float32" else "float32"
        refused(opened(CATALOG["CartPole-v1"], other), saved, f"cartpole in {precision}, .* cartpole in {other}")
        saved["version"] = 4
        refused(batch, saved, f"cartpole in {precision}, version 4, but this environment is cartpole .* version 3")


@pytest.mark.parametrize("kind", ["V2", ("u2", (2,)), [("a", "u2")], "S2", "f8", ">u2"], ids=str)
@pytest.mark.parametrize("field", ["environment", "version"])
def test_an_origin_of_another_type_is_refused(field, kind):
    batch = opened(CATALOG["CartPole-v1"])
    ours = batch.snapshot_dtype
    strange = np.zeros(3, [(name, kind if name == field else ours[name]) for name in ours.names])
    strange[["x", "x_dot"]] = batch.get_state()[["x", "x_dot"]]
    refused(batch, strange, "^the snapshot (has the fields|is of )")


def test_a_masked_array_is_its_numbers():
    batch = opened(CATALOG["CartPole-v1"])
    snapshot = batch.get_state()
    hidden = np.ma.array(snapshot, mask=[(True,) * len(snapshot.dtype.names)] * 3)
    batch.set_state(hidden)
    assert batch.get_state().tobytes() == snapshot.tobytes()
    hidden.data["x"][0] = np.nan
    refused(batch, hidden, "x is nan in record 0")


def test_environments_with_the_same_fields_do_not_take_each_others_snapshots():
    slippery, plain = opened(CATALOG["CliffWalkingSlippery-v1"]), opened(CATALOG["CliffWalking-v1"])
    refused(plain, slippery.get_state(), "cliff_walking_slippery in float32.* this environment is cliff_walking in")


def test_the_checks_are_those_of_single_and_multiagent_environments_too():
    env = OperantEnv("Taxi-v4")
    env.reset(seed=0)
    snapshot = env.get_state()
    snapshot["row"] = 100
    with pytest.raises(ValueError, match="row is 100"):
        env.set_state(snapshot)
    many = vector("Taxi-v4", 2)
    many.reset(seed=0)
    with pytest.raises(ValueError, match="row is 100"):
        many.set_state(snapshot)
    batch = opened(MULTIAGENT["simple_tag-v3"])
    snapshot = batch.get_state()
    snapshot["agent_0_x"][1] = np.inf
    refused(batch, snapshot, "agent_0_x is inf")
