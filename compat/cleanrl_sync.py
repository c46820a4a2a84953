"""The methods of gymnasium's SyncVectorEnv besides `step` and `reset`, for a class with a `Batch` in `batch`.

class CleanRLVectorEnv(SyncMethods, gymnasium.vector.VectorEnv): ...
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.error import NoAsyncCallError

from operant.batch.batch import Batch
from operant.environments.attributes import Attributes, read_rows, write_rows


class SyncMethods:
    """The environments' attributes, and `step` and `reset` in two halves, which gymnasium 0.29's vector wrappers call.

    The attributes are Gymnasium's, and the physical parameters by our names.
    """

    batch: Batch
    _attributes: Attributes
    _actions: Any = None
    _reset_arguments: dict[str, Any] | None = None

    def reset_async(self, seed: Any = None, options: dict[str, Any] | None = None) -> None:
        """Notes the arguments for `reset_wait`."""
        self._reset_arguments = {"seed": seed, "options": options}

    def reset_wait(self, **arguments: Any) -> Any:
        """Resets as `reset` does, with the arguments of `reset_async`."""
        arguments, self._reset_arguments = (self._reset_arguments or {}) | arguments, None
        return self.reset(**arguments)  # type: ignore[attr-defined]  # the class that inherits this has it

    def step_async(self, actions: Any) -> None:
        """Notes the actions for `step_wait`, `[R]` or `[R, A]`."""
        self._actions = actions

    def step_wait(self, **_: Any) -> Any:
        """Steps as `step` does, with the actions of `step_async`.

        Raises:
            NoAsyncCallError: there are none.
        """
        actions, self._actions = self._actions, None
        if actions is None:
            raise NoAsyncCallError("step_wait without step_async: use step(actions)", "step")
        return self.step(actions)  # type: ignore[attr-defined]

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of Gymnasium's class, or a parameter, in each row."""
        return tuple(read_rows(self._attributes, name, np.arange(self.batch.num_rows)))

    def set_attr(self, name: str, values: Any) -> None:
        """Sets an attribute: a value, or one for each environment, whose agents share it."""
        write_rows(self._attributes, name, values, np.arange(self.batch.num_rows))

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """The results of a method of each row's environment; or an attribute of each row."""
        return tuple(each(*args, **kwargs) if callable(each) else each for each in self.get_attr(name))

    def render(self) -> Any:
        """Raises a NotImplementedError: `capture_video=True` films environment 0."""
        raise NotImplementedError(
            "render() is not supported: make_vec_env(..., capture_video=True) films environment 0"
        )
