"""EngineBatch: N environments that stand on MuJoCo, stepped by the core's loop on worker threads."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from operant._native import ffi, lib
from operant.batch.batch import Batch, check_opened
from operant.batch.core import AUTORESET
from operant.engines.mujoco_model import MujocoModel, Term
from operant.messages import NotCopyable
from operant.spec import EnvSpec, Observation, Quantity, spans

_FLOAT64, _UINT8 = np.dtype(np.float64), np.dtype(np.uint8)


def open_cpu_batch(spec: EnvSpec, num_envs: int, *, precision: str | None = None, **how: Any) -> Batch:
    """Opens N environments on the CPU: a `Batch` of the core's, or an `EngineBatch`. `how` is as for `Batch`.

    `precision` None is the environment's own: "float64" with an engine, else "float32".
    """
    kind = EngineBatch if spec.engine else Batch
    return kind(spec, num_envs, precision=precision or spec.precision, **how)


def opened_spec(spec: EnvSpec) -> EnvSpec:
    """A descriptor with the sizes and bounds of its model, which it has only once a batch is open.

    Raises:
        ValueError: a user's header does not compile, or contradicts its descriptor or its model.
    """
    batch = open_cpu_batch(spec, 1)
    batch.close()
    return batch.spec


def _raising(call: Callable[..., int]) -> Callable[..., int]:
    """A function of the core that raises what a Python callback of the user's in the engine (`mjcb_control`) raised.

    Its status says then that the engine failed, but cffi finds Python's exception. That of another thread is lost: the
    status is all that there is.
    """

    def raising(*arguments: Any) -> int:
        try:
            return call(*arguments)
        except SystemError as problem:
            found = problem.__cause__ or problem
            raise found from found.__cause__  # the user's own cause, if there is one

    return raising


class EngineBatch(Batch):
    """N environments of one model. See `Batch`; precision "float32" changes only what is returned, not the physics.

    `like` is a batch of the same task and at least N environments: this one's have the model and the parameters of its
    first N, and the environments of each can be copied into the other.

    Attributes:
        spec: the descriptor with the sizes and bounds of the model at hand.
        model: the model, and the memory of the threads.
        terms: what a step reports beside its reward.
    """

    model: MujocoModel
    core_step: ClassVar[Callable[..., int]] = staticmethod(_raising(lib.operant_step))
    core_reset: ClassVar[Callable[..., int]] = staticmethod(_raising(lib.operant_reset))
    raising = staticmethod(_raising)

    def __init__(self, spec: EnvSpec, num_envs: int, *, like: EngineBatch | None = None, **how: Any):
        self._like = like
        super().__init__(spec, num_envs, **how)

    def _open(self, isa: str | None) -> None:
        self._given_spec = self.spec
        like, self._like = self._like, None
        model = MujocoModel(
            self.spec, self.num_envs, min(self.workers, self.num_envs), None if like is None else like.model
        )
        self.model = model
        self.terms: tuple[Term, ...] = model.terms
        described, held = model.describe()
        options = ffi.new("operant_engine_options *")
        name = ffi.new("char[]", self.spec.engine.encode())
        options.engine = name
        options.num_envs, options.workers = self.num_envs, model.workers
        options.max_episode_steps, options.autoreset = self.max_episode_steps or 0, AUTORESET[self.autoreset]
        options.narrow, options.description = not self.exact, described
        message = ffi.new("char[256]")
        handle = lib.operant_open_engine(options, message, 256)
        del held, name
        check_opened(handle, message)
        row = lib.operant_engine_row_of(handle)
        self._row = row
        self._row_size = row.observation + model.observation_size
        self.spec = dataclasses.replace(
            self.spec,
            state=(
                Quantity("engine", shape=(row.varied,)),
                *(Quantity(f"model:{name}", shape=rows.shape[1:]) for name, (rows, _) in model.varied.items()),
                Quantity("observed", shape=(model.observation_size,)),
            ),
            observation=(Observation("observation", -math.inf, math.inf, (model.observation_size,)),),
            observation_dtype=self.precision,
            action_bounds=model.action_bounds,
            render_fps=model.render_fps,
        )
        self.parameters = ()
        self._info = _Info(model, self.exact)
        self._begin(handle, functools.partial(_close, model))
        self._lent = self._stale = False

    def _state_views(self, view: Any) -> dict[str, np.ndarray]:
        rows = self._rows(view)
        return {part.name: rows[:, span] for part, span in spans(self.spec.state)}

    def _rows(self, view: Any) -> np.ndarray:
        """The environments' memory, `[N, row]`: a view."""
        return self._array(view.state, (self.num_envs, self._row_size), _FLOAT64)

    def _check_numbers(self, records: np.ndarray) -> None:
        super()._check_numbers(records)
        for name in self.model.varied:
            self.model.check_varied(name, records[f"model:{name}"])

    def _views(self) -> dict[str, np.ndarray]:
        self._adopt()
        return super()._views()

    def _write(self, indices: np.ndarray, records: np.ndarray) -> None:
        super()._write(indices, records)
        self._stale = True
        if self._lent:
            self.lend()

    def _arguments(self) -> dict[str, Any]:
        return super()._arguments() | {"spec": self._given_spec}

    def __getstate__(self) -> dict[str, Any]:
        # Who was lent the mjData of the only environment may have changed its model, too.
        return super().__getstate__() | {"model": self.model.fields() if self._lent else {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.model.write_fields(state["model"])
        self._lent, self._stale = bool(state["model"]), True  # a copy of the copy has them, too

    # What the last call reported.

    def last_terms(self) -> tuple[np.ndarray, np.ndarray]:
        """The terms of the last step or reset, `[T, N]` float64, and where it began an episode, `[N]` bool: copies."""
        last = lib.operant_last_terms(self._open_handle())
        shape = (last.size, self.num_envs)
        terms = self._array(ffi.cast("void *", last.terms), shape, _FLOAT64)
        begun = self._array(ffi.cast("void *", last.begun), (self.num_envs,), _UINT8)
        return terms.copy(), begun.astype(np.bool_)

    def final_terms(self) -> np.ndarray:
        """The terms of the last step before it began episodes, under "SameStep": `[T, N]` float64, a copy."""
        last = lib.operant_last_terms(self._open_handle())
        return self._array(ffi.cast("void *", last.final_terms), (last.size, self.num_envs), _FLOAT64).copy()

    @property
    def fatal(self) -> str | None:
        """The text of the error that every step raises, once the engine has met a fatal one; else None."""
        met = lib.operant_engine_message(self._open_handle())[0] != b"\0"
        return str(self.failure(lib.OPERANT_ENGINE_FAILED)) if met else None

    # A batch of one, whose thread's mjData is that of its environment.

    def lend(self) -> Any:
        """The mjData of the only environment, which later steps read: what is changed in it in place takes effect."""
        if self.num_envs != 1:
            raise ValueError(f"lend is for a batch of one, not of {self.num_envs}: data(i) is a copy")
        data = self.model.datas[0]
        if self._stale:
            self.simulation(0, (self.model.model, data))
            self._stale = False
        self._lent = True
        return data

    def _adopt(self) -> None:
        """Takes the state from the mjData that was lent."""
        if self._lent and not self._stale:
            self._check(lib.operant_engine_adopt(self._open_handle()))

    def place(self, qpos: np.ndarray, qvel: np.ndarray) -> None:
        """Sets the positions `[nq]` and velocities `[nv]` of the only environment, as Gymnasium's `set_state` does.

        Steps go on from there, also before the first reset and after the end of an episode.
        """
        data = self.lend()
        for name, given, held in (("qpos", qpos, data.qpos), ("qvel", qvel, data.qvel)):
            if np.shape(given) != held.shape:
                raise ValueError(f"{name} has shape {np.shape(given)}, but {self.spec.id} needs {held.shape}")
        data.qpos[:], data.qvel[:] = qpos, qvel
        self.model.mujoco.mj_forward(self.model.model, data)
        self.set_finished(np.zeros(1, np.bool_))
        lib.operant_mark_ready(self._open_handle())

    def step_one(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self._adopt()
        if self.last_finished.count:  # Gymnasium's class goes on after the end of an episode
            self.set_finished(np.zeros(1, np.bool_))
        return super().step_one(action)

    step_one.__doc__ = Batch.step_one.__doc__

    # One environment of several.

    def data(self, index: int) -> Any:
        """MuJoCo's mjData of one environment, as if it had one of its own; see `simulation`."""
        return self.simulation(index)[1]

    def simulation(self, index: int, held: tuple[Any, Any] | None = None) -> tuple[Any, Any]:
        """MuJoCo's mjModel and mjData of one environment: its last step, simulated again.

        Args:
            index: the environment.
            held: what this returned for it before: its mjData is filled again. None makes a new one.
        """
        self._adopt()
        row = self._rows(lib.operant_view(self._open_handle()))[index, : self._row.observation]
        if held is None:
            model = self.model.model_of(row[self._row.varied :])
            held = (model, self.model.mujoco.MjData(model))
        elif self.model.varied:
            self.model.write_varied(held[0], row[self._row.varied :])
        size = self._row.size
        now, before = (row[start : start + size].copy() for start in (self._row.now, self._row.before))
        self.model.replay(*held, now, before, bool(self.episode_lengths[index] == 0))
        return held


@dataclasses.dataclass(frozen=True)
class _Info(NotCopyable):
    """The part of an operant_env_info that `Batch` reads."""

    instead: ClassVar[str] = "copy the batch that it belongs to"

    model: MujocoModel
    exact: bool
    agents: int = 1

    @property
    def observation_size(self) -> int:
        return self.model.observation_size

    @property
    def observation_dtype(self) -> int:
        return int(lib.OPERANT_FLOAT64 if self.exact else lib.OPERANT_FLOAT32)


def _close(model: MujocoModel, handle: Any) -> None:
    """Frees a batch; holds the model until then, in whose memory the core's threads compute."""
    lib.operant_close(handle)
