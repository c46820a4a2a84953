"""The calls of train.h with NumPy arrays, and trainers of every kind to call them on."""

import contextlib

import numpy as np

from operant._native import ffi, lib

DEFAULTS = {
    "rows": 64,
    "steps": 8,
    "workers": 1,
    "epochs": 4,
    "minibatches": 4,
    "seed": 1,
    "normalize_advantages": 1,
    "learning_rate": 3e-3,
    "gamma": 0.98,
    "lam": 0.9,
    "clip": 0.2,
    "value_coefficient": 0.5,
    "entropy_coefficient": 0.01,
    "max_grad_norm": 0.5,
    "activation": "tanh",
    "parts": (("float32", 4),),
    "hidden": (64, 64),
}
ACTIVATIONS = {"tanh": lib.OPERANT_TANH, "relu": lib.OPERANT_RELU, "silu": lib.OPERANT_SILU}
C_TYPES = {"float32": "float[]", "int32": "int32_t[]", "uint8": "uint8_t[]"}

# An action is `choices`, or `low` and `high`; a part of an observation is (dtype, count, choices, start).
KINDS = {
    "categorical": {"choices": (2,)},
    "one number": {"choices": (2,), "hidden": (32,), "parts": (("float32", 1),)},
    "five actions": {"choices": (5,), "hidden": (50, 30, 20), "parts": (("float32", 17),)},
    "no entropy": {"choices": (64,), "hidden": (128, 128), "entropy_coefficient": 0.0},
    "narrow": {"choices": (3,), "hidden": (1, 3), "parts": (("float32", 33),), "clip": 0.05},
    "no hidden layer": {"choices": (3,), "hidden": ()},
    "several choices": {"choices": (3, 2, 5), "hidden": (16,)},
    "normal": {"low": (-1.0, -2.0, -np.inf), "high": (1.0, 0.5, np.inf), "log_std": -0.5},
    "squashed": {"low": (-1.0, -2.0), "high": (1.0, 0.5), "squash": 1, "entropy_coefficient": 0.05},
    "relu": {"choices": (4,), "activation": "relu"},
    "silu": {"choices": (4,), "activation": "silu"},
    "shared": {"choices": (4,), "share": 1},
    "shared silu": {"low": (-1.0,), "high": (1.0,), "share": 1, "activation": "silu", "hidden": (20, 33, 5)},
    "two shapes": {"choices": (4,), "hidden": (30,), "value_hidden": (17, 40)},
    "plain advantages": {"choices": (4,), "normalize_advantages": 0},
    "value clip": {"choices": (4,), "value_clip": 0.3},
    "dual clip": {"choices": (4,), "dual_clip": 1.5},
    "masked": {"choices": (3, 4), "parts": (("float32", 5), ("int16", 3)), "mask": "uint8"},
    "masked by a table": {"choices": (5,), "parts": (("int64", 1, 7, -3),), "mask_table": 7},
    "one-hot": {"choices": (3,), "parts": (("uint8", 2, 3), ("int32", 1, 5, -2))},
    "one-hot, shared": {"choices": (3,), "parts": (("uint8", 2, 3), ("int32", 1, 5, -2)), "share": 1},
    "one-hot, no hidden layer": {"choices": (3,), "parts": (("uint8", 2, 3), ("int32", 1, 5, -2)), "hidden": ()},
    "every integer": {
        "choices": (3,),
        "parts": (
            ("int8", 2, 3, -1),
            ("uint8", 9),
            ("int16", 1, 4, 100),
            ("float64", 2),
            ("int32", 2, 5, 0),
            ("int64", 1),
            ("int32", 3),
        ),
    },
}


def pointer(array):
    return ffi.from_buffer(C_TYPES[array.dtype.name], array)


def table_of_masks(o):
    """A mask for each value: every choice is allowed somewhere, and each value allows one at least."""
    rng = np.random.default_rng(7)
    masks = rng.random((o["mask_table"], sum(o["choices"]))) < 0.5
    masks[np.arange(len(masks)), rng.integers(0, sum(o["choices"]), len(masks))] = True
    return masks.astype(np.uint8)


class Observations:
    """The rows of a kind's observations: how they are laid out, and random ones."""

    def __init__(self, o):
        self.o = o
        self.parts = [(*part, 0, 0)[:4] for part in o["parts"]]
        fields = [(f"part{k}", dtype, (count,)) for k, (dtype, count, _, _) in enumerate(self.parts)]
        if "mask" in o:
            fields.append(("mask", o["mask"], (sum(o["choices"]),)))
        self.dtype = np.dtype(fields, align=True)
        codes = {"uint8": "UINT8", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64"}
        self.codes = {name: getattr(lib, f"OPERANT_{code}") for name, code in codes.items()}
        self.codes |= {"float32": lib.OPERANT_FLOAT32, "float64": lib.OPERANT_FLOAT64}

    def c_parts(self):
        """The list of operant_part, and the mask's."""
        offsets = {name: self.dtype.fields[name][1] for name in self.dtype.names}
        parts = [
            (self.codes[dtype], offsets[f"part{k}"], count, choices, start)
            for k, (dtype, count, choices, start) in enumerate(self.parts)
        ]
        mask = self.dtype.fields.get("mask")
        return parts, (self.codes[self.o["mask"]], mask[1], sum(self.o["choices"]), 0, 0) if mask else (0, 0, 0, 0, 0)

    def draw(self, rng, *shape):
        rows = np.zeros(shape, self.dtype)
        for k, (dtype, count, choices, start) in enumerate(self.parts):
            whole = (*shape, count)
            if np.dtype(dtype).kind == "f":
                rows[f"part{k}"] = rng.normal(size=whole)
            else:
                rows[f"part{k}"] = rng.integers(start, start + (choices or 10), whole)
        if "mask" in self.o:
            rows["mask"] = rng.random((*shape, sum(self.o["choices"]))) < 0.6
            for first, choices in zip(np.cumsum([0, *self.o["choices"][:-1]]), self.o["choices"], strict=True):
                allowed = rng.integers(first, first + choices, shape)
                np.put_along_axis(rows["mask"], allowed[..., None], 1, axis=-1)
        return rows

    def inputs(self, rows):
        """The networks' inputs, `[..., D]` float64."""
        columns = []
        for k, (_, count, choices, start) in enumerate(self.parts):
            numbers = rows[f"part{k}"]
            if choices:
                numbers = np.eye(choices)[numbers.astype(int) - start].reshape(*rows.shape, count * choices)
            columns.append(numbers.astype(np.float64))
        return np.concatenate(columns, axis=-1)

    def masks(self, rows):
        """The allowed choices, bool; None if all are."""
        if "mask" in self.o:
            return rows["mask"] != 0
        if "mask_table" in self.o:
            return table_of_masks(self.o)[rows["part0"][..., 0] - self.parts[0][3]] != 0
        return None


class Trainer:
    """A trainer of some kind; `o` are its options, `observations` says how to make its rows."""

    def __init__(self, kind="categorical", **options):
        self.o = o = DEFAULTS | KINDS[kind] | options
        o.setdefault("value_hidden", () if o.get("share") else o["hidden"])
        self.observations = Observations(o)
        self.discrete = "choices" in o
        self.action_size = len(o["choices"] if self.discrete else o["low"])
        self.handle = ffi.gc(self._open(), lib.operant_train_close)
        self.state = lib.operant_train_view(self.handle)

    def _open(self):
        o = self.o
        fields = {name: value for name, value in o.items() if name in SCALARS}
        parts, mask = self.observations.c_parts()
        lists = {"choices": "int32_t[]", "low": "float[]", "high": "float[]"}
        lists |= {"hidden": "int32_t[]", "value_hidden": "int32_t[]"}
        held = {name: ffi.new(kind, list(o[name])) for name, kind in lists.items() if name in o}
        held["parts"] = ffi.new("operant_part[]", parts)
        if "isa" in o:
            held["isa"] = ffi.new("char[]", o["isa"].encode())
        if "mask_table" in o:
            held["mask_table"] = ffi.new("uint8_t[]", table_of_masks(o).tobytes())
        fields |= held | {"mask": mask, "part_count": len(parts), "row_bytes": self.observations.dtype.itemsize}
        fields |= {"action_size": self.action_size, "activation": ACTIVATIONS[o["activation"]]}
        fields |= {"hidden_layers": len(o["hidden"]), "value_hidden_layers": len(o["value_hidden"])}
        message = ffi.new("char[256]")
        handle = lib.operant_train_open(ffi.new("operant_train_options *", fields), message, 256)
        if handle == ffi.NULL:
            raise ValueError(ffi.string(message).decode())
        return handle

    @property
    def parameters(self):
        return self.array("parameters").copy()

    def array(self, name):
        """A view of an array of the state."""
        return np.frombuffer(ffi.buffer(getattr(self.state, name), 4 * self.state.parameter_count), np.float32)

    def set_parameters(self, parameters):
        self.array("parameters")[:] = parameters
        assert lib.operant_train_restored(self.handle) == lib.OPERANT_OK

    def randomize(self, seed):
        """Draws parameters that are far from the initial ones; returns them."""
        parameters = np.random.default_rng(seed).normal(0, 0.3, self.state.parameter_count).astype(np.float32)
        self.set_parameters(parameters)
        return parameters

    def empty_actions(self, *shape):
        return np.empty((*shape, self.action_size), np.int32 if self.discrete else np.float32)

    def act(self, rows, draw=0):
        """Actions as drawn, within their bounds, and log probabilities."""
        actions, bounded = self.empty_actions(len(rows)), self.empty_actions(len(rows))
        log_probs = np.empty(len(rows), np.float32)
        arrays = [ffi.from_buffer(rows), len(rows), pointer(actions), pointer(bounded), pointer(log_probs)]
        status = lib.operant_train_act(self.handle, draw, *arrays)
        if status != lib.OPERANT_OK:
            raise RuntimeError(status)
        return actions, bounded, log_probs

    def greedy(self, rows):
        actions = self.empty_actions(len(rows))
        assert lib.operant_train_greedy(self.handle, ffi.from_buffer(rows), len(rows), pointer(actions)) == 0
        return actions

    def values(self, rows):
        values = np.empty(len(rows), np.float32)
        assert lib.operant_train_values(self.handle, ffi.from_buffer(rows), len(values), pointer(values)) == 0
        return values

    def gradient(self, batch):
        gradient = np.empty_like(self.parameters)
        rows, *columns = batch
        arrays = [ffi.from_buffer(rows), *map(pointer, columns), pointer(gradient)]
        assert lib.operant_train_gradient(self.handle, len(rows), *arrays) == lib.OPERANT_OK
        return gradient

    def learn(self, experience):
        fields = {name: ffi.from_buffer(array) for name, array in experience.items()}
        casts = {"actions": "void *", "observations": "void *", "terminated": "uint8_t *", "truncated": "uint8_t *"}
        fields = {name: ffi.cast(casts.get(name, "float *"), part) for name, part in fields.items()}
        metrics = ffi.new("operant_train_metrics *")
        status = lib.operant_train_learn(self.handle, ffi.new("operant_experience *", fields), metrics)
        return status, metrics

    def update(self, batch):
        """Collects in a batch of the core, and learns."""
        e, metrics = ffi.new("operant_experience *"), ffi.new("operant_train_metrics *")
        assert lib.operant_train_collect(self.handle, batch, e) == lib.OPERANT_OK
        assert lib.operant_train_learn(self.handle, e, metrics) == lib.OPERANT_OK
        return metrics

    def experience(self, seed=0):
        """A made-up rollout of the trainer's own policy."""
        o, rng = self.o, np.random.default_rng(seed)
        shape = (o["steps"], o["rows"])
        rows = self.observations.draw(rng, o["steps"] + 1, o["rows"])
        acted = [self.act(row, draw) for draw, row in enumerate(rows[:-1])]
        return {
            "observations": rows,
            "actions": np.stack([actions for actions, _, _ in acted]),
            "log_probs": np.stack([log_probs for _, _, log_probs in acted]),
            "rewards": rng.normal(size=shape).astype(np.float32),
            "terminated": (rng.random(shape) < 0.05).astype(np.uint8),
            "truncated": (rng.random(shape) < 0.05).astype(np.uint8),
            "final_values": rng.normal(size=shape).astype(np.float32),
        }


SCALARS = {
    *("rows", "steps", "squash", "log_std", "share", "workers", "epochs", "minibatches", "seed"),
    *("normalize_observations", "normalize_rewards", "normalize_advantages", "learning_rate", "gamma", "lam"),
    *("max_grad_norm", "value_coefficient", "entropy_coefficient", "clip", "value_clip", "dual_clip", "target_kl"),
}


@contextlib.contextmanager
def opened(env, num_envs, isa=None, seed=3, limit=60):
    """A reset batch of the core."""
    held = [ffi.new("char[]", env.encode()), ffi.NULL if isa is None else ffi.new("char[]", isa.encode())]
    fields = {"env": held[0], "isa": held[1], "num_envs": num_envs, "max_episode_steps": limit, "workers": 1}
    options = ffi.new("operant_options *", fields | {"autoreset": lib.OPERANT_SAME_STEP})
    batch = lib.operant_open(options, ffi.NULL, 0)
    seeds = np.arange(seed, seed + num_envs, dtype=np.uint32)
    room = np.empty(num_envs * 4096, np.uint8)
    lib.operant_seed(batch, ffi.from_buffer("uint32_t[]", seeds), 1, ffi.NULL)
    lib.operant_reset(batch, ffi.NULL, ffi.NULL, ffi.from_buffer(room))
    yield batch
    lib.operant_close(batch)
