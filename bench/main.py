"""`operant bench`: runs the rows, prints each as it is done and a summary, or one JSON object."""

from __future__ import annotations

import argparse
import json
import sys

from operant.batch import unknown
from operant.bench import report, training, workloads
from operant.bench.machine import describe
from operant.configuration import find_spec

QUICK = (3, 0.03)  # rounds, seconds of each


def parser() -> argparse.ArgumentParser:
    """The command line."""
    listing = "\n".join(
        f"  {name:13} {(function.__doc__ or '').strip()}" for name, function in (workloads.ROWS | training.ROWS).items()
    )
    result = argparse.ArgumentParser(
        prog="operant bench",
        description="Measures operant beside Gymnasium and EnvPool, taking turns: medians, spreads and ratios.",
        epilog=f"rows:\n{listing}\n\nRatios are formed within a round; (min .. max) is over the rounds.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("--env", metavar="ID", help="the environment (CartPole-v1)")
    result.add_argument(
        "--num-envs", metavar="N", type=int, nargs="+", default=[workloads.STANDARD], help="batch sizes (4096)"
    )
    result.add_argument("--rows", metavar="NAME", nargs="+", help="what to run (all; with --env those about that one)")
    result.add_argument("--train", action="store_true", help=f"training: the rows {', '.join(training.ROWS)}")
    result.add_argument("--quick", action="store_true", help="fewer and shorter rounds: under a minute for all rows")
    result.add_argument("--json", action="store_true", help="print one JSON object with every round, and nothing else")
    return result


def main(argv: list[str] | None = None) -> int:
    """Runs the benchmark. Returns 0, missed targets or not; 1 if it cannot run; 2 for a name that does not exist."""
    given = parser().parse_args(argv)
    names = given.rows or list(workloads.ROWS if given.env is None else workloads.FOR_ANY_ENVIRONMENT)
    if given.train:
        names = [*(given.rows or ()), *training.ROWS]
    rows_by_name = workloads.ROWS | training.ROWS
    try:
        spec = find_spec(given.env or "CartPole-v1")
        if spec.agents:
            raise ValueError(f"--env {given.env}: environments of several agents are measured by --rows agents")
        for name in names:
            if name not in rows_by_name:
                raise ValueError(unknown("row", name, rows_by_name))
        for size in given.num_envs:
            if not 1 <= size <= 1 << 30:
                raise ValueError(f"--num-envs {size} must be from 1 to {1 << 30}")
        facts = describe()
    except ValueError as problem:
        print(f"operant bench: {problem}", file=sys.stderr)
        return 2
    sizes = tuple(dict.fromkeys(given.num_envs))
    plan = workloads.Plan(spec, sizes, *QUICK) if given.quick else workloads.Plan(spec, sizes)
    if not given.json:
        print(report.format_facts(facts), flush=True)
    rows: list[report.Row] = []
    try:
        for name in dict.fromkeys(names):
            for row in rows_by_name[name](plan):
                rows.append(row)
                if not given.json:
                    print(f"\n{report.format_row(row)}", flush=True)
    except (ImportError, MemoryError) as problem:  # a gymnasium too old for vector environments, a batch too large
        print(f"operant bench: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("operant bench: interrupted", file=sys.stderr)
        return 130
    if given.json:
        options = {"env": spec.id, "num_envs": sizes, "rows": names, "rounds": plan.rounds, "seconds": plan.seconds}
        print(json.dumps(report.as_json(facts, options, rows)))
    elif len(rows) > 1 and (summary := report.format_summary(rows)):
        print(f"\n{summary}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
