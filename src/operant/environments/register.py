"""Makes a user's header an environment: `operant.register_env("lander.h")`."""

from __future__ import annotations

import os

from operant.batch.core import parameters
from operant.environments.lookup import AUTHORED
from operant.headers.descriptor import DescriptorError, read_descriptor
from operant.headers.library import check_header
from operant.registration import register_spec
from operant.spec import EnvSpec


def register_env(header: str | os.PathLike[str], *, build: bool = True) -> str:
    """Compiles a header and registers it with Gymnasium under the id of its descriptor, which is returned.

        operant.register_env("lander.h")
        envs = gymnasium.make_vec("lander-v0", num_envs=4096)

    The descriptor, lander.toml or lander.py, lies beside the header; what is compiled, in the user's cache folder. The
    registered kwargs hold the header's path, so worker processes that get Gymnasium's spec need not register it again.
    A package registers its headers when it is imported, and "package:lander-v0" is an id that any process understands:

        operant.register_env(Path(__file__).with_name("lander.h"), build=False)

    Args:
        header: its path.
        build: False leaves compiling to the first environment that is made.

    Raises:
        ValueError: the header does not exist or compile, there is no C compiler, or the descriptor is missing, cannot
            be used or names an id that is taken. The text is the remedy.
    """
    from gymnasium.envs.registration import registry

    spec = read_descriptor(check_header(header))
    _check_free(spec)
    if build:
        check_parameters(spec)
    registry.pop(spec.id, None)  # what was registered before: its descriptor may have changed
    register_spec(spec)
    AUTHORED[spec.id] = spec
    return spec.id


def check_parameters(spec: EnvSpec) -> None:
    """Compiles a header, unless that has been done, and raises a ValueError where a default is outside its bounds."""
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
        raise ValueError(f"{spec.id} is {known.source} already: give {spec.source} another id")
    if known is None and spec.id in registry:
        raise ValueError(f"{spec.id} is registered already, as {registry[spec.id].entry_point}: choose another id")
