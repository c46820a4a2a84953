"""The infos of `OperantVecEnv.step`: one shared by all running episodes, and one for each episode that ended."""

from __future__ import annotations

import time
from typing import Any, NoReturn

import numpy as np

from operant.batch.batch import Batch


class Running(dict[str, Any]):
    """The info shared by all environments whose episode continues; read-only, because all would show a change."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(
            "environments whose episode continues share this info, which is read-only: "
            "put a copy in its place, infos[i] = {**infos[i], ...}"
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = setdefault = pop = popitem = clear = _refuse

    def __reduce__(self) -> Any:
        return dict, (dict(self),)  # a copy is a plain, writeable dict


RUNNING = Running({"TimeLimit.truncated": False})


def describe_ended(
    batch: Batch, terminated: np.ndarray, truncated: np.ndarray, start: float
) -> dict[int, dict[str, Any]]:
    """The info of each row whose episode ended in the last step, in the form of SB3's Monitor and DummyVecEnv.

    Args:
        terminated, truncated: the step's flags, `[R]` bool.
        start: the time from which an episode's "t" counts, in seconds.
    """
    index, returns, lengths = batch.finished()
    cut_short = (truncated[index] & ~terminated[index]).tolist()
    totals = np.round(returns.astype(np.float64), 6).tolist()  # ten times faster than Python's round, one by one
    seconds = round(time.time() - start, 6)
    columns = zip(index.tolist(), cut_short, totals, lengths.tolist(), batch.final_observations(), strict=True)
    return {
        row: {
            "TimeLimit.truncated": cut,
            "episode": {"r": total, "l": length, "t": seconds},
            "terminal_observation": final,
        }
        for row, cut, total, length, final in columns
    }
