"""The plan of a vector environment: its size, spaces and mode, and the rows of each worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
from gymnasium.spaces.utils import is_space_dtype_shape_equiv
from gymnasium.vector.utils import batch_space

from operant.workers.block import Block, block_size
from operant.workers.slice import Slice

MakeEnv = Callable[[], "gymnasium.Env[Any, Any]"]


@dataclass(frozen=True)
class Plan:
    """N environments, their single spaces, and the number of workers that share them.

    Attributes:
        workers: at least 1; this process counts as one.
        mode: the value of an `AutoresetMode`.
        different: True if observation spaces may have different bounds.
        slots: the number of times that the block has observations.
    """

    num_envs: int
    workers: int
    observation_space: gymnasium.Space[Any]
    action_space: gymnasium.Space[Any]
    mode: str
    different: bool
    slots: int

    def rows(self, worker: int) -> slice:
        """The rows of one worker: contiguous, and as many as another's or one more."""
        return slice(worker * self.num_envs // self.workers, (worker + 1) * self.num_envs // self.workers)

    @property
    def size(self) -> int:
        """The bytes of the block."""
        return block_size(self.observation_space, self.action_space, self.num_envs, self.workers, self.slots)

    def block(self, memory: Any) -> Block:
        """Makes the block in some memory."""
        return Block(memory, self.observation_space, self.action_space, self.num_envs, self.workers, self.slots)

    def open(self, worker: int, functions: Sequence[MakeEnv], block: Block) -> Slice:
        """Makes the environments of one worker.

        Raises:
            RuntimeError: an environment's spaces differ from the first one's.
            ValueError: two functions returned the same environment.
        """
        first = self.rows(worker).start
        envs: list[gymnasium.Env[Any, Any]] = []
        try:
            for row, function in enumerate(functions, first):
                block.current[worker] = row
                env = function()
                if any(env is other for other in envs):
                    raise ValueError(f"environment {row} is one that an earlier function returned: make a new one")
                envs.append(env)
                self._check(row, env)
        except BaseException:
            for env in envs:
                env.close()
            raise
        block.current[worker] = -1
        spaces = self.observation_space, batch_space(self.action_space, self.num_envs)
        return Slice(envs, block, first, worker, self.mode, spaces)

    def _check(self, row: int, env: gymnasium.Env[Any, Any]) -> None:
        """Raises RuntimeError if the environment does not fit."""
        if self.different:
            if not is_space_dtype_shape_equiv(env.observation_space, self.observation_space):
                raise RuntimeError(
                    f"environment {row} has the observation space {env.observation_space}, whose shape or dtype is not "
                    f"that of {self.observation_space}"
                )
        elif env.observation_space != self.observation_space:
            raise RuntimeError(
                f"environment {row} has the observation space {env.observation_space}, not {self.observation_space}: "
                'if only the bounds differ, use observation_mode="different"'
            )
        if env.action_space != self.action_space:
            raise RuntimeError(f"environment {row} has the action space {env.action_space}, not {self.action_space}")
