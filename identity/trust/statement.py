"""One form and one hash of a statement: whoever computes it again gets the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from identity.canonical import canonical_json


def statement_bytes(statement: Mapping[str, Any]) -> bytes:
    """Canonical JSON (RFC 8785). Raises ValueError for what has no such form."""
    return canonical_json(dict(statement))


def sha256_of(statement: Mapping[str, Any]) -> str:
    """SHA-256 of these bytes, 0x-hex."""
    return "0x" + hashlib.sha256(statement_bytes(statement)).hexdigest()
