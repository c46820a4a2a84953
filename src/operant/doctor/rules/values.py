"""Rules about the results of every reset and step."""

from __future__ import annotations

from typing import Any

from operant.doctor.finding import Severity
from operant.doctor.rule import ERROR, NOTE, SAME_STEP, WARNING, Rule, arrays, in_mode


def _value(name: str, severity: Severity, check: str, **options: Any) -> Rule:
    """Makes a rule about the results of every step."""
    return Rule(name, severity, check, each=True, **options)


VALUES = (
    _value("raises", ERROR, "pass", raising=True),
    _value(
        "observation-shape",
        ERROR,
        """
        shape = (envs.num_envs, *envs.single_observation_space.shape)
        assert observations.shape == shape, f"observations have shape {observations.shape}, not {shape}"
        """,
        applies=arrays,
        resets=True,
    ),
    _value(
        "observation-dtype",
        ERROR,
        """
        dtype = envs.single_observation_space.dtype
        assert observations.dtype == dtype, f"observations are {observations.dtype}, but their space is {dtype}"
        """,
        applies=arrays,
        resets=True,
    ),
    _value(
        "observation-nan",
        ERROR,
        'assert not np.isnan(observations).any(), "observations hold NaN"',
        applies=arrays,
        resets=True,
    ),
    _value(
        "observation-space",
        ERROR,
        'assert <observation space>.contains(observations), "observations lie outside their space"',
        after=("observation-shape", "observation-dtype", "observation-nan"),
        resets=True,
    ),
    _value(
        "observation-order",
        NOTE,
        """
        assert observations.flags.c_contiguous, (
            "observations are not in C order: code that reads them row by row has to copy them first"
        )
        """,
        applies=arrays,
        resets=True,
    ),
    _value(
        "rewards-shape",
        ERROR,
        'assert np.shape(rewards) == (<n>,), f"rewards have shape {np.shape(rewards)}, not (<n>,)"',
    ),
    _value(
        "rewards-dtype",
        ERROR,
        """
        dtype = getattr(rewards, "dtype", type(rewards).__name__)
        assert np.issubdtype(dtype, np.floating), f"rewards are {dtype}, not an array of floats"
        """,
    ),
    _value(
        "rewards-finite",
        ERROR,
        'assert np.isfinite(rewards).all(), "a reward is NaN or infinite"',
        after=("rewards-dtype",),
    ),
    _value(
        "flags-shape",
        ERROR,
        """
        for name, flags in (("terminated", terminated), ("truncated", truncated)):
            assert np.shape(flags) == (<n>,), f"{name} has shape {np.shape(flags)}, not (<n>,)"
        """,
    ),
    _value(
        "flags-dtype",
        ERROR,
        """
        for name, flags in (("terminated", terminated), ("truncated", truncated)):
            assert getattr(flags, "dtype", None) == bool, f"{name} is not an array of bool"
        """,
    ),
    _value(
        "infos-mask",
        WARNING,
        """
        for key in infos:
            mask = infos.get(f"_{key}")
            assert key.startswith("_") or np.shape(mask) == (<n>,), f'infos["{key}"] has no mask infos["_{key}"]'
        """,
        resets=True,
    ),
    _value(
        "infos-length",
        WARNING,
        """
        for key, value in infos.items():
            assert isinstance(value, dict) or np.shape(value)[:1] == (<n>,), f'infos["{key}"] lacks a row for each'
        """,
        resets=True,
    ),
    _value(
        "results-share-memory",
        ERROR,
        """
        arrays = {"rewards": rewards, "terminated": terminated, "truncated": truncated}
        if isinstance(observations, np.ndarray):
            arrays["observations"] = observations
        for one, other in combinations(arrays, 2):
            assert not np.shares_memory(arrays[one], arrays[other]), f"{one} and {other} share memory"
        """,
        after=("flags-dtype", "rewards-dtype"),
    ),
    _value(
        "final-obs",
        ERROR,
        """
        ended = terminated | truncated
        assert not ended.any() or "final_obs" in infos, "an episode ended, and infos has no final_obs"
        """,
        applies=in_mode(SAME_STEP),
        after=("flags-dtype",),
    ),
    _value(
        "final-obs-mask",
        ERROR,
        """
        mask = infos.get("_final_obs", np.zeros(<n>, bool))
        assert np.array_equal(mask, terminated | truncated), 'infos["_final_obs"] is not terminated | truncated'
        """,
        applies=in_mode(SAME_STEP),
        after=("final-obs", "flags-dtype"),
    ),
    _value(
        "final-obs-space",
        ERROR,
        """
        for i in np.flatnonzero(terminated | truncated):
            final = infos["final_obs"][i]
            assert final in envs.single_observation_space, 'infos["final_obs"] lacks an observation of its space'
        """,
        applies=in_mode(SAME_STEP),
        after=("final-obs", "flags-dtype"),
    ),
    _value(
        "final-info",
        WARNING,
        """
        ended = terminated | truncated
        assert not ended.any() or "final_info" in infos, "an episode ended, and infos has no final_info"
        mask = infos.get("_final_info", np.zeros(<n>, bool))
        assert np.array_equal(mask, ended), 'infos["_final_info"] is not terminated | truncated'
        """,
        applies=in_mode(SAME_STEP),
        after=("final-obs", "flags-dtype"),
    ),
)
"""Rules about the results of every reset and step. They are first tried together in one play."""
