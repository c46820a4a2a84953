"""The environments of users' own headers that this process knows.

One is named by its header's path, which says all that another process needs; by its id, once the header is registered;
or by "module:id", where importing the module registers it.
"""

from __future__ import annotations

import re
from importlib import import_module

from operant.descriptor import read_descriptor
from operant.library import check_header
from operant.spec import EnvSpec

AUTHORED: dict[str, EnvSpec] = {}
"""By id, in the order of their registration."""


def authored_spec(env_id: str) -> EnvSpec | None:
    """The descriptor of a user's environment, read anew from its file; None for a name that is of no such environment.

    Raises:
        ValueError: it is the path of a header that does not exist or has no usable descriptor.
        ImportError: the module cannot be imported. One that does not exist is nobody's.
    """
    if env_id.endswith(".h"):
        return read_descriptor(check_header(env_id))
    module, _, name = env_id.rpartition(":")
    if module != "operant" and re.fullmatch(r"\w+(\.\w+)*", module):
        try:
            import_module(module)
        except ModuleNotFoundError as missing:
            if not f"{module}.".startswith(f"{missing.name}."):
                raise  # something that the module itself imports
            return None
    spec = AUTHORED.get(name)
    return None if spec is None else authored_spec(spec.source)
