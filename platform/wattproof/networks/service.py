"""A market's network and the orders it stands for.

The description is on the chain; everything here follows from it. The network account is a trader
like any other: its orders are signed with its own key and handed in before the gate.
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_utils.crypto import keccak
from sqlmodel import Session, col, select

from identity.signer import Signer
from market.network import (
    Network,
    NetworkError,
    from_description,
    margin_needed_micro,
    network_orders,
)
from market.order import Order, order_hash
from market.product import ProductGrid
from market.rules import MarketRules
from wattproof.accounts.models import MarginRow
from wattproof.errors import InvalidError, NotFoundError
from wattproof.indexer.models import EventRow
from wattproof.networks.models import NetworkRow
from wattproof.orders import service as orders
from wattproof.orders.desk import epoch_of
from wattproof.orders.service import SignedReceipt
from wattproof.rounds.facts import get_market, get_round, grid_of, network_of, rules_of
from wattproof.runtime import Platform


@dataclass(frozen=True, slots=True)
class MarketNetwork:
    """A market's network, its account, and how the description stands.

    `margin_micro_a_slot`: what the account needs so that all its orders of a slot count.
    """

    market: int
    account: str
    description: bytes
    network: Network
    published: bool
    margin_micro_a_slot: int

    @property
    def hash(self) -> bytes:
        return keccak(self.description)


def keep(session: Session, description: bytes, rules: MarketRules) -> bytes:
    """Keep a description until its market is there to publish it; returns its hash.

    Raises:
        InvalidError: it is no canonical description of a network for a market of these rules.
    """
    _read(description, rules)
    digest = keccak(description)
    if session.get(NetworkRow, "0x" + digest.hex()) is None:
        session.add(NetworkRow(hash="0x" + digest.hex(), description="0x" + description.hex()))
        session.flush()
    return digest


def get_network(session: Session, market: int) -> MarketNetwork:
    """A market's network.

    Raises:
        NotFoundError: no such market, it has no network, or its description is not known here.
        InvalidError: what was published describes no network of this market.
    """
    row = get_market(session, market)
    account = network_of(row)
    if account is None:
        raise NotFoundError(f"market {market} has no network: all its zones are apart")
    event = session.exec(
        select(EventRow)
        .where(EventRow.name == "NetworkPublished", EventRow.market == market)
        .order_by(col(EventRow.id))
    ).first()
    kept = session.get(NetworkRow, str(row.params["networkHash"]))
    if event is not None:
        text = str(event.args["description"])
    elif kept is not None:
        text = kept.description
    else:
        raise NotFoundError(f"the network of market {market} is not published yet")
    description, rules = bytes.fromhex(text.removeprefix("0x")), rules_of(row)
    network = _read(description, rules)
    slot = ProductGrid(network.carriers, network.zones, 0, 1)
    return MarketNetwork(
        market=market,
        account=account,
        description=description,
        network=network,
        published=event is not None,
        margin_micro_a_slot=margin_needed_micro(network, slot, rules),
    )


def derive_orders(session: Session, market: int, number: int) -> tuple[Order, ...]:
    """The network account's orders of a round, to be signed as they are.

    Raises:
        NotFoundError: no such market or round, or no network.
        InvalidError: the published description fits no such round.
    """
    found = get_network(session, market)
    row = get_market(session, market)
    round_ = get_round(session, market, number)
    epoch = epoch_of(session.get(MarginRow, (market, found.account)), number)
    try:
        return network_orders(
            found.network,
            market,
            number,
            grid_of(row, round_),
            rules_of(row).slot_seconds,
            found.account,
            epoch,
        )
    except NetworkError as error:
        raise InvalidError(str(error), code="unusable_network") from error


def hand_in(
    platform: Platform, session: Session, market: int, number: int, signer: Signer
) -> list[SignedReceipt]:
    """Sign the round's network orders and hand them in; again gives the same receipts.

    Args:
        signer: of the network account.

    Raises:
        InvalidError: it is another account's key.
        RefusedError: the gate is closed, or margin, epoch or credential do not hold.
        NotFoundError: no such market or round, or no network.
    """
    domain = platform.domain
    signed = [
        (order, signer.sign_digest(order_hash(domain, order)))
        for order in derive_orders(session, market, number)
    ]
    return orders.submit_many(platform, session, signed)


def _read(description: bytes, rules: MarketRules) -> Network:
    try:
        network = from_description(description)
        network.check_market(rules)
    except NetworkError as error:
        raise InvalidError(str(error), code="unusable_network") from error
    return network
