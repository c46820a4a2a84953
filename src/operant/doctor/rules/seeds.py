"""Rules about seeds: the same seed begins the same episodes, different seeds begin different ones."""

from __future__ import annotations

from operant.doctor.rule import ERROR, WARNING, Rule, endings, once, replays, various
from operant.doctor.script import SAMPLED, Situation

SEEDS = (
    Rule(
        "reset-seed",
        ERROR,
        'assert SAME(first, second), "reset(seed=<seed>) twice gives two different first observations"',
        """
        <make>
        first, _ = envs.reset(seed=<seed>)
        second, _ = envs.reset(seed=<seed>)
        <check>
        """,
        once,
        after=("reset-result-changes",),
    ),
    Rule(
        "seeds-differ",
        ERROR,
        """
        assert not all(SAME(start, starts[0]) for start in starts), "every seed gives the same first observation"
        """,
        """
        <make>
        starts = [envs.reset(seed=seed)[0] for seed in range(8)]
        <check>
        """,
        once,
        applies=lambda facts: various(facts) and facts.seeded,
        after=("reset-result-changes", "reset-seed"),
    ),
    Rule(
        "reset-goes-on",
        ERROR,
        """
        assert not all(SAME(start, starts[0]) for start in starts), "reset() without a seed repeats the last episode"
        """,
        """
        <make>
        starts = [envs.reset(seed=<seed>)[0]] + [envs.reset()[0] for _ in range(8)]
        <check>
        """,
        once,
        applies=various,
        after=("reset-result-changes",),
    ),
    Rule(
        "environments-differ",
        ERROR,
        """
        assert not all(SAME(ROW(observations, i), ROW(observations, 0)) for i in range(envs.num_envs)), (
            "all environments begin alike"
        )
        """,
        """
        <make>
        <reset>
        <check>
        """,
        lambda facts: [Situation(8)],
        applies=various,
        after=("observation-shape",),
    ),
    Rule(
        "seed-of-row",
        WARNING,
        """
        assert SAME(ROW(observations, 0), second), (
            "environment 1 of reset(seed=<seed>) does not begin as environment 0 of reset(seed=<seed+1>)"
        )
        """,
        """
        <make>
        <reset>
        second = ROW(observations, 1)
        envs.close()
        <make one>
        observations, infos = envs.reset(seed=<seed+1>)
        <check>
        """,
        lambda facts: [Situation(2)],
        applies=lambda facts: facts.seeded and facts.dialect.rows == 1,
        shrinks=False,
        after=("observation-shape",),
    ),
    Rule(
        "seed-list",
        WARNING,
        """
        assert SAME(ROW(observations, 0), second), (
            "environment 1 of reset(seed=[7, 3]) does not begin as environment 0 of reset(seed=3)"
        )
        """,
        """
        <make>
        observations, infos = envs.reset(seed=[7, 3])
        second = ROW(observations, 1)
        envs.close()
        <make one>
        observations, infos = envs.reset(seed=3)
        <check>
        """,
        lambda facts: [Situation(2)],
        applies=lambda facts: facts.seeded and facts.dialect.rows == 1,
        shrinks=False,
        after=("observation-shape",),
        raising=True,
    ),
    Rule(
        "deterministic",
        ERROR,
        'assert SAME(observations, first), "the same seed and actions lead to different observations"',
        """
        <make>
        <reset>
        <steps>
        first = observations
        envs.close()
        <make>
        <reset>
        <steps>
        <check>
        """,
        replays,
        applies=lambda facts: facts.seeded or facts.repeatable,
        after=("reset-result-changes", "step-result-changes"),
    ),
    Rule(
        "steps-seed",
        ERROR,
        'assert SAME(observations, first), "after a second reset(seed=<seed>), the same actions lead elsewhere"',
        """
        <make>
        <reset>
        <steps>
        first = observations
        <reset>
        <steps>
        <check>
        """,
        lambda facts: [Situation(1, 4, SAMPLED)],
        applies=lambda facts: facts.seeded and facts.repeatable,
        after=("reset-result-changes", "step-result-changes", "reset-seed", "deterministic"),
    ),
    Rule(
        "reset-after-end",
        ERROR,
        'assert SAME(observations, later), "reset(seed=<seed>) after an ended episode is not a fresh start"',
        """
        <make>
        <reset>
        <steps>
        <reset>
        <step>
        later = observations
        envs.close()
        <make>
        <reset>
        <step>
        <check>
        """,
        endings,
        applies=lambda facts: facts.seeded and facts.repeatable,
        shrinks=False,
        after=("step-result-changes", "steps-seed"),
        raising=True,
    ),
)
