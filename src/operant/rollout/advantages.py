"""The training kernels in C: advantages and returns over rollouts `[T, N]`.

Arrays are NumPy arrays or torch tensors on the CPU, float32 and bool, C-contiguous; they are read in place and not
copied. Elements of `final_values` where no episode was truncated never affect a result, even if they are NaN. Results
have the same bits on every instruction set (`isa`) and for any number of threads (`workers`). An invalid argument
raises a ValueError that names it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from operant._native import ffi, lib
from operant.rollout.arguments import BOOL, FLOAT32, as_numpy, check_status, isa_name, outputs, pointer_to, worker_count

Pair = tuple[np.ndarray, np.ndarray]


def gae(
    rewards: Any,
    values: Any,
    terminated: Any,
    truncated: Any,
    last_values: Any,
    final_values: Any = None,
    *,
    gamma: float,
    lam: float,
    out: tuple[Any, Any] | None = None,
    workers: int = 1,
    isa: str | None = None,
) -> Pair:
    """Generalised advantage estimation (Schulman et al. 2016): advantages and returns, `[T, N]` float32.

        delta_t = r_t + gamma V' - V_t
        A_t = delta_t + gamma lam A_{t+1}, cut where an episode ended
        return_t = A_t + V_t

    V' is 0 after a termination, the final value after a truncation, else the next step's value.

    Args:
        rewards, values: `[T, N]`; `values[t]`, V_t, is the critic's value of the observation before step t.
        terminated, truncated: `[T, N]` bool; where both are set, terminated counts.
        last_values: `[N]`, the value of the observation after the last step.
        final_values: `[T, N]`, the value of a truncated episode's final observation, anything elsewhere. None if
            nothing was truncated.
        out: arrays for the two results.
    """
    rollout, held, shape = _rollout(rewards, terminated, truncated, last_values, final_values, gamma, lam)
    rollout.values = pointer_to("float[]", "values", values, shape, FLOAT32, held)
    results, pointers = outputs(("advantages", "returns"), out, shape, held)
    check_status(lib.operant_gae(rollout, isa_name(isa), worker_count(workers), *pointers), isa)
    advantages, returns = results
    return advantages, returns


def vtrace(
    rewards: Any,
    values: Any,
    log_ratios: Any,
    terminated: Any,
    truncated: Any,
    last_values: Any,
    final_values: Any = None,
    *,
    gamma: float,
    lam: float = 1.0,
    rho_bar: float = 1.0,
    c_bar: float = 1.0,
    out: tuple[Any, Any] | None = None,
    workers: int = 1,
    isa: str | None = None,
) -> Pair:
    """V-trace (Espeholt et al. 2018): value targets v and policy-gradient advantages, `[T, N]` float32.

        rho_t = min(rho_bar, ratio_t),  c_t = lam min(c_bar, ratio_t)
        delta_t = rho_t (r_t + gamma V' - V_t)
        v_t - V_t = delta_t + gamma c_t (v_{t+1} - V_{t+1}), cut where an episode ended
        advantage_t = rho_t (r_t + gamma v' - V_t)

    V' and v' are 0 after a termination, the final value after a truncation, else the next step's V and v.

    Args:
        log_ratios: `[T, N]`, the log of the action's probability under the target policy over that under the behaviour
            policy. For logarithms from -87 to 88 the ratios are accurate to 2 ulp.
        rho_bar, c_bar: above 0; rho_bar at least c_bar.

    For the other arguments see `gae`.
    """
    if not (0 < c_bar <= rho_bar):
        raise ValueError(f"rho_bar={rho_bar} and c_bar={c_bar} must be above 0, and rho_bar at least c_bar")
    rollout, held, shape = _rollout(rewards, terminated, truncated, last_values, final_values, gamma, lam)
    rollout.values = pointer_to("float[]", "values", values, shape, FLOAT32, held)
    ratios = pointer_to("float[]", "log_ratios", log_ratios, shape, FLOAT32, held)
    results, pointers = outputs(("targets", "advantages"), out, shape, held)
    check_status(
        lib.operant_vtrace(rollout, ratios, rho_bar, c_bar, isa_name(isa), worker_count(workers), *pointers), isa
    )
    targets, advantages = results
    return targets, advantages


def discounted_returns(
    rewards: Any,
    terminated: Any,
    truncated: Any,
    last_values: Any,
    final_values: Any = None,
    *,
    gamma: float,
    out: Any = None,
    workers: int = 1,
    isa: str | None = None,
) -> np.ndarray:
    """Discounted sums of rewards, `[T, N]` float32: G_t = r_t + gamma G'.

    G' is 0 after a termination, the final value after a truncation, the last value after the last step, else G_{t+1}.
    For returns without a bootstrap, pass zeros. For the arguments see `gae`.
    """
    rollout, held, shape = _rollout(rewards, terminated, truncated, last_values, final_values, gamma, 1.0)
    results, pointers = outputs(("returns",), None if out is None else (out,), shape, held)
    check_status(lib.operant_discounted_returns(rollout, isa_name(isa), worker_count(workers), *pointers), isa)
    return results[0]


def _rollout(
    rewards: Any,
    terminated: Any,
    truncated: Any,
    last_values: Any,
    final_values: Any,
    gamma: float,
    lam: float,
) -> tuple[Any, list[Any], tuple[int, int]]:
    """The core's operant_rollout, the objects to keep alive with it, and (T, N)."""
    shape = as_numpy("rewards", rewards).shape
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"rewards must be [T, N] with T and N at least 1, not of shape {shape}")
    for name, number in (("gamma", gamma), ("lam", lam)):
        if not 0 <= number <= 1:
            raise ValueError(f"{name}={number} must be from 0 to 1")
    held: list[Any] = []
    rollout = ffi.new("operant_rollout *")
    held.append(rollout)
    rollout.steps, rollout.num_envs = shape
    rollout.gamma, rollout.lam = gamma, lam
    rollout.rewards = pointer_to("float[]", "rewards", rewards, shape, FLOAT32, held)
    rollout.terminated = pointer_to("uint8_t[]", "terminated", terminated, shape, BOOL, held)
    rollout.truncated = pointer_to("uint8_t[]", "truncated", truncated, shape, BOOL, held)
    rollout.last_values = pointer_to("float[]", "last_values", last_values, shape[1:], FLOAT32, held)
    if final_values is not None:
        rollout.final_values = pointer_to("float[]", "final_values", final_values, shape, FLOAT32, held)
    elif (cut := as_numpy("truncated", truncated)).any():
        t, n = np.argwhere(cut)[0]
        raise ValueError(f"final_values is None, but truncated[{t}, {n}] is set: give its last observation's value")
    return rollout, held, shape
