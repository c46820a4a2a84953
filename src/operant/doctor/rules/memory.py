"""Rules about memory: returned arrays belong to the caller, and arguments do not change."""

from __future__ import annotations

from operant.doctor.rule import (
    ERROR,
    NOTE,
    SAME_STEP,
    WARNING,
    Rule,
    arrays,
    endings,
    in_mode,
    once,
    pair,
    written_actions,
)
from operant.doctor.script import SAMPLED, Situation

MEMORY = (
    Rule(
        "reset-result-changes",
        ERROR,
        'assert SAME(kept, copy), "the observations that reset returned change in a later step"',
        """
        <make>
        <reset>
        kept, copy = observations, deepcopy(observations)
        <steps>
        <check>
        """,
    ),
    Rule(
        "step-result-changes",
        ERROR,
        """
        for name, array, copy in zip(("observations", "rewards", "terminated", "truncated"), kept, copies):
            assert data_equivalence(array, copy, exact=True), f"the {name} that step returned change in a later step"
        """,
        """
        <make>
        <reset>
        <step>
        kept = observations, rewards, terminated, truncated
        copies = deepcopy(kept)
        <steps>
        <check>
        """,
        applies=lambda facts: not facts.dialect.nan,
    ),
    Rule(
        "steps-share-memory",
        ERROR,
        """
        for name, one, other in zip(("rewards", "terminated", "truncated", "observations"), earlier, later):
            assert not np.shares_memory(one, other), f"the {name} of two steps share memory"
        """,
        """
        <make>
        <reset>
        <step>
        earlier = rewards, terminated, truncated, observations
        <step>
        later = rewards, terminated, truncated, observations
        <check>
        """,
        once,
        applies=arrays,
        after=("step-result-changes", "rewards-dtype", "flags-dtype"),
    ),
    Rule(
        "final-obs-changes",
        ERROR,
        """
        assert data_equivalence(kept, copy, exact=True), "a final_obs that step returned changes in a later step"
        """,
        """
        <make>
        <reset>
        <steps>
        kept, copy = infos["final_obs"][0], deepcopy(infos["final_obs"][0])
        <steps>
        <check>
        """,
        endings,
        applies=in_mode(SAME_STEP, also=lambda facts: not facts.dialect.nan),
        shrinks=False,
        after=("final-obs", "final-obs-space"),
    ),
    Rule(
        "observations-are-state",
        WARNING,
        'assert SAME(observations, undisturbed), "writing into returned observations changes the episode"',
        """
        <make>
        <reset>
        <steps>
        undisturbed = observations
        envs.close()
        <make>
        <reset>
        observations[...] = 0
        <steps>
        <check>
        """,
        lambda facts: [Situation(steps=3)] if written_actions(facts) else [Situation(steps=3, actions=SAMPLED)],
        applies=lambda facts: facts.array and facts.repeatable,
        after=("reset-result-changes",),
    ),
    Rule(
        "actions-change",
        ERROR,
        'assert np.array_equal(actions, copy), "step writes into the actions passed to it"',
        """
        <make>
        envs.reset(seed=<seed>)
        actions = <action space>.sample()
        copy = deepcopy(actions)
        envs.step(actions)
        <check>
        """,
        pair,
        applies=written_actions,
    ),
    Rule(
        "options-change",
        NOTE,
        'assert "reset_mask" in options, "reset removes reset_mask from the dict passed to it"',
        """
        <make>
        <reset>
        options = {"reset_mask": np.ones(envs.num_envs, bool)}
        envs.reset(options=options)
        <check>
        """,
        once,
    ),
)
