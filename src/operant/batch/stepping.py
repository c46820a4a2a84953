"""RolloutStepper: steps a batch directly into the arrays of a rollout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from operant.batch.outputs import Stepper
from operant.messages import NotCopyable


class RolloutStepper(NotCopyable):
    """Steps a batch through the T prepared slots of a rollout; `Batch.record_into` makes it.

    Step t writes into `slots[t]` and reads the actions at `pointers[t]`, of type `code`. `observe` writes the batch's
    current observations into row 0. `held` keeps alive the memory that these point to.
    """

    instead = "copy the batch, and call its record_into with arrays of its own"

    def __init__(
        self,
        stepper: Stepper,
        actions: np.ndarray,
        pointers: Sequence[Any],
        code: int,
        slots: Sequence[Any],
        observe: Callable[[], None],
        held: object,
    ):
        self._held = held
        self._stepper = stepper
        self._actions = actions
        self._pointers = pointers
        self._code = code
        self._slots = slots
        self._core_step = stepper.core_step
        self.observe = observe

    def step(self, t: int) -> None:
        """Steps every environment with `actions[t]`; fills `observations[t + 1]`, and `[t]` of the other arrays.

        Raises the errors of `Batch.step`; then nothing moved and nothing was written.
        """
        handle = self._stepper.handle  # None once the batch is closed
        status = 0
        if handle is not None:
            status = self._core_step(handle, self._pointers[t], self._code, self._slots[t])
            if status == 0:
                return
        raise self._stepper.fail(handle, status, self._actions[t])
