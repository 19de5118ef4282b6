"""Canonical JSON: one text for one value (RFC 8785, without floating-point numbers)."""

from __future__ import annotations

import json
from typing import Any, Final

_EXACT: Final = 2**53


def canonical_json(value: Any) -> bytes:
    """UTF-8 bytes: keys in UTF-16 order, no spaces, shortest escapes.

    Raises:
        ValueError: a float, an integer beyond 2^53 (write it as text), a key that is not text, a
            lone surrogate, or a type JSON does not know.
    """
    return _write(value).encode("utf-8")


def _write(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        if abs(value) >= _EXACT:
            raise ValueError(f"{value} is beyond 2^53: write it as text")
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(_write(item) for item in value) + "]"
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"the key {key!r} is not text")
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{_write(key)}:{_write(value[key])}" for key in keys) + "}"
    raise ValueError(f"{type(value).__name__} has no canonical form")
