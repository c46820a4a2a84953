"""`operant resume`: continues a run from its last checkpoint."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from operant.cli.parser import Parser, at_least
from operant.cli.runs import add_run_options, add_trust_option, chosen_run
from operant.cli.train import add_saving_options

if TYPE_CHECKING:
    from operant.models.algorithms.algorithm import Algorithm
    from operant.runs.checkpoint import CheckpointFolder

DESCRIPTION = """\
Continues a run that was interrupted, has crashed, or needs more steps; a run that was killed after its last step is
recorded as finished. On the CPU the final weights equal those of an uninterrupted run bit for bit, unless --backend
changes what computes them. Records made after the last checkpoint are dropped, because those steps are repeated.
"""
PROGRAM = "operant resume"


def _restore(algorithm: Algorithm, checkpoints: CheckpointFolder) -> None:
    from operant.runs.checkpoint import CheckpointError

    *earlier, latest = checkpoints.steps()
    try:
        algorithm.restore(latest)
    except CheckpointError as problem:
        if not earlier:
            raise
        remedy = f"without that file, this command goes on from {earlier[-1].name}"
        raise CheckpointError(f"{problem}; {remedy}") from None


def command(argv: list[str]) -> int:
    """Continues the training; the exit codes are those of `operant train`."""
    parser = Parser(PROGRAM, description=DESCRIPTION)
    add_run_options(parser)
    parser.add_argument(
        "--timesteps", metavar="N", type=at_least(1), help="new total number of steps, which later resumptions keep"
    )
    parser.add_argument("--threads", metavar="N", type=at_least(0), help="another number of threads")
    parser.add_argument("--backend", metavar="NAME", help="native or torch, instead of the one that trained it so far")
    add_saving_options(parser)
    parser.add_argument("--quiet", action="store_true", help="show no progress bar")
    add_trust_option(parser)
    arguments = parser.parse(argv)
    from operant.cli.run_config import merge
    from operant.cli.training import Training, report
    from operant.models.machine.data_parallel import all_gather_object, join, leave, rank
    from operant.monitor.recorder import require_wandb
    from operant.runs.checkpoint import CheckpointFolder

    try:
        join()
        if arguments.wandb is not None:
            require_wandb()
        run = chosen_run(parser, arguments)
        if run.in_progress:
            raise ValueError(f"run {run.id} is {run.status} (process {run.record.get('pid')}): stop it first")
        recorded = str(run.record.get("backend") or "torch")
        options = {"threads": arguments.threads, "backend": arguments.backend}
        if arguments.backend is not None and run.config.get("algorithm") != "ppo":
            parser.error(f"--backend is for ppo, not for {run.config.get('algorithm')}: leave it out")
        total = arguments.timesteps or run.record.get("total_steps")  # which an earlier --timesteps may have changed
        flags = {"timesteps": total, "stop_at": run.config.get("stop_at"), "options": options}
        config = merge(run.config, flags, trust=arguments.trust)
        if arguments.backend is None and getattr(config.options, "backend", recorded) not in ("auto", recorded):
            options["backend"] = recorded  # an earlier resume changed it
            config = merge(run.config, flags, trust=arguments.trust)
        checkpoints = CheckpointFolder(run.checkpoints)
        if not checkpoints.steps():
            again = shlex.join(["operant", "train", "--config", str(run.path / "config.toml")])
            raise ValueError(f"run {run.id} has no checkpoint to go on from: begin it anew with {again}")
        algorithm = config.make(recorded)
        _restore(algorithm, checkpoints)
        if algorithm.steps >= config.timesteps and (run.status == "finished" or arguments.timesteps is not None):
            asked = "" if arguments.timesteps is None else f", and --timesteps is {config.timesteps:,}"
            raise ValueError(f"run {run.id} has made {algorithm.steps:,} steps{asked}: ask for more with --timesteps")
        cut = run.status != "finished"
        all_gather_object(run.id)  # a barrier: every process has now seen that the run was not running
        if rank() == 0:
            # What `operant repeat` needs of the run so far: the learning rate fell with the total of steps.
            so_far = {name: run.record.get(name) for name in ("total_steps", "arithmetic")}
            parts = [*run.record.get("parts", ()), {"steps": algorithm.steps, "backend": recorded, **so_far}]
            run.restart()
            now = {"backend": algorithm.backend, "arithmetic": algorithm.arithmetic}
            run.update(total_steps=config.timesteps, weights=None, parts=parts, **now)
            if algorithm.backend != recorded:
                print(f"{recorded} trained this run so far, {algorithm.backend} continues it: not with the same bits")
        show = rank() == 0 and not arguments.quiet and sys.stderr.isatty()
        mine = run if rank() == 0 else None
        training = Training(config, algorithm, mine, every=arguments.checkpoint_every, keep=arguments.keep, show=show)
        recording = {"tensorboard": not arguments.no_tensorboard, "wandb": arguments.wandb}
        code = training.train(resume=True, judge_first=cut, **recording)
        report(training, code)
        algorithm.close()
        return code
    finally:
        leave()
