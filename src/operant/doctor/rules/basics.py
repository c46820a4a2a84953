"""Rules that must hold before anything else can be examined."""

from __future__ import annotations

from operant.doctor.rule import ERROR, Rule, once, pair

BASICS = (
    Rule(
        "attributes",
        ERROR,
        """
        for name in ("num_envs", "metadata", "observation_space", "action_space"):
            assert hasattr(envs, name), f"it has no attribute {name}"
        for name in ("single_observation_space", "single_action_space"):
            assert isinstance(getattr(envs, name, None), gym.Space), f"{name} is not a gymnasium.Space"
        """,
        "<make>\n<check>",
        once,
        raising=True,
    ),
    Rule(
        "reset-result",
        ERROR,
        """
        assert isinstance(result, tuple) and len(result) == 2, "reset does not return (observations, infos)"
        assert isinstance(result[1], dict), f"the infos of reset are a {type(result[1]).__name__}, not a dict"
        """,
        "<make>\nresult = envs.reset(seed=<seed>)\n<check>",
        once,
        raising=True,
    ),
    Rule(
        "resets",
        ERROR,
        "",
        """
        <make>
        envs.reset(seed=<seed>)
        envs.reset(seed=<seed+1>)
        envs.reset()
        """,
        once,
        raising=True,
    ),
    Rule(
        "step-result",
        ERROR,
        """
        assert isinstance(result, tuple) and len(result) == 5, (
            "step does not return (observations, rewards, terminated, truncated, infos)"
        )
        assert isinstance(result[4], dict), f"the infos of step are a {type(result[4]).__name__}, not a dict"
        """,
        """
        <make>
        envs.reset(seed=<seed>)
        result = envs.step(<action space>.sample())
        <check>
        """,
        once,
        raising=True,
    ),
    Rule(
        "observation-type",
        ERROR,
        """
        for observations in (envs.reset(seed=<seed>)[0], envs.step(<action space>.sample())[0]):
            assert isinstance(observations, np.ndarray | dict | tuple), (
                f"observations are a {type(observations).__name__}, not a NumPy array"
            )
        """,
        "<make>\n<check>",
        once,
        raising=True,
    ),
    Rule(
        "num-envs-grows",
        ERROR,
        """
        assert envs.num_envs == <count> * one, f"num_envs is {one} for 1 environment, and {envs.num_envs} for <count>"
        """,
        """
        <make one>
        one = envs.num_envs
        envs.close()
        <make>
        <check>
        """,
        pair,
        raising=True,
    ),
)
"""If one of these is broken, nothing else can be examined."""
