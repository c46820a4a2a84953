"""Chances: Gymnasium's info "prob", how likely the last transition of each environment was."""

from __future__ import annotations

from typing import Any

import numpy as np

from operant.batch.batch import Batch
from operant.environments.attributes import Attributes

CERTAIN = 3  # the outcome of a reset, and of a transition that no draw decided


class Chances:
    """The probabilities of the transitions in a batch whose descriptor has `chances`.

    Args:
        attributes: those of the batch; see `refresh`.
    """

    def __init__(self, batch: Batch, attributes: Attributes):
        self._batch = batch
        self._attributes = attributes
        self._ones = np.ones(batch.num_envs)
        self._ones.flags.writeable = False
        self._varied = bool(batch.ranges)
        self._drawn = any(part.name == "outcome" for part in batch.spec.state)
        self._outcomes = batch.column("outcome") if self._drawn else None  # a view
        self._table: np.ndarray | None
        self._one: list[float] = []  # the table's first row
        self.refresh()

    def refresh(self) -> None:
        """Reads the parameters again; call it when they may have changed."""
        spec = self._batch.spec
        assert spec.chances is not None
        each = self._attributes.of_parameters(spec.chances)
        if not any(each):
            self._table, self._one = None, []
            return
        rows = [[*(chances or (1.0,) * CERTAIN), 1.0] for chances in each]
        alike = all(row == rows[0] for row in rows)
        self._table, self._one = np.array(rows[:1] if alike else rows), rows[0]

    @property
    def certain(self) -> bool:
        """True if no draw decides in any environment."""
        return self._table is None

    def of_one(self) -> float:
        """The chance of the last step of a batch of one."""
        if self._varied:
            self.refresh()
        if not self._one:
            return 1.0
        return self._one[0 if self._outcomes is None else self._outcomes.item()]

    def of_all(self) -> np.ndarray:
        """The chances `[N]` float64 of the last step; 1 where the environment was reset in it.

        If no draw decides, it is the same array in every step, and read-only.
        """
        if self._varied:
            self.refresh()
        if self._table is None:
            return self._ones
        if self._outcomes is not None:
            return self._look_up(self._outcomes)
        return np.asarray(np.where(self._batch.episode_lengths == 0, 1.0, self._table[:, 0]))

    def of_final(self, twin: Batch | None, ended: np.ndarray) -> np.ndarray:
        """The chances `[K]` of the steps that ended the episodes of environments `ended`, which have been reset since.

        `twin` has taken the same step without resets.
        """
        if self._table is None:
            return np.ones(len(ended))
        if twin is None:
            return np.asarray(np.broadcast_to(self._table[:, 0], self._batch.num_envs)[ended])
        return np.asarray(self._look_up(twin.column("outcome"))[ended])

    def make_twin(self) -> Batch | None:
        """A batch for `of_final`, if the outcome of an episode's last step is drawn, and lost in the step's reset."""
        batch = self._batch
        if self.certain or not self._drawn or batch.autoreset != "SameStep":
            return None
        arguments: dict[str, Any] = {"precision": batch.precision, "max_episode_steps": batch.max_episode_steps}
        twin = Batch(batch.spec, batch.num_envs, autoreset="Disabled", **arguments)
        twin.reset()
        return twin

    def _look_up(self, outcomes: np.ndarray) -> np.ndarray:
        assert self._table is not None
        if len(self._table) == 1:
            return np.asarray(self._table[0].take(outcomes))
        return np.asarray(self._table[np.arange(len(outcomes)), outcomes])

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_outcomes": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._outcomes = self._batch.column("outcome") if self._drawn else None
