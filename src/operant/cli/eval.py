"""`operant eval`: measures the episode returns of a trained policy."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operant.cli.parser import Parser, at_least
from operant.cli.runs import add_checkpoint_option, add_run_options, add_trust_option, chosen_run
from operant.messages import printable
from operant.runs.run_directory import RunDirectory

if TYPE_CHECKING:
    import numpy as np

    from operant.cli.policies import Trained

DESCRIPTION = """\
Plays whole episodes with the policy of a run, and prints their mean return with Student's 95% t-interval. The exact
build of operant's environments is played, whose episodes are Gymnasium's bit for bit; --gymnasium plays Gymnasium's own
environment of the same task, and --env another. The run is not changed.
"""
PROGRAM = "operant eval"
FILMED = 3  # episodes in a video


def command(argv: list[str]) -> int:
    """Prints statistics of the returns; the exit code is 0, or 1 if the run or the environment cannot be played."""
    parser = _parser()
    arguments = parser.parse(argv)
    if arguments.gymnasium and arguments.env is not None:
        parser.error(f"--gymnasium and --env {arguments.env} contradict each other: leave one out")
    return _evaluate(chosen_run(parser, arguments, agents=True), arguments)


def _parser() -> Parser:
    parser = Parser(PROGRAM, description=DESCRIPTION)
    add_run_options(parser, agents=True)
    add_checkpoint_option(parser)
    add_trust_option(parser)
    parser.add_argument("--episodes", metavar="N", type=at_least(1), default=100, help="episodes to play (100)")
    parser.add_argument("--sampled", action="store_true", help="sample the actions instead of taking the likeliest")
    parser.add_argument("--gymnasium", action="store_true", help="play Gymnasium's own environment of the same task")
    parser.add_argument("--env", metavar="ENV", help="play this environment; its spaces must be the policy's")
    parser.add_argument(
        "--seed", metavar="N", type=at_least(0), default=0, help="seed of the episodes and of the sampled actions (0)"
    )
    parser.add_argument("--video", metavar="FILE", type=Path, help=f"write {FILMED} of the episodes to an .mp4 file")
    parser.add_argument("--json", action="store_true", help="print a JSON object, with every return")
    return parser


def _evaluate(run: RunDirectory, arguments: Any) -> int:
    from operant.cli.policies import load_policy
    from operant.models.evaluation import evaluate

    if arguments.video is not None:
        from operant.cli.video import check_film

        check_film(arguments.video)
    trained = load_policy(run, arguments.checkpoint, trust=arguments.trust)
    try:
        env_id, options = _environment(trained, arguments.env, arguments.gymnasium)
        how: dict[str, Any] = {"deterministic": not arguments.sampled, "seed": arguments.seed, "env_options": options}
        trained.algorithm.seed_actions(arguments.seed)
        returns = evaluate(trained.algorithm, env_id, arguments.episodes, **how)
        result = _statistics(trained, env_id, returns, arguments)
        if arguments.video is not None:
            result["video"] = str(arguments.video)
            _film(trained, env_id, options, arguments)
    finally:
        trained.algorithm.close()
    if arguments.json:
        print(json.dumps(result | {"returns": returns.tolist()}, indent=2, allow_nan=False))
    else:
        _print(result)
    return 0


def _film(trained: Trained, env_id: str, options: dict[str, Any], arguments: Any) -> None:
    from operant.cli.stage import Stage, draw_in_memory
    from operant.cli.video import Film

    draw_in_memory()
    seeds = range(arguments.seed, arguments.seed + min(FILMED, arguments.episodes))
    with (
        contextlib.closing(Stage(trained.algorithm, env_id, options)) as stage,
        Film(arguments.video, stage.rate) as film,
    ):
        for _ in stage.show(film, seeds, not arguments.sampled):
            pass


def _environment(trained: Trained, name: str | None, gymnasium: bool) -> tuple[str, dict[str, Any]]:
    """Returns the id to play and its options.

    Raises:
        ValueError: its spaces are not the policy's, or Gymnasium does not have the task, or not with its options.
    """
    from operant.cli.names import full_id
    from operant.models.collection.sources import make_environments
    from operant.models.evaluation import exact, reference_id

    config = trained.config
    if gymnasium:
        reference = reference_id(config.environment)
        if reference is None:
            raise ValueError(f"Gymnasium does not have {config.environment}: leave --gymnasium out")
        if config.environment_options:
            raise ValueError(
                f"--gymnasium plays {reference} as Gymnasium has it, and the run was trained with "
                f"{config.environment_options}: leave --gymnasium out"
            )
        return reference, {}
    if name is None:
        return config.environment, exact(config.environment, config.environment_options)
    env_id = full_id(name)
    options = config.environment_options if env_id == config.environment else {}
    environments = make_environments(env_id, 1, options)
    environments.close()
    policy = trained.algorithm.environments
    for name in ("observation_space", "action_space"):
        found, expected = getattr(environments, name), getattr(policy, name)
        if _kind(found) != _kind(expected):
            raise ValueError(f"{env_id} has the {name.replace('_', ' ')} {found}, but the policy takes {expected}")
    return env_id, exact(env_id, options)


def _kind(space: Any) -> tuple[Any, ...]:
    """The part of a space on which a policy depends: everything but the bounds of its numbers."""
    return type(space), space.shape, space.dtype, *(str(getattr(space, name, "")) for name in ("n", "nvec", "start"))


def _statistics(trained: Trained, env_id: str, returns: np.ndarray, arguments: Any) -> dict[str, Any]:
    from operant.models.confidence import mean_interval

    interval = mean_interval(returns)
    return {
        "run": trained.run.id,
        "checkpoint": str(trained.checkpoint),
        "steps": trained.steps,
        "environment": env_id,
        "episodes": arguments.episodes,
        "actions": "sampled" if arguments.sampled else "greedy",
        "seed": arguments.seed,
        "mean": float(returns.mean()),
        "t_interval_95": None if len(returns) < 2 else list(interval),
        "min": float(returns.min()),
        "max": float(returns.max()),
        "agents": len(returns) // arguments.episodes,
    }


def _print(result: dict[str, Any]) -> None:
    episodes = f"{result['actions']} episode{'s' * (result['episodes'] > 1)}"
    played = f"{result['episodes']} {episodes} of {printable(result['environment'])}"
    if result["agents"] > 1:
        played += f", a return for each of its {result['agents']} agents"
    interval = result["t_interval_95"]
    print(f"{result['run']} after {result['steps']:,} steps: {played}, seed {result['seed']}")
    between = "" if interval is None else f" (95% t-interval of the mean: {interval[0]:.2f} to {interval[1]:.2f})"
    print(f"mean return {result['mean']:.2f}{between}, min {result['min']:.2f}, max {result['max']:.2f}")
    if "video" in result:
        print(f"wrote {result['video']}")
