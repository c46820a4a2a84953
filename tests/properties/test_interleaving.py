"""Any interleaving of operations on a batch equals the same operations on single-environment batches."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from support import PRECISIONS, actions_for, vector

NUM_ENVS = 5
MASKS = st.lists(st.booleans(), min_size=NUM_ENVS, max_size=NUM_ENVS).filter(any).map(np.array)
SEEDS = st.integers(0, 2**70)


def machine(env_id, precision, mode):
    class Interleaving(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            # Short episodes, so that ends, autoresets and finished environments occur within the steps of a run.
            options = {"precision": precision, "autoreset_mode": mode, "max_episode_steps": 4}
            self.batch = vector(env_id, NUM_ENVS, **options)
            self.singles = [vector(env_id, 1, **options) for _ in range(NUM_ENVS)]
            self.snapshots = []

        def compare(self, rows, results):
            for i, result in enumerate(results):
                if result is not None:
                    assert rows[i].tobytes() == result[0].tobytes()
            joined = np.concatenate([env.get_state() for env in self.singles])
            assert self.batch.get_state().tobytes() == joined.tobytes()
            assert self.batch.episode_returns.tolist() == [env.episode_returns[0] for env in self.singles]

        @initialize(seed=SEEDS)
        def begin(self, seed):
            self.reset(seed)

        @rule(seed=SEEDS)
        def reset(self, seed):
            observations, _ = self.batch.reset(seed=seed)
            self.compare(observations, [env.reset(seed=seed + i)[0] for i, env in enumerate(self.singles)])

        @rule()
        def reset_without_a_seed(self):
            observations, _ = self.batch.reset()
            self.compare(observations, [env.reset()[0] for env in self.singles])

        @rule(mask=MASKS, seed=st.none() | SEEDS)
        def masked_reset(self, mask, seed):
            observations, _ = self.batch.reset(seed=seed, options={"reset_mask": mask})
            each = [None if seed is None else seed + i for i in range(NUM_ENVS)]
            results = [
                env.reset(seed=s)[0] if chosen else None
                for env, s, chosen in zip(self.singles, each, mask, strict=True)
            ]
            self.compare(observations, results)

        def can_step(self):
            return mode != "Disabled" or not self.batch.get_state()["finished"].any()

        @precondition(can_step)
        @rule(seed=st.integers(0, 2**32))
        def step(self, seed):
            actions = actions_for(self.batch.single_action_space, np.random.default_rng(seed), (NUM_ENVS,))
            together = self.batch.step(actions)
            apart = [env.step(actions[i : i + 1]) for i, env in enumerate(self.singles)]
            for k in range(4):
                assert together[k].tobytes() == np.concatenate([result[k] for result in apart]).tobytes()
            self.compare(together[0], [result[0] for result in apart])

        @rule()
        def snapshot(self):
            self.snapshots.append(self.batch.get_state())

        @precondition(lambda self: self.snapshots)
        @rule(which=st.integers(0, 1000), mask=st.none() | MASKS)
        def restore(self, which, mask):
            snapshot = self.snapshots[which % len(self.snapshots)]
            chosen = np.ones(NUM_ENVS, bool) if mask is None else mask
            observations = self.batch.set_state(snapshot[chosen], mask)
            results = [env.set_state(snapshot[i : i + 1]) if chosen[i] else None for i, env in enumerate(self.singles)]
            self.compare(observations, results)

        @precondition(lambda self: self.snapshots)
        @rule(which=st.integers(0, 1000), record=st.integers(0, NUM_ENVS - 1), mask=MASKS)
        def branch(self, which, record, mask):
            one = self.snapshots[which % len(self.snapshots)][record]
            observations = self.batch.set_state(one, mask)
            self.compare(
                observations, [env.set_state(one) if c else None for env, c in zip(self.singles, mask, strict=True)]
            )

        def teardown(self):
            for env in (self.batch, *self.singles):
                env.close()

    return Interleaving


@pytest.mark.parametrize("precision", PRECISIONS)
def test_any_interleaving_equals_the_same_on_single_environments(physics_id, precision, mode):
    run_state_machine_as_test(
        machine(physics_id, precision, mode), settings=settings(max_examples=10, stateful_step_count=25)
    )
