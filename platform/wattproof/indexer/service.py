"""Following the chain.

Blocks are chained by parent hash. When the chain no longer contains the block the index stands on,
the index goes back to the last common one: the events above it are dropped, everything they
touched is read again, and transactions mined there are pending again with unchanged bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, delete
from sqlmodel import Session, col, select

from market.order import Domain, SignedOrder, order_from_json, order_hash, recover
from wattproof import crashpoints
from wattproof.accounts.models import MarginRow
from wattproof.errors import ChainMismatchError
from wattproof.gateway import outbox
from wattproof.gateway.abi import Event
from wattproof.gateway.chain import Block, Chain
from wattproof.indexer import certificates, delegations, metering, quotas, views
from wattproof.indexer.models import BlockRow, EventRow
from wattproof.indexer.projection import Stale, to_json
from wattproof.orders.book import to_row
from wattproof.orders.models import OrderRow
from wattproof.rounds.models import ChunkRow, MarketRow, RoundRow
from wattproof.store.engine import transaction
from wattproof.store.models import InstallationRow

_WALK = 256
_VOID_REASON = "the round was not settled in time; all margins are free again"


@dataclass(frozen=True, slots=True)
class Step:
    """What one look at the chain did."""

    indexed: int
    rolled_back: int
    head: int

    @property
    def changed(self) -> bool:
        """Whether the index moved."""
        return bool(self.indexed or self.rolled_back)


class Indexer:
    """Brings the database in line with the chain, one step at a time."""

    def __init__(
        self, engine: Engine, chain: Chain, *, confirmations: int = 0, blocks: int = 500
    ) -> None:
        self._engine = engine
        self._chain = chain
        self._confirmations = confirmations
        self._blocks = blocks

    def catch_up(self) -> Step:
        """Step until the index stands on the chain's (confirmed) head."""
        indexed = rolled_back = 0
        while True:
            step = self.step()
            indexed += step.indexed
            rolled_back += step.rolled_back
            if not step.changed:
                return Step(indexed, rolled_back, step.head)

    def step(self) -> Step:
        """Index the next blocks, or go back if the chain did.

        Raises:
            ChainMismatchError: nothing of the index is on this chain.
            UnavailableError: the node does not answer.
        """
        head = self._chain.head()
        ancestor, lost = self._common_ancestor(head.number)
        first = ancestor.number + 1
        confirmed = head.number - self._confirmations
        last = min(confirmed, first + self._blocks - 1)
        if last < first and not lost:
            return Step(0, 0, ancestor.number)
        blocks = self._read_blocks(ancestor, first, last)
        if blocks is None:
            return Step(0, 0, ancestor.number)  # the chain moved under us; look again
        events = self._chain.events(first, last) if blocks else []
        hashes = {block.number: block.hash for block in blocks}
        if any(hashes.get(event.block_number) != event.block_hash for event in events):
            return Step(0, 0, ancestor.number)
        state_at = self._chain.block(max(confirmed, ancestor.number)) or head
        with transaction(self._engine) as session:
            assets = {row.market: row.asset for row in session.exec(select(MarketRow)).all()}
            stale = self._stale(session, ancestor.number if lost else None, events)
            self._add_parties(session, stale)
        fresh = views.read(self._chain, stale, assets, state_at)
        meters = metering.read(self._chain, stale, state_at)
        certified = certificates.read(self._chain, stale, state_at)
        obliged = quotas.read(self._chain, stale, state_at)
        delegated = delegations.read(self._chain, stale, state_at)
        domain = Domain(self._chain.deployment.chain_id, self._chain.address("Exchange"))
        with transaction(self._engine) as session:
            session.get(InstallationRow, 1, with_for_update=True)  # one indexer at a time
            top = _top(session)
            if top is not None and top.number != ancestor.number + lost:
                return Step(0, 0, top.number)  # another indexer was faster
            if lost:
                _forget_above(session, ancestor.number)
            for block in blocks:
                session.add(
                    BlockRow(
                        number=block.number,
                        hash=block.hash,
                        parent_hash=block.parent_hash,
                        timestamp=block.timestamp,
                    )
                )
            for event in events:
                session.add(_event_row(event))
            views.store(session, fresh)
            metering.store(session, meters, events)
            certificates.store(session, certified, stale, events)
            quotas.store(session, obliged, events)
            delegations.store(session, delegated)
            for event in events:
                _apply(session, event, domain)
            for (market, number), view in fresh.rounds.items():
                row = session.get(RoundRow, (market, number))
                if row is not None:
                    views.update_round(row, view)
                    if row.state == "void" and row.error is None:
                        row.error = _VOID_REASON
                    session.add(row)
            session.flush()
            crashpoints.reach(crashpoints.INDEXED)
        return Step(len(blocks), lost, last if blocks else ancestor.number)

    def _common_ancestor(self, head: int) -> tuple[Block, int]:
        """The highest indexed block that is on the chain, and how many indexed ones are not."""
        with transaction(self._engine) as session:
            top = _top(session)
        if top is None:
            return self._before_deployment(), 0
        upper = top.number
        while True:
            with transaction(self._engine) as session:
                rows = session.exec(
                    select(BlockRow)
                    .where(col(BlockRow.number) <= upper)
                    .order_by(col(BlockRow.number).desc())
                    .limit(1 if upper == top.number else _WALK)
                ).all()
            if not rows:
                raise ChainMismatchError(
                    "none of the indexed blocks is on this chain: it was lost or replaced"
                )
            found = self._chain.blocks([row.number for row in rows])
            for row, block in zip(rows, found, strict=True):
                if block is not None and block.hash == row.hash:
                    return block, top.number - row.number
            upper = rows[-1].number - 1

    def _before_deployment(self) -> Block:
        number = max(self._chain.deployment.first_block - 1, 0)
        block = self._chain.block(number)
        if block is None:
            raise ChainMismatchError(
                f"the chain has no block {number}: it ends before our deployment"
            )
        return block

    def _read_blocks(self, ancestor: Block, first: int, last: int) -> list[Block] | None:
        """The blocks in order; None if they are not one chain on top of the ancestor."""
        blocks: list[Block] = []
        parent = ancestor.hash
        for block in self._chain.blocks(list(range(first, last + 1))):
            if block is None or block.parent_hash != parent:
                return None
            blocks.append(block)
            parent = block.hash
        return blocks

    def _stale(self, session: Session, above: int | None, events: Sequence[Event]) -> Stale:
        stale = Stale()
        if above is not None:
            lost = session.exec(select(EventRow).where(col(EventRow.block_number) > above)).all()
            for row in lost:
                stale.touch(row.contract, row.name, row.args)
        for event in events:
            stale.touch(event.contract, event.name, event.args)
        return stale

    def _add_parties(self, session: Session, stale: Stale) -> None:
        """A settlement names no accounts: read again all that may be in it."""
        certificates.add_places(session, stale)
        for market in stale.settled_markets:
            known = session.exec(select(MarginRow.account).where(MarginRow.market == market)).all()
            stale.accounts |= {(market, account) for account in known}
            row = session.get(MarketRow, market)
            if row is not None:
                stale.accounts.add((market, row.balancing))
        for market, number in stale.rounds:
            traders = session.exec(
                select(OrderRow.trader)
                .where(
                    OrderRow.market == market,
                    OrderRow.round == number,
                    col(OrderRow.book_index).is_not(None),
                )
                .distinct()
            ).all()
            stale.accounts |= {(market, trader) for trader in traders}


def _top(session: Session) -> BlockRow | None:
    return session.exec(select(BlockRow).order_by(col(BlockRow.number).desc()).limit(1)).first()


def _event_row(event: Event) -> EventRow:
    market, number = event.args.get("market"), event.args.get("round")
    return EventRow(
        block_number=event.block_number,
        log_index=event.log_index,
        transaction_hash=event.transaction_hash,
        contract=event.contract,
        name=event.name,
        market=market if isinstance(market, int) else None,
        round=number if isinstance(number, int) else None,
        args=to_json(event.args),
    )


def _apply(session: Session, event: Event, domain: Domain) -> None:
    """What an event says that no view does."""
    args = event.args
    if event.contract != "Exchange":
        return
    if event.name == "RoundOpened":
        _round_opened(session, args)
    elif event.name == "OrderForced":
        _order_forced(session, event, domain)
    elif event.name == "GateClosed":
        row = _round(session, args)
        if row is not None and row.book_root is None:
            row.book_root, row.book_count = "0x" + args["bookRoot"].hex(), args["count"]
            session.add(row)
    elif event.name == "ChunkVerified":
        chunk = session.get(ChunkRow, (args["market"], args["round"], args["chunk"]))
        if chunk is not None:
            chunk.state = "0x" + args["state"].hex()
            session.add(chunk)
    elif event.name == "ChunkApplied":
        chunk = session.get(ChunkRow, (args["market"], args["round"], args["chunk"]))
        if chunk is not None:
            chunk.applied = True
            session.add(chunk)
    elif event.name == "RoundSettled":
        row = _round(session, args)
        if row is not None:
            row.gap_micro, row.welfare_micro = args["gapMicro"], args["welfareMicro"]
            row.dust_micro = args["dust"]
            session.add(row)


def _round(session: Session, args: Any) -> RoundRow | None:
    return session.get(RoundRow, (args["market"], args["round"]))


def _round_opened(session: Session, args: Any) -> None:
    if _round(session, args) is not None:
        return
    market = session.get(MarketRow, args["market"])
    period_slots = int(market.params["periodSlots"]) if market else 1
    session.add(
        RoundRow(
            market=args["market"],
            number=args["round"],
            state="open",
            gate_at=args["gateAt"],
            first_slot=args["firstSlot"],
            slots=args["slots"],
            period=args["firstSlot"] // period_slots,
        )
    )
    session.flush()


def _forced(event: Event, domain: Domain) -> SignedOrder:
    """The order as it was brought, with who signed it: its trader or a delegate."""
    args = event.args
    order = order_from_json(args["order"])
    signer = recover(order_hash(domain, order), args["signature"])
    delegate = None if signer == order.trader else signer
    return SignedOrder(order, args["signature"], args["orderHash"], delegate)


def _order_forced(session: Session, event: Event, domain: Domain) -> None:
    digest = "0x" + event.args["orderHash"].hex()
    row = session.get(OrderRow, digest) or to_row(_forced(event, domain), received_at=0)
    row.forced = True
    session.add(row)


def _forget_above(session: Session, block: int) -> None:
    lost = session.exec(select(EventRow).where(col(EventRow.block_number) > block)).all()
    for event in lost:
        if event.name == "OrderForced":
            order = session.get(OrderRow, str(event.args["orderHash"]))
            if order is not None and order.receipt_signature is None:
                session.delete(order)
            elif order is not None:
                order.forced = False
                session.add(order)
        elif event.name in ("ChunkVerified", "ChunkApplied"):
            key = (event.args["market"], event.args["round"], event.args["chunk"])
            chunk = session.get(ChunkRow, key)
            if chunk is not None:
                if event.name == "ChunkApplied":
                    chunk.applied = False
                else:
                    chunk.state = None
                session.add(chunk)
    session.execute(delete(EventRow).where(col(EventRow.block_number) > block))
    session.execute(delete(BlockRow).where(col(BlockRow.number) > block))
    outbox.reopen_above(session, block)
    session.flush()
