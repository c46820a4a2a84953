"""Functions for `VectorizedEnv.apply`, which read, set and call what an environment in its wrappers has."""

from __future__ import annotations

from typing import Any

import gymnasium

AnyEnv = gymnasium.Env[Any, Any]


def read(env: AnyEnv, name: str) -> Any:
    """Reads an attribute; raises AttributeError if there is none."""
    return env.get_wrapper_attr(name)


def has(env: AnyEnv, name: str) -> bool:
    """Returns True if there is an attribute of this name."""
    try:
        env.get_wrapper_attr(name)
    except AttributeError:
        return False
    return True


def call(env: AnyEnv, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls a method."""
    return env.get_wrapper_attr(name)(*args, **kwargs)


def call_or_read(env: AnyEnv, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls a method, or reads an attribute that cannot be called."""
    found = env.get_wrapper_attr(name)
    return found(*args, **kwargs) if callable(found) else found


def write(env: AnyEnv, name: str, value: Any) -> None:
    """Sets an attribute where it is, and in the environment itself if it is new."""
    env.set_wrapper_attr(name, value)
