"""A slice: some of the environments, stepped one after the other as SyncVectorEnv does, in one worker."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector.utils import concatenate, iterate

from operant.workers.block import Block, copied, rows_of
from operant.workers.infos import Entry, Message, kept, pack


class Slice:
    """K environments, of which the first is number `first` of all. Results go to rows of the block.

    Args:
        envs: the environments.
        block: the arrays of all environments.
        first: the row of the first environment.
        worker: the index of this slice.
        mode: the value of an `AutoresetMode`.
        spaces: the single observation space, and the batched action space.
    """

    def __init__(
        self,
        envs: Sequence[gymnasium.Env[Any, Any]],
        block: Block,
        first: int,
        worker: int,
        mode: str,
        spaces: tuple[gymnasium.Space[Any], gymnasium.Space[Any]],
    ):
        self._envs = envs
        self._first = first
        self._observation_space, self._action_space = spaces
        k = len(envs)
        rows = slice(first, first + k)
        self._actions = rows_of(block.actions, rows)
        self._slots = [rows_of(each, rows) for each in block.slots]
        self._each = [rows_of(self._slots[-1], slice(k, k + 1)) for k in range(k)]
        # Written to the block at the end of a step: lists are faster, and no cores wait for each other's cache lines.
        self._rewards: list[Any] = [0.0] * k
        self._terminated: list[Any] = [False] * k
        self._truncated: list[Any] = [False] * k
        self._outcomes: list[tuple[list[Any], np.ndarray]] = [
            (self._rewards, block.rewards[rows]),
            (self._terminated, block.terminated[rows]),
            (self._truncated, block.truncated[rows]),
        ]
        self._current = block.current[worker : worker + 1].data
        self._slot = block.slot.data
        self._next_step, self._same_step = mode == "NextStep", mode == "SameStep"
        self._shape = self._observation_space.shape
        self._end_to_end: list[np.ndarray] = []
        if isinstance(self._slots[0], np.ndarray) and self._shape:
            self._end_to_end = [each.reshape(k * self._shape[0], *self._shape[1:]) for each in self._slots]
        self._held: list[Any] = [None] * len(envs)  # the latest observation of each
        self._finals: list[Entry] = []
        self._infos: list[Entry] = []

    def step(self, actions: Iterable[Any] | None = None) -> Message | None:
        """Steps every environment, with the actions in the block or with these; returns their infos, None if empty."""
        self._finals, self._infos = [], []  # a step that raised may have left some
        if actions is None:
            # Copied, because an environment may keep its action.
            actions = copied(self._actions)
            if not isinstance(actions, np.ndarray):
                actions = iterate(self._action_space, actions)
        deque(self._stepping(enumerate(actions)), maxlen=0)
        self._gather()
        return self._message()

    def step_some(self, chosen: list[int]) -> Iterable[tuple[int, list[dict[str, Any]]]]:
        """Steps some environments with the actions in the block; yields each one's row and infos once it is done."""
        actions = rows_of(self._actions, chosen)
        for k in self._stepping(zip(chosen, iterate(self._action_space, actions), strict=True)):
            concatenate(self._observation_space, self._held[k : k + 1], self._each[k])
            for own, shared in self._outcomes:
                shared[k] = own[k]
            infos = [info for _, info in (*self._finals, *self._infos)]
            self._finals, self._infos = [], []
            yield self._first + k, infos

    def _stepping(self, actions: Iterable[tuple[int, Any]]) -> Iterator[int]:
        """Steps environments, each with its action, and yields the index of each once it is done."""
        envs, held, current, first = self._envs, self._held, self._current, self._first
        rewards, terminated, truncated = self._rewards, self._terminated, self._truncated
        next_step, same_step = self._next_step, self._same_step
        for k, action in actions:
            current[0] = row = first + k
            if next_step and (terminated[k] or truncated[k]):
                held[k], info = envs[k].reset()
                rewards[k], terminated[k], truncated[k] = 0.0, False, False
            else:
                held[k], rewards[k], terminated[k], truncated[k], info = envs[k].step(action)
                if same_step and (terminated[k] or truncated[k]):
                    self._finals.append((row, {"final_obs": held[k], "final_info": kept(info)}))
                    held[k], info = envs[k].reset()
            if info:
                self._infos.append((row, dict(info)))  # copied, because environments may share one
            yield k

    def reset(self, arguments: Sequence[dict[str, Any] | None]) -> Message | None:
        """Begins an episode in every environment with its own arguments of `reset`; None leaves one alone."""
        self._finals, self._infos = [], []
        for k, (env, keywords) in enumerate(zip(self._envs, arguments, strict=True)):
            if keywords is not None:
                self._current[0] = self._first + k
                self._held[k], info = env.reset(**keywords)
                self._rewards[k], self._terminated[k], self._truncated[k] = 0.0, False, False
                if info:
                    self._infos.append((self._first + k, dict(info)))
        self._gather()
        return self._message()

    def _gather(self) -> None:
        """Writes the results to the block; the observations as Gymnasium's `concatenate` does."""
        for own, shared in self._outcomes:
            try:
                shared[:] = own
            except ValueError:  # some are arrays of one number
                for k, each in enumerate(own):
                    shared[k] = each
        held, slot = self._held, self._slot[0]
        if self._end_to_end and {getattr(each, "shape", None) for each in held} == {self._shape}:
            # Arrays end to end are the same memory as arrays stacked, and take NumPy half the time.
            np.concatenate(held, out=self._end_to_end[slot])
        else:
            concatenate(self._observation_space, held, self._slots[slot])

    def _message(self) -> Message | None:
        finals, infos = self._finals, self._infos
        self._finals, self._infos = [], []
        return pack(finals, infos) if finals or infos else None

    def apply(self, function: Callable[..., Any], arguments: Sequence[tuple[int, tuple[Any, ...]]]) -> list[Any]:
        """Calls `function(env, *own)` for each `(k, own)` of the arguments, environment k of this slice."""
        results = []
        for k, own in arguments:
            self._current[0] = self._first + k
            results.append(function(self._envs[k], *own))
        return results

    def rest(self) -> None:
        """Notes that no environment is at work."""
        self._current[0] = -1

    def close(self) -> None:
        """Closes every environment, once, then raises what the first one raised."""
        problems, envs, self._envs = [], self._envs, ()
        for row, env in enumerate(envs, self._first):
            self._current[0] = row
            try:
                env.close()
            except Exception as problem:
                problems.append((row, problem))
        if problems:
            self._current[0], first = problems[0]
            raise first
