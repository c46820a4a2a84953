"""What `CleanRLVectorEnv.step` says of the episodes that ended, as SyncVectorEnv says it in gymnasium 0.29 and in 1.x.

infos.update(describe_ended(ended, index, {"r": returns, "l": lengths, "t": seconds}, final_observations))
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import gymnasium
import numpy as np

IS_0_29 = issubclass(gymnasium.vector.VectorEnv, gymnasium.Env)  # which it is not from 1.0 on
_KINDS = {"r": np.float32, "l": np.int32, "t": np.float32}  # what 0.29's RecordEpisodeStatistics keeps


class FinalInfo(dict[str, Any]):
    """`infos["final_info"]` under gymnasium 1.x, for scripts of both.

    By name, as in 1.x: `final_info["episode"]["r"]` (return), `["l"]` (length), `["t"]` (seconds): `[N]`, for those of
    `final_info["_episode"]`. By number, length and iteration, as in 0.29: each row's own info, or None.
    """

    @cached_property
    def rows(self) -> np.ndarray:
        """0.29's array."""
        index = np.flatnonzero(self["_episode"])
        return _rows(len(self["_episode"]), index, {name: self["episode"][name][index] for name in _KINDS})

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key) if isinstance(key, str) else self.rows[key]


def _rows(num_rows: int, index: np.ndarray, episode: dict[str, np.ndarray]) -> np.ndarray:
    """0.29's `final_info` `[N]`: None, or for the rows `index` `{"episode": {"r": [1], "l": [1], "t": [1]}}`."""
    rows, columns = np.empty(num_rows, object), {name: episode[name].astype(kind) for name, kind in _KINDS.items()}
    for k, row in enumerate(index):
        rows[row] = {"episode": {name: column[k : k + 1] for name, column in columns.items()}}
    return rows


def describe_ended(
    ended: np.ndarray, index: np.ndarray, episode: dict[str, np.ndarray], observations: np.ndarray
) -> dict[str, Any]:
    """The infos of a step in which episodes ended.

    Each array is its own, for users write into them; what `final_obs` and `final_observation` hold are the same rows.

    Args:
        ended: `[N]` bool, which the infos keep. The rest is of those rows alone, `[K]`:
        index: which rows.
        episode: "r", "l" and "t".
        observations: `[K, D]`, what they ended on.
    """
    final = np.empty(len(ended), object)  # of None
    final[index] = np.fromiter(observations, object, len(index))
    infos: dict[str, Any] = {"final_observation": final, "_final_observation": ended, "_final_info": ended.copy()}
    if IS_0_29:
        infos["final_info"] = _rows(len(ended), index, episode)
    else:
        spread: dict[str, np.ndarray] = {}
        for name, values in episode.items():
            spread[name], spread[f"_{name}"] = np.zeros(len(ended), values.dtype), ended.copy()
            spread[name][index] = values
        infos["final_info"] = FinalInfo(episode=spread, _episode=ended.copy())
        infos.update(final_obs=final.copy(), _final_obs=ended.copy())
    return infos
