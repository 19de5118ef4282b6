"""The life of a round.

announced -> open -> gate_closed -> cleared -> submitted -> confirmed -> delivered -> closed; or
void. Each step is one database transaction that holds the change and, where the chain must hear of
it, the outbox row. Announced rounds become open, submitted ones confirmed, and any void, only when
the indexer has seen it on the chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eth_utils.crypto import keccak
from sqlmodel import Session, col, select, update

from market.book import Book
from market.delegation import Session as DelegateSession
from market.eligibility import TraderFacts
from market.rules import MarketRules
from wattproof.errors import InvalidError, RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.gateway.models import OutboxRow
from wattproof.indexer.models import BlockRow, EventRow
from wattproof.networks import service as networks
from wattproof.orders.book import to_signed
from wattproof.orders.models import OrderRow
from wattproof.rounds.facts import (
    NO_ADDRESS,
    NO_ROLE,
    get_market,
    get_round,
    grid_of,
    has_capacity_source,
    is_tokenised,
    network_of,
    read_sellable,
    role_of,
    rules_of,
)
from wattproof.rounds.models import (
    MarketRow,
    PriceRow,
    RoundRow,
)
from wattproof.runtime import Platform

_GAS = 500_000
_TERMINAL = ("confirmed", "delivered", "closed", "void")


# -- markets ---------------------------------------------------------------------------------------


def create_market(
    platform: Platform,
    session: Session,
    name: str,
    rules: MarketRules,
    *,
    role: bytes | None = None,
    capacity_source: str | None = None,
    network: str | None = None,
    network_hash: bytes | None = None,
    network_description: bytes | None = None,
) -> OutboxRow:
    """Queue the creation of a market; once a name.

    Args:
        role: number of the role whose credential a trader needs; None: open to everybody.
        capacity_source: name of the contract that attests what may be sold, or keeps the tokens
            that are traded; None: none.
        network: address of the account that alone trades carriers from ``rules.open_carriers`` on;
            None: the market has no network.
        network_description: what the network is (``market.network.describe``); the platform
            publishes it once the market is there. A round opens only afterwards.
        network_hash: instead of the description its keccak, 32 bytes; whoever has the description
            publishes it (``publish_network``). One of the two goes with ``network``.

    Raises:
        ValueError: the rules do not fit a market with, or without, such a contract or account.
        InvalidError: the description is not one of a network for these rules.
    """
    if network_description is not None:
        if network_hash not in (None, keccak(network_description)):
            raise ValueError("the network's description has another hash")
        network_hash = networks.keep(session, network_description, rules)
    rules.check_source(capacity_source is not None)
    rules.check_network(network is not None)
    if (network is None) != (network_hash is None):
        raise ValueError("a network account and the hash of the network's description go together")
    chain = platform.chain
    params = {
        "operator": platform.keys.address(Role.OPERATOR),
        "balancing": platform.keys.address(Role.BALANCING),
        "role": role or bytes.fromhex(NO_ROLE[2:]),
        "capacitySource": chain.address(capacity_source) if capacity_source else NO_ADDRESS,
        "capacityUnitWh": rules.capacity_unit_wh,
        "carriers": rules.carriers,
        "zones": rules.zones,
        "slotSeconds": rules.slot_seconds,
        "periodSlots": rules.period_slots,
        "priceCap": rules.price_cap,
        "imbalanceCap": rules.imbalance_cap,
        "shortfallBp": rules.shortfall_bp,
        "surplusBp": rules.surplus_bp,
        "gateGrace": rules.gate_grace,
        "settleWindow": rules.settle_window,
        "exitDelay": rules.exit_delay,
        "bondDelay": rules.bond_delay,
        "challengeWindow": rules.challenge_window,
        "gapFloor": rules.gap_floor_micro,
        "gapCap": rules.gap_cap_micro,
        "asset": chain.address("SettlementToken"),
        "network": network or NO_ADDRESS,
        "openCarriers": rules.open_carriers,
        "networkHash": network_hash or bytes(32),
    }
    return outbox.call(
        session,
        chain,
        "Exchange",
        "createMarket",
        params,
        key=f"market:{name}",
        signer=platform.keys.address(Role.ADMIN),
        gas_limit=1_000_000,
    )


def publish_network(
    platform: Platform, session: Session, market: int, description: bytes
) -> OutboxRow:
    """Queue the publication of a market's network, without which no round of it opens.

    Raises:
        InvalidError: the market was created with the hash of another description, or of none.
    """
    row = get_market(session, market)
    if "0x" + keccak(description).hex() != row.params["networkHash"]:
        raise InvalidError(
            "this is not the description whose hash the market was created with",
            code="other_network",
        )
    return outbox.call(
        session,
        platform.chain,
        "Exchange",
        "publishNetwork",
        market,
        description,
        key=f"network:{market}",
        signer=platform.keys.address(Role.OPERATOR),
    )


def is_network_published(session: Session, market: int) -> bool:
    """Whether anybody published it, or the operator will before what it queues from now on."""
    event = select(EventRow).where(EventRow.name == "NetworkPublished", EventRow.market == market)
    if session.exec(event).first() is not None:
        return True
    own = outbox.find(session, f"network:{market}")
    return own is not None and own.status not in outbox.FAILED


def name_markets(session: Session) -> None:
    """Give indexed markets the names they were created under."""
    nameless = session.exec(select(MarketRow).where(MarketRow.name == "")).all()
    for market in nameless:
        event = session.exec(
            select(EventRow).where(
                EventRow.name == "MarketCreated", EventRow.market == market.market
            )
        ).first()
        if event is None:
            continue
        write = session.exec(
            select(OutboxRow).where(OutboxRow.transaction_hash == event.transaction_hash)
        ).first()
        if write is not None and write.key.startswith("market:"):
            market.name = write.key.removeprefix("market:").split("#")[0]
            session.add(market)


def market_named(session: Session, name: str) -> MarketRow | None:
    """The market created under a name, once it is indexed."""
    name_markets(session)
    return session.exec(select(MarketRow).where(MarketRow.name == name)).first()


def list_markets(session: Session) -> Sequence[MarketRow]:
    """All markets by number."""
    return session.exec(select(MarketRow).order_by(col(MarketRow.market))).all()


def list_rounds(
    session: Session, market: int, *, after: int = 0, limit: int = 100
) -> Sequence[RoundRow]:
    """A market's rounds by number, those after ``after`` first; for pages."""
    return session.exec(
        select(RoundRow)
        .where(RoundRow.market == market, col(RoundRow.number) > after)
        .order_by(col(RoundRow.number))
        .limit(limit)
    ).all()


def prices(session: Session, market: int, number: int) -> Sequence[PriceRow]:
    """A cleared round's prices by product index."""
    return session.exec(
        select(PriceRow)
        .where(PriceRow.market == market, PriceRow.round == number)
        .order_by(col(PriceRow.product_index))
    ).all()


# -- steps -----------------------------------------------------------------------------------------


def open_round(
    platform: Platform,
    session: Session,
    market: int,
    *,
    gate_at: int,
    first_slot: int,
    slots: int,
) -> RoundRow:
    """Announce the market's next round and queue its opening.

    Args:
        gate_at: Unix seconds; orders are frozen then.
        first_slot: Unix seconds of the first delivery slot divided by the slot length.

    Raises:
        InvalidError: the gate or the slots break the market's rules.
        RefusedError: the last round is not far enough, or the market's network is not published.
    """
    row = get_market(session, market)
    rules = rules_of(row)
    if network_of(row) is not None and not is_network_published(session, market):
        raise RefusedError(
            "the network of this market is not published yet: publish its description first",
            code="network_not_published",
        )
    now = platform.clock.now()
    if gate_at <= now:
        raise InvalidError(f"the gate ({gate_at}) is not in the future (now {now})")
    if gate_at > first_slot * rules.slot_seconds:
        raise InvalidError("the gate must close before the first slot begins")
    if slots < 1 or first_slot // rules.period_slots != (
        (first_slot + slots - 1) // rules.period_slots
    ):
        raise InvalidError(
            f"the slots must lie in one period of {rules.period_slots} slots, "
            f"first_slot modulo {rules.period_slots} plus slots at most {rules.period_slots}"
        )
    last = session.exec(
        select(RoundRow)
        .where(RoundRow.market == market)
        .order_by(col(RoundRow.number).desc())
        .limit(1)
    ).first()
    if last is not None and last.state not in _TERMINAL:
        deadline = last.gate_at + rules.settle_window
        if now < last.gate_at or gate_at < deadline:
            raise RefusedError(
                f"round {last.number} is {last.state}: the next gate may close from {deadline} on",
                code="round_pending",
            )
    number = 1 if last is None else last.number + 1
    opened = RoundRow(
        market=market,
        number=number,
        state="announced",
        gate_at=gate_at,
        first_slot=first_slot,
        slots=slots,
        period=first_slot // rules.period_slots,
    )
    session.add(opened)
    session.flush()
    outbox.call(
        session,
        platform.chain,
        "Exchange",
        "openRound",
        market,
        gate_at,
        first_slot,
        slots,
        key=f"open:{market}:{number}",
        signer=platform.keys.address(Role.OPERATOR),
        gas_limit=_GAS,
    )
    return opened


def close_gate(platform: Platform, session: Session, market: int, number: int) -> Book:
    """Freeze the book and queue its commitment.

    Raises:
        RefusedError: the round is not open, or its gate is not due (on the indexed chain).
    """
    row = get_round(session, market, number, lock="update")
    if row.state != "open":
        raise RefusedError(f"round {number} is {row.state}, not open", code="wrong_state")
    if not gate_is_due(platform, session, row):
        raise RefusedError(f"the gate closes at {row.gate_at}", code="too_early")
    rows = session.exec(
        select(OrderRow).where(OrderRow.market == market, OrderRow.round == number)
    ).all()
    kept = [order for order in rows if order.forced or order.cancelled_at is None]
    book = Book.build(
        market,
        number,
        grid_of(get_market(session, market), row),
        [to_signed(order) for order in kept],
    )
    if book.count:
        session.execute(
            update(OrderRow),
            [
                {"digest": "0x" + signed.digest.hex(), "book_index": index}
                for index, signed in enumerate(book.orders)
            ],
        )
    row.book_root, row.book_count = "0x" + book.root.hex(), book.count
    row.coupled = book.coupled
    row.state = "gate_closed"
    session.add(row)
    outbox.call(
        session,
        platform.chain,
        "Exchange",
        "closeGate",
        market,
        number,
        book.root,
        book.count,
        key=f"gate:{market}:{number}",
        signer=platform.keys.address(Role.OPERATOR),
        gas_limit=_GAS,
    )
    return book


def read_facts(
    platform: Platform, market: MarketRow, row: RoundRow, book: Book
) -> dict[str, TraderFacts]:
    """What the chain says at the gate of the book's traders, and of the sessions of those for whom
    others signed.

    From the gate until the round ends none of it can change, so it is read at the latest block.
    """
    traders = [trader for trader, _ in book.traders()]
    chain, number = platform.chain, row.number
    role = role_of(market)
    available = chain.call_many(
        [("Ledger", "available", (market.market, number, trader)) for trader in traders]
    )
    words = chain.call_many([("Ledger", "account", (market.market, trader)) for trader in traders])
    standing: Sequence[bool] = (
        [True] * len(traders)
        if role is None
        else chain.call_many(
            [("CredentialRegistry", "standing", (trader, role, row.gate_at)) for trader in traders]
        )
    )
    capacities = _capacities(platform, market, row, traders, words)
    delegating = sorted(book.delegating)
    views = chain.call_many(
        [("Delegations", "sessionOf", (market.market, trader, number)) for trader in delegating]
    )
    sessions = dict(zip(delegating, map(DelegateSession.of_chain, views), strict=True))
    return {
        trader: TraderFacts(
            margin_micro=margin,
            epoch=word["epoch"] if number >= word["epochRound"] else word["prevEpoch"],
            eligible=stands,
            capacity_wh=capacity,
            session=sessions.get(trader),
            gate_at=row.gate_at,
        )
        for trader, margin, word, stands, capacity in zip(
            traders, available, words, standing, capacities, strict=True
        )
    }


def _capacities(
    platform: Platform,
    market: MarketRow,
    row: RoundRow,
    traders: Sequence[str],
    words: Sequence[Mapping[str, int]],
) -> Sequence[int | None]:
    """Wh that every trader may sell in the round; None where the market does not bound it."""
    if not has_capacity_source(market):
        return [None] * len(traders)
    if is_tokenised(market):
        return read_sellable(platform.chain, market, row, traders)
    unit = int(market.params["capacityUnitWh"])
    return [word["capacity"] * unit for word in words]


def gate_is_due(platform: Platform, session: Session, row: RoundRow) -> bool:
    """Whether the book can be committed.

    No further order can reach the round, all forced ones are indexed, and the round before it is
    settled or void.
    """
    if not platform.clock.passed(row.gate_at):
        return False
    before = session.get(RoundRow, (row.market, row.number - 1))
    if before is not None and before.state not in _TERMINAL:
        return False
    if platform.settings.confirmations == 0:
        return True  # the caller has brought the index to the head after the time had passed
    top = session.exec(select(BlockRow).order_by(col(BlockRow.number).desc()).limit(1)).first()
    return top is not None and top.timestamp >= row.gate_at
