"""What the platform does for networks by itself.

It publishes the descriptions of markets that were just created, and hands in the orders of networks
whose account it has the key of (`network.json` in the keystore).
"""

from __future__ import annotations

from sqlmodel import Session, col, select

from wattproof.accounts.models import MarginRow
from wattproof.accounts.service import holds_role
from wattproof.errors import InvalidError, NotFoundError, RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.networks import service
from wattproof.networks.models import NetworkRow
from wattproof.orders.models import OrderRow
from wattproof.orders.service import available_margin
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

    A round waits while the account has no credential, or its margin does not cover all of them.
    Returns how many rounds.
    """
    if not platform.keys.holds(Role.NETWORK):
        return 0
    account, now = platform.keys.address(Role.NETWORK), platform.clock.now()
    open_rounds = session.exec(
        select(RoundRow, MarketRow)
        .join(MarketRow, col(MarketRow.market) == col(RoundRow.market))
        .where(RoundRow.state == "open", col(RoundRow.gate_at) > now)
    ).all()
    return sum(
        _hand_in(platform, session, row)
        for row, market in open_rounds
        if network_of(market) == account and _is_due(session, row, market, account)
    )


def _is_due(session: Session, row: RoundRow, market: MarketRow, account: str) -> bool:
    """Whether none of the account's orders is in the round, and all of them would count."""
    place = OrderRow.market == row.market, OrderRow.round == row.number
    mine = select(OrderRow.digest).where(*place, OrderRow.trader == account).limit(1)
    if row.error is not None or session.exec(mine).first() is not None:
        return False
    role = role_of(market)
    if role is not None and not holds_role(session, account, role, row.gate_at):
        return False
    try:
        needed = service.get_network(session, row.market).margin_micro_a_slot * row.slots
    except (InvalidError, NotFoundError):
        return False  # no network of ours: what was published describes none
    return needed <= available_margin(session.get(MarginRow, (row.market, account)), row.number)


def _hand_in(platform: Platform, session: Session, row: RoundRow) -> bool:
    key = platform.keys.private_key(Role.NETWORK)
    try:
        service.hand_in(platform, session, row.market, row.number, key)
    except (InvalidError, RefusedError) as error:
        row.error = f"network: {error.message}"
        session.add(row)
        return False
    return True
