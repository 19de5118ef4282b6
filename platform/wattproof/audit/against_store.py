"""The operator's database against the rebuilt state: every record, every column the chain knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import func
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, SQLModel, select

from market.messages import Cancellation, Receipt
from market.order import OrderError, SignatureError, SignedOrder, recover
from market.reference.account import AccountWord
from market.reference.ledger import Exit
from market.reference.meters import ReadingStatus
from wattproof.accounts.models import AssetRow, CredentialRow, FreeRow, MarginRow
from wattproof.audit import certificates_store, dispatch_store
from wattproof.audit.findings import Report
from wattproof.audit.history import History
from wattproof.audit.state import State
from wattproof.delegations.models import NamedRow, SessionRow
from wattproof.indexer.models import BlockRow, EventRow
from wattproof.indexer.projection import to_json
from wattproof.meters.models import ClosureRow, DeviceRow, ReadingRow
from wattproof.meters.values import unpack
from wattproof.networks.models import NetworkRow
from wattproof.orders.book import to_order
from wattproof.orders.models import OrderRow
from wattproof.privacy.models import ErasureRow
from wattproof.rounds.models import ChunkRow, MarketRow, PriceRow, RoundRow, TraderFactsRow

Row = TypeVar("Row", bound=SQLModel)

_CONFIRMED = ("confirmed", "delivered", "closed")


def indexed_block(session: Session) -> int:
    """The block the database's index stands on; 0 before there is one."""
    return session.exec(select(func.max(BlockRow.number))).one() or 0


def compare(state: State, history: History, session: Session, report: Report) -> None:
    """Compare with a database whose index stands on the block the replay reached."""
    _Store(state, history, session, report).compare()


class _Store:
    def __init__(self, state: State, history: History, session: Session, report: Report) -> None:
        self._state, self._history = state, history
        self._session, self._report = session, report

    def compare(self) -> None:
        self._balances()
        self._credentials()
        self._meters()
        self._markets()
        self._delegations()
        self._rounds()
        self._orders()
        self._events()
        for erasure in self._rows(ErasureRow):
            self._report.erased.update(erasure.erased)
        certificates_store.compare(self._state, self._table)
        dispatch_store.compare(
            self._state,
            self._history.head.timestamp,
            self._session,
            self._rows,
            self._report,
        )

    # -- the plumbing --------------------------------------------------------------------------

    def _table(
        self,
        model: type[SQLModel],
        key_of: Any,
        expected: Mapping[Any, Mapping[str, Any]],
        *,
        extra: bool = True,
        missing: bool = True,
    ) -> None:
        """A table's rows against what they must be, by key.

        Args:
            extra: whether a row that is not expected is a finding.
            missing: whether an expected row that is not there is one.
        """
        place = str(model.__tablename__)
        seen = set()
        for row in self._rows(model):
            key = key_of(row)
            seen.add(key)
            if key in expected:
                self._record(place, _name(key), row, expected[key])
            elif extra:
                self._report.compare(place, _name(key), "row", "stored", "absent on the chain")
        if missing:
            for key in expected:
                if key not in seen:
                    self._report.compare(place, _name(key), "row", "missing", "on the chain")

    def _rows(self, model: type[Row]) -> list[Row]:
        """A table's rows; one that cannot even be read is a finding."""
        try:
            return list(self._session.exec(select(model)).all())
        except (ValueError, TypeError, SQLAlchemyError):
            pass
        keys = [getattr(model, column.name) for column in model.__table__.primary_key]  # type: ignore[attr-defined]
        rows = []
        for key in self._session.execute(select(*keys)).all():
            try:
                row = self._session.get(model, tuple(key))
            except (ValueError, TypeError, SQLAlchemyError) as error:
                self._report.compare(
                    str(model.__tablename__),
                    _name(tuple(key)),
                    "row",
                    f"unreadable: {error}",
                    "a row",
                )
            else:
                rows += [row] if row is not None else []
        return rows

    def _record(self, place: str, key: str, row: SQLModel, wanted: Mapping[str, Any]) -> None:
        for column, value in wanted.items():
            self._report.compare(place, key, column, getattr(row, column), value)

    # -- balances and roles --------------------------------------------------------------------

    def _balances(self) -> None:
        state = self._state
        free = {key: {"free_micro": amount} for key, amount in state.free.items()}
        self._table(FreeRow, lambda row: (row.asset, row.account), _and_zero(free, FreeRow, self))
        accounts: dict[tuple[int, str], dict[str, Any]] = {}
        for key in {*state.words, *state.bonds, *state.exits}:
            word = state.words.get(key, AccountWord())
            pending = state.exits.get(key, Exit(0, 0))
            accounts[key] = {
                "margin_micro": word.margin,
                "locked_micro": word.locked,
                "epoch": word.epoch,
                "prev_epoch": word.prev_epoch,
                "epoch_round": word.epoch_round,
                "exit_round": word.exit_round,
                "exit_micro": pending.amount,
                "exit_requested_at": pending.requested_at,
                "capacity": word.capacity,
                "bond_micro": state.bonds.get(key, 0),
            }
        self._table(
            MarginRow,
            lambda row: (row.market, row.account),
            _and_zero(accounts, MarginRow, self),
            missing=False,
        )
        stored = {(row.market, row.account) for row in self._rows(MarginRow)}
        for key, wanted in accounts.items():
            if key not in stored and any(wanted.values()):
                self._report.compare("balance_market", _name(key), "row", "missing", "on the chain")
        self._table(
            AssetRow,
            lambda row: row.asset,
            {
                asset: {
                    "total_deposited_micro": amount,
                    "dust_micro": state.dust.get(asset, 0),
                }
                for asset, amount in state.deposited.items()
            },
        )

    def _credentials(self) -> None:
        self._table(
            CredentialRow,
            lambda row: (row.subject, row.role),
            {
                (subject, "0x" + role.hex()): {
                    "credential_hash": "0x" + grant.credential_hash.hex(),
                    "issuer": grant.issuer,
                    "valid_from": grant.valid_from,
                    "expires_at": grant.expires_at,
                    "revoked_at": grant.revoked_at,
                }
                for (subject, role), grant in self._state.grants.items()
            },
        )

    def _delegations(self) -> None:
        made = self._state.delegations
        self._table(
            SessionRow,
            lambda row: (row.market, row.account),
            {
                key: {
                    "from_round": found.from_round,
                    "session": None if found.current is None else found.current.to_json(),
                    "before": None if found.before is None else found.before.to_json(),
                    "delegate": None if found.current is None else found.current.delegate,
                }
                for key, found in made.sessions.items()
            },
        )
        self._table(
            NamedRow,
            lambda row: (row.market, row.account, row.delegate),
            {(*key, delegate): {} for key, named in made.named.items() for delegate in named},
        )

    # -- meters --------------------------------------------------------------------------------

    def _meters(self) -> None:
        state = self._state
        self._table(
            DeviceRow,
            lambda row: row.device,
            {
                device: {
                    "market": meter.market,
                    "account": meter.account,
                    "carrier": meter.carrier,
                    "capacity_w": meter.capacity_w,
                    "key": meter.key,
                }
                for device, meter in state.devices.items()
            },
        )
        readings = {}
        for (device, period), reading in state.readings.items():
            wanted: dict[str, Any] = {
                "chain_status": reading.status.name.capitalize(),
                "posted_at": reading.posted_at,
            }
            if reading.status is not ReadingStatus.VOID:
                wanted["values_wh"] = unpack(state.values[device, period])
            readings[device, state.devices[device].market, period] = wanted
        self._table(
            ReadingRow, lambda row: (row.device, row.market, row.period), readings, extra=False
        )
        self._table(
            ClosureRow,
            lambda row: (row.market, row.period, row.account),
            {
                key: {
                    "closed": True,
                    "lock_micro": closure.lock,
                    "charge_micro": closure.charge,
                }
                for key, closure in state.closures.items()
            },
            extra=False,
        )

    # -- markets and rounds --------------------------------------------------------------------

    def _markets(self) -> None:
        chain = self._history.chain
        views = chain.call_many(
            [("Exchange", "market", (market,)) for market in self._state.markets]
        )
        self._table(
            MarketRow,
            lambda row: row.market,
            {
                market: {
                    "operator": params.operator,
                    "balancing": params.balancing,
                    "asset": params.asset,
                    "params": to_json(view),
                }
                for (market, params), view in zip(self._state.markets.items(), views, strict=True)
            },
        )
        self._table(
            NetworkRow,
            lambda row: row.hash,
            {
                _hex(self._state.markets[market].network_hash): {"description": _hex(description)}
                for market, description in self._state.networks.items()
            },
            extra=False,
            missing=False,
        )

    def _rounds(self) -> None:
        state = self._state
        rounds: dict[tuple[int, int], dict[str, Any]] = {}
        prices: dict[tuple[int, int, int], dict[str, Any]] = {}
        facts: dict[tuple[int, int, str], dict[str, Any]] = {}
        for key, record in state.rounds.items():
            wanted: dict[str, Any] = {
                "gate_at": record.gate_at,
                "first_slot": record.first_slot,
                "slots": record.slots,
                "period": record.first_slot // state.markets[key[0]].period_slots,
            }
            if record.status in ("Gated", "Verified", "Settled"):
                wanted |= {"book_root": _hex(record.book_root), "book_count": record.count}
            proof = record.proof
            if proof is not None:
                wanted |= {
                    "coupled": proof.book.coupled,
                    "gap_micro": proof.certificate.gap_micro,
                    "welfare_micro": proof.certificate.welfare_micro,
                    "dust_micro": proof.settlement.dust_micro,
                    "positions_root": _hex(proof.settlement.positions_root),
                    "positions_count": len(proof.settlement.positions),
                    "prices_hash": _hex(proof.settlement.prices_hash),
                }
                for index, price in enumerate(proof.clearing.prices):
                    prices[*key, index] = {
                        "product": proof.book.grid.product_id(index),
                        "price_nano_per_kwh": price,
                        "indicative": proof.clearing.indicative[index],
                    }
                for trader, fact in proof.facts.items():
                    facts[*key, trader] = {
                        "margin_micro": fact.margin_micro,
                        "epoch": fact.epoch,
                        "eligible": fact.eligible,
                        "capacity_wh": fact.capacity_wh,
                        "session": None if fact.session is None else fact.session.to_json(),
                    }
            rounds[key] = wanted
        self._table(RoundRow, lambda row: (row.market, row.number), rounds, extra=False)
        for row in self._rows(RoundRow):
            known = state.rounds.get((row.market, row.number))
            settled = known is not None and known.status == "Settled"
            self._report.compare(
                "round",
                _name((row.market, row.number)),
                "state (settled)",
                row.state in _CONFIRMED,
                settled,
            )
        done = set(prices)
        self._table(
            PriceRow,
            lambda row: (row.market, row.round, row.product_index),
            prices,
            extra=False,
            missing=bool(done),
        )
        self._table(
            TraderFactsRow,
            lambda row: (row.market, row.round, row.trader),
            facts,
            extra=False,
        )
        self._chunks()

    def _chunks(self) -> None:
        for row in self._rows(ChunkRow):
            record = self._state.rounds.get((row.market, row.round))
            if record is None or record.proof is None or row.chunk >= len(record.chunks):
                continue
            start = record.chunks[row.chunk - 1].stop if row.chunk else 0
            stop = record.chunks[row.chunk].stop
            key = _name((row.market, row.round, row.chunk))
            orders = record.proof.settlement.orders(record.forced, start, stop)
            self._report.compare("settlement_chunk", key, "orders", row.orders, _hex(orders))
            self._report.compare(
                "settlement_chunk", key, "applied", row.applied, record.chunks[row.chunk].applied
            )

    # -- orders --------------------------------------------------------------------------------

    def _orders(self) -> None:
        settled = self._settled_orders()
        seen: set[str] = set()
        for row in self._rows(OrderRow):
            seen.add(row.digest)
            try:
                self._order(row, settled)
            except (ValueError, TypeError, AttributeError) as error:
                self._report.compare(
                    "signed_order", str(row.digest), "row", f"unreadable: {error}", "an order"
                )
        for digest in settled:
            if digest not in seen:
                self._report.compare("signed_order", digest, "row", "missing", "on the chain")

    def _settled_orders(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for (market, number), record in self._state.rounds.items():
            proof = record.proof
            if proof is None:
                continue
            for position, signed in enumerate(proof.book.orders):
                order = signed.order
                found[_hex(signed.digest)] = {
                    "market": market,
                    "round": number,
                    "trader": order.trader,
                    "legs": [[str(leg.product), leg.coefficient] for leg in order.legs],
                    "max_units": order.max_units,
                    "limit_nano_per_kwh": order.limit,
                    "epoch": order.epoch,
                    "salt": order.salt,
                    "signature": _hex(signed.signature),
                    "delegate": signed.delegate,
                    "forced": signed.digest in record.forced,
                    "book_index": position,
                    "maximum": proof.maxima[position],
                    "fill": proof.clearing.fills[position],
                    "payment_micro": proof.settlement.payments_micro[position],
                }
        return found

    def _order(self, row: OrderRow, settled: Mapping[str, Mapping[str, Any]]) -> None:
        key = row.digest
        wanted = settled.get(key)
        if wanted is not None:
            self._record("signed_order", key, row, wanted)
        else:
            self._signed(row)
            record = self._state.rounds.get((row.market, row.round))
            in_book = row.book_index is not None
            if record is not None and record.proof is not None:
                self._report.compare("signed_order", key, "book_index", in_book, False)
            if record is None or record.proof is None:
                pending = record is not None and record.status in ("Gated", "Verified")
                if not pending and row.payment_micro is not None and not in_book:
                    self._report.compare("signed_order", key, "fill", row.fill, None)
        self._messages(row)

    def _signed(self, row: OrderRow) -> None:
        """An order outside every settled book is still what its owner, or a delegate, signed."""
        named = self._state.delegations.named.get((row.market, row.trader), ())
        try:
            signed = SignedOrder.verify(
                self._state.domain,
                to_order(row),
                bytes.fromhex(row.signature[2:]),
                named=named,
            )
        except (OrderError, SignatureError, ValueError) as error:
            self._report.compare("signed_order", row.digest, "order", str(error), "well formed")
            return
        self._report.compare("signed_order", row.digest, "digest", row.digest, _hex(signed.digest))
        self._report.compare("signed_order", row.digest, "delegate", row.delegate, signed.delegate)

    def _messages(self, row: OrderRow) -> None:
        """The operator's receipt and the owner's cancellation."""
        market = self._state.markets.get(row.market)
        digest = bytes.fromhex(row.digest[2:])
        domain = self._state.domain
        if row.receipt_signature is not None and market is not None:
            receipt = Receipt(row.market, row.round, digest, row.received_at)
            signer = _signer(receipt.digest(domain), row.receipt_signature)
            self._report.compare(
                "signed_order", row.digest, "receipt_signature", signer, market.operator
            )
        if row.cancellation_signature is not None:
            cancellation = Cancellation(row.market, row.round, digest)
            signer = _signer(cancellation.digest(domain), row.cancellation_signature)
            wanted = signer if signer in (row.trader, row.delegate) else row.trader
            self._report.compare(
                "signed_order", row.digest, "cancellation_signature", signer, wanted
            )

    # -- the index -----------------------------------------------------------------------------

    def _events(self) -> None:
        expected = {
            (e.event.block_number, e.event.log_index): {
                "transaction_hash": e.event.transaction_hash,
                "contract": e.event.contract,
                "name": e.event.name,
                "args": to_json(e.event.args),
            }
            for e in self._history.entries()
        }
        rows: Sequence[BlockRow] = self._rows(BlockRow)
        top = max((row.number for row in rows), default=0)
        self._table(
            EventRow,
            lambda row: (row.block_number, row.log_index),
            {key: value for key, value in expected.items() if key[0] <= top},
        )
        numbers = sorted(row.number for row in rows if row.number <= self._history.head.number)
        blocks = self._history.chain.blocks(numbers)
        hashes = {block.number: block for block in blocks if block is not None}
        for row in rows:
            block = hashes.get(row.number)
            if block is not None:
                self._record(
                    "block",
                    str(row.number),
                    row,
                    {
                        "hash": block.hash,
                        "parent_hash": block.parent_hash,
                        "timestamp": block.timestamp,
                    },
                )


def _and_zero(
    expected: Mapping[Any, Mapping[str, Any]], model: Any, store: _Store
) -> Mapping[Any, Mapping[str, Any]]:
    """Rows of accounts of which the chain knows nothing hold zeros."""
    columns = [column.name for column in model.__table__.columns if not column.primary_key]
    keys = [column.name for column in model.__table__.columns if column.primary_key]
    zero = dict.fromkeys(columns, 0)
    filled = dict(expected)
    for row in store._rows(model):
        filled.setdefault(tuple(getattr(row, key) for key in keys), zero)
    return filled


def _signer(digest: bytes, signature: str) -> str:
    try:
        return recover(digest, bytes.fromhex(signature[2:]))
    except (SignatureError, ValueError) as error:
        return str(error)


def _name(key: Any) -> str:
    return ", ".join(str(part) for part in key) if isinstance(key, tuple) else str(key)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
