"""Calls that a role is needed for, and that some roles announce before they make them.

The Authority (OpenZeppelin's AccessManager) may give a role an execution delay. Its holder then
schedules a call, for everybody to see, and makes it when the delay is over, within a week.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from wattproof.accounts.service import UnsignedTransaction, unsigned
from wattproof.errors import RefusedError
from wattproof.runtime import Platform

_GAS = 500_000


@dataclass(frozen=True, slots=True)
class RestrictedCall:
    """What the holder of a role signs next.

    Attributes:
        transaction: the call itself, or its announcement.
        callable_at: Unix seconds from which on the announced call can be made; None: this is it.
    """

    transaction: UnsignedTransaction
    callable_at: int | None


def restricted(
    platform: Platform, signer: str, title: str, contract: str, function: str, *args: object
) -> RestrictedCall:
    """The call, or its announcement where the signer's role has a delay and nothing is announced.

    Raises:
        RefusedError: the signer has no role for it (``no_role``), or it is announced and not due
            yet (``too_early``).
    """
    call = unsigned(platform, title, contract, function, *args, gas=_GAS)
    selector = bytes.fromhex(call.data[2:10])
    immediate, delay = platform.chain.call("Authority", "canCall", signer, call.to, selector)
    if immediate:
        return RestrictedCall(call, None)
    if delay == 0:
        raise RefusedError(
            f"{signer} has no role that may {title}; the Authority at "
            f"{platform.chain.address('Authority')} says who has",
            code="no_role",
        )
    data = bytes.fromhex(call.data[2:])
    operation = platform.chain.call("Authority", "hashOperation", signer, call.to, data)
    due_at = int(platform.chain.call("Authority", "getSchedule", operation))
    now = platform.clock.now()
    if due_at == 0:
        announced = unsigned(platform, title, "Authority", "schedule", call.to, data, 0, gas=_GAS)
        return RestrictedCall(replace(announced, title=f"announce to {title}"), now + delay)
    if now < due_at:
        raise RefusedError(
            f"to {title} was announced; ask again from {_utc(due_at)} on, for a week",
            code="too_early",
        )
    return RestrictedCall(call, None)


def _utc(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
