"""A policy as an ONNX file, checked against torch by onnxruntime."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from pathlib import Path

import numpy as np
import torch

from operant.models.export.greedy import GreedyPolicy
from operant.models.networks.actor_critic import ActorCritic
from operant.rollout.normalizer import RunningNormalizer

OPSET = 18
# Sums are taken in another order, and onnxruntime has its own tanh and exp: some ulps of the largest term.
TOLERANCE = 1e-5


def write_onnx(policy: ActorCritic, normalizer: RunningNormalizer | None, path: Path) -> GreedyPolicy:
    """Writes the file with a batch of any size N, and returns what it computes.

    Raises:
        ImportError: a package of the extra `export` is missing.
        ValueError: onnxruntime computes something else than torch does.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as problem:
        raise ImportError(f"--format onnx needs {problem.name}: pip install 'operant[export]'") from None
    greedy = GreedyPolicy(policy, normalizer).eval()
    batch = torch.export.Dim("N")
    shapes = tuple({1: batch} if name == "state" else {0: batch} for name in greedy.inputs)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with torch.no_grad():
        greedy(*greedy.examples(1))  # what the policy keeps after its first call becomes a constant of the graph
    with torch.no_grad(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            greedy,
            tuple(greedy.examples(3)),
            str(path),
            input_names=greedy.inputs,
            output_names=greedy.outputs,
            dynamic_shapes=(shapes,),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    difference = largest_difference(greedy, path)
    if not difference <= TOLERANCE:
        raise ValueError(f"{path} differs from torch by {difference:g}, more than {TOLERANCE:g}: do not use it")
    return greedy


@torch.no_grad()
def largest_difference(greedy: GreedyPolicy, path: Path, rows: int = 64) -> float:
    """The largest of |onnxruntime - torch| / max(1, |torch|) over all outputs of real numbers, for random inputs."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = greedy.examples(rows)
    expected = greedy(*inputs)
    feed = {name: value.numpy() for name, value in zip(greedy.inputs, inputs, strict=True)}
    given = session.run(greedy.outputs, feed)
    return max(
        float(np.max(np.abs(one - other.numpy()) / np.maximum(1, np.abs(other.numpy()))))
        for one, other in zip(given, expected, strict=True)
        if other.is_floating_point()
    )
