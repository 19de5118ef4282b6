"""What a caller may do, and where the right comes from.

Everybody who signs in is a participant: it may read and change what belongs to its own address.
Every other scope is a role credential that stands on-chain at that moment, so it is granted,
revoked and audited where everything else is; the platform's own operator key needs none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from identity.roles import role_id
from wattproof.errors import MisconfiguredError
from wattproof.gateway.keys import Role

if TYPE_CHECKING:
    from wattproof.profiles import Platform


class Scope(StrEnum):
    """What a session or API key may be used for."""

    PARTICIPANT = "participant"
    DISPATCHER = "dispatcher"
    METER = "meter"
    REGULATOR = "regulator"
    ANALYST = "analyst"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose credentials were checked.

    Attributes:
        address: checksum address it speaks for.
        scopes: what it may do now.
        expires_at: seconds, UTC.
        api_key: id of the API key it used; None for a session.
        lasting: whether its session can be renewed and may make API keys.
    """

    address: str
    scopes: frozenset[Scope]
    expires_at: int
    api_key: str | None = None
    lasting: bool = True


def entitled(platform: Platform, address: str, wanted: Iterable[Scope]) -> frozenset[Scope]:
    """Those of the wanted scopes that the address has a right to at this moment."""
    asked = set(wanted)
    granted = asked & {Scope.PARTICIPANT}
    if Scope.OPERATOR in asked and address == _operator(platform):
        granted.add(Scope.OPERATOR)
    open_scopes = sorted(asked - granted)
    if open_scopes:
        now = platform.clock.now()
        standing = platform.chain.call_many(
            ("CredentialRegistry", "standing", (address, role_id(scope), now))
            for scope in open_scopes
        )
        granted |= {scope for scope, stands in zip(open_scopes, standing, strict=True) if stands}
    return frozenset(granted)


def _operator(platform: Platform) -> str | None:
    try:
        return platform.keys.address(Role.OPERATOR)
    except MisconfiguredError:
        return None
