"""AsyncEnvPool: environments that step in the background, in EnvPool's send / recv form."""

from __future__ import annotations

import queue
import threading
from typing import Any

import numpy as np
from gymnasium.error import ClosedEnvironmentError

from operant.batch import Batch, check_seed
from operant.configuration import configure, constructor_parameters, extremes, find_spec, reset_overrides
from operant.spaces import action_space, observation_space

_KEYWORDS = ("precision", "isa", "params", "randomize", "max_episode_steps")
_STOP: Any = None


class AsyncEnvPool:
    """N environments of which `batch_size` at a time are stepped by background threads.

    `send` queues actions and returns at once; `recv` waits for the next `batch_size` results in the order they were
    finished. While the caller computes actions for one batch, the next one steps: the GIL is released meanwhile.

        pool = AsyncEnvPool("CartPole-v1", num_envs=8192, batch_size=4096, workers=2)
        pool.async_reset(seed=0)
        while True:
            obs, rewards, terminated, truncated, info = pool.recv()
            pool.send(policy(obs), info["env_id"])

    The step after an episode's end resets that environment and ignores the action, as Gymnasium's NEXT_STEP does. Each
    environment's numbers are those it has in a batch of its own, whatever the order of stepping.

    Args:
        env_id: "CartPole-v1" or "operant/CartPole-v1".
        num_envs: N.
        batch_size: how many results `recv` returns; at most N.
        workers: background threads.
        max_episode_steps: truncates after so many steps; by default what the id is registered with.
        **options: `precision`, `isa`, `params`, `randomize` and Gymnasium's constructor arguments.
    """

    def __init__(
        self,
        env_id: str,
        num_envs: int,
        batch_size: int | None = None,
        workers: int = 1,
        *,
        max_episode_steps: int | str | None = "from spec",
        params: dict[str, Any] | None = None,
        randomize: dict[str, tuple[float, float]] | None = None,
        precision: str = "float32",
        isa: str | None = None,
        **options: Any,
    ):
        self.spec = find_spec(env_id)
        given = constructor_parameters(self.spec, params, options, _KEYWORDS)
        limit: Any = self.spec.max_episode_steps if max_episode_steps == "from spec" else max_episode_steps

        def make(size: int) -> Batch:
            return Batch(self.spec, size, precision=precision, isa=isa, max_episode_steps=limit)

        self._store = make(num_envs)
        configure(self._store, given, randomize)
        self.num_envs = self._store.num_envs
        self.batch_size = self.num_envs if batch_size is None else batch_size
        if not 1 <= self.batch_size <= self.num_envs:
            raise ValueError(f"batch_size={batch_size} must be from 1 to num_envs={self.num_envs}")
        if workers < 1:
            raise ValueError(f"workers={workers} must be at least 1")
        lows, highs = extremes(self._store, randomize, given)
        self.single_observation_space = observation_space(self.spec, lows, highs)
        self.single_action_space = action_space(self.spec, highs)
        self._finished = np.zeros(self.num_envs, np.bool_)
        self._in_flight = np.zeros(self.num_envs, np.bool_)
        self._work: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._left_over: list[tuple[np.ndarray, ...]] = []
        self._seeded = False
        self.closed = False
        benches = [make(self.batch_size) for _ in range(workers)]
        for bench in benches:
            # Parameters that differ between environments come along with each environment's state.
            configure(bench, {name: value for name, value in given.items() if np.ndim(value) == 0}, randomize)
            bench.reset()
        self._threads = [
            threading.Thread(target=self._serve, args=(bench,), daemon=True, name=f"operant-pool-{k}")
            for k, bench in enumerate(benches)
        ]
        for thread in self._threads:
            thread.start()

    def async_reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begins an episode everywhere; the observations come from `recv`, with rewards 0 and flags False."""
        self._check_open()
        if self._in_flight.any():
            raise RuntimeError(
                f"{int(self._in_flight.sum())} environments are still stepping: recv() them before a reset"
            )
        overrides = reset_overrides(self.spec, options or {})
        if seed is not None:
            self._store.seed(check_seed(seed))
        elif not self._seeded:
            self._store.seed_from_entropy()
        self._seeded = True
        slot = self._store.reset(None, overrides)
        self._finished[:] = False
        self._in_flight[:] = True
        everyone = np.arange(self.num_envs)
        self._done.put((everyone, slot.observations, slot.rewards, slot.terminated, slot.truncated))

    def send(self, actions: Any, env_ids: Any = None) -> None:
        """Queues one step of the environments `env_ids` (`[K]` int, all by default) with actions `[K]` or `[K, A]`.

        Raises:
            ValueError: an id out of range, twice, or still stepping; an unusable action. Nothing was queued.
        """
        self._check_open()
        ids = np.arange(self.num_envs) if env_ids is None else np.asarray(env_ids)
        if ids.ndim != 1 or ids.dtype.kind not in "iu" or len(ids) == 0:
            raise ValueError(f"env_ids must be a non-empty vector of ints, not {env_ids!r}")
        bad = ids[(ids < 0) | (ids >= self.num_envs)]
        if len(bad):
            raise ValueError(f"env_id {bad[0]} is outside [0, {self.num_envs})")
        if not self._seeded:
            raise RuntimeError("send before async_reset: there is no episode to step")
        busy = ids[self._in_flight[ids]]
        if len(busy):
            raise ValueError(f"env_id {busy[0]} is still stepping: recv() its result before the next send")
        ids = ids.astype(np.int64)
        if len(np.unique(ids)) != len(ids):
            raise ValueError("env_ids has an id twice: an environment takes one action at a time")
        checked = self._store.check_actions(actions, ids)
        self._in_flight[ids] = True
        for first in range(0, len(ids), self.batch_size):
            part = slice(first, first + self.batch_size)
            self._work.put((ids[part], checked[part]))

    def recv(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """The next `batch_size` results: observations, rewards, terminated, truncated, and `info["env_id"]`."""
        self._check_open()
        pending = int(self._in_flight.sum())
        if pending < self.batch_size:
            raise RuntimeError(
                f"recv would wait for ever: {pending} environments are stepping, batch_size={self.batch_size}"
            )
        parts, have = self._left_over, sum(len(part[0]) for part in self._left_over)
        while have < self.batch_size:
            part = self._done.get()
            if isinstance(part, BaseException):
                raise part
            parts.append(part)
            have += len(part[0])
        joined = parts[0] if len(parts) == 1 else tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        self._left_over = [tuple(array[self.batch_size :] for array in joined)] if have > self.batch_size else []
        ids, observations, rewards, terminated, truncated = (array[: self.batch_size] for array in joined)
        self._in_flight[ids] = False
        return observations, rewards, terminated, truncated, {"env_id": ids}

    def _serve(self, bench: Batch) -> None:
        """Steps queued environments on this thread's own batch: copied in, stepped, copied back."""
        while (work := self._work.get()) is not _STOP:
            ids, actions = work
            try:
                self._done.put((ids, *self._step(bench, ids, actions)))
            except BaseException as problem:  # recv raises it where the caller can see it
                self._done.put(problem)

    def _step(self, bench: Batch, ids: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, ...]:
        count = len(ids)
        bench.copy_rows(None, self._store, ids, count)
        finished = np.zeros(bench.num_envs, np.bool_)
        finished[:count] = self._finished[ids]
        bench.set_finished(finished)
        padded = np.zeros((bench.num_envs, *actions.shape[1:]), actions.dtype)
        padded[:count] = actions
        observations, rewards, terminated, truncated, _ = bench.step(padded)
        self._store.copy_rows(ids, bench, None, count)
        self._finished[ids] = terminated[:count] | truncated[:count]
        return tuple(array[:count] for array in (observations, rewards, terminated, truncated))

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedEnvironmentError("the pool is closed: make a new one")

    def close(self) -> None:
        """Waits for what is being stepped and ends the threads."""
        if self.closed:
            return
        self.closed = True
        for _ in self._threads:
            self._work.put(_STOP)
        for thread in self._threads:
            thread.join()
        self._store.close()

    def __enter__(self) -> AsyncEnvPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
