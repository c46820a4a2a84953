"""Writes pages: one HTML file each, with the core's WebAssembly modules, scripts, style and data inside."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from string import Template
from typing import Any

from operant.batch.core import defaults, trajectory_hash
from operant.spec import Bound, EnvSpec
from operant.web.modules import Modules

FOLDER = Path(__file__).parent
SHARED = ("core", "pictures", "stage")
"""The scripts of all pages, each with what it imports before it."""


def page(name: str, title: str, introduction: str, data: Mapping[str, Any], modules: Modules) -> str:
    """Returns the text of a page.

    Args:
        name: the page's script and body, without their endings: "gallery", "learn" or "play".
        title: plain text.
        introduction: HTML below the title.
        data: what the script finds in its element `data`; it must be JSON.
        modules: the core, compiled.
    """
    values = {
        "title": html.escape(title),
        "introduction": introduction,
        "style": _read("page.css"),
        "body": _read(f"{name}.html"),
        "version": metadata.version("operant"),
        # An element of script ends at "</script", wherever that stands.
        "data": json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        "vector": base64.b64encode(modules.vector_gz).decode(),
        "scalar": base64.b64encode(modules.scalar).decode(),
        "script": "".join(_script(each) for each in (*SHARED, name)),
    }
    return Template(_read("page.html")).substitute(values)


def environment_facts(spec: EnvSpec) -> dict[str, Any]:
    """The facts of a built-in environment that its header does not have, for a page's data."""
    numbers = defaults(spec)

    def number(bound: Bound) -> float:
        return numbers[bound[0]] * bound[1] if isinstance(bound, tuple) else bound

    return {
        "header": spec.header,
        "title": _title(spec),
        "summary": spec.summary,
        "limit": spec.max_episode_steps or 0,
        "fps": spec.render_fps,
        "state": [{"name": part.name, "size": part.size, "integer": part.integer} for part in spec.state],
        "low": [number(low) for low, _ in spec.action_bounds],
        "high": [number(high) for _, high in spec.action_bounds],
        "hash": f"{trajectory_hash(spec.header, 'scalar'):016x}",
    }


def _title(spec: EnvSpec) -> str:
    """The id; of a variant, with the words that its header adds."""
    base = spec.id.rpartition("-v")[0]
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", base).lower()
    rest = spec.header.removeprefix(plain).strip("_").replace("_", " ")
    if not rest or not spec.header.startswith(plain):
        return spec.id
    return f"{spec.id} ({rest} agents)" if rest.isdecimal() else f"{spec.id} ({rest})"


def _script(name: str) -> str:
    """A script for a page that has all of them in one: without its imports, and exporting nothing."""
    text = re.sub(r"^import [^;]*;\n", "", _read(f"{name}.js"), flags=re.MULTILINE)
    return re.sub(r"^export ", "", text, flags=re.MULTILINE)


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
