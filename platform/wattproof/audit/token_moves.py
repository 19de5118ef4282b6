"""Settlement tokens that come to our contracts and leave them: each move against its booking.

A move is told by the token's ``Transfer`` and by the contract that books it, in one transaction.
Anybody may send tokens to a contract without a booking: that is a gift, and the contract holds so
much more than its books say. Nothing leaves without one. Transfers of other tokens are no events of
our contracts, so their bookings have no counter-entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattproof.audit.findings import Gift

if TYPE_CHECKING:
    from wattproof.audit.history import Entry
    from wattproof.audit.state import State

RECEIVED, SENT, PAID = "tokens received", "tokens sent", "paid out"
"""``PAID`` is what the ledger says: into whose free balance a contract's money went."""
_BOOKING = ("Ledger", "EnergyCredits", "DemandResponse", "QuotaRegistry")


def transferred(state: State, entry: Entry) -> None:
    """The token's own record."""
    args = entry.event.args
    receiver, sender = state.contracts.get(args["to"]), state.contracts.get(args["from"])
    if receiver is not None:
        state.entries.prove(entry, receiver, args["from"], RECEIVED, args["value"])
    if sender in _BOOKING:
        state.entries.prove(entry, sender, args["to"], SENT, args["value"])


def deposited(state: State, entry: Entry) -> None:
    """The ledger's record: its own booking, and proof of what another contract paid to whom."""
    args = entry.event.args
    received(state, entry, args["asset"], args["from"], args["amount"])
    payer = state.contracts.get(args["from"])
    if payer in _BOOKING:
        key = _paid_to(args["asset"], args["to"])
        state.entries.prove(entry, payer, key, PAID, args["amount"])


def received(state: State, entry: Entry, asset: str, sender: str, amount: int) -> None:
    """The contract of the event books what came from somebody."""
    _announce(state, entry, asset, sender, RECEIVED, amount)


def sent(state: State, entry: Entry, asset: str, receiver: str, amount: int) -> None:
    """The contract of the event books what it sent to somebody."""
    _announce(state, entry, asset, receiver, SENT, amount)


def paid(state: State, entry: Entry, asset: str, receiver: str, amount: int) -> None:
    """The contract of the event books what it paid into somebody's free balance."""
    sent(state, entry, asset, state.ledger, amount)
    key = _paid_to(asset, receiver)
    state.entries.announce(entry, entry.event.contract, key, PAID, amount)


def given(state: State) -> list[Gift]:
    """What was sent to our contracts without a booking, in the order in which it came."""
    return [
        Gift(contract, sender, amount, transaction)
        for (contract, sender, _, transaction), amount in state.entries.unannounced(
            RECEIVED
        ).items()
    ]


def _paid_to(asset: str, account: str) -> str:
    return f"asset {asset}, account {account}"


def _announce(state: State, entry: Entry, asset: str, account: str, what: str, amount: int) -> None:
    if state.contracts.get(asset) == "SettlementToken":
        state.entries.announce(entry, entry.event.contract, account, what, amount)
