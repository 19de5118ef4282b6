"""For whom the operator pays: whom somebody vouches for, and so many changes a day."""

from __future__ import annotations

import time
from typing import Final

from sqlmodel import Session, col, delete, update

from identity.roles import ROLES, role_id
from wattproof.auth.scopes import Principal, Scope
from wattproof.errors import RefusedError
from wattproof.relaying.models import RelayAllowanceRow
from wattproof.runtime import Platform
from wattproof.settings import Profile

_EVERYBODY: Final = ""
_DAY_S: Final = 86_400


def require_vouched(platform: Platform, principal: Principal) -> None:
    """Whoever signs in with a fresh key costs nothing; a credential is what it cannot make itself.

    The embedded profile, which hands out what transactions cost anyway, asks for none.

    Raises:
        RefusedError: no role credential of the caller stands.
    """
    if platform.settings.profile is Profile.EMBEDDED or Scope.OPERATOR in principal.scopes:
        return
    now = platform.clock.now()
    standing = platform.chain.call_many(
        ("CredentialRegistry", "standing", (principal.address, role_id(role), now))
        for role in ROLES
    )
    if not any(standing):
        raise RefusedError(
            "the operator pays for callers with a role credential that stands; ask for one, or "
            "send the change in your own transaction",
            code="no_credential",
        )


def charge(platform: Platform, session: Session, caller: str) -> None:
    """Count one change that the operator pays for.

    Raises:
        RefusedError: the caller, or all callers together, had today's share.
    """
    day = int(time.time()) // _DAY_S
    session.exec(delete(RelayAllowanceRow).where(col(RelayAllowanceRow.day) < day))
    settings = platform.settings
    own, all_of_them = settings.relays_per_caller_a_day, settings.relays_a_day
    if not _take(session, caller, day, own):
        raise _exhausted(f"{own} of your changes a day")
    if not _take(session, _EVERYBODY, day, all_of_them):
        raise _exhausted(f"{all_of_them} changes of all callers a day")


def _take(session: Session, caller: str, day: int, most: int) -> bool:
    """One step in the database, so that two requests never take the last one both."""
    if session.get(RelayAllowanceRow, (caller, day)) is None:
        session.add(RelayAllowanceRow(caller=caller, day=day))
        session.flush()
    taken = session.exec(
        update(RelayAllowanceRow)
        .where(
            col(RelayAllowanceRow.caller) == caller,
            col(RelayAllowanceRow.day) == day,
            col(RelayAllowanceRow.used) < most,
        )
        .values(used=col(RelayAllowanceRow.used) + 1)
    )
    return bool(taken.rowcount)


def _exhausted(what: str) -> RefusedError:
    return RefusedError(
        f"the operator pays for {what} and these are used up; try again tomorrow (UTC), or send "
        "the change in your own transaction",
        code="relay_limit",
    )
