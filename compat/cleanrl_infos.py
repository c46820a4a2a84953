"""The infos of `CleanRLVectorEnv.step` about episodes that ended, in SyncVectorEnv's forms of gymnasium 0.29 and 1.x.

infos.update(describe_ended(ended, index, {"r": returns, "l": lengths, "t": seconds}, final_observations))
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import gymnasium
import numpy as np

IS_0_29 = issubclass(gymnasium.vector.VectorEnv, gymnasium.Env)  # false from 1.0 on
_KINDS = {"r": np.float32, "l": np.int32, "t": np.float32}  # the dtypes of 0.29's RecordEpisodeStatistics


class FinalInfo(dict[str, Any]):
    """`infos["final_info"]` under gymnasium 1.x, readable in both versions' ways.

    By name, as in 1.x: `final_info["episode"]["r"]` (return), `["l"]` (length), `["t"]` (seconds), `[N]` each, valid
    where `final_info["_episode"]`. As a sequence, as in 0.29: each row's own info, or None.
    """

    @cached_property
    def rows(self) -> np.ndarray:
        """0.29's array `[N]` of infos; none at all if no environment ever has an info."""
        masks = [mask for name, mask in self.items() if name[:1] == "_" and name[1:] in self]
        rows = np.full(len(masks[0]) if masks else 0, None, object)
        for row in np.flatnonzero(np.logical_or.reduce(masks)).tolist() if masks else ():
            rows[row] = _info_of(self, row)
        return rows

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key) if isinstance(key, str) else self.rows[key]


def _info_of(infos: dict[str, Any], row: int) -> dict[str, Any]:
    """One row's own info, which 1.x merged with the others'; an episode's numbers are 0.29's arrays of one."""
    own: dict[str, Any] = {}
    for name, value in infos.items():
        if f"_{name}" not in infos or not infos[f"_{name}"][row]:
            continue
        if name == "episode" and value.keys() >= _KINDS.keys():
            own[name] = {each: value[each][row : row + 1].astype(kind) for each, kind in _KINDS.items()}
        else:
            own[name] = _info_of(value, row) if isinstance(value, dict) else value[row]
    return own


def _rows(num_rows: int, index: np.ndarray, episode: dict[str, np.ndarray]) -> np.ndarray:
    """0.29's `final_info` `[N]`: `{"episode": {"r": [1], "l": [1], "t": [1]}}` in the rows `index`, else None."""
    rows, columns = np.empty(num_rows, object), {name: episode[name].astype(kind) for name, kind in _KINDS.items()}
    for k, row in enumerate(index):
        rows[row] = {"episode": {name: column[k : k + 1] for name, column in columns.items()}}
    return rows


def describe_ended(
    ended: np.ndarray, index: np.ndarray, episode: dict[str, np.ndarray], observations: np.ndarray
) -> dict[str, Any]:
    """The infos of a step in which episodes ended.

    No two entries share an array, because users write into them; only the rows in `final_obs` and `final_observation`
    are the same objects.

    Args:
        ended: `[N]` bool, True in K rows; the infos keep it.
        index: these K rows.
        episode: "r", "l" and "t", `[K]` each.
        observations: `[K, D]`, the final observations.
    """
    final = np.empty(len(ended), object)  # of None
    final[index] = np.fromiter(observations, object, len(index))
    infos: dict[str, Any] = {"final_observation": final, "_final_observation": ended, "_final_info": ended.copy()}
    if IS_0_29:
        infos["final_info"] = _rows(len(ended), index, episode)
    else:
        by_row: dict[str, np.ndarray] = {}
        for name, values in episode.items():
            by_row[name], by_row[f"_{name}"] = np.zeros(len(ended), values.dtype), ended.copy()
            by_row[name][index] = values
        infos["final_info"] = FinalInfo(episode=by_row, _episode=ended.copy())
        infos.update(final_obs=final.copy(), _final_obs=ended.copy())
    return infos
