"""Writes a policy as an ONNX file, and compares onnxruntime's results with torch's."""

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
# onnxruntime sums in another order and has its own tanh and exp: the difference is some ulps of the largest term.
TOLERANCE = 1e-5


def write_onnx(policy: ActorCritic, normalizer: RunningNormalizer | None, path: Path) -> GreedyPolicy:
    """Writes the file, for batches of any size N, and returns the exported computation.

    Raises:
        ImportError: a package of the extra `export` is missing.
        ValueError: onnxruntime's results differ from torch's.
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
        greedy(*greedy.examples(1))  # tensors cached in the first call become constants of the graph
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
    """Computes the largest |onnxruntime - torch| / max(1, |torch|) over floating-point outputs, for random inputs."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = greedy.examples(rows)
    expected = greedy(*inputs)
    feed = {name: value.numpy() for name, value in zip(greedy.inputs, inputs, strict=True)}
    actual = session.run(greedy.outputs, feed)
    return max(
        float(np.max(np.abs(one - other.numpy()) / np.maximum(1, np.abs(other.numpy()))))
        for one, other in zip(actual, expected, strict=True)
        if other.is_floating_point()
    )
