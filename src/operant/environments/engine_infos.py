"""EngineInfos: the infos of environments on an engine, as Gymnasium's classes and vector environments give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from operant.engines.batch import EngineBatch
from operant.engines.mujoco_model import Term


class EngineInfos:
    """Reads what a batch reports beside its rewards: `terms`, by default Gymnasium's infos."""

    def __init__(self, batch: EngineBatch, terms: Sequence[Term] | None = None):
        self._batch = batch
        self._terms = batch.terms if terms is None else terms
        self._at_reset = [term for term in self._terms if term.at_reset]

    def of_reset(self, mask: np.ndarray | None) -> dict[str, Any]:
        """The infos of a reset of the environments of `mask` (`[N]` bool; None: all)."""
        terms, begun = self._batch.last_terms()
        return self._arrays(self._at_reset, terms, begun if mask is None else mask)

    def of_step(self, action_type: np.dtype) -> dict[str, Any]:
        """The infos of a step: those of a reset where one began an episode. Each is `[N]`, with a mask `_name`.

        Args:
            action_type: the dtype of the actions, which is also that of their costs.
        """
        batch = self._batch
        terms, begun = batch.last_terms()
        if batch.autoreset == "SameStep":
            final = batch.last_finished.count
            if not final:
                return self._arrays(self._terms, terms, ~begun, action_type)
            ended = begun
            infos: dict[str, Any] = {"final_info": self._arrays(self._terms, batch.final_terms(), ended, action_type)}
            infos["_final_info"] = ended.copy()
            return infos | self._mixed(terms, ended, action_type)
        return self._mixed(terms, begun, action_type)

    def _mixed(self, terms: np.ndarray, begun: np.ndarray, action_type: np.dtype) -> dict[str, Any]:
        if not begun.any():
            return self._arrays(self._terms, terms, ~begun, action_type)
        infos = self._arrays(self._at_reset, terms, np.ones_like(begun))
        if not begun.all():
            rest = [term for term in self._terms if not term.at_reset]
            infos |= self._arrays(rest, terms, ~begun, action_type)
        return infos

    def _arrays(
        self, listed: Any, terms: np.ndarray, present: np.ndarray, action_type: np.dtype | None = None
    ) -> dict[str, Any]:
        """The listed terms, `[N]` or `[N, ...]` each, 0 outside `present`, and the masks."""
        if not present.all():
            terms = np.where(present, terms, 0)
        infos: dict[str, Any] = {}
        for term in listed:
            numbers = terms[term.span]
            infos[term.name] = _typed(term, numbers.T.copy() if term.shape else numbers[0], action_type)
            infos[f"_{term.name}"] = present.copy()
        return infos

    def of_each(self, action_type: np.dtype | None = None) -> list[dict[str, Any]]:
        """The infos of every environment, as single ones return them: of its last step, under "SameStep" of an episode
        that has ended too; or of its reset if `action_type` is None."""
        terms, begun = self._batch.last_terms()
        if action_type is not None and self._batch.autoreset == "SameStep" and begun.any():
            terms = np.where(begun, self._batch.final_terms(), terms)
        listed = self._terms if action_type is not None else self._at_reset
        columns = [_typed(term, terms[term.span], action_type) for term in listed]
        values = [
            list(column.T) if term.shape else list(column[0]) for term, column in zip(listed, columns, strict=True)
        ]
        names = [term.name for term in listed]
        return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)] or [
            {} for _ in range(self._batch.num_envs)
        ]

    def of_rows(self, terms: np.ndarray) -> dict[str, Any]:
        """The infos of some environments without masks, `[K]` or `[K, ...]` each, from their terms `[K, T]`.

        Costs are float64. Where an environment was reset, the terms that a reset does not report are 0.
        """
        infos: dict[str, Any] = {}
        for term in self._terms:
            numbers = terms[:, term.span]
            infos[term.name] = _typed(term, numbers.copy() if term.shape else numbers[:, 0].copy(), None)
        return infos

    def of_one(self, action_type: np.dtype | None = None) -> dict[str, Any]:
        """The infos of the only environment: of its last step, or of its reset if `action_type` is None."""
        terms, _ = self._batch.last_terms()
        infos: dict[str, Any] = {}
        for term in self._terms if action_type is not None else self._at_reset:
            numbers = _typed(term, terms[term.span, 0], action_type)
            infos[term.name] = numbers if term.shape else int(numbers[0]) if term.kind == "count" else numbers[0]
        return infos


def _typed(term: Term, numbers: np.ndarray, action_type: np.dtype | None) -> np.ndarray:
    """Numbers of a term in the dtype of Gymnasium's: that of the actions for their cost, ints for counts."""
    if term.kind == "count":
        return numbers.astype(np.int64)
    if term.kind == "cost" and action_type == np.float32:
        return numbers.astype(np.float32)
    return numbers
