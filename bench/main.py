"""`operant bench`: runs the rows and prints each when it is done, or one JSON object; with targets a summary too."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from operant.bench import cuda, cuda_training, engines, python_environments, report, training, workloads
from operant.bench.machine import describe
from operant.cli.names import full_id
from operant.cli.parser import Parser, integer
from operant.environments.lookup import find_spec
from operant.messages import CudaError, unknown

QUICK = (3, 0.03)  # number of rounds, seconds per round
CPU_ROWS: dict[str, Callable[[Any], Iterator[report.Row]]] = (
    workloads.ROWS | engines.ROWS | python_environments.ROWS | training.ROWS
)
DEVICE_ROWS: dict[str, Callable[[Any], Iterator[report.Row]]] = cuda.ROWS | cuda_training.ROWS


def parser() -> Parser:
    """Makes the parser of the command line."""
    listings = [
        "\n".join(f"  {name:17} {(function.__doc__ or '').strip()}" for name, function in rows.items())
        for rows in (CPU_ROWS, DEVICE_ROWS)
    ]
    result = Parser(
        "operant bench",
        description="Measures operant, Gymnasium and EnvPool in turn, and prints medians, spreads and ratios.",
        epilog=f"rows:\n{listings[0]}\n\nrows with --device:\n{listings[1]}\n\n"
        "Ratios are formed within a round; (min .. max) is over the rounds.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("--env", metavar="ID", help="the environment (CartPole-v1)")
    result.add_argument(
        "--num-envs", metavar="N", type=integer, nargs="+", help=f"batch sizes (4096; with --device {cuda.SIZE})"
    )
    result.add_argument(
        "--rows", metavar="NAME", nargs="+", help="rows to run (all; with --env those that take an environment)"
    )
    result.add_argument("--device", help="run the rows for a GPU: cuda or cuda:1, or emulated to try them without one")
    result.add_argument("--train", action="store_true", help="run the rows about training; --rows chooses among them")
    result.add_argument("--targets", action="store_true", help="add operant's targets, and say which are met")
    result.add_argument("--quick", action="store_true", help="fewer and shorter rounds: under a minute for all rows")
    result.add_argument("--json", action="store_true", help="print only one JSON object, with every round")
    return result


def make_plan(given: argparse.Namespace) -> workloads.Plan:
    """Makes the plan, with the device to run on.

    Raises:
        ValueError: the environment or a batch size is invalid.
        CudaError: the device cannot be used.
    """
    spec = find_spec(full_id(given.env or "CartPole-v1"))
    if spec.agents:
        raise ValueError(f"--env {given.env}: environments of several agents are measured by --rows agents")
    for size in given.num_envs or ():
        if not 1 <= size <= 1 << 30:
            raise ValueError(f"--num-envs {size} must be from 1 to {1 << 30}")
    options: dict[str, Any] = {"sizes": tuple(dict.fromkeys(given.num_envs))} if given.num_envs else {}
    if given.quick:
        options["rounds"], options["seconds"] = QUICK
    if spec.engine:
        if given.device is not None:
            raise ValueError(f"--env {given.env} is computed by {spec.engine}, on the CPU: omit --device")
        options.setdefault("sizes", (engines.SIZE,))
    if given.device is None:
        return workloads.Plan(spec, **options)
    plan = cuda.DevicePlan(spec, device=given.device, **options)
    return plan if given.num_envs else dataclasses.replace(plan, sizes=(plan.size(cuda.SIZE),))


def row_names(given: argparse.Namespace) -> list[str]:
    """Returns the names of the requested rows.

    Raises:
        ValueError: a row does not exist, or contradicts the other options; the message names it.
    """
    on_device = given.device is not None
    spec = find_spec(full_id(given.env or "CartPole-v1"))
    about_env = engines.rows_about(spec.id) if spec.engine else ()
    known = DEVICE_ROWS if on_device else CPU_ROWS
    about_training = list(cuda_training.ROWS if on_device else training.ROWS)
    for name in given.rows or ():
        if name in DEVICE_ROWS and not on_device:
            raise ValueError(f"row {name!r} runs on a GPU: give --device cuda")
        if name not in known:
            raise ValueError(unknown("row", name, known))
        if given.train and name not in about_training:
            raise ValueError(f"row {name!r} is not about training: omit --train")
        if about_env and name not in (*about_env, *about_training):
            raise ValueError(f"row {name!r} is not about {given.env}: give --rows {' '.join(about_env)}")
    if given.rows:
        return list(dict.fromkeys(given.rows))
    if given.train:
        return about_training
    if about_env:
        return list(about_env)
    if given.env is not None:
        return list(cuda.FOR_ANY_ENVIRONMENT if on_device else workloads.FOR_ANY_ENVIRONMENT)
    return list(DEVICE_ROWS if on_device else workloads.ROWS | python_environments.ROWS)


def main(argv: list[str] | None = None) -> int:
    """Runs the benchmark.

    Returns:
        0, even if targets are missed; 1 if it cannot run; 2 if a name or a device does not exist; 130 after Ctrl-C.
    """
    given = parser().parse(sys.argv[1:] if argv is None else argv)
    given.device = None if given.device == "cpu" else given.device
    rows_by_name = CPU_ROWS if given.device is None else DEVICE_ROWS
    try:
        plan = make_plan(given)
        names = row_names(given)
        facts = describe()
        if isinstance(plan, cuda.DevicePlan):
            facts |= cuda.describe_device(plan)
    except (ValueError, CudaError) as problem:
        print(f"operant bench: {problem}", file=sys.stderr)
        return 2
    except ImportError as problem:
        print(f"operant bench: {problem}", file=sys.stderr)
        return 1
    if not given.json:
        print(report.format_facts(facts), flush=True)
    rows: list[report.Row] = []
    try:
        with plan.selected() if isinstance(plan, cuda.DevicePlan) else contextlib.nullcontext():
            for name in names:
                for row in rows_by_name[name](plan):
                    rows.append(row if given.targets else row.without_targets())
                    if not given.json:
                        print(f"\n{report.format_row(rows[-1])}", flush=True)
    # For example a gymnasium too old for vector environments, a batch too large, or a failed GPU.
    except (ImportError, MemoryError, CudaError) as problem:
        print(f"operant bench: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("operant bench: interrupted", file=sys.stderr)
        return 130
    if given.json:
        options: dict[str, Any] = {"env": plan.spec.id, "num_envs": plan.sizes, "rows": names}
        options |= {"rounds": plan.rounds, "seconds": plan.seconds}
        if given.device is not None:
            options["device"] = given.device
        print(json.dumps(report.as_json(facts, options, rows)))
    elif len(rows) > 1 and (summary := report.format_summary(rows)):
        print(f"\n{summary}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
