"""The methods of gymnasium's SyncVectorEnv besides `step` and `reset`, for a class with a `Batch` in `batch`.

class CleanRLVectorEnv(SyncMethods, gymnasium.vector.VectorEnv): ...
"""

from __future__ import annotations

from typing import Any

from gymnasium.error import NoAsyncCallError

from operant.batch.batch import Batch
from operant.environments.parameters import parameter_names
from operant.messages import unknown


class SyncMethods:
    """The environments' attributes, and `step` and `reset` in two halves, which gymnasium 0.29's vector wrappers call.

    The attributes are the physical parameters, by our names or by Gymnasium's.
    """

    batch: Batch
    _actions: Any = None
    _reset_arguments: dict[str, Any] | None = None

    def reset_async(self, seed: Any = None, options: dict[str, Any] | None = None) -> None:
        self._reset_arguments = {"seed": seed, "options": options}

    def reset_wait(self, **arguments: Any) -> Any:
        arguments, self._reset_arguments = (self._reset_arguments or {}) | arguments, None
        return self.reset(**arguments)  # type: ignore[attr-defined]  # the class that inherits this has it

    def step_async(self, actions: Any) -> None:
        self._actions = actions

    def step_wait(self, **_: Any) -> Any:
        actions, self._actions = self._actions, None
        if actions is None:
            raise NoAsyncCallError("step_wait without step_async: use step(actions)", "step")
        return self.step(actions)  # type: ignore[attr-defined]

    def _parameter(self, name: str) -> str:
        names = parameter_names(self.batch)
        if name not in names:
            reason = "there are no single environments; attributes are physical parameters only"
            raise AttributeError(f"{reason}: {unknown('attribute', name, names)}")
        return names[name]

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """A physical parameter's value in each row."""
        return tuple(self.batch.parameter(self._parameter(name)).repeat(self.batch.agents).tolist())

    def set_attr(self, name: str, values: Any) -> None:
        """Sets a physical parameter: a number, or one for each environment, whose agents share it."""
        parameter = self._parameter(name)
        if parameter in self.batch.ranges:
            raise ValueError(f"{name} is randomised for every episode: remove it from randomize to set it")
        self.batch.set_parameter(parameter, values)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """The same as `get_attr`."""
        if args or kwargs:
            raise AttributeError(f"call({name!r}, ...): there are no single environments with methods")
        return self.get_attr(name)

    def render(self) -> Any:
        raise NotImplementedError(
            "render() is not supported: make_vec_env(..., capture_video=True) films environment 0"
        )
