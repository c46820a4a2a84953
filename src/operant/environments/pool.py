"""AsyncEnvPool: environments that step in the background, in EnvPool's send / recv form."""

from __future__ import annotations

import os
import queue
import threading
import weakref
from typing import Any

import numpy as np
from gymnasium.error import ClosedEnvironmentError

from operant.batch.batch import Batch
from operant.batch.seeds import check_seed
from operant.engines.batch import EngineBatch, open_cpu_batch
from operant.environments.engine_infos import EngineInfos
from operant.environments.opening import open_batch
from operant.environments.parameters import configure, reset_overrides
from operant.environments.sending import check_stepping, sent_ids
from operant.environments.spaces import array_space
from operant.messages import EngineError, NotCopyable
from operant.spec import EnvSpec

_STOP: Any = None
_CLOSED = "the pool is closed: make a new one"
_NOBODY = np.empty(0, np.int64)


class AsyncEnvPool(NotCopyable):
    """N environments, stepped `batch_size` at a time by background threads.

    `send` queues actions and returns at once; `recv` waits for the next `batch_size` results, in the order in which
    they are finished. While the caller computes actions for one batch, the next one steps, with the GIL released.

        pool = AsyncEnvPool("CartPole-v1", num_envs=8192, batch_size=4096, workers=2)
        pool.async_reset(seed=0)
        while True:
            obs, rewards, terminated, truncated, info = pool.recv()
            pool.send(policy(obs), info["env_id"])

    The step after an episode's end resets that environment and ignores the action, like Gymnasium's NEXT_STEP. An
    environment's results do not depend on the order of stepping or on the other environments.

    Args:
        env_id: "CartPole-v1" or "operant/CartPole-v1".
        num_envs: N.
        batch_size: the number of results that `recv` returns; at most N.
        workers: the number of background threads.
        max_episode_steps: the time limit; by default the one that the id is registered with.
        **options: `precision`, `isa`, `params`, `randomize` and Gymnasium's constructor arguments.
    """

    instead = "it has threads; make a new one"

    def __init__(
        self,
        env_id: str,
        num_envs: int,
        batch_size: int | None = None,
        workers: int = 1,
        *,
        max_episode_steps: int | None = None,
        params: dict[str, Any] | None = None,
        randomize: dict[str, tuple[float, float]] | None = None,
        precision: str | None = None,
        isa: str | None = None,
        **options: Any,
    ):

        def make(spec: EnvSpec, size: int = num_envs, **how: Any) -> Batch:
            return open_cpu_batch(spec, size, precision=precision, isa=isa, **how)

        opened = open_batch(
            env_id,
            type(self),
            make,
            options,
            params=params,
            randomize=randomize,
            max_episode_steps=max_episode_steps,
            for_one_agent="AsyncEnvPool",
        )
        self.spec, self._store, given = opened.spec, opened.batch, opened.given
        self.num_envs = self._store.num_envs
        self.batch_size = self.num_envs if batch_size is None else batch_size
        if not 1 <= self.batch_size <= self.num_envs:
            raise ValueError(f"batch_size={batch_size} must be from 1 to num_envs={self.num_envs}")
        if workers < 1:
            raise ValueError(f"workers={workers} must be at least 1")
        self.single_observation_space = array_space(opened.observation_space)
        self.single_action_space = opened.action_space
        self._in_flight = np.zeros(self.num_envs, np.bool_)
        self._work: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._ready: list[tuple[np.ndarray, ...]] = []  # results taken out of `_done`, and not yet returned
        self._sending, self._receiving = threading.Lock(), threading.Lock()
        self._fatal: str | None = None  # the text of an engine's fatal error, once it was raised
        self._infos = EngineInfos(self._store) if isinstance(self._store, EngineBatch) else None
        self._seeded = self._closed = False
        self._process = os.getpid()
        self._shared = _Shared(self._store, self._work, self._done)
        limit = self._store.max_episode_steps
        like = {"like": self._store} if isinstance(self._store, EngineBatch) else {}
        batches = [make(self.spec, self.batch_size, max_episode_steps=limit, **like) for _ in range(workers)]
        for batch in batches:
            # Parameters that differ between environments are copied with each environment's state.
            configure(
                batch, {name: value for name, value in given.items() if np.size(value) == 1}, {} if like else randomize
            )
            batch.reset()
        threads = [
            threading.Thread(target=self._shared.serve, args=(batch,), daemon=True, name=f"operant-pool-{k}")
            for k, batch in enumerate(batches)
        ]
        for thread in threads:
            thread.start()
        # The threads refer to the shared state, not the pool: dropping the pool ends them too.
        self._end = weakref.finalize(self, _end, self._work, threads, self._process)

    def async_reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begins an episode in every environment; `recv` returns the observations, with rewards 0 and flags False.

        Results that were not received yet are waited for and discarded.
        """
        self._check_open()
        overrides = reset_overrides(self._store, options or {})
        seed = None if seed is None else check_seed(seed)
        with self._receiving, self._sending:
            self._check_open()
            self._fetch(int(self._in_flight.sum()))  # results that were not received
            self._check_engine()
            self._ready = []
            self._in_flight[:] = False
            if seed is not None:
                self._store.seed(seed)
            elif not self._seeded:
                self._store.seed_from_entropy()
            self._seeded = True
            slot = self._store.reset(None, overrides)
            self._shared.finished[:] = False
            self._in_flight[:] = True
            all_ids = np.arange(self.num_envs)
            self._ready = [
                (all_ids, slot.observations, slot.rewards, slot.terminated, slot.truncated, *_terms(self._store))
            ]

    def send(self, actions: Any, env_ids: Any = None) -> None:
        """Queues one step of the environments `env_ids` (`[K]` int, all by default) with actions `[K]` or `[K, A]`.

        Raises:
            ValueError: an id out of range, given twice, or still stepping; an invalid action. Nothing was queued.
            EngineError: `recv` or `async_reset` has raised a fatal error of the engine.
        """
        self._check_open()
        self._check_engine()
        ids = sent_ids(env_ids, self.num_envs, self._seeded)
        checked = self._store.check_actions(actions, ids)
        with self._sending:
            busy = ids[self._in_flight[ids]]
            if len(busy):
                raise ValueError(f"env_id {busy[0]} is still stepping: recv() its result before the next send")
            self._in_flight[ids] = True
            for first in range(0, len(ids), self.batch_size):
                part = slice(first, first + self.batch_size)
                self._work.put((ids[part], checked[part]))

    def recv(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Waits for the next `batch_size` results: observations, rewards, terminated, truncated, `info["env_id"]`.

        The info of MuJoCo's tasks also has Gymnasium's, `[batch_size]` each; after a reset some of them are 0.

        Several threads may call it; each result goes to one of them.

        Raises:
            RuntimeError: fewer environments than `batch_size` are stepping, once other threads have received theirs.
            gymnasium.error.ClosedEnvironmentError: the pool is closed, before or during the call.
        """
        self._check_open()
        with self._receiving:
            self._check_open()
            if not self._in_flight.any():
                self._check_engine()
            check_stepping(int(self._in_flight.sum()), self.batch_size)
            self._fetch(self.batch_size)
            parts = self._ready
            joined = (
                parts[0] if len(parts) == 1 else tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))
            )
            more = len(joined[0]) > self.batch_size
            self._ready = [tuple(array[self.batch_size :] for array in joined)] if more else []
            ids, *results = (array[: self.batch_size] for array in joined)
            self._in_flight[ids] = False
        infos: dict[str, Any] = {"env_id": ids}
        if self._infos is not None:
            infos |= self._infos.of_rows(results.pop())
        observations, rewards, terminated, truncated = results
        return observations, rewards, terminated, truncated, infos

    def _fetch(self, count: int) -> None:
        """Waits until `_ready` has `count` results."""
        missing = count - sum(len(part[0]) for part in self._ready)
        while missing > 0:
            part, problem = self._done.get()
            if problem is not None:
                self._in_flight[part[0]] = False
                self._fatal = self._fatal or self._shared.fatal
                raise problem
            self._ready.append(part)
            missing -= len(part[0])

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedEnvironmentError(_CLOSED)
        if os.getpid() != self._process:
            raise RuntimeError(
                "this process was forked, and the pool's threads exist only in its parent: make a new pool here"
            )

    def _check_engine(self) -> None:
        if self._fatal is not None:
            raise EngineError(self._fatal)

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._closed

    def close(self) -> None:
        """Waits for the environments that are stepping and ends the threads; another thread's `recv` gets an error."""
        if not self._closed:
            self._closed = True
            # For the one thread that holds the receiving lock; the next ones see that the pool is closed.
            self._done.put(((_NOBODY,), ClosedEnvironmentError(_CLOSED)))
            self._end()
            self._store.close()

    def __enter__(self) -> AsyncEnvPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Shared(NotCopyable):
    """The state that the threads of a pool share."""

    instead = "make a new AsyncEnvPool"

    def __init__(self, store: Batch, work: queue.SimpleQueue[Any], done: queue.SimpleQueue[Any]):
        self.store = store
        self.work = work
        self.done = done
        self.finished = np.zeros(store.num_envs, np.bool_)  # episodes that wait for their reset
        self.fatal: str | None = None  # the text of a thread's fatal error of the engine

    def serve(self, batch: Batch) -> None:
        """Steps queued environments on this thread's own batch: copied in, stepped, copied back."""
        while (work := self.work.get()) is not _STOP:
            ids, actions = work
            try:
                self.done.put(((ids, *self.step(batch, ids, actions)), None))
            except BaseException as problem:  # recv raises it where the caller can see it
                if isinstance(batch, EngineBatch):
                    self.fatal = self.fatal or batch.fatal
                self.done.put(((ids,), problem))

    def step(self, batch: Batch, ids: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, ...]:
        count = len(ids)
        batch.copy_environments(None, self.store, ids, count)
        finished = np.zeros(batch.num_envs, np.bool_)
        finished[:count] = self.finished[ids]
        batch.set_finished(finished)
        padded = np.zeros((batch.num_envs, *actions.shape[1:]), actions.dtype)
        padded[:count] = actions
        observations, rewards, terminated, truncated, _ = batch.step(padded)
        self.store.copy_environments(ids, batch, None, count)
        self.finished[ids] = terminated[:count] | truncated[:count]
        return tuple(array[:count] for array in (observations, rewards, terminated, truncated, *_terms(batch)))


def _terms(batch: Batch) -> tuple[np.ndarray, ...]:
    """The terms that the last call reported beside its results, `[N, T]`, with an engine; else nothing."""
    return (batch.last_terms()[0].T,) if isinstance(batch, EngineBatch) else ()


def _end(work: queue.SimpleQueue[Any], threads: list[threading.Thread], process: int) -> None:
    """Ends a pool's threads; does nothing in a forked process, which has none."""
    if os.getpid() != process:
        return
    for _ in threads:
        work.put(_STOP)
    for thread in threads:
        if thread is not threading.current_thread():
            thread.join()
