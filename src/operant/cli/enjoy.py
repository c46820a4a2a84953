"""`operant enjoy`: shows a trained agent as it plays, in a window or a video."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from operant.agents import PREFIX, is_agent, names
from operant.cli.eval import FILMED
from operant.cli.parser import Parser, at_least
from operant.cli.runs import add_checkpoint_option, add_run_choice, add_trust_option, chosen_run
from operant.environments.window import Window
from operant.messages import printable, suggestion
from operant.runs.run_directory import RunDirectory, RunError

if TYPE_CHECKING:
    from operant.cli.stage import Screen, Stage

DESCRIPTION = """\
Shows episodes of an agent that comes with operant, or of the policy of a run: in a window until it is closed (or by
Escape or q), or in a video. An environment without a drawing is shown as its numbers over time. The agents: {agents}.
Other commands take an agent as agents/NAME: `operant repeat agents/cartpole` trains one again to the same bits.
"""
PROGRAM = "operant enjoy"
INSTEAD = "write a video with --video FILE"


def command(argv: list[str]) -> int:
    """Plays; the exit code is 0, or 1 if the agent or the run cannot be played."""
    parser = _parser()
    arguments = parser.parse(argv)
    return _enjoy(_chosen(parser, arguments), arguments)


def _parser() -> Parser:
    parser = Parser(PROGRAM, description=DESCRIPTION.format(agents=", ".join(names())))
    parser.add_argument("run", metavar="NAME", nargs="?", help="an agent, such as cartpole; or a run's id or beginning")
    add_run_choice(parser)
    add_checkpoint_option(parser)
    add_trust_option(parser)
    parser.add_argument(
        "--episodes",
        metavar="N",
        type=at_least(1),
        help=f"episodes to play (in a window until it is closed, in a video {FILMED})",
    )
    parser.add_argument("--sampled", action="store_true", help="sample the actions instead of taking the likeliest")
    parser.add_argument(
        "--seed", metavar="N", type=at_least(0), default=0, help="seed of the episodes and of the sampled actions (0)"
    )
    parser.add_argument("--video", metavar="FILE", type=Path, help="write an .mp4 file instead of opening a window")
    return parser


def _chosen(parser: Parser, arguments: Any) -> RunDirectory:
    """Returns the run of the agent with that name, or else the run with that id.

    Raises:
        ValueError: there is neither; the message names the nearest.
    """
    name, known = arguments.run, names()
    if name is None and not arguments.latest:
        parser.error(f"name an agent ({', '.join(known)}) or a run")
    if name is not None and not arguments.latest and is_agent(name):
        arguments.run = f"{PREFIX}{name}"
    try:
        return chosen_run(parser, arguments, agents=True)
    except RunError as problem:
        near = suggestion(name, known)
        if name is None or (not near.startswith("did you mean") and RunDirectory.all(arguments.runs)):
            raise
        raise ValueError(f"no agent {name!r}: {near}; and {problem}") from None


class _Left(Exception):
    """Raised when the user has closed the window."""


class _Watched(Window):
    """A window that can be left."""

    def append(self, frame: np.ndarray) -> None:
        super().append(frame)
        if not (self.is_seen() or "SDL_VIDEODRIVER" in os.environ):  # whoever sets it may want no display
            raise OSError(f"there is no display for a window: {INSTEAD}")
        if self.is_left():
            raise _Left


def _enjoy(run: RunDirectory, arguments: Any) -> int:
    from operant.cli.policies import load_policy
    from operant.cli.stage import Stage, draw_in_memory
    from operant.models.evaluation import exact

    if arguments.video is not None:
        from operant.cli.video import check_film

        check_film(arguments.video)
        draw_in_memory()
    trained = load_policy(run, arguments.checkpoint, trust=arguments.trust)
    with contextlib.closing(trained.algorithm) as policy:
        policy.seed_actions(arguments.seed)
        env_id = trained.config.environment
        print(printable(f"{run.id} after {trained.steps:,} steps plays {env_id}"), flush=True)
        stage = Stage(policy, env_id, exact(env_id, trained.config.environment_options))
        with contextlib.closing(stage):
            _show(stage, arguments, f"{run.id} - operant enjoy")
    return 0


def _show(stage: Stage, arguments: Any, title: str) -> None:
    """Plays in a window or a video, and prints each return."""
    if arguments.video is not None:
        from operant.cli.video import Film

        with Film(arguments.video, stage.rate) as film:
            _episodes(stage, film, range(arguments.episodes or FILMED), arguments)
        print(f"wrote {arguments.video}")
        return
    numbers = range(arguments.episodes) if arguments.episodes else itertools.count()
    with contextlib.closing(_Watched(title, stage.rate)) as window, contextlib.suppress(_Left):
        try:
            _episodes(stage, window, numbers, arguments)
        except RuntimeError as problem:
            if type(problem).__module__ != "pygame":  # pygame.error, of the window or of what is drawn in it
                raise
            raise OSError(f"there is no display for a window ({problem}): {INSTEAD}") from None


def _episodes(stage: Stage, screen: Screen, numbers: Iterable[int], arguments: Any) -> None:
    seeds = (arguments.seed + number for number in numbers)
    for number, total in enumerate(stage.show(screen, seeds, not arguments.sampled), 1):
        print(f"episode {number}: return {total:.6g}", flush=True)
