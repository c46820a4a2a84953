"""Rules about the beginning and end of episodes: autoreset, time limits, reset masks, hidden resets."""

from __future__ import annotations

from operant.doctor.rule import (
    DISABLED,
    ERROR,
    NEXT_STEP,
    NOTE,
    PLAY,
    SAME_STEP,
    WARNING,
    Rule,
    again,
    endings,
    in_mode,
    limitable,
    limits,
    looks_begun,
    repeatable,
    suspects,
    tells_episodes_apart,
    terminations,
    written_actions,
)
from operant.doctor.script import SAMPLED, ZEROS, Situation

NEXT_EPISODE = """
    <make>
    <reset>
    <steps>
    expected, _ = envs.reset()
    envs.close()
    <make>
    <reset>
    <steps>
    <step>
    <check>
"""
"""`expected` is the first observation of the episode after the one that `<steps>` ends."""

SAME_EPISODE = """
    <make>
    <reset>
    <steps but one>
    expected, _ = envs.reset()
    envs.close()
    <make>
    <reset>
    <steps>
    <check>
"""
"""`expected` is the first observation of the next episode if it begins in the last step."""

EPISODES = (
    Rule(
        "next-step-resets",
        ERROR,
        """
        assert SAME(observations, expected), "the step after an end does not begin the next episode, as NEXT_STEP must"
        """,
        NEXT_EPISODE,
        endings,
        applies=in_mode(NEXT_STEP, also=repeatable),
        shrinks=False,
        forgives=looks_begun,
        after=("step-result-changes",),
        raising=True,
    ),
    Rule(
        "next-step-result",
        ERROR,
        """
        assert not (rewards.any() or terminated.any() or truncated.any()), (
            "the step that resets has a reward or a flag, but NEXT_STEP requires 0, False and False"
        )
        """,
        """
        <make>
        <reset>
        <steps>
        <step>
        <check>
        """,
        endings,
        applies=in_mode(NEXT_STEP),
        shrinks=False,
        after=("rewards-dtype", "flags-dtype"),
        raising=True,
    ),
    Rule(
        "resets-early",
        ERROR,
        """
        assert not SAME(observations, expected), (
            "the step that ends an episode returns the next one's first observation, though its mode is not SAME_STEP"
        )
        """,
        SAME_EPISODE,
        endings,
        applies=in_mode(NEXT_STEP, DISABLED, also=tells_episodes_apart),
        shrinks=False,
    ),
    Rule(
        "same-step-resets",
        ERROR,
        """
        assert SAME(observations, expected), "the step that ends an episode does not begin the next, as SAME_STEP must"
        """,
        SAME_EPISODE,
        endings,
        applies=in_mode(SAME_STEP, also=repeatable),
        shrinks=False,
        forgives=looks_begun,
    ),
    Rule(
        "final-obs-is-next",
        ERROR,
        """
        assert not SAME(infos["final_obs"][0], expected), (
            "final_obs is the next episode's first observation, not the last one of the episode that ended"
        )
        """,
        """
        <make>
        <reset>
        <steps>
        expected = ROW(observations, 0)
        <check>
        """,
        endings,
        applies=in_mode(SAME_STEP, also=tells_episodes_apart),
        shrinks=False,
        after=("final-obs", "final-obs-space"),
    ),
    Rule(
        "final-obs-is-stale",
        ERROR,
        """
        assert not SAME(infos["final_obs"][0], previous), "final_obs is the observation before the last step"
        """,
        """
        <make>
        <reset>
        <steps but one>
        previous = deepcopy(ROW(observations, 0))
        <step>
        <check>
        """,
        endings,
        applies=in_mode(SAME_STEP, also=lambda facts: tells_episodes_apart(facts) and facts.moves),
        shrinks=False,
        after=("final-obs", "final-obs-space"),
    ),
    Rule(
        "disabled-resets",
        ERROR,
        """
        assert not SAME(observations, expected), "the step after an end begins the next episode, though it is DISABLED"
        """,
        NEXT_EPISODE,
        endings,
        applies=in_mode(DISABLED, also=tells_episodes_apart),
        shrinks=False,
        after=("resets-early",),
    ),
    Rule(
        "disabled-goes-on",
        NOTE,
        "",
        """
        <make>
        <reset>
        <steps>
        try:
            <step>
        except Exception:
            pass
        else:
            raise AssertionError("step continues an episode that has ended, though resets are DISABLED")
        """,
        endings,
        applies=in_mode(DISABLED),
        shrinks=False,
        after=("disabled-resets", "resets-early"),
    ),
    *(
        Rule(
            "reset-mask",
            severity,
            """
            assert len(ROWS(observations)) == <n>, "reset with a reset_mask returns only the masked environments"
            assert SAME(ROW(observations, 1), other), "reset with a reset_mask resets an environment outside the mask"
            """,
            """
            <make>
            <reset>
            <step>
            other = deepcopy(ROW(observations, 1))
            observations, infos = envs.reset(options={"reset_mask": np.array([True, False])})
            <check>
            """,
            lambda facts: [Situation(2, actions=ZEROS if written_actions(facts) else SAMPLED)],
            applies=in_mode(*modes, also=lambda facts: facts.dialect.rows == 1),
            shrinks=False,
            after=("observation-shape",),
            raising=True,
        )
        for severity, modes in ((ERROR, (DISABLED,)), (WARNING, (NEXT_STEP, SAME_STEP, None)))
    ),
    Rule(
        "hidden-reset",
        ERROR,
        'assert not SAME(observations, expected), "step <steps> begins a new episode, and no flag says so"',
        SAME_EPISODE,
        suspects,
        applies=tells_episodes_apart,
        shrinks=False,
    ),
    Rule(
        "limit-truncates",
        ERROR,
        """
        assert truncated.all() or not terminated.any(), "the time limit is reported as a termination"
        assert truncated.all(), "an episode continues beyond its time limit"
        """,
        PLAY,
        limits,
        applies=limitable,
        shrinks=False,
        after=("flags-dtype",),
    ),
    Rule(
        "limit-counts-afresh",
        ERROR,
        'assert truncated.all(), "the second episode is not truncated at its time limit"',
        PLAY,
        again,
        applies=lambda facts: limitable(facts) and facts.mode in (NEXT_STEP, SAME_STEP),
        shrinks=False,
        after=("flags-dtype", "limit-truncates"),
    ),
    Rule(
        "limit-after-reset",
        ERROR,
        'assert not truncated.any(), "reset does not restart the time limit\'s count of steps"',
        """
        <make>
        <reset>
        <step>
        <reset>
        <step>
        <check>
        """,
        limits,
        applies=limitable,
        shrinks=False,
        after=("flags-dtype", "limit-truncates"),
    ),
    Rule(
        "termination-at-limit",
        ERROR,
        'assert terminated.all(), "an episode that terminates on its last allowed step is not reported as terminated"',
        PLAY,
        terminations,
        applies=lambda facts: facts.dialect.subject.limitable and facts.repeatable,
        shrinks=False,
        after=("flags-dtype",),
    ),
)
