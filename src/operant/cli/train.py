"""`operant train`: trains an algorithm on an environment and saves the run."""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from operant.cli.monitor import command as monitor
from operant.cli.monitor import missing_package
from operant.cli.parser import Parser, at_least, fail, integer, number, number_of_at_least
from operant.cli.runs import add_runs_option, add_trust_option

if TYPE_CHECKING:
    from operant.cli.run_config import RunConfig
    from operant.runs.run_directory import RunDirectory

DESCRIPTION = """\
Trains an algorithm on ENV: a short name such as cartpole, or any id of operant or Gymnasium. The run ends when the
environment's goal is reached, if it has one, or after a default number of steps. --timesteps sets that number and
ignores the goal, unless --stop-at is given. Ctrl-C saves a checkpoint and ends the run; `operant resume` continues it.
Under torchrun the processes train one policy together.
"""
PROGRAM = "operant train"


def command(argv: list[str]) -> int:
    """Returns 0, or 130 after Ctrl-C; exits with 1 on a run-time error, 2 on wrong arguments."""
    from operant.cli.names import folder_name
    from operant.cli.run_config import parse
    from operant.models.machine.data_parallel import join, leave, processes
    from operant.monitor.recorder import require_wandb

    parser = _parser()
    arguments, config = parse(parser, argv)
    if arguments.name is not None:
        try:
            folder_name("--name ", arguments.name)
        except ValueError as problem:
            parser.error(str(problem))
    if (arguments.monitor or arguments.detach) and arguments.no_run:
        parser.error("--monitor and --detach need a saved run: omit --no-run")
    if (arguments.monitor or arguments.detach) and processes() > 1:
        parser.error("torchrun waits for its processes: omit --monitor and --detach")
    try:
        join()
        # What is missing fails before a run is created.
        _check_device(config.options.device)
        if arguments.wandb is not None:
            require_wandb()
        if arguments.detach or arguments.monitor:
            return _in_background(arguments, config)
        return _train(arguments, config)
    finally:
        leave()


def load_torch(program: str) -> None:
    """Imports torch, or exits with a message that says how to install it."""
    from operant.models.machine.torch_import import import_with_torch

    try:
        import_with_torch("torch", "this")
    except ImportError as problem:
        fail(program, str(problem), 1)


def _check_device(name: str) -> None:
    """Raises an error if a GPU does not exist; the CPU needs no torch."""
    if name != "cpu":
        from operant.models.machine.torch_import import import_with_torch

        import_with_torch("operant.models.machine.devices", f"--device {name}").open_device(name)


def _parser() -> Parser:
    parser = Parser(PROGRAM, description=DESCRIPTION)
    parser.add_argument("environment", metavar="ENV", nargs="?", help="such as cartpole, or operant/CartPole-v1")
    parser.add_argument("--algorithm", metavar="NAME", help="ppo (the default), a2c, reinforce, trpo or vmpo")
    parser.add_argument("--config", metavar="FILE", help="a TOML file; overrides the defaults; flags override it")
    parser.add_argument("--timesteps", metavar="N", type=integer, help="total number of environment steps")
    parser.add_argument("--stop-at", metavar="R", type=number, help="stop at mean return R over 100 greedy episodes")
    parser.add_argument("--seed", metavar="N", type=integer, help="seed of weights, actions and environments (0)")
    add_runs_option(parser)
    add_trust_option(parser)
    saving = parser.add_argument_group("saving the run")
    saving.add_argument("--name", metavar="NAME", help="prefix of the run's id (default: environment and algorithm)")
    saving.add_argument("--no-run", action="store_true", help="save nothing")
    add_saving_options(saving)
    process = parser.add_argument_group("process and output")
    process.add_argument("--monitor", action="store_true", help="train in the background and show the run")
    process.add_argument("--detach", action="store_true", help="train in the background and print the run's id")
    process.add_argument("--quiet", action="store_true", help="show no progress bar")
    process.add_argument("--run-directory", help=argparse.SUPPRESS)
    return parser


def add_saving_options(parser: argparse._ActionsContainer) -> None:
    """Adds --checkpoint-every, --keep, --no-tensorboard and --wandb."""
    seconds, count = "seconds between checkpoints (60)", "checkpoints to keep besides the best (3)"
    parser.add_argument("--checkpoint-every", metavar="S", type=number_of_at_least(0), default=60.0, help=seconds)
    parser.add_argument("--keep", metavar="N", type=at_least(1), default=3, help=count)
    parser.add_argument("--no-tensorboard", action="store_true", help="write no TensorBoard event file")
    parser.add_argument("--wandb", metavar="PROJECT", help="also record to this project of Weights & Biases")


def _train(arguments: Any, config: RunConfig) -> int:
    from operant.cli.training import Training, report
    from operant.models.machine.data_parallel import rank

    run = _continue_in(arguments.run_directory)
    try:
        algorithm = config.make()
    except BaseException:
        if run is not None:
            run.update(status="failed")
        raise
    if run is None and not arguments.no_run and rank() == 0:
        run = _create(arguments, config, algorithm.backend, algorithm.arithmetic)
    elif run is not None:
        run.update(backend=algorithm.backend, arithmetic=algorithm.arithmetic)
    show = rank() == 0 and not arguments.quiet and sys.stderr.isatty()
    training = Training(config, algorithm, run, every=arguments.checkpoint_every, keep=arguments.keep, show=show)
    code = training.train(tensorboard=not arguments.no_tensorboard, wandb=arguments.wandb)
    report(training, code)
    algorithm.close()
    return code


def _create(arguments: Any, config: RunConfig, backend: str = "", arithmetic: int | None = None) -> RunDirectory:
    from operant.cli.names import short_name
    from operant.runs.run_directory import RunDirectory

    return RunDirectory.create(
        arguments.runs,
        arguments.name or f"{short_name(config.environment)}-{config.algorithm}",
        config.as_toml(),
        environment=config.environment,
        algorithm=config.algorithm,
        backend=backend,
        arithmetic=arithmetic,
        seed=config.seed,
        total_steps=config.timesteps,
    )


def _continue_in(path: str | None) -> RunDirectory | None:
    """Opens the run directory at `path`, which the parent process created for this one."""
    if path is None:
        return None
    from operant.runs.run_directory import RunDirectory

    run = RunDirectory(path)
    run.restart()
    return run


def _in_background(arguments: Any, config: RunConfig) -> int:
    """Starts the run as a process of its own, which keeps running after the terminal closes."""
    # What is missing or cannot be made fails here, and leaves no run.
    if arguments.monitor and (missing := missing_package()):
        raise ImportError(f"--monitor needs {missing}: pip install 'operant[monitor]', or use --detach")
    config.make_small().close()
    run = _create(arguments, config)
    command_line = [sys.executable, "-m", "operant.cli.main", "train", "--run-directory", str(run.path)]
    command_line += ["--config", str(run.path / "config.toml"), "--trust", "--quiet"]
    command_line += ["--checkpoint-every", str(arguments.checkpoint_every), "--keep", str(arguments.keep)]
    command_line += ["--no-tensorboard"] if arguments.no_tensorboard else []
    command_line += ["--wandb", arguments.wandb] if arguments.wandb else []
    try:
        with open(run.output_path, "wb") as output:
            process = subprocess.Popen(
                command_line,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # which only POSIX heeds; the flags exist on Windows only
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
                | getattr(subprocess, "DETACHED_PROCESS", 0),
            )
    except BaseException:
        run.remove()
        raise
    run.hand_over(process.pid)
    if not arguments.monitor:
        print(run.id)
        return 0
    code = monitor(["--runs", str(run.path.parent), run.id])
    run.refresh()
    if run.in_progress:
        print(f"run {run.id} continues: `operant monitor {run.id}` shows it again")
    elif run.status in ("failed", "crashed"):
        reason = run.output_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        reason = reason or [f"run {run.id} has {run.status}"]
        print(reason[-1], file=sys.stderr)
        return 1
    return code
