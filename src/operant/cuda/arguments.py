"""The kernels' arguments: native/cuda/layout.h and training.h as ctypes, field by field."""

from __future__ import annotations

import ctypes
from typing import Any, ClassVar

from operant.messages import NotCopyable

_POINTER = ctypes.c_void_p


class _Arguments(NotCopyable, ctypes.Structure):
    """Pointers into a batch's memory."""

    instead = "copy the batch"


class DeviceBatch(_Arguments):
    """`operant_device_batch`."""

    _fields_: ClassVar[Any] = [
        *((name, _POINTER) for name in ("state", "params", "episode_return", "elapsed", "episode", "seed", "ranges")),
        *(
            (name, _POINTER)
            for name in ("choices", "final_return", "final_length", "count", "return_sum", "length_sum")
        ),
        *((name, _POINTER) for name in ("unusable", "over", "alarm")),
        ("num_envs", ctypes.c_int64),
        ("stride", ctypes.c_int64),
        ("limit", ctypes.c_uint32),
        ("autoreset", ctypes.c_int32),
        ("params_vary", ctypes.c_int32),
    ]


class StepArguments(_Arguments):
    """`operant_step_arguments`."""

    _fields_: ClassVar[Any] = [
        ("batch", DeviceBatch),
        *((name, _POINTER) for name in ("actions", "observations", "rewards", "terminated", "truncated")),
        ("final_observations", _POINTER),
        ("dtype", ctypes.c_int32),
        ("final_truncated", ctypes.c_int32),
    ]


class ResetArguments(_Arguments):
    """`operant_reset_arguments`."""

    _fields_: ClassVar[Any] = [
        ("batch", DeviceBatch),
        *((name, _POINTER) for name in ("mask", "overrides", "observations")),
    ]


class Rollout(_Arguments):
    """`operant_rollout` of native/rollout/rollout.h."""

    _fields_: ClassVar[Any] = [
        ("steps", ctypes.c_int64),
        ("num_envs", ctypes.c_int64),
        *((name, _POINTER) for name in ("rewards", "values", "terminated", "truncated", "final_values", "last_values")),
        ("gamma", ctypes.c_float),
        ("lam", ctypes.c_float),
    ]


class AdvantageArguments(_Arguments):
    """`operant_advantage_arguments`."""

    _fields_: ClassVar[Any] = [
        ("rollout", Rollout),
        *((name, _POINTER) for name in ("log_ratios", "first", "second")),
        ("rho_bar", ctypes.c_float),
        ("c_bar", ctypes.c_float),
    ]


class AdamArguments(_Arguments):
    """`operant_adam_arguments`."""

    _fields_: ClassVar[Any] = [
        *((name, _POINTER) for name in ("parameters", "gradient", "mean", "square", "learning_rate", "steps")),
        *((name, _POINTER) for name in ("norm", "factors")),
        ("size", ctypes.c_int64),
        ("first", ctypes.c_double),
        ("second", ctypes.c_double),
        ("epsilon", ctypes.c_float),
        ("max_norm", ctypes.c_float),
    ]


class HashArguments(_Arguments):
    """`operant_hash_arguments`."""

    _fields_: ClassVar[Any] = [("bytes", _POINTER), ("count", ctypes.c_int64), ("hash", _POINTER)]
