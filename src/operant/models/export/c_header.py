"""Writes a policy as one C99 header without dependencies: its weights, and functions that act with them.

It supports vectors of numbers (a Box of less than three dimensions, or MultiBinary), MLPs and LSTMs. For images,
categories and nested observations, an error names the unsupported part.
"""

from __future__ import annotations

import re
from string import Template
from typing import TypeAlias

import numpy as np
from gymnasium import spaces

from operant.messages import printable
from operant.models.export.c_functions import FUNCTIONS
from operant.models.export.network import Network
from operant.models.networks.spaces import action_choices, is_image
from operant.rollout.normalizer import RunningNormalizer

Layer: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Weights `[out, in]` and biases `[out]`."""

HEADER = Template("""\
/* ${name}.h: ${summary}
 *
 * Written by `operant export`; SPDX-License-Identifier: MIT for the code, the weights are yours. C99; needs only libm's
 * expf and tanhf. It allocates nothing and writes no globals, so any number of threads may call it.
 *
 *   const float observation[${NAME}_OBSERVATION] = {0};   raw: normalisation is part of the policy
${usage}
 */
#ifndef ${guard}
#define ${guard}
#include <math.h>

#define ${NAME}_OBSERVATION ${observation}
#define ${NAME}_PARAMETERS ${parameters} /* ${meaning} */
#define ${NAME}_ACTIONS ${actions}${state_size}

${functions}
${weights}
/* The distribution's parameters: ${meaning}. */
static inline void ${name}_forward(const float *observation, ${state_argument}float *parameters) {
${forward}}

/* The greedy action, the same as that of operant's predict. */
static inline void ${name}_act(const float *observation, ${state_argument}${action_type} *action) {
${act}}
#endif
""")


def c_header(network: Network, normalizer: RunningNormalizer | None, name: str, summary: str) -> str:
    """Writes the header's text; functions and macros begin with `name`, so a file can include several headers.

    Raises:
        ValueError: `name` is not a C identifier, or a part of the network is not supported; the message names it.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError(f"{name!r} cannot name C functions: use only letters, digits and _, and begin with a letter")
    return _Writer(network, normalizer, name).text(printable(summary).replace("*/", "* /"))


class _Writer:
    """Collects the weights and the statements of one header."""

    def __init__(self, network: Network, normalizer: RunningNormalizer | None, name: str):
        _check(network)
        self.network, self.normalizer, self.name = network, normalizer, name
        self.weights: list[str] = []
        self.used: set[str] = set()
        self.buffers = 0

    def text(self, summary: str) -> str:
        name, network = self.name, self.network
        observation = int(np.prod(network.observation_space.shape or ()))
        forward, parameters = self._forward(observation)
        act, action_type, actions, meaning = self._act(parameters)
        units = network.lstm_units
        state = "float *state, " if units else ""
        usage = [f"{action_type} action[{name.upper()}_ACTIONS];"]
        if units:
            usage.insert(0, f"float state[{name.upper()}_STATE] = {{0}};   set it to zeros when an episode begins")
        usage.append(f"{name}_act(observation, {'state, ' if units else ''}action);")
        return HEADER.substitute(
            name=name,
            NAME=name.upper(),
            guard=f"OPERANT_POLICY_{name.upper()}_H",
            summary=summary,
            usage="\n".join(f" *   {line}" for line in usage),
            observation=observation,
            parameters=parameters,
            meaning=meaning,
            actions=actions,
            state_size=f"\n#define {name.upper()}_STATE {2 * units}" if units else "",
            functions="\n".join(FUNCTIONS[key].replace("NAME", name) for key in FUNCTIONS if key in self.used),
            weights="\n".join(self.weights),
            state_argument=state,
            forward=forward,
            action_type=action_type,
            act=act,
        )

    def _forward(self, width: int) -> tuple[str, int]:
        lines: list[str] = []
        source, network = "observation", self.network
        if self.normalizer is not None:
            self.used.add("standardize")
            deviation = np.sqrt(self.normalizer.variance + self.normalizer.epsilon)
            mean, scale = self._array("mean", self.normalizer.mean), self._array("deviation", deviation)
            target = self._buffer(lines, width)
            lines.append(
                f"{self.name}_standardize({source}, {mean}, {scale}, {self.normalizer.clip!r}, {width}, {target});"
            )
            source = target
        if network.lstm_units:
            source, width = self._lstm(lines, source, width)
        for layer in network.hidden():
            source, width = self._hidden(lines, layer, source, width)
        head = network.linear("head.linear")
        self._linear(lines, head, source, "parameters")
        return "".join(f"    {line}\n" for line in lines), len(head[1])

    def _hidden(self, lines: list[str], layer: Layer, source: str, width: int) -> tuple[str, int]:
        width, activation = len(layer[1]), self.network.activation
        target = self._buffer(lines, width)
        self._linear(lines, layer, source, target)
        self.used.add(activation)
        lines.append(f"for (int k = 0; k < {width}; k++) {target}[k] = {self.name}_{activation}({target}[k]);")
        return target, width

    def _linear(self, lines: list[str], layer: Layer, source: str, target: str) -> None:
        self.used.add("linear")
        rows, columns = layer[0].shape
        weight, bias = self._array("weight", layer[0]), self._array("bias", layer[1])
        lines.append(f"{self.name}_linear({weight}, {bias}, {source}, {columns}, {rows}, {target});")

    def _lstm(self, lines: list[str], source: str, width: int) -> tuple[str, int]:
        self.used |= {"linear", "sigmoid", "tanh", "lstm"}
        weights, units, gates = self.network.weights, self.network.lstm_units, []
        for part, vector, size in (("ih", source, width), ("hh", "state", units)):
            gate = self._buffer(lines, 4 * units)
            weight = self._array("weight", weights[f"lstm.weight_{part}_l0"])
            bias = self._array("bias", weights[f"lstm.bias_{part}_l0"])
            lines.append(f"{self.name}_linear({weight}, {bias}, {vector}, {size}, {4 * units}, {gate});")
            gates.append(gate)
        lines.append(f"{self.name}_lstm({gates[0]}, {gates[1]}, {units}, state);")
        hidden = self._buffer(lines, units)
        lines.append(f"for (int k = 0; k < {units}; k++) {hidden}[k] = state[k];")
        return hidden, units

    def _act(self, parameters: int) -> tuple[str, str, int, str]:
        """Writes the statements; returns them, the action's C type, its length and the meaning of the parameters."""
        network = self.network
        call = f"{self.name}_forward(observation, {'state, ' if network.lstm_units else ''}parameters);"
        lines = [f"float parameters[{parameters}];", call]
        space = network.action_space
        if isinstance(space, spaces.Box):
            bounds = [self._array(name, np.asarray(getattr(space, name), np.float32)) for name in ("low", "high")]
            function = "squash" if network.squash else "clip"
            self.used.add(function)
            lines.append(f"{self.name}_{function}(parameters, {bounds[0]}, {bounds[1]}, {parameters}, action);")
            kind, actions, meaning = "float", parameters, "the mean" + (" before tanh" if network.squash else "")
        else:
            self.used.add("argmax")
            sizes, starts = action_choices(space)
            begins = np.cumsum([0, *sizes])
            for k, (size, start, begin) in enumerate(zip(sizes, starts, begins, strict=False)):
                lines.append(f"action[{k}] = {start} + {self.name}_argmax(parameters + {begin}, {size});")
            kind, actions, meaning = "int", len(sizes), f"logits of {', '.join(map(str, sizes))} choices"
        return "".join(f"    {line}\n" for line in lines), kind, actions, meaning

    def _buffer(self, lines: list[str], width: int) -> str:
        self.buffers += 1
        lines.append(f"float x{self.buffers}[{width}];")
        return f"x{self.buffers}"

    def _array(self, kind: str, numbers: np.ndarray) -> str:
        """Adds an array of exact literals, double for float64 values and float otherwise; returns its name."""
        name = f"{self.name}_{kind}{len(self.weights)}"
        double = numbers.dtype == np.float64
        literals = [_literal(float(number), "" if double else "f") for number in numbers.ravel()]
        rows = [", ".join(literals[k : k + 5]) for k in range(0, len(literals), 5)]
        c_type = "double" if double else "float"
        body = ",\n    ".join(rows)
        self.weights.append(f"static const {c_type} {name}[{len(literals)}] = {{\n    {body}}};")
        return name


def _literal(number: float, suffix: str) -> str:
    if np.isinf(number):
        return f"{'-' if number < 0 else ''}HUGE_VAL{suffix.upper()}"
    return f"{number.hex()}{suffix}"


def _check(network: Network) -> None:
    """Raises ValueError with the name of the first unsupported part, if there is one."""
    space = network.observation_space
    other = "use --format onnx"
    if isinstance(space, spaces.Dict | spaces.Tuple):
        raise ValueError(f"--format c takes one vector, not the nested observation {space}: {other}")
    if is_image(space) or not isinstance(space, spaces.Box | spaces.MultiBinary):
        part = "a CNN" if is_image(space) else "one-hot vectors"
        raise ValueError(f"--format c cannot express {part}, for {space}: {other}")
