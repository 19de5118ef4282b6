"""Steps that anybody may take and the platform takes when they are due: once, and with patience.

A step that failed (a reading was disputed in the same block, say) is taken again, but not at every
tick: a transaction that fails costs gas each time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from wattproof.errors import ConflictError, NotFoundError, RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.runtime import Platform

_log = logging.getLogger("wattproof.claims")


def is_waiting(platform: Platform, session: Session, key: str, now: int) -> bool:
    """Whether the step is on its way, done, or failed so lately that it is left alone.

    What failed is logged once.
    """
    if platform.resting.rests(key, now):
        return True
    row = outbox.find(session, key)
    if row is None:
        return False
    if row.status not in outbox.FAILED:
        return True
    failed_anew = platform.resting.begin(key, now, cause=f"write {row.id}")
    if failed_anew:
        _log.warning("%s was %s and is tried again later: %s", key, row.status, row.error)
    return failed_anew


def queue(
    platform: Platform,
    session: Session,
    key: str,
    contract: str,
    function: str,
    *arguments: Any,
    gas_limit: int | None = None,
) -> bool:
    """Queue the step; the platform's balancing key pays for it.

    Returns False when another process queued it at the same moment.
    """
    try:
        with session.begin_nested():
            outbox.call(
                session,
                platform.chain,
                contract,
                function,
                *arguments,
                key=key,
                signer=platform.keys.address(Role.BALANCING),
                gas_limit=gas_limit,
            )
    except (IntegrityError, ConflictError):
        return False
    return True


def attempt(platform: Platform, key: str, now: int, step: Callable[[], bool]) -> bool:
    """Take a step; one that cannot be taken is logged once and keeps nobody else waiting."""
    try:
        return step()
    except (RefusedError, NotFoundError) as error:
        if platform.resting.begin(key, now, cause=str(error)):
            _log.warning("%s cannot be done: %s", key, error)
        return False
