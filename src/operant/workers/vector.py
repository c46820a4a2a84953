"""VectorizedEnv: anybody's environments as a `gymnasium.vector.VectorEnv`, each worker with a slice of them."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
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
from operant.messages import NotCopyable, integer
from operant.workers import attributes
from operant.workers.block import check_fixed, store
from operant.workers.choice import choose_workers
from operant.workers.crew import Crew
from operant.workers.faults import NOTHING, Failure, hangs
from operant.workers.infos import Infos, entries
from operant.workers.inline import InlineCrew
from operant.workers.loop import APPLY, DONE, FAILED, MESSAGE, RESET, STEP, STEP_GIVEN
from operant.workers.plan import MakeEnv, Plan
from operant.workers.processes import ProcessCrew
from operant.workers.slots import Slots
from operant.workers.threads import ThreadCrew

CONTEXTS = ("fork", "spawn", "forkserver", "thread")
SLOTS = 3  # the caller holds the last observations while it asks for the next, and the third is never handed out
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
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout={timeout} must be a positive number of seconds, or None to wait forever")
        if isinstance(workers, str) and workers != "auto":
            raise ValueError(f'workers={workers!r} must be an int or "auto"')
        if not isinstance(workers, str):
            workers = integer("workers", workers, 0)
            if workers > n:
                raise ValueError(f"workers={workers} are more than num_envs={n}: a worker steps at least one")
        self.batch_size = n if batch_size is None else integer("batch_size", batch_size, 1, n)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.copy = copy
        self.timeout = timeout

        first = functions[0]()
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
        self._owner = np.repeat(np.arange(plan.workers), [rows.stop - rows.start for rows in self._rows])
        self._in_flight = np.zeros(n, np.bool_)
        self._background = False  # True once actions were sent, or a reset began in the background
        self._arrived: deque[int] = deque()  # results that came and were not returned yet
        self._parts: dict[int, list[dict[str, Any]]] = {}  # their infos
        self._coming: list[deque[list[dict[str, Any]]]] = [deque() for _ in self._rows]
        self._sending, self._receiving = threading.Lock(), threading.Lock()
        self._begun = False
        self._guard = _Guard(weakref.ref(self))
        if workers == 0:
            self._crew: Crew = InlineCrew(plan, [lambda: first, *functions[1:]])
        else:
            first.close()
            self._crew = ThreadCrew(plan, functions) if context == "thread" else ProcessCrew(plan, functions, context)
            self._end = weakref.finalize(self, self._crew.end, GRACE)
            with self._guard:
                self._wait(None)
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
            messages = self._reset(self._reset_arguments(seed, options), self._slots.free())
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

    def _reset_arguments(self, seed: Any, options: dict[str, Any] | None) -> list[dict[str, Any] | None]:
        """Returns the arguments of each environment's reset, None for those outside the mask."""
        n = self.num_envs
        if seed is None:
            seeds: Sequence[int | None] = [None] * n
        elif isinstance(seed, int | np.integer):
            seeds = [int(seed) + k for k in range(n)]
        else:
            seeds = list(seed)
            if len(seeds) != n:
                raise ValueError(f"{len(seeds)} seeds were given for num_envs={n} environments: give one for each")
        mask = np.ones(n, np.bool_)
        if options is not None and "reset_mask" in options:
            mask = _check_mask(options["reset_mask"], n)
            options = {name: value for name, value in options.items() if name != "reset_mask"}
        return [{"seed": seeds[k], "options": options} if chosen else None for k, chosen in enumerate(mask.tolist())]

    def _reset(self, arguments: Sequence[dict[str, Any] | None], slot: int) -> list[Any]:
        """Resets and returns the workers' messages; if all begin, results that were not received are discarded.

        Observations are written to the slot of this index.
        """
        everywhere = None not in arguments
        if not everywhere:
            for row in np.flatnonzero(self._in_flight).tolist():
                if arguments[row] is not None:
                    raise ValueError(f"environment {row} is still stepping: recv() its result before its reset")
        else:
            with self._guard:
                while self._in_flight.sum() > len(self._arrived):
                    self._hear(self._deadline())
            self._in_flight[:] = False
            self._arrived.clear()
            self._parts.clear()
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
        if self._background and self._in_flight.any():
            raise RuntimeError(f"{self._in_flight.sum()} environments were sent actions: recv() them before step")
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
            arguments = self._reset_arguments(seed, options)
            messages = self._reset(arguments, self._slots.last)
            rows = [row for row, own in enumerate(arguments) if own is not None]
            self._background = True
            self._in_flight[rows] = True
            self._arrived.extend(rows)
            for message in messages:
                if message is not NOTHING:
                    self._parts.update((row, [info]) for row, info in entries(message))

    def send(self, actions: Any, env_ids: Any = None) -> None:
        """Begins one step of the environments `env_ids` (`[K]` int, all by default) with actions `[K, ...]`.

        Actions are stored with the dtype of the action space.

        Raises:
            ValueError: an id out of range, given twice, or still stepping; actions of another shape or kind; in
                DISABLED mode an environment whose episode ended. Nothing was sent.
        """
        self._check_open()
        ids = sent_ids(env_ids, self.num_envs, self._begun)
        with self._sending:
            busy = ids[self._in_flight[ids]]
            if len(busy):
                raise ValueError(f"env_id {busy[0]} is still stepping: recv() its result before the next send")
            if self.autoreset_mode == AutoresetMode.DISABLED:
                self._check_not_ended(ids)
            _scatter(_conforming("actions", actions, self._block.actions, len(ids)), self._block.actions, ids)
            self._background = True
            self._in_flight[ids] = True
            with self._guard:
                for w, rows in enumerate(self._rows):
                    chosen = ids[self._owner[ids] == w] - rows.start
                    if len(chosen):
                        self._crew.command(w, chosen.tolist())

    def recv(self) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Waits for the next `batch_size` results, those that finish first: `[batch_size, ...]`, `info["env_id"]`.

        Raises:
            RuntimeError: fewer environments than `batch_size` are stepping.
            As `step`.
        """
        self._check_open()
        with self._receiving:
            self._check_open()
            check_stepping(int(self._in_flight.sum()), self.batch_size)
            deadline = self._deadline()
            with self._guard:
                while len(self._arrived) < self.batch_size:
                    self._hear(deadline)
            rows = [self._arrived.popleft() for _ in range(self.batch_size)]
            ids = np.array(rows, np.int64)
            block = self._block
            infos = Infos(self.batch_size)
            for k, row in enumerate(rows):
                for info in self._parts.pop(row, ()):
                    infos.add(k, info)
            results = (
                self._slots.rows(ids),
                block.rewards[ids],
                block.terminated[ids],
                block.truncated[ids],
                {**infos.merged, "env_id": ids},
            )
            self._in_flight[ids] = False
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
            worker = int(self._owner[row])
            parts[worker].append((row - self._rows[worker].start, own))
            places[worker].append(place)
        with self._receiving:
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
        """Closes the environments and ends the workers, by force after `timeout` seconds, 5 by default."""
        if os.getpid() == self._process and hasattr(self, "_crew"):  # the constructor may have failed
            self._finish(0.0 if terminate else GRACE if timeout is None else timeout)

    def __enter__(self) -> VectorizedEnv:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Talking to workers.

    def _ask(self, command: int, messages: Sequence[Any] = (), final: bool = False) -> list[Any]:
        """Gives every worker a command, and its own message; returns their messages, NOTHING where there was none.

        An exception in a worker is raised; all workers end if `final`, at once.
        """
        with self._guard:
            self._crew.command_all(command)
            for w, message in enumerate(messages):
                self._crew.post(w, message)
            return self._wait(self._deadline(), final)

    def _wait(self, deadline: float | None, final: bool = True) -> list[Any]:
        """Waits for every worker's answer to a command."""
        answers: list[Any] = [NOTHING] * len(self._rows)
        pending = set(range(len(self._rows)))
        problem: Failure | None = None
        while pending:
            for word in self._hear(deadline, pending):
                w = word & ~(MESSAGE | FAILED | DONE)
                pending.discard(w)
                if word & MESSAGE:
                    answers[w] = self._crew.collect(w, word)
                if word & FAILED:
                    problem = problem or answers[w]
                    if final:
                        self._finish(GRACE_AFTER_FAULT)
                        answers[w].throw()
        if problem:
            raise _Harmless(problem)
        return answers

    def _hear(self, deadline: float | None, pending: set[int] | None = None) -> list[int]:
        """Waits for answers. Notes environments that finished; returns the words that answer a command.

        `pending` are the workers that are waited for; by default those of environments that are stepping.
        """
        words = self._crew.listen(None if deadline is None else deadline - time.monotonic())
        if not words:
            late = self._stepping() if pending is None else sorted(pending)
            raise hangs(self._crew.traces(late), self.timeout or 0.0)
        others = []
        for word in words:
            if not word & (DONE | FAILED):
                self._note(word)
            elif word & FAILED and self._in_flight.any():
                self._crew.collect(word & ~(MESSAGE | FAILED), word).throw()
            else:
                others.append(word)
        return others

    def _note(self, word: int) -> None:
        """Notes an environment whose step is finished."""
        row = word & ~MESSAGE
        self._arrived.append(row)
        if word & MESSAGE:
            owner = int(self._owner[row])
            if not self._coming[owner]:  # one message has the infos of environments that were announced together
                self._coming[owner].extend(self._crew.collect(owner, word))
            self._parts[row] = self._coming[owner].popleft()

    def _finish(self, grace: float) -> None:
        if not self.closed:
            self.closed = True
            if self.workers:
                self._end.detach()
            self._crew.end(grace)

    def _deadline(self) -> float | None:
        return None if self.timeout is None else time.monotonic() + self.timeout

    def _stepping(self) -> list[int]:
        """The workers of environments that are stepping."""
        stepping = self._in_flight.copy()
        stepping[list(self._arrived)] = False
        workers: list[int] = np.unique(self._owner[stepping]).tolist()
        return workers

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


class _Harmless(Exception):
    """Carries an exception of an environment, after which all workers still do what is expected of them."""

    def __init__(self, problem: Failure):
        self.problem = problem


class _Guard:
    """Ends the workers if talking to them fails or is interrupted, because nobody knows then what they do.

    In this process and thread nothing is unknown, unless environments were sent actions.
    """

    def __init__(self, envs: weakref.ref[VectorizedEnv]):
        self._envs = envs

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, _Harmless):
            problem.problem.throw()
        envs = self._envs()
        if problem is not None and envs is not None and (envs.workers or envs._in_flight.any()):
            envs._finish(GRACE_AFTER_FAULT)


def _check_mask(mask: Any, num_envs: int) -> np.ndarray:
    if not isinstance(mask, np.ndarray):
        raise TypeError(f"options['reset_mask'] must be a numpy array, not {type(mask).__name__}")
    if mask.shape != (num_envs,):
        raise ValueError(f"options['reset_mask'] must have the shape ({num_envs},), not {mask.shape}")
    if mask.dtype != np.bool_:
        raise TypeError(f"options['reset_mask'] must be bool, not {mask.dtype}")
    if not mask.any():
        raise ValueError("options['reset_mask'] has no True: it must choose at least one environment")
    return mask


def _conforming(name: str, actions: Any, target: Any, count: int) -> Any:
    """Actions as arrays of the structure of `target` with `count` rows; raises ValueError where they do not fit."""
    if isinstance(target, dict):
        if not isinstance(actions, dict) or actions.keys() != target.keys():
            raise ValueError(f"{name} must be a dict with the keys {', '.join(map(repr, target))}")
        return {key: _conforming(f"{name}[{key!r}]", actions[key], part, count) for key, part in target.items()}
    if isinstance(target, tuple):
        if not isinstance(actions, tuple) or len(actions) != len(target):
            raise ValueError(f"{name} must be a tuple of {len(target)}")
        pairs = zip(actions, target, strict=True)
        return tuple(_conforming(f"{name}[{k}]", each, part, count) for k, (each, part) in enumerate(pairs))
    array = np.asarray(actions)
    if array.shape != (count, *target.shape[1:]):
        raise ValueError(f"{name} must have the shape {(count, *target.shape[1:])}, not {array.shape}")
    if not np.can_cast(array.dtype, target.dtype, "same_kind"):
        raise ValueError(f"{name} must be {target.dtype}, not {array.dtype}")
    return array


def _scatter(values: Any, target: Any, rows: np.ndarray) -> None:
    """Writes rows of arrays in dicts and tuples."""
    if isinstance(target, dict):
        for key, part in target.items():
            _scatter(values[key], part, rows)
    elif isinstance(target, tuple):
        for each, part in zip(values, target, strict=True):
            _scatter(each, part, rows)
    else:
        target[rows] = values
