"""The syntax of DIDs and DID URLs (W3C DID Core, section 3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl

from identity.errors import DidError

_PCT: Final = "%[0-9A-Fa-f]{2}"
_ID_CHARACTER: Final = rf"(?:[A-Za-z0-9.\-_]|{_PCT})"
_PCHAR: Final = rf"(?:[A-Za-z0-9.\-_~!$&'()*+,;=:@]|{_PCT})"
_URL: Final = re.compile(
    rf"(?P<did>did:(?P<method>[a-z0-9]+):(?P<identifier>(?:{_ID_CHARACTER}*:)*{_ID_CHARACTER}+))"
    rf"(?P<path>(?:/{_PCHAR}*)*)"
    rf"(?:\?(?P<query>(?:{_PCHAR}|[/?])*))?"
    rf"(?:#(?P<fragment>(?:{_PCHAR}|[/?])*))?"
)
_LONGEST: Final = 2_048


@dataclass(frozen=True, slots=True)
class DidUrl:
    """A DID with what may follow it.

    Attributes:
        did: the DID alone.
        identifier: what follows ``did:method:``.
        query: parameters, each at most once.
        fragment: without the ``#``; None without one.
    """

    did: str
    method: str
    identifier: str
    path: str = ""
    query: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    fragment: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is a DID with nothing behind it."""
        return not self.path and not self.query and self.fragment is None


def parse_url(text: str) -> DidUrl:
    """Read a DID or a DID URL.

    Raises:
        DidError: it is neither, longer than 2,048 characters, or names a parameter twice.
    """
    if len(text) > _LONGEST:
        raise DidError(f"a DID URL of more than {_LONGEST} characters")
    match = _URL.fullmatch(text)
    if match is None:
        raise DidError(f"{text!r} is not a DID (did:method:identifier)")
    query: dict[str, str] = {}
    for name, value in parse_qsl(match["query"] or "", keep_blank_values=True):
        if name in query:
            raise DidError(f"the parameter {name!r} stands twice in {text!r}")
        query[name] = value
    return DidUrl(
        did=match["did"],
        method=match["method"],
        identifier=match["identifier"],
        path=match["path"],
        query=MappingProxyType(query),
        fragment=match["fragment"],
    )
