"""`operant.register_env`: registers a user's header with Gymnasium."""

from __future__ import annotations

import os

from operant.batch.core import parameters
from operant.engines.batch import opened_spec
from operant.environments.lookup import AUTHORED
from operant.headers.descriptor import DescriptorError, read_descriptor
from operant.headers.library import check_header
from operant.headers.trust import remember
from operant.registration import register_spec
from operant.spec import EnvSpec


def register_env(header: str | os.PathLike[str], *, build: bool = True) -> str:
    """Compiles a header and registers it with Gymnasium under its descriptor's id; returns the id.

        operant.register_env("lander.h")
        envs = gymnasium.make_vec("lander-v0", num_envs=4096)

    The descriptor, lander.toml or lander.py, lies beside the header; the compiled library goes to the user's cache
    folder. The registered kwargs hold the header's path, so a worker process that gets Gymnasium's spec need not
    register it again. A package may register its headers on import; then any process can use the id
    "package:lander-v0":

        operant.register_env(Path(__file__).with_name("lander.h"), build=False)

    Args:
        header: the header's path.
        build: False compiles only when the first environment is made.

    Raises:
        ValueError: the header does not exist or compile, there is no C compiler, or the descriptor is missing, is
            invalid or has an id that is taken. The text contains the remedy.
    """
    from gymnasium.envs.registration import registry

    spec = read_descriptor(check_header(header))
    _check_free(spec)
    if build:
        check_parameters(spec)
    registry.pop(spec.id, None)  # an earlier registration: the descriptor may have changed since
    register_spec(spec)
    AUTHORED[spec.id] = spec
    remember(spec.source)
    return spec.id


def check_parameters(spec: EnvSpec) -> None:
    """Compiles a header if necessary, and raises a DescriptorError for a default outside its bounds.

    A task on an engine is opened once: its model must have what its header reads.
    """
    if spec.engine:
        opened_spec(spec)
        return
    for part in parameters(spec):
        if not part.low <= part.default <= part.high:
            raise DescriptorError(
                f"{spec.header}.h lists {part.name} with the default {part.default:g}, which is not from {part.low:g} "
                f"to {part.high:g}"
            )


def _check_free(spec: EnvSpec) -> None:
    from gymnasium.envs.registration import registry

    known = AUTHORED.get(spec.id)
    if known is not None and known.source != spec.source:
        raise ValueError(f"{spec.id} is already registered from {known.source}: give {spec.source} another id")
    if known is None and spec.id in registry:
        raise ValueError(f"{spec.id} is already registered as {registry[spec.id].entry_point}: choose another id")
