"""`operant export`: writes a trained policy as ONNX or C, or an environment as a C header for another framework."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from operant.cli.parser import Parser
from operant.cli.runs import add_runs_option, add_trust_option
from operant.files.atomic import disk_errors, write_atomically
from operant.headers.single_header import exportable, find_exportable, ocean_header
from operant.messages import unknown

DESCRIPTION = """\
With --format, writes the policy of a run as one file for other programs: onnx is a graph for batches of any size, c is
a C99 header without dependencies. Both take raw observations, and return the greedy action and the distribution's
parameters. With --pufferlib, writes one environment as a self-contained C header: the same physics, random numbers
and resets, computed one float at a time. Its first comment says how to compile it and how to bind it to PufferLib.
"""
PROGRAM = "operant export"
FORMATS = ("onnx", "c")


def command(argv: list[str]) -> int:
    """Prints or writes the file; the exit code is 0, or 1 if it cannot be written."""
    parser = _parser()
    options = parser.parse(argv)
    if options.format is None:
        if find_exportable(options.what) is None:
            parser.error(unknown("environment", options.what, exportable()))
        if not options.pufferlib:
            parser.error("say for which framework: --pufferlib; for the policy of a run, --format onnx or --format c")
        return _environment(options.what, options.out)
    if options.pufferlib:
        parser.error("--pufferlib exports an environment, --format the policy of a run: choose one")
    if options.format not in FORMATS:
        parser.error(unknown("format", options.format, FORMATS))
    if options.format == "onnx" and options.out is None:
        parser.error("--format onnx needs a file to write: --out policy.onnx")
    return _policy(options)


def _parser() -> Parser:
    usage = f"{PROGRAM} RUN_ID --format onnx|c [--out FILE] ...\n       {PROGRAM} ENV --pufferlib [--out FILE]"
    parser = Parser(PROGRAM, usage=usage, description=DESCRIPTION)
    parser.add_argument("what", metavar="ENV", help="a run's id or its beginning; or an environment such as cartpole")
    parser.add_argument("--out", metavar="FILE", type=Path, help="write FILE instead of printing")
    policies = parser.add_argument_group("policies")
    policies.add_argument("--format", metavar="onnx|c", help="write the policy of a run")
    policies.add_argument("--name", metavar="NAME", help="prefix of the C functions (FILE's name, or policy)")
    policies.add_argument("--checkpoint", metavar="WHICH", default="best", help="best (the default), latest, or a file")
    add_runs_option(parser)
    add_trust_option(parser)
    environments = parser.add_argument_group("environments")
    environments.add_argument("--pufferlib", action="store_true", help="write the form of PufferLib's Ocean")
    return parser


def _environment(name: str, path: Path | None) -> int:
    spec = find_exportable(name)
    assert spec is not None
    text = ocean_header(spec, path.name if path else f"{spec.header}.h")
    if path is None:
        print(text, end="")
        return 0
    write_atomically(path, text.encode())
    return 0


def _policy(options: Any) -> int:
    from operant.cli.train import load_torch

    load_torch(PROGRAM)
    import torch

    from operant.cli.policies import load_policy

    torch.set_num_threads(1)
    trained = load_policy(options.runs, options.what, options.checkpoint, trust=options.trust)
    policy, normalizer = trained.algorithm.policy, trained.algorithm.collector.observation_statistics()
    path: Path | None = options.out
    try:
        if options.format == "c":
            from operant.models.export.c_header import c_header

            name = options.name or (path.stem if path else "policy")
            summary = f"the policy of {trained.run.id} after {trained.steps:,} steps of {trained.config.environment}"
            text = c_header(policy, normalizer, name, summary)
            if path is None:
                print(text, end="")
                return 0
            write_atomically(path, text.encode())
            print(f"wrote {path}: {name}_act and {name}_forward")
        else:
            assert path is not None
            _write_onnx(policy, normalizer, path)
    finally:
        trained.algorithm.close()
    return 0


def _write_onnx(policy: Any, normalizer: Any, path: Path) -> None:
    """Writes a temporary file, checks it, and then renames it to `path`."""
    from operant.models.export.onnx_file import TOLERANCE, write_onnx

    temporary = path.with_name(f".{path.name}.tmp")
    with disk_errors("write", path):
        try:
            greedy = write_onnx(policy, normalizer, temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    inputs, outputs = ", ".join(greedy.inputs), ", ".join(greedy.outputs)
    print(f"wrote {path}: {inputs} -> {outputs}; onnxruntime agrees with torch within {TOLERANCE:g}")
