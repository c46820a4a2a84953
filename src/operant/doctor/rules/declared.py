"""Rules about an environment's attributes."""

from __future__ import annotations

from operant.doctor.rule import ERROR, NOTE, WARNING, Rule, once, pair

DECLARED = (
    Rule(
        "vector-env",
        ERROR,
        'assert isinstance(envs, gym.vector.VectorEnv), f"{type(envs).__name__} is not a gymnasium.vector.VectorEnv"',
        "<make>\n<check>",
        once,
        raising=True,
    ),
    Rule(
        "autoreset-mode",
        WARNING,
        """
        mode = envs.metadata.get("autoreset_mode")
        assert isinstance(mode, gym.vector.AutoresetMode), (
            f'metadata["autoreset_mode"] is {mode!r}, not an AutoresetMode: wrappers cannot tell when it resets'
        )
        """,
        "<make>\n<check>",
        once,
        raising=True,
    ),
    Rule(
        "num-envs",
        WARNING,
        'assert envs.num_envs == <count>, f"num_envs is {envs.num_envs}, but <count> were requested"',
        "<make>\n<check>",
        pair,
        raising=True,
    ),
    Rule(
        "observation-space-batched",
        ERROR,
        """
        batched = batch_space(envs.single_observation_space, envs.num_envs)
        assert is_space_dtype_shape_equiv(envs.observation_space, batched), "observation_space is not that of the batch"
        """,
        "<make>\n<check>",
        once,
        raising=True,
    ),
    Rule(
        "action-space-batched",
        ERROR,
        """
        assert envs.action_space == batch_space(envs.single_action_space, envs.num_envs), (
            "action_space is not that of the batch: step cannot take its sample()"
        )
        """,
        "<make>\n<check>",
        once,
        raising=True,
    ),
    Rule(
        "spec",
        WARNING,
        """
        assert envs.spec is None or isinstance(envs.spec, gym.envs.registration.EnvSpec), (
            f"spec is a {type(envs.spec).__name__}, not an EnvSpec"
        )
        """,
        "<make>\n<check>",
        once,
        raising=True,
    ),
    Rule(
        "spec-remakes",
        NOTE,
        """
        same = gym.make_vec(envs.spec)
        assert same.num_envs == envs.num_envs and type(same.unwrapped) is type(envs.unwrapped), (
            f"make_vec(envs.spec) makes {same.num_envs} of {type(same.unwrapped).__name__}"
        )
        same.close()
        """,
        "<make>\n<check>",
        pair,
        applies=lambda facts: facts.dialect.subject.imports[:1] == ("import gymnasium as gym",),
        raising=True,
    ),
    Rule(
        "render-mode",
        WARNING,
        """
        assert envs.render_mode is None or envs.render_mode in envs.metadata.get("render_modes", ()), (
            f'render_mode {envs.render_mode!r} is not in metadata["render_modes"]'
        )
        """,
        "<make>\n<check>",
        once,
        raising=True,
    ),
)
