"""MujocoModel: a model of MuJoCo with the memory of each thread, as the core's operant_mujoco."""

from __future__ import annotations

import copy
import ctypes
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from operant._native import ffi, lib
from operant.batch.core import load_with
from operant.catalog.mujoco import MujocoTask
from operant.engines.mujoco_library import addresses, array_address, mujoco_module, numpy_fuses, version_of
from operant.headers import library
from operant.messages import NotCopyable, float_array, printable, unknown
from operant.spec import EnvSpec

ARRAYS = (
    "qpos",
    "qvel",
    "ctrl",
    "xpos",
    "xipos",
    "site_xpos",
    "cinert",
    "cvel",
    "cfrc_ext",
    "qfrc_actuator",
    "qfrc_constraint",
    "ten_length",
    "ten_velocity",
)
COST_WEIGHTS = ("ctrl_cost_weight", "reward_control_weight")
TERM_KINDS = {
    lib.OPERANT_TERM_REAL: "real",
    lib.OPERANT_TERM_COST: "cost",
    lib.OPERANT_TERM_COUNT: "count",
}
KINDS = {
    "f8": lib.OPERANT_FIELD_DOUBLE,
    "f4": lib.OPERANT_FIELD_FLOAT,
    "i4": lib.OPERANT_FIELD_INT,
    "u1": lib.OPERANT_FIELD_BYTE,
    "b1": lib.OPERANT_FIELD_BYTE,
}


WHOLE = (lib.OPERANT_FIELD_INT, lib.OPERANT_FIELD_BYTE)
LIMITS = {
    lib.OPERANT_FIELD_FLOAT: (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max)),
    lib.OPERANT_FIELD_INT: (-(2**31), 2**31 - 1),
    lib.OPERANT_FIELD_BYTE: (0, 255),
}
"""The least and largest number of a field's kind; a double has none."""
CHOICES = {
    "opt.cone": (0, 1),
    "opt.jacobian": (0, 1, 2),
    "opt.solver": (0, 1, 2),
    "geom_condim": (1, 3, 4, 6),
    "flex_condim": (1, 3, 4, 6),
    "pair_dim": (1, 3, 4, 6),
}
"""The numbers that these fields may hold: MuJoCo reads memory that is not its own at others."""
SETTINGS = re.compile(
    r"opt\..*|tex_data|pair_dim|[a-z]+_(contype|conaffinity|condim|priority|group|(act|ctrl|force|actfrc|)limited|"
    r"actgravcomp|actearly|active|active0|castshadow)"
)
"""The whole numbers of a model that do not say how it is built."""


@dataclass(frozen=True)
class Term:
    """A number, or an array, that a task reports beside its reward: Gymnasium's info of that name.

    `span` is its place among the terms; `shape` () for a number. `kind` is "real", "count" (an int), or "cost" (in the
    dtype of the actions).
    """

    name: str
    at_reset: bool
    kind: str
    span: slice
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Field:
    """A field of the model, such as "opt.gravity": its place in one model.

    `kind` is the core's operant_field_kind; `shape` () for a number.
    """

    name: str
    shape: tuple[int, ...]
    kind: int
    address: int

    @property
    def size(self) -> int:
        """The number of numbers."""
        return int(np.prod(self.shape))

    @property
    def settable(self) -> bool:
        """False if it says how the model is built."""
        return self.kind not in WHOLE or SETTINGS.fullmatch(self.name) is not None

    def check(self, numbers: np.ndarray, given: str) -> None:
        """Raises a ValueError that begins with `given`, if one of the numbers cannot stand in the field."""
        if not self.settable:
            raise ValueError(f"{given}: {self.name} says how the model is built, so give another xml_file instead")
        if self.name == "opt.timestep" and not (numbers > 0).all():
            raise ValueError(f"{given} must be above 0")
        low, high = LIMITS.get(self.kind, (-np.inf, np.inf))
        if not ((low <= numbers) & (numbers <= high)).all():
            raise ValueError(f"{given} must be from {low} to {high}")
        choices = CHOICES.get(self.name)
        if choices and not np.isin(numbers, choices).all():
            raise ValueError(f"{given} must be {', '.join(map(str, choices[:-1]))} or {choices[-1]}")


def model_path(xml_file: str) -> str:
    """The path of a model, as Gymnasium reads `xml_file`: a plain name is one of its own models.

    Raises:
        OSError: there is no such file.
    """
    if xml_file.startswith((".", "/")) or os.path.isabs(xml_file):
        path = xml_file
    elif xml_file.startswith("~"):
        path = os.path.expanduser(xml_file)
    else:
        path = str(Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / xml_file)
    if not os.path.exists(path):
        raise OSError(f"xml_file={xml_file!r}: {path} does not exist; a path of your own begins with '/', '.' or '~'")
    return path


class MujocoModel(NotCopyable):
    """One model for a batch of N environments and `workers` threads, each of which has an mjData.

    Threads share the mjModel, unless fields of it differ between environments: then each has its own. `like` is the
    model of a batch with at least N environments, of which these are the first.

    Raises:
        gymnasium.error.DependencyNotInstalled: MuJoCo is missing, damaged or too old.
        OSError: the XML file does not exist.
        ValueError: it does not compile, lacks what the task reads, or a field that was given does not exist.
    """

    instead = "copy the batch that it belongs to"

    def __init__(self, spec: EnvSpec, num_envs: int, workers: int, like: MujocoModel | None = None):
        self.spec, self.num_envs, self.workers = spec, num_envs, workers
        self.task: MujocoTask = spec.task
        self.mujoco = mujoco_module(spec.full_id)
        if self.task.below and version_of(self.mujoco) >= self.task.below:
            raise ImportError(self.task.refusal)
        self.path = model_path(self.task.xml_file)
        self.model: Any = self._compile() if like is None else copy.copy(like.model)
        if not (seconds := self.model.opt.timestep) > 0:
            raise ValueError(f"{spec.id} needs a model with a timestep above 0, but that of {self.path} is {seconds:g}")
        # Gymnasium's renderer draws at most as large as the model says.
        screen = self.model.vis.global_
        screen.offwidth = max(screen.offwidth, self.task.drawing["width"])
        screen.offheight = max(screen.offheight, self.task.drawing["height"])
        self.signature = int(self.mujoco.mjtState.mjSTATE_INTEGRATION)
        self.state_size = int(self.mujoco.mj_stateSize(self.model, self.signature))
        start = self.mujoco.MjData(self.model)
        self.init_qpos, self.init_qvel = start.qpos.copy(), start.qvel.copy()
        self.names = find_task(spec)
        self.bodies = [self._body(body) for body in self.task.bodies]
        self._check_sizes()
        self.core_terms = self._list_terms()
        self.terms = self._reported_terms()
        self.varied = self._set_fields() if like is None else like.first_fields(num_envs)
        self._check_awake()
        shared = not self.varied
        self.models = [self.model] + [self.model if shared else copy.copy(self.model) for _ in range(workers - 1)]
        self.datas = [self.mujoco.MjData(model) for model in self.models]

    def _compile(self) -> Any:
        try:
            return self.mujoco.MjModel.from_xml_path(self.path)
        except ValueError as problem:
            raise ValueError(f"xml_file={self.task.xml_file!r} does not compile: {problem}") from None

    # What the model must have.

    def _body(self, body: int | str) -> int:
        if isinstance(body, str):
            found = self.mujoco.mj_name2id(self.model, self.mujoco.mjtObj.mjOBJ_BODY, body)
            if found >= 0:
                return int(found)
            names = [name for k in range(self.model.nbody) if (name := self.model.body(k).name)]
            raise ValueError(
                f"{self.spec.id} reads a body that {self.path} does not have: {unknown('body', body, names)}"
            )
        if not -self.model.nbody <= body < self.model.nbody:
            raise ValueError(f"{self.spec.id} reads body {body}, but {self.path} has {self.model.nbody} bodies")
        return int(body) % int(self.model.nbody)

    def _check_sizes(self) -> None:
        for name, least in {**self.task.needs, "nu": 1}.items():
            found = getattr(self.model, name, None)
            if not isinstance(found, int):
                sizes = [known for known in _names(self.model) if isinstance(getattr(self.model, known), int)]
                raise ValueError(f"needs: {unknown('size of a model', name, sizes)}")
            if found < least:
                raise ValueError(
                    f"{self.spec.id} needs a model with {name} of at least {least}, but {self.path} has {found}"
                )
        self.observation_size = self._observed()
        if self.task.observation_size not in (0, self.observation_size):
            raise ValueError(
                f"{self.spec.id} observes {self.task.observation_size} numbers, but those of {self.path} are "
                f"{self.observation_size}: give a model with the joints of Gymnasium's"
            )
        if self.task.render_fps not in (0, self.render_fps):
            wanted = 1 / (self.task.render_fps * self.task.frame_skip)
            raise ValueError(
                f"{self.spec.id} makes {self.task.render_fps} steps a second, but with {self.path} it would be "
                f"{self.render_fps}: give a model with a timestep of {wanted:g}, or take v5"
            )

    def _check_awake(self) -> None:
        """Raises a ValueError if bodies can fall asleep in one of several environments: no state of MuJoCo holds it."""
        sleep = int(getattr(self.mujoco.mjtEnableBit, "mjENBL_SLEEP", 0))
        rows, bounds = self.varied.get("opt.enableflags", (np.array([self.model.opt.enableflags]), None))
        asleep = (rows.astype(np.int64) & sleep).any() or (sleep and bounds is not None and bounds[1].max() >= sleep)
        if self.num_envs > 1 and asleep:
            raise ValueError(
                f"{self.spec.id} with {self.path} lets bodies sleep, which is in no state that MuJoCo can save, so "
                f'{self.num_envs} environments cannot share a thread: give <flag sleep="disable"/>, or step '
                f"single environments by operant.vectorize({self.spec.full_id!r}, {self.num_envs}, ...)"
            )

    @property
    def render_fps(self) -> int:
        """The steps of an environment in a second of the simulation, rounded as Gymnasium does."""
        return round(1 / (float(self.model.opt.timestep) * self.task.frame_skip))

    @property
    def skipped(self) -> int:
        """The number of positions that an observation leaves out."""
        return self.task.excluded if self.task.values.get("exclude_current_positions_from_observation", False) else 0

    @property
    def wide_costs(self) -> bool:
        """True if a weight of NumPy's makes the cost of float32 actions float64, as in Gymnasium."""
        weights = [self.task.options.get(name) for name in COST_WEIGHTS]
        return any(isinstance(each, np.generic) and np.multiply(each, np.float32(1)).itemsize > 4 for each in weights)

    def _observed(self) -> int:
        """The number of numbers of an observation: D."""
        described, held = self._describe_model()
        observed = int(lib.operant_mujoco_observed(described))
        del held
        return observed

    @property
    def action_bounds(self) -> tuple[tuple[float, float], ...]:
        """The low and high end of each control."""
        return tuple((float(low), float(high)) for low, high in self.model.actuator_ctrlrange)

    def _list_terms(self) -> tuple[Term, ...]:
        terms, first = [], 0
        for k in range(self.names.term_count):
            each = self.names.terms[k]
            size = self.model.ntendon if each.size < 0 else each.size
            shape = (int(size),) if each.size < 0 else ()
            span = slice(first, first + size)
            kind = "real" if each.kind == lib.OPERANT_TERM_COST and self.wide_costs else TERM_KINDS[each.kind]
            terms.append(Term(ffi.string(each.name).decode(), bool(each.at_reset), kind, span, shape))
            first += size
        return tuple(terms)

    def _reported_terms(self) -> tuple[Term, ...]:
        """Gymnasium's infos."""
        infos = self.task.reported
        if infos is None:
            return self.core_terms
        by_name = {term.name: term for term in self.core_terms}
        return tuple(replace(by_name[term], name=name, at_reset=False) for name, term in infos.items())

    # Fields of the model.

    def field(self, name: str, model: Any = None) -> Field:
        """Finds a field of the model; raises a ValueError with the nearest name for an unknown one."""
        model = self.model if model is None else model
        if not isinstance(name, str):
            raise ValueError(unknown("field of the model", name, settable_names(model)))
        holder, _, last = name.rpartition(".")
        owner = getattr(model, holder, None) if holder else model
        value = None if owner is None else getattr(owner, last, None)
        if isinstance(value, np.ndarray) and value.dtype.str[1:] in KINDS and value.size:
            return Field(name, value.shape, KINDS[value.dtype.str[1:]], array_address(value))
        if holder and isinstance(value, int | float):
            return _scalar_field(name, owner, last, value)
        raise ValueError(unknown("field of the model", name, settable_names(model)))

    def _set_fields(self) -> dict[str, tuple[np.ndarray, Any]]:
        """Sets the fields that all environments share.

        Returns the others by name: rows `[N, size]`, and the bounds (low, high) of a drawn field, else None.
        """
        varied: dict[str, tuple[np.ndarray, Any]] = {}
        shared = {}
        for name, value in self.task.params.items():
            field = self.field(name)
            numbers = _numbers(name, value)
            field.check(numbers, f"params[{name!r}] = {value!r}")
            if field.kind in WHOLE and (numbers % 1 != 0).any():
                raise ValueError(f"params[{name!r}] = {value!r} must be whole numbers")
            if numbers.shape in (field.shape, ()):
                shared[name] = np.broadcast_to(numbers, field.shape)
            elif numbers.shape == (self.num_envs, *field.shape):
                varied[name] = (numbers.reshape(self.num_envs, field.size), None)
            else:
                each = (self.num_envs, *field.shape)
                raise ValueError(
                    f"params[{name!r}] has shape {numbers.shape}: give {field.shape}, or {each} with one for each "
                    "environment"
                )
        for name, number in shared.items():
            _write(self.model, name, number)
        for name, bounds in self.task.randomize.items():
            if name in self.task.params:
                raise ValueError(f"params and randomize both set {name!r}: give one of them")
            varied[name] = self._range(name, bounds)
        if not self.task.set_const:
            return varied
        if shared:
            self.mujoco.mj_setConst(self.model, self.mujoco.MjData(self.model))
        return self._with_constants(varied) if varied else varied

    def first_fields(self, num_envs: int) -> dict[str, tuple[np.ndarray, Any]]:
        """The fields that differ between environments, as `varied` has them, of the first `num_envs`."""
        return {name: (rows[:num_envs], bounds) for name, (rows, bounds) in self.varied.items()}

    def check_varied(self, name: str, rows: np.ndarray) -> None:
        """Raises a ValueError for rows `[K, size]` of a snapshot that a field which differs cannot hold."""
        field = self.field(name)
        try:
            field.check(rows, "")
        except ValueError:
            for row in rows:
                field.check(row, f"the snapshot's {name} = {row.tolist()}")

    def _range(self, name: str, bounds: Any) -> tuple[np.ndarray, Any]:
        field = self.field(name)
        try:
            low, high = (np.broadcast_to(float_array(bound), field.shape).ravel() for bound in bounds)
        except (OverflowError, TypeError, ValueError):
            raise ValueError(f"randomize[{name!r}] must be a pair (low, high), not {bounds!r}") from None
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.isfinite([low, high, high - low]).all():
                raise ValueError(f"randomize[{name!r}] = {bounds!r} must be finite, and high - low too")
        field.check(np.concatenate([low, high]), f"randomize[{name!r}] = {bounds!r}")
        if name in CHOICES and (low != high).any():
            raise ValueError(
                f"randomize[{name!r}] would draw numbers between its choices: give params one for each environment"
            )
        if not (low <= high).all():
            raise ValueError(f"randomize[{name!r}]: low {low[low > high][0]} is above high {high[low > high][0]}")
        return np.tile(low, (self.num_envs, 1)), (low.copy(), high.copy())

    def _with_constants(self, varied: dict[str, tuple[np.ndarray, Any]]) -> dict[str, tuple[np.ndarray, Any]]:
        """Adds the fields that mj_setConst changes, with their values in each environment."""
        scratch = copy.copy(self.model)
        data = self.mujoco.MjData(scratch)
        names = [name for name in _array_names(scratch) if getattr(scratch, name).dtype.str[1:] in KINDS]
        names += [f"stat.{name}" for name in _names(scratch.stat)]
        rows: dict[str, list[np.ndarray]] = {name: [] for name in names}
        fields = {name: self.field(name, scratch) for name in varied}
        for i in range(self.num_envs):
            for name, (values, bounds) in varied.items():
                # A drawn field stands here between its bounds, at a place that is unlikely to be the default.
                number = values[i] if bounds is None else bounds[0] + 0.37 * (bounds[1] - bounds[0])
                _write(scratch, name, number.reshape(fields[name].shape))
            self.mujoco.mj_setConst(scratch, data)
            for name in names:
                rows[name].append(_read(scratch, name))
        for name, found in rows.items():
            table = np.array(found)
            if name not in varied and not (table == _read(self.model, name)).all():
                varied[name] = (table, None)
        return varied

    # The core's description.

    def _describe_model(self) -> tuple[Any, list[Any]]:
        """An operant_mujoco with the task and the model's sizes, and what must live as long."""
        options = ffi.new("double[]", self._option_numbers())
        described = ffi.new("operant_mujoco *")
        described.task, described.options = self.names, options
        for name in ("nq", "nv", "nu", "nbody", "ntendon"):
            setattr(described, name, getattr(self.model, name))
        described.frame_skip, described.skipped, described.fused = self.task.frame_skip, self.skipped, numpy_fuses()
        described.wide_costs = self.wide_costs
        for k, body in enumerate(self.bodies):
            described.body[k] = body
        return described, [options]

    def describe(self) -> tuple[Any, Any]:
        """An operant_mujoco, and what must live until the batch is open."""
        described, held = self._describe_model()
        for member, address in addresses(self.spec.full_id).items():
            setattr(described, member, address)
        described.state_size, described.state_spec = self.state_size, self.signature
        described.init_qpos = ffi.from_buffer("double[]", self.init_qpos)
        described.init_qvel = ffi.from_buffer("double[]", self.init_qvel)
        described.threads, threads = self._describe_threads()
        described.fields, fields = self._describe_fields()
        described.field_count = len(self.varied)
        described.keep_constants = self.task.set_const and bool(self.task.randomize)
        return described, [*held, threads, *fields]

    def _describe_threads(self) -> tuple[Any, Any]:
        """The operant_mujoco_thread of each thread, and what must live as long."""
        threads = ffi.new("operant_mujoco_thread[]", self.workers)
        for thread, model, data in zip(threads, self.models, self.datas, strict=True):
            thread.model = ffi.cast("void *", model._address)
            thread.data = ffi.cast("void *", data._address)
            for name in ARRAYS:
                setattr(thread, name, ffi.cast("double *", array_address(getattr(data, name))))
            thread.body_mass = ffi.cast("double *", array_address(model.body_mass))
            thread.timestep = ffi.cast("double *", self.field("opt.timestep", model).address)
        return threads, threads

    def _describe_fields(self) -> tuple[Any, list[Any]]:
        """The operant_mujoco_field of each field that differs between environments, and what must live as long."""
        fields = ffi.new("operant_mujoco_field[]", max(1, len(self.varied)))
        held: list[Any] = [fields]
        for described, (name, (rows, bounds)) in zip(fields, self.varied.items(), strict=False):
            places = [self.field(name, each) for each in self.models]
            where = ffi.new("void *[]", [ffi.cast("void *", place.address) for place in places])
            values = np.ascontiguousarray(rows, np.float64)
            described.where, described.size, described.kind = where, places[0].size, places[0].kind
            described.rows = ffi.from_buffer("double[]", values)
            described.randomized = bounds is not None
            held += [where, values]
            if bounds is not None:
                described.low, described.high = (ffi.from_buffer("double[]", bound) for bound in bounds)
        return fields, held

    def _option_numbers(self) -> list[float]:
        """The numbers that the header reads, in its order."""
        numbers = {}
        for name, value in self.task.values.items():
            if isinstance(value, tuple):
                numbers[f"{name}_low"], numbers[f"{name}_high"] = map(float, value)
            elif not isinstance(value, str):
                numbers[name] = float(value)
        names = [ffi.string(self.names.options[k]).decode() for k in range(self.names.option_count)]
        if self.spec.source and {*names} != {*numbers}:
            lists = f"{self.spec.header}.h lists the options {', '.join(names) or 'of nothing'}"
            raise ValueError(f"{lists}, but its descriptor has {', '.join(numbers) or 'none'}: give the same ones")
        return [numbers[name] for name in names]

    # What a user changed in place.

    def fields(self) -> dict[str, Any]:
        """Every field of the shared model by name, `init_qpos` and `init_qvel`: copies."""
        fields = {name: copy.copy(_value(self.model, name)) for name in field_names(self.model)}
        return {**fields, "init_qpos": self.init_qpos.copy(), "init_qvel": self.init_qvel.copy()}

    def write_fields(self, fields: Mapping[str, Any]) -> None:
        """Writes what `fields` returned for the same model."""
        for name, value in fields.items():
            _write(self if name.startswith("init_") else self.model, name, value)

    # One environment's mjData.

    def replay(self, model: Any, data: Any, now: np.ndarray, before: np.ndarray, fresh: bool) -> None:
        """Brings `data` to where an environment is: its last step is simulated again, or its reset.

        Args:
            model: the model, with the environment's fields.
            data: an mjData of that model.
            now, before: its states, `[state_size]`, after and before its last step.
            fresh: True if it has made no step since its reset.
        """
        mujoco = self.mujoco
        mujoco.mj_resetData(model, data)
        mujoco.mj_setState(model, data, now, self.signature)
        if fresh:
            data.qacc_warmstart[:] = 0  # as mj_resetData left it
            mujoco.mj_forward(model, data)
            return
        controls = data.ctrl.copy()
        mujoco.mj_setState(model, data, before, self.signature)
        data.ctrl[:] = controls
        mujoco.mj_step(model, data, nstep=self.task.frame_skip)
        mujoco.mj_rnePostConstraint(model, data)
        reached = np.empty(self.state_size)
        mujoco.mj_getState(model, data, reached, self.signature)
        if not np.array_equal(reached, now, equal_nan=True):  # its state was set since its last step
            mujoco.mj_setState(model, data, now, self.signature)
            mujoco.mj_forward(model, data)

    def model_of(self, fields: np.ndarray) -> Any:
        """The model of an environment whose varied fields are `fields`: a copy."""
        model = copy.copy(self.model)
        self.write_varied(model, fields)
        return model

    def write_varied(self, model: Any, fields: np.ndarray) -> None:
        """Writes an environment's varied fields into a model."""
        first = 0
        for name in self.varied:
            field = self.field(name, model)
            _write(model, name, fields[first : first + field.size].reshape(field.shape))
            first += field.size


def field_names(model: Any) -> list[str]:
    """The names of all fields of a model."""
    return [*_array_names(model), *(f"opt.{name}" for name in _names(model.opt))]


def settable_names(model: Any) -> list[str]:
    """The names of the fields of a model that `params` can set."""
    return [name for name in field_names(model) if _is_settable(name, _value(model, name))]


def _is_settable(name: str, value: Any) -> bool:
    if not isinstance(value, np.ndarray):
        return isinstance(value, int | float)
    kind = KINDS.get(value.dtype.str[1:])
    return kind is not None and value.size > 0 and Field(name, value.shape, kind, array_address(value)).settable


def _array_names(model: Any) -> list[str]:
    return [name for name in _names(model) if isinstance(getattr(model, name), np.ndarray)]


def _names(owner: Any) -> list[str]:
    """The names of the fields of a struct of MuJoCo's."""
    return [name for name in dir(owner) if not name.startswith("_") and not callable(getattr(owner, name))]


def _value(model: Any, name: str) -> Any:
    """A field of the model: an array in its memory, or a number."""
    holder, _, last = name.rpartition(".")
    return getattr(getattr(model, holder) if holder else model, last)


def _read(model: Any, name: str) -> np.ndarray:
    """The numbers of a field, flat: a copy."""
    return np.array(_value(model, name), np.float64).ravel()


def find_task(spec: EnvSpec) -> Any:
    """The core's operant_mujoco_task of a descriptor. A user's header is compiled, unless a compiled library exists.

    Raises:
        ValueError: the header does not compile.
    """
    if spec.source:
        built = library.build_checked(Path(spec.source), extra=(library.TASK,))
        return load_with(lib.operant_mujoco_load_task, built.path)
    task = lib.operant_mujoco_find_task(spec.header.encode())
    if task == ffi.NULL:
        raise ValueError(f"the compiled core has no task {spec.header!r}: rebuild operant")
    return task


def _numbers(name: str, value: Any) -> np.ndarray:
    try:
        numbers = float_array(value)
    except (OverflowError, TypeError, ValueError):
        raise ValueError(f"params[{name!r}] = {value!r} must be numbers") from None
    if not np.isfinite(numbers).all():
        raise ValueError(f"params[{name!r}] = {value!r} must be finite")
    return numbers


def _write(model: Any, name: str, numbers: Any) -> None:
    """Writes an array into a field of the model, or a number."""
    holder, _, last = name.rpartition(".")
    held = _value(model, name)
    if isinstance(held, np.ndarray):
        held[...] = numbers
    else:
        setattr(getattr(model, holder), last, type(held)(numbers))


AHEAD, BEHIND = 128, 512  # bytes of a struct that are searched before and after its first array


def _scalar_field(name: str, owner: Any, last: str, value: int | float) -> Field:
    """Finds the place of a number in a struct inside the model, which is where bytes change with it.

    The bindings tell the places of arrays only.
    """
    kind, size = (lib.OPERANT_FIELD_INT, 4) if isinstance(value, int) else (lib.OPERANT_FIELD_DOUBLE, 8)
    start = min(array_address(getattr(owner, each)) for each in _array_names(owner)) - AHEAD
    window = (ctypes.c_char * (AHEAD + BEHIND)).from_address(start)
    before = bytes(window)
    setattr(owner, last, type(value)(1 if value != 1 else 2))
    after = bytes(window)
    setattr(owner, last, value)
    changed = [k for k in range(0, AHEAD + BEHIND, size) if before[k : k + size] != after[k : k + size]]
    if len(changed) != 1:
        raise ValueError(f"the field {printable(name)!r} of the model cannot be found in this MuJoCo's memory")
    return Field(name, (), kind, start + changed[0])
