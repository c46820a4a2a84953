"""ProcessCrew: workers in processes, which share the block with their caller.

Words travel in pipes: one to each worker, and one from all of them together, so that the caller waits for one file
descriptor. Messages are pickled and travel in a socket of each worker, short answers in the block. A worker writes the
traceback of a crash into a third pipe, and on SIGUSR1 that of this moment.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import multiprocessing
import os
import pickle
import select
import signal
import sys
import threading
import time
import warnings
from array import array
from collections.abc import Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle
from gymnasium.vector.utils import clear_mpi_env_vars

from operant.messages import NotCopyable
from operant.workers.block import INSTEAD, NOTE, Block
from operant.workers.faults import NOTHING, WorkerDied, died, failure
from operant.workers.interrupts import interrupts_held, take_interrupts
from operant.workers.loop import DONE, END, FAILED, report, serve
from operant.workers.plan import MakeEnv, Plan

LOOK = 1000  # milliseconds after which a worker that waits looks whether its caller lives
SHOWN = 0.05  # seconds in which processes that hang begin to write their tracebacks
WRITTEN = 0.005  # and in which they finish
PR_SET_PDEATHSIG = 1


# A worker's ends: of its commands, of everybody's answers, of its messages, and of its traceback.
_Ends = tuple[Connection, Connection, Connection, Connection]


class ProcessCrew(NotCopyable):
    """Workers in daemon processes.

    Raises:
        TypeError: functions that cannot be pickled, where the context needs it.
        WorkerDied: a worker ended while it made its environments.
    """

    instead = INSTEAD
    shares_objects = False

    def __init__(self, plan: Plan, functions: Sequence[MakeEnv], context: str | None):
        if not hasattr(select, "poll"):
            raise NotImplementedError("worker processes need POSIX: use workers=0, or context='thread'")
        start: Any = multiprocessing.get_context(context)
        forks = start.get_start_method() == "fork"
        if forks:
            _warn_of_fork()
        memory = start.RawArray(ctypes.c_byte, plan.size)
        self.block = plan.block(memory)
        self._owner = os.getpid()
        self._processes: list[Any] = []
        self._sentinels: dict[int, int] = {}
        self._commands: list[Connection] = []
        self._messages: list[Connection] = []
        self._traces: list[Connection] = []
        self._answers, answers = start.Pipe(duplex=False)
        caller = None if start.get_start_method() == "forkserver" else self._owner
        # A worker dies with the thread that forked it, so only the main thread asks for that.
        linked = threading.current_thread() is threading.main_thread()
        try:
            with clear_mpi_env_vars():
                for w in range(plan.workers):
                    chosen = list(functions[plan.rows(w)])
                    given: Any = chosen if forks else _pickled(chosen, plan.rows(w).start, start.get_start_method())
                    read, write = start.Pipe(duplex=False)
                    ours, theirs = start.Pipe()
                    shown, trace = start.Pipe(duplex=False)
                    os.set_blocking(trace.fileno(), False)
                    held = [self._answers, *self._commands, *self._messages, *self._traces, write, ours, shown]
                    ends = read, answers, theirs, trace
                    process = start.Process(
                        target=_run,
                        args=(plan, w, given, memory, ends, held if forks else [], caller, linked),
                        daemon=True,
                        name=f"operant-worker-{w}",
                    )
                    self._processes.append(process)
                    self._commands.append(write)
                    self._messages.append(ours)
                    self._traces.append(shown)
                    try:
                        with interrupts_held():
                            process.start()
                    finally:
                        for end in (read, theirs, trace):
                            end.close()
            answers.close()
        except BaseException:
            self.end(0.0)
            raise
        self._poll = select.poll()
        self._poll.register(self._answers.fileno(), select.POLLIN)
        for w, process in enumerate(self._processes):
            self._sentinels[_sentinel(process)] = w
        for sentinel in self._sentinels:
            self._poll.register(sentinel, select.POLLIN)
        self._read = self._answers.fileno()
        self._write = [end.fileno() for end in self._commands]

    def command(self, worker: int, words: Sequence[int]) -> None:
        try:
            _write_words(self._write[worker], words)
        except BrokenPipeError:
            raise self._died(worker) from None

    def command_all(self, word: int, order: Sequence[int]) -> None:
        data = word.to_bytes(4, sys.byteorder)
        for worker in order:
            try:
                os.write(self._write[worker], data)
            except BrokenPipeError:
                raise self._died(worker) from None

    def post(self, worker: int, message: Any) -> None:
        try:
            self._messages[worker].send_bytes(_dumps(message))
        except ConnectionError:
            raise self._died(worker) from None

    def listen(self, seconds: float | None) -> array[int]:
        events = self._poll.poll(None if seconds is None else max(seconds, 0.0) * 1000)
        if not events:
            return array("I")
        ready = {descriptor for descriptor, _ in events}
        if self._read in ready and (words := _read_words(self._read)):
            return words
        # Without any worker left, the pipe ends before the sentinels say so.
        ended: Any = ready & self._sentinels.keys() or connection.wait(list(self._sentinels), 1.0)
        raise self._died(self._sentinels[min(ended)] if ended else 0)

    def collect(self, worker: int, word: int) -> Any:
        if word & (DONE | FAILED) and (length := int(self.block.lengths[worker])):
            self.block.lengths[worker] = 0
            return pickle.loads(self.block.notes[worker, :length].data)
        try:
            return pickle.loads(self._messages[worker].recv_bytes())
        except (EOFError, ConnectionError):
            raise self._died(worker) from None

    def _died(self, worker: int) -> WorkerDied:
        process = self._processes[worker]
        if process.exitcode is None:
            process.join(1.0)
        return died(_name(worker, process), int(self.block.current[worker]), process.exitcode, self._trace(worker))

    def _trace(self, worker: int) -> str:
        trace = self._traces[worker]
        text = b""
        with contextlib.suppress(OSError):
            while trace.poll() and (part := os.read(trace.fileno(), 65536)):
                text += part
        return text.decode(errors="replace")

    def traces(self, workers: Sequence[int]) -> list[tuple[str, int, str]]:
        for w in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._processes[w].pid, signal.SIGUSR1)
        until = time.monotonic() + SHOWN
        for w in workers:
            self._traces[w].poll(max(until - time.monotonic(), 0.0))
        time.sleep(WRITTEN)
        return [(_name(w, self._processes[w]), int(self.block.current[w]), self._trace(w)) for w in workers]

    def end(self, grace: float) -> None:
        if os.getpid() != self._owner:  # a forked copy: the workers are the parent's
            return
        started = [process for process in self._processes if process.pid is not None]
        for end in self._commands:
            with contextlib.suppress(OSError):
                _write_words(end.fileno(), (END,))
        until = time.monotonic() + grace
        running = list(self._sentinels)
        while running and (left := until - time.monotonic()) > 0:
            ended = connection.wait(running, left)
            running = [sentinel for sentinel in running if sentinel not in ended]
        for process in started:
            if process.exitcode is None:
                process.kill()
        for process in started:
            process.join()
        for sentinel in self._sentinels.keys() - {process.sentinel for process in started}:
            os.close(sentinel)
        for process in started:
            process.close()
        for each in (self._answers, *self._commands, *self._messages, *self._traces):
            each.close()


def _sentinel(process: Any) -> int:
    """A file descriptor that is ready once the process has ended.

    That of `multiprocessing` also waits for those that it forked. Linux before 5.3, and macOS, have no other.
    """
    with contextlib.suppress(AttributeError, OSError):
        return os.pidfd_open(process.pid)
    return int(process.sentinel)


def _name(worker: int, process: Any) -> str:
    return f"worker {worker} (process {process.pid})"


def _write_words(descriptor: int, words: Sequence[int]) -> None:
    data = array("I", words).tobytes()
    while (written := os.write(descriptor, data)) < len(data):
        data = data[written:]


def _read_words(descriptor: int) -> array[int]:
    data = os.read(descriptor, 65536)
    while len(data) % 4:
        data += os.read(descriptor, 4 - len(data) % 4)
    return array("I", data)


def _dumps(message: Any) -> bytes:
    try:
        return pickle.dumps(message, 5)
    except (pickle.PicklingError, AttributeError, TypeError):
        return cloudpickle.dumps(message)  # type: ignore[no-any-return]  # functions and classes of __main__


def _pickled(functions: list[MakeEnv], first: int, context: str) -> bytes:
    """Pickles functions for a process that shares no memory with this one."""
    for row, function in enumerate(functions, first):
        try:
            cloudpickle.dumps(function)
        except Exception as problem:
            raise TypeError(
                f"the function of environment {row} cannot be pickled, as context={context!r} needs ({problem}): make "
                'what it holds inside the function, or use context="fork"'
            ) from problem
    return cloudpickle.dumps(functions)  # type: ignore[no-any-return]


def _warn_of_fork() -> None:
    """Warns of threads and of CUDA, which a forked process cannot use."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        warnings.warn(
            'CUDA is in use, and a forked process cannot use it: give context="spawn" or "forkserver"', stacklevel=5
        )
    elif threading.active_count() > 1:
        warnings.warn(
            f"{threading.active_count() - 1} other threads are running, and a forked process may wait forever for a "
            'lock that one of them holds: give context="spawn" or "forkserver"',
            stacklevel=5,
        )


class _PipeChannel(NotCopyable):
    """A worker's end of its pipes. `dies`: the system ends it with its caller."""

    instead = INSTEAD

    def __init__(self, index: int, block: Block, ends: _Ends, dies: bool):
        self._index = index
        self._block = block
        self._note = memoryview(block.notes[index])
        self._ends = ends  # open as long as this is
        self._read, self._write = ends[0].fileno(), ends[1].fileno()
        self._messages = ends[2]
        self._dies = dies
        self._parent = os.getppid()
        self._poll = select.poll()
        self._poll.register(self._read, select.POLLIN)

    def receive(self) -> array[int]:
        # The pipe may outlive the caller: other processes that it forked inherited it.
        while not self._dies and not self._poll.poll(LOOK):
            if os.getppid() != self._parent:
                os._exit(1)
        return _read_words(self._read)

    def fetch(self) -> Any:
        return pickle.loads(self._messages.recv_bytes())

    def answer(self, words: list[int], message: Any = NOTHING) -> None:
        if message is NOTHING:
            _write_words(self._write, words)
            return
        data = _dumps(message)
        if words[0] & (DONE | FAILED) and len(data) <= NOTE:
            # There before the caller wakes, and one at a time, because the caller reads it before the next command.
            self._note[: len(data)] = data
            self._block.lengths[self._index] = len(data)
            _write_words(self._write, words)
        else:
            _write_words(self._write, words)
            self._messages.send_bytes(data)


def _run(
    plan: Plan,
    index: int,
    given: Any,
    memory: Any,
    ends: _Ends,
    held: list[Connection],
    caller: int | None,
    linked: bool,
) -> None:
    """A worker process. `held` are the ends of its caller that it inherited; `caller` is its parent, if known."""
    for end in held:
        end.close()
    multiprocessing.current_process().daemon = False  # so that environments may start processes
    _let_fork_server_end()
    dies = linked and sys.platform == "linux"
    if dies:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Ctrl-C reaches every process of the terminal, and the caller ends the workers. Programs that environments start
    # inherit an ignored signal, but not a handler.
    signal.signal(signal.SIGINT, _do_nothing)
    take_interrupts()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    trace = ends[3].fileno()
    faulthandler.enable(trace, all_threads=False)
    faulthandler.register(signal.SIGUSR1, trace, all_threads=False)
    if caller not in (None, os.getppid()):  # it died before this one asked to die with it
        os._exit(1)
    block = plan.block(memory)
    channel = _PipeChannel(index, block, ends, dies)
    try:
        envs = plan.open(index, cloudpickle.loads(given) if isinstance(given, bytes) else given, block)
    except BaseException as exception:
        report(index, failure(exception, int(block.current[index])), channel)
        return
    try:
        channel.answer([DONE + index])
        serve(index, envs, block, channel)
    except ConnectionError:  # the caller is gone
        os._exit(1)


def _let_fork_server_end() -> None:
    """Closes the file descriptor by which a worker would keep Python's fork server alive after their caller.

    Every process that the server forks has it, and so have those that its caller forks. Python has no name for it.
    """
    server = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    alive = getattr(server, "_forkserver_alive_fd", None)
    if server is not None and alive is not None:
        os.close(alive)
        server._forkserver_alive_fd = None


def _do_nothing(*_: object) -> None:
    pass
