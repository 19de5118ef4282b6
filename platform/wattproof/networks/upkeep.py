"""What the platform does for networks by itself.

It publishes the descriptions of markets that were just created, and hands in the orders of networks
whose account it has the key of (`network.json` in the keystore).
"""

from __future__ import annotations

from sqlmodel import Session, col, select

from wattproof.accounts.models import FreeRow, MarginRow
from wattproof.accounts.service import holds_role, ledger_call
from wattproof.errors import InvalidError, NotFoundError, RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.networks import service
from wattproof.networks.models import NetworkRow
from wattproof.orders.desk import available_margin
from wattproof.orders.models import OrderRow
from wattproof.rounds import service as rounds
from wattproof.rounds.facts import network_of, role_of
from wattproof.rounds.models import MarketRow, RoundRow
from wattproof.runtime import Platform


def publish_due(platform: Platform, session: Session) -> int:
    """Queue the publication of every kept description whose market is indexed. Returns how many.

    What is published already, by whomever, is left as it is.
    """
    kept = {row.hash: row.description for row in session.exec(select(NetworkRow)).all()}
    if not kept:
        return 0
    queued = 0
    for market in rounds.list_markets(session):
        description = kept.get(str(market.params["networkHash"]))
        if description is None or rounds.is_network_published(session, market.market):
            continue
        if outbox.find(session, f"network:{market.market}") is not None:
            continue  # it failed; an operator must look
        rounds.publish_network(
            platform, session, market.market, bytes.fromhex(description.removeprefix("0x"))
        )
        queued += 1
    return queued


def hand_in_due(platform: Platform, session: Session) -> int:
    """Hand in the orders of every open round of the networks that the platform runs.

    A round waits while the account has no credential, or its margin does not cover all of them;
    what it has free in the ledger, such as the congestion revenue of earlier rounds, makes up what
    is missing. Returns how many rounds moved.
    """
    if not platform.keys.holds(Role.NETWORK):
        return 0
    account, now = platform.keys.address(Role.NETWORK), platform.clock.now()
    open_rounds = session.exec(
        select(RoundRow, MarketRow)
        .join(MarketRow, col(MarketRow.market) == col(RoundRow.market))
        .where(RoundRow.state == "open", col(RoundRow.gate_at) > now)
    ).all()
    moved = 0
    for row, market in open_rounds:
        if network_of(market) != account or not _is_waited_for(session, row, market, account):
            continue
        missing = _missing_margin(session, row, account)
        if missing == 0:
            moved += _hand_in(platform, session, row)
        elif missing is not None:
            moved += _top_up(platform, session, row, market, account, missing)
    return moved


def _is_waited_for(session: Session, row: RoundRow, market: MarketRow, account: str) -> bool:
    """Whether none of the account's orders is in the round, and they would be let in."""
    place = OrderRow.market == row.market, OrderRow.round == row.number
    mine = select(OrderRow.digest).where(*place, OrderRow.trader == account).limit(1)
    if row.error is not None or session.exec(mine).first() is not None:
        return False
    role = role_of(market)
    return role is None or holds_role(session, account, role, row.gate_at)


def _missing_margin(session: Session, row: RoundRow, account: str) -> int | None:
    """Micro-units by which the margin falls short; None where nothing can be derived: what was
    published describes no network."""
    try:
        needed = service.get_network(session, row.market).margin_micro_a_slot * row.slots
    except (InvalidError, NotFoundError):
        return None
    margin = session.get(MarginRow, (row.market, account))
    return max(0, needed - available_margin(margin, row.number))


def _top_up(
    platform: Platform,
    session: Session,
    row: RoundRow,
    market: MarketRow,
    account: str,
    missing: int,
) -> bool:
    """Queue what is missing from the account's free balance, once a round. True if it was."""
    free = session.get(FreeRow, (market.asset, account))
    name = f"round:{row.market}:{row.number}"
    if free is None or free.free_micro < missing:
        return False
    if outbox.find(session, f"addMargin:{account}:{name}") is not None:
        return False
    ledger_call(platform, session, account, "addMargin", row.market, missing, key=name)
    return True


def _hand_in(platform: Platform, session: Session, row: RoundRow) -> bool:
    signer = platform.keys.signer(Role.NETWORK)
    try:
        service.hand_in(platform, session, row.market, row.number, signer)
    except (InvalidError, RefusedError) as error:
        row.error = f"network: {error.message}"
        session.add(row)
        return False
    return True
