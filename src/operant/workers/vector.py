"""VectorizedEnv: anybody's environments as a `gymnasium.vector.VectorEnv`, each worker with a slice of them."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.vector import VectorEnv
from gymnasium.vector.utils import batch_differing_spaces, batch_space, iterate

from operant.batch.outputs import choose_reuse
from operant.environments.sending import check_stepping, sent_ids
from operant.environments.vector_base import AutoresetMode
from operant.messages import NotCopyable, boolean, integer, is_number, unknown
from operant.workers import attributes
from operant.workers.arguments import conforming, reset_arguments, scatter
from operant.workers.block import check_fixed, store
from operant.workers.choice import choose_workers
from operant.workers.crew import Crew
from operant.workers.faults import NOTHING
from operant.workers.infos import Infos, entries
from operant.workers.inline import InlineCrew
from operant.workers.loop import APPLY, RESET, STEP, STEP_GIVEN
from operant.workers.plan import MakeEnv, Plan
from operant.workers.processes import ProcessCrew
from operant.workers.slots import Slots
from operant.workers.talk import Harmless, Talk
from operant.workers.threads import ThreadCrew

CONTEXTS = ("fork", "spawn", "forkserver", "thread")
SLOTS = 3  # the caller holds the last observations while it asks for the next, and the third is never handed out
LONGEST = 1e6  # seconds, eleven days: the system's waits take no number, so longer ones are for ever
GRACE = 5.0  # seconds in which environments may close
GRACE_AFTER_FAULT = 0.03  # seconds: the error shall not be late


class VectorizedEnv(NotCopyable, VectorEnv[Any, Any, Any]):
    """N environments, stepped by workers that share memory with the caller. See `operant.vectorize`.

    Results equal those of `gymnasium.vector.SyncVectorEnv`, with dtypes and infos. `step` is in lockstep; `send` and
    `recv` are those of `operant.AsyncEnvPool`.

    Attributes:
        workers: the number of workers; 0 if the environments are in this process and thread.
        batch_size: the number of results that `recv` returns.
    """

    instead = "its environments live in workers; make a new one"

    def __init__(
        self,
        functions: Sequence[MakeEnv],
        workers: int | str = "auto",
        *,
        batch_size: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        copy: bool = True,
        observation_mode: str | tuple[gymnasium.Space[Any], gymnasium.Space[Any]] = "same",
        context: str | None = None,
        timeout: float | None = None,
    ):
        self._process = os.getpid()
        functions = list(functions)
        n = self.num_envs = len(functions)
        if n == 0:
            raise ValueError("there are no environments: give at least one function")
        if context is not None and context not in CONTEXTS:
            raise ValueError(f"context={context!r} must be one of {', '.join(CONTEXTS)}, or None")
        if timeout is not None and not (is_number(timeout) and timeout > 0):
            raise ValueError(f"timeout={timeout!r} must be a positive number of seconds, or None to wait forever")
        if isinstance(workers, str) and workers != "auto":
            raise ValueError(f'workers={workers!r} must be an int or "auto"')
        if not isinstance(workers, str):
            workers = integer("workers", workers, 0)
            if workers > n:
                raise ValueError(f"workers={workers} are more than num_envs={n}: a worker steps at least one")
        self.batch_size = n if batch_size is None else integer("batch_size", batch_size, 1, n)
        modes = [mode.value for mode in AutoresetMode]
        if not isinstance(autoreset_mode, AutoresetMode) and autoreset_mode not in modes:
            raise ValueError(unknown("autoreset_mode", autoreset_mode, modes))
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.copy = copy = boolean("copy", copy)
        self.timeout = timeout

        first = functions[0]()
        if not hasattr(first, "reset"):
            raise TypeError(f"the first function made {first!r}, which is not an environment")
        try:
            self._read(first, observation_mode)
            if isinstance(workers, str):
                workers = choose_workers(functions[-1], n)
        except BaseException:
            first.close()
            raise
        different = observation_mode != "same"
        plan = Plan(
            n,
            max(workers, 1),
            self.single_observation_space,
            self.single_action_space,
            self.autoreset_mode.value,
            different,
            SLOTS if choose_reuse(copy) == "counted" else 1,
        )
        self.workers = workers
        self._rows = [plan.rows(w) for w in range(plan.workers)]
        self._sending, self._receiving = threading.Lock(), threading.Lock()
        self._begun = False
        self._guard = _Guard(weakref.ref(self))
        if workers == 0:
            self._crew: Crew = InlineCrew(plan, [lambda: first, *functions[1:]])
        else:
            first.close()
            self._crew = ThreadCrew(plan, functions) if context == "thread" else ProcessCrew(plan, functions, context)
            self._end = weakref.finalize(self, self._crew.end, GRACE)
        self._talk = Talk(self._crew, self._rows, None if timeout is None or timeout > LONGEST else float(timeout))
        if workers:
            with self._guard:
                self._talk.answers(final=True)
        self._block = self._crew.block
        self._slots = Slots(self._block.slots, copy)
        if observation_mode == "different":
            self.observation_space = batch_differing_spaces(list(self.get_attr("observation_space")))

    def _read(self, env: gymnasium.Env[Any, Any], observation_mode: Any) -> None:
        """Takes over the attributes of one of the environments."""
        self.metadata = {**env.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = env.render_mode
        self.single_action_space = env.action_space
        self.single_observation_space = env.observation_space
        if isinstance(observation_mode, tuple) and len(observation_mode) == 2:
            if not all(isinstance(space, gymnasium.Space) for space in observation_mode):
                raise TypeError(f"observation_mode={observation_mode!r} must have two spaces: batched, and single")
            self.observation_space, self.single_observation_space = observation_mode
        elif observation_mode not in ("same", "different"):
            raise ValueError(
                f'observation_mode={observation_mode!r} must be "same", "different", or two spaces: batched, and single'
            )
        check_fixed("observation", self.single_observation_space)
        check_fixed("action", self.single_action_space)
        if not isinstance(observation_mode, tuple):
            self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begins an episode in every environment, or in those of the mask `options["reset_mask"]`, `[N]` bool.

        An int is the seed of the first environment, and the next ones count up from it.
        """
        self._check_open()
        with self._receiving, self._sending:
            messages = self._reset(reset_arguments(seed, options, self.num_envs), self._slots.free())
        return self._observations(), self._merged(messages)

    def reset_apart(self, arguments: Sequence[dict[str, Any] | None]) -> tuple[Any, list[dict[str, Any]]]:
        """Calls `reset` of each environment with its own arguments; None leaves it alone.

        Returns observations `[N, ...]`, and the info of each environment, `{}` for those left alone.
        """
        self._check_open()
        if len(arguments) != self.num_envs:
            raise ValueError(f"{len(arguments)} arguments were given for num_envs={self.num_envs}: give one for each")
        with self._receiving, self._sending:
            messages = self._reset(arguments, self._slots.free())
        return self._observations(), self._apart(messages)[0]

    def _reset(self, arguments: Sequence[dict[str, Any] | None], slot: int) -> list[Any]:
        """Resets and returns the workers' messages; if all begin, results that were not received are discarded.

        Observations are written to the slot of this index.
        """
        everywhere = None not in arguments
        if not everywhere:
            for row in sorted(self._talk.stepping):
                if arguments[row] is not None:
                    raise ValueError(f"environment {row} is still stepping: recv() its result before its reset")
        else:
            with self._guard:
                self._talk.discard()
        self._block.slot[0] = slot
        messages = self._ask(RESET, [arguments[rows] for rows in self._rows])
        if everywhere:
            self._begun = True
        return messages

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Steps every environment: observations, rewards `[N]` float64, terminated and truncated `[N]`, and infos.

        Raises:
            The exception of an environment, with the traceback in its worker as the cause; then all workers end.
            WorkerDied: a worker process ended by itself.
            TimeoutError: there was no answer within `timeout` seconds.
        """
        messages = self._step(actions)
        return (*self._results(), self._merged(messages))

    def step_apart(
        self, actions: Any
    ) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]], dict[int, dict[str, Any]]]:
        """Steps as `step` does, and returns the infos of the environments as they are, without merging them.

        The last two of the results are the info of each environment, `{}` where there was none, and in mode SAME_STEP a
        dict with the `final_obs` and `final_info` of those whose episode ended.
        """
        messages = self._step(actions)
        return (*self._results(), *self._apart(messages))

    def _step(self, actions: Any) -> list[Any]:
        """Steps every environment, and returns the workers' messages."""
        self._check_open()
        if not self._begun:
            raise ResetNeeded("step before reset: call reset first, there is no episode to step")
        if self._talk.stepping:
            raise RuntimeError(f"{len(self._talk.stepping)} environments were sent actions: recv() them before step")
        block = self._block
        if self.autoreset_mode == AutoresetMode.DISABLED:
            self._check_not_ended(np.arange(self.num_envs))
        block.slot[0] = self._slots.free()
        if store(actions, block.actions):
            return self._ask(STEP, final=True)
        items = list(iterate(self.action_space, actions))
        if len(items) != self.num_envs:
            raise ValueError(f"{len(items)} actions were given for num_envs={self.num_envs}: give one for each")
        return self._ask(STEP_GIVEN, [items[rows] for rows in self._rows], final=True)

    def _results(self) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
        block = self._block
        return self._observations(), block.rewards.copy(), block.terminated.copy(), block.truncated.copy()

    def _observations(self) -> Any:
        return self._slots.take(int(self._block.slot[0]))

    def _merged(self, messages: list[Any]) -> dict[str, Any]:
        """The vector environment's infos."""
        infos = None
        for message in messages:
            if message is not NOTHING:
                infos = infos or Infos(self.num_envs)
                infos.add_message(message)
        return {} if infos is None else infos.merged

    def _apart(self, messages: list[Any]) -> tuple[list[dict[str, Any]], dict[int, dict[str, Any]]]:
        """Each environment's info, and the last observations and infos of those whose episode ended."""
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        finals: dict[int, dict[str, Any]] = {}
        for message in messages:
            if message is not NOTHING:
                if self._crew.shares_objects:  # which the environment may change
                    message = deepcopy(message)
                finals.update(message[0])
                for row, info in entries(message):
                    infos[row] = info
        return infos, finals

    def async_reset(
        self, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> None:
        """Begins episodes as `reset` does; `recv` returns the observations, with rewards 0 and flags False.

        Results that were not received yet are waited for and discarded. With a mask `options["reset_mask"]` only its
        environments begin, none of which may be stepping, and nothing is discarded.
        """
        self._check_open()
        with self._receiving, self._sending:
            self._check_open()
            arguments = reset_arguments(seed, options, self.num_envs)
            messages = self._reset(arguments, self._slots.last)
            infos: dict[int, list[dict[str, Any]]] = {}
            for message in messages:
                if message is not NOTHING:
                    infos.update((row, [info]) for row, info in entries(message))
            self._talk.add([row for row, own in enumerate(arguments) if own is not None], infos)

    def send(self, actions: Any, env_ids: Any = None) -> None:
        """Begins one step of the environments `env_ids` (`[K]` int, all by default) with actions `[K, ...]`.

        Actions are stored with the dtype of the action space.

        Raises:
            ValueError: an id out of range, given twice, or still stepping; actions of another shape or kind; in
                DISABLED mode an environment whose episode ended. Nothing was sent.
        """
        self._check_open()
        ids = sent_ids(env_ids, self.num_envs, self._begun)
        rows = ids.tolist()
        with self._sending:
            busy = self._talk.stepping.intersection(rows)
            if busy:
                raise ValueError(f"env_id {min(busy)} is still stepping: recv() its result before the next send")
            if self.autoreset_mode == AutoresetMode.DISABLED:
                self._check_not_ended(ids)
            scatter(conforming("actions", actions, self._block.actions, len(rows)), self._block.actions, ids)
            with self._guard:
                self._talk.begin(rows)

    def recv(self) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Waits for the next `batch_size` results, those that finish first: `[batch_size, ...]`, `info["env_id"]`.

        Raises:
            RuntimeError: fewer environments than `batch_size` are stepping.
            As `step`.
        """
        self._check_open()
        with self._receiving:
            self._check_open()
            check_stepping(len(self._talk.stepping), self.batch_size)
            with self._guard:
                rows, parts = self._talk.receive(self.batch_size)
            ids = np.array(rows, np.int64)
            block = self._block
            merged: dict[str, Any] = {}
            if any(parts):
                infos = Infos(self.batch_size)
                for k, own in enumerate(parts):
                    for info in own:
                        infos.add(k, info)
                merged = infos.merged
            results = (
                self._slots.rows(ids),
                block.rewards[ids],
                block.terminated[ids],
                block.truncated[ids],
                {**merged, "env_id": ids},
            )
            self._talk.stepping.difference_update(rows)
        return results

    def render(self) -> tuple[Any, ...]:
        """The frames that the environments draw."""
        return self.call("render")

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Calls a method of every environment, or reads an attribute; what it raises does not end the workers."""
        return tuple(self.apply(attributes.call_or_read, [(name, args, kwargs)] * self.num_envs))

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Reads an attribute of every environment."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Sets an attribute of every environment: a list or tuple has one value for each."""
        if not isinstance(values, list | tuple):
            values = [values] * self.num_envs
        if len(values) != self.num_envs:
            raise ValueError(f"{len(values)} values were given for num_envs={self.num_envs}: give one for each")
        self.apply(attributes.write, [(name, value) for value in values])

    def apply(
        self, function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]], rows: Sequence[int] | None = None
    ) -> list[Any]:
        """Calls `function(env, *own)` for the environments `rows`, all by default, in the process where each lives.

        Args:
            function: can be pickled, for worker processes.
            arguments: the `own` of each row.
            rows: from 0 to N - 1, in any order.

        Returns what the function returned for each row. What it raises does not end the workers.
        """
        self._check_open()
        parts: list[list[tuple[int, tuple[Any, ...]]]] = [[] for _ in self._rows]
        places: list[list[int]] = [[] for _ in self._rows]
        for place, (row, own) in enumerate(zip(range(self.num_envs) if rows is None else rows, arguments, strict=True)):
            worker = self._talk.owner[row]
            parts[worker].append((row - self._rows[worker].start, own))
            places[worker].append(place)
        with self._receiving, self._sending:
            answers = self._ask(APPLY, [(function, part) for part in parts])
        results: list[Any] = [None] * sum(map(len, parts))
        for where, values in zip(places, answers, strict=True):
            for place, value in zip(where, values, strict=True):
                results[place] = value
        return results

    @property  # type: ignore[misc]  # as SyncVectorEnv's
    def np_random(self) -> Any:
        """Copies of the environments' random generators."""
        return self.get_attr("np_random")

    @property
    def np_random_seed(self) -> Any:
        """The environments' seeds."""
        return self.get_attr("np_random_seed")

    def close_extras(self, timeout: float | None = None, terminate: bool = False) -> None:
        """Closes the environments and ends the workers, by force after `timeout` seconds, 5 by default.

        Raises:
            What an environment raised when it was closed; all workers have ended then.
        """
        if timeout is not None and not (is_number(timeout) and timeout >= 0):
            raise ValueError(f"timeout={timeout!r} must be a number of seconds from 0 on, or None for {GRACE:g}")
        if self.closed or os.getpid() != self._process or not hasattr(self, "_talk"):  # the constructor may have failed
            return
        until = time.monotonic() + (0.0 if terminate else GRACE if timeout is None else float(min(timeout, LONGEST)))
        problem = None
        hears = self._receiving.acquire(blocking=False)  # else another thread does, and the workers are only ended
        try:
            if self.workers and hears:
                problem = self._talk.close(max(until - time.monotonic(), 0.0))
        finally:
            self._finish(max(until - time.monotonic(), 0.0))
            if hears:
                self._receiving.release()
        if problem is not None:
            problem.throw()

    def __enter__(self) -> VectorizedEnv:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, command: int, messages: Sequence[Any] = (), final: bool = False) -> list[Any]:
        with self._guard:
            return self._talk.ask(command, messages, final)

    def _finish(self, grace: float) -> None:
        if not self.closed:
            self.closed = True
            if self.workers:
                self._end.detach()
            self._crew.end(grace)

    # Checks.

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedEnvironmentError("the environments are closed: make new ones")
        if os.getpid() != self._process:
            raise RuntimeError("this process was forked, and the workers are its parent's: make new environments here")

    def _check_not_ended(self, rows: np.ndarray) -> None:
        ended = rows[self._block.terminated[rows] | self._block.truncated[rows]]
        if len(ended):
            raise AssertionError(
                f"the episode of environment {ended[0]} ended, and autoreset_mode is DISABLED: "
                'reset it with options={"reset_mask": mask}'
            )


class _Guard:
    """Ends the workers if talking to them fails or is interrupted, because nobody knows then what they do.

    In this process and thread nothing is unknown, unless environments were sent actions.
    """

    def __init__(self, envs: weakref.ref[VectorizedEnv]):
        self._envs = envs

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, Harmless):
            problem.problem.throw()
        envs = self._envs()
        if problem is not None and envs is not None and (envs.workers or envs._talk.stepping):
            envs._finish(GRACE_AFTER_FAULT)
