"""`operant export`: writes a trained policy as ONNX, C or a page, or an environment as a C header for a framework."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Any

from operant.catalog import ENGINES, bare_id
from operant.cli.parser import Parser
from operant.cli.runs import add_checkpoint_option, add_runs_option, add_trust_option, chosen_run
from operant.files.atomic import disk_error, disk_errors, write_atomically
from operant.headers.descriptor import is_task
from operant.headers.single_header import exportable, find_exportable, ocean_header
from operant.messages import unknown
from operant.runs.run_directory import RunDirectory
from operant.spec import EnvSpec

DESCRIPTION = """\
With --format, writes the policy of a run as one file for other programs: onnx is a graph for batches of any size,
RUN_ID.onnx; c is a C99 header without dependencies, RUN_ID.h. Both take raw observations, and return the greedy action
and the distribution's parameters. html is a page in which the policy plays its environment, if that is one of
operant's: RUN_ID.html opens in any browser, without a network. With --pufferlib, writes one environment as a
self-contained C header: the same physics, random numbers and resets, computed one float at a time. Its first comment
says how to compile it and how to bind it to PufferLib. Without --out it goes to ENV.h, or to the file or program that
takes the command's output.
"""
PROGRAM = "operant export"
ENDINGS = {"onnx": "onnx", "c": "h", "html": "html"}
"""The formats of policies, with their files' endings."""
FORMATS = "|".join(ENDINGS)


def command(argv: list[str]) -> int:
    """Writes the file; the exit code is 0, or 1 if it cannot be written."""
    parser = _parser()
    options = parser.parse(argv)
    if options.run is None and not options.latest:
        parser.error("the following arguments are required: ENV or RUN_ID")
    if options.format is None:
        if options.latest:
            parser.error(f"--latest is for the policy of a run: --format {FORMATS}")
        if bare_id(options.run) in ENGINES or (options.run.endswith(".h") and is_task(Path(options.run))):
            parser.error(f"{options.run} is computed by MuJoCo: it has no C to export")
        spec = find_exportable(options.run)
        if spec is None:
            parser.error(unknown("environment", options.run, exportable()))
        if not options.pufferlib:
            parser.error(f"say for which framework: --pufferlib; for the policy of a run, --format {FORMATS}")
        return _environment(spec, options.out)
    if options.pufferlib:
        parser.error("--pufferlib exports an environment, --format the policy of a run: choose one")
    if options.format not in ENDINGS:
        parser.error(unknown("format", options.format, ENDINGS))
    return _policy(chosen_run(parser, options, agents=True), options)


def _parser() -> Parser:
    usage = f"{PROGRAM} RUN_ID --format {FORMATS} [--out FILE] ...\n       {PROGRAM} ENV --pufferlib [--out FILE]"
    parser = Parser(PROGRAM, usage=usage, description=DESCRIPTION)
    parser.add_argument(
        "run",
        metavar="ENV | RUN_ID",
        nargs="?",
        help="a run's id or its beginning, or agents/NAME; or an environment such as cartpole",
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="the file to write (RUN_ID.onnx, .h or .html, or ENV.h)"
    )
    policies = parser.add_argument_group("policies")
    policies.add_argument("--format", metavar=FORMATS, help="write the policy of a run")
    policies.add_argument("--latest", action="store_true", help="take the run that was started last")
    policies.add_argument("--name", metavar="NAME", help="prefix of the C functions (FILE's name, or policy)")
    add_checkpoint_option(policies)
    add_runs_option(policies)
    add_trust_option(policies)
    environments = parser.add_argument_group("environments")
    environments.add_argument("--pufferlib", action="store_true", help="write the form of PufferLib's Ocean")
    return parser


def _environment(spec: EnvSpec, given: Path | None) -> int:
    path = given or Path(f"{spec.header}.h")
    text = ocean_header(spec, path.name)
    if given is None and not sys.stdout.isatty():
        print(text, end="")
        return 0
    if given is None and path.exists():
        raise FileExistsError(f"{path} already exists: name the file to write with --out")
    write_atomically(path, text.encode())
    print(f"wrote {path}")
    return 0


def _policy(run: RunDirectory, options: Any) -> int:
    from operant.cli.policies import load_policy

    if options.out is not None and options.out.is_dir():
        raise disk_error("write", options.out, IsADirectoryError(errno.EISDIR, "a folder"))
    trained = load_policy(run, options.checkpoint, trust=options.trust)
    normalizer = trained.algorithm.observation_statistics()
    path: Path = options.out or Path(f"{Path(run.id).name}.{ENDINGS[options.format]}")
    try:
        if options.format == "c":
            from operant.models.export.c_header import c_header
            from operant.models.export.network import network_of

            name = options.name or (options.out.stem if options.out else "policy")
            summary = f"the policy of {run.id} after {trained.steps:,} steps of {trained.config.environment}"
            text = c_header(network_of(trained.algorithm), normalizer, name, summary)
            write_atomically(path, text.encode())
            print(f"wrote {path}: {name}_act and {name}_forward")
        elif options.format == "html":
            from operant.models.export.html_page import html_page
            from operant.web.modules import will_compile

            if will_compile():
                print("compiling the core to WebAssembly, once: about a minute", file=sys.stderr)
            played = f"Trained for {trained.steps:,} steps by {trained.config.algorithm} (run {run.id})."
            text = html_page(trained.algorithm, played)
            write_atomically(path, text.encode())
            print(f"wrote {path}: {len(text) / 1e6:.2f} MB, which opens in any browser")
        else:
            _write_onnx(trained.algorithm, normalizer, path)
    finally:
        trained.algorithm.close()
    return 0


def _write_onnx(algorithm: Any, normalizer: Any, path: Path) -> None:
    """Writes a temporary file, checks it, and then renames it to `path`."""
    from operant.models.machine.torch_import import import_with_torch

    onnx_file = import_with_torch("operant.models.export.onnx_file", "--format onnx")
    policy = algorithm.policy
    temporary = path.with_name(f".{path.name}.tmp")
    with disk_errors("write", path):
        try:
            greedy = onnx_file.write_onnx(policy, normalizer, temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    inputs, outputs = ", ".join(greedy.inputs), ", ".join(greedy.outputs)
    print(f"wrote {path}: {inputs} -> {outputs}; onnxruntime agrees with torch within {onnx_file.TOLERANCE:g}")
