"""Devices, signed readings, and closing what was delivered against what was traded."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak
from sqlmodel import Session, col, select

from market import merkle
from market.order import Domain, SignatureError
from market.product import Product
from market.settlement import PositionLeaf, Settlement, encode_entries, pack_prices
from market.signature import (
    PrivateKey,
    address_bytes,
    address_word,
    message_digest,
    recover,
    sign_digest,
    typed_message,
    word,
)
from wattproof.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.gateway.models import OutboxRow
from wattproof.meters.claims import accounts_with_open_claims
from wattproof.meters.models import ClosureRow, DeviceRow, ReadingRow
from wattproof.meters.values import pack
from wattproof.rounds.facts import get_market
from wattproof.rounds.models import MarketRow, RoundRow
from wattproof.rounds.settlement import stored_settlement
from wattproof.runtime import Platform

POST_WINDOW_S = 2 * 86_400
DISPUTE_WINDOW_S = 86_400
RESOLVE_WINDOW_S = 3 * 86_400
"""The registry's constants: readings are taken, disputed and resolved within these times."""

_FIELDS = (("device", "address"), ("market", "uint32"), ("period", "uint32"), ("values", "bytes32"))
_TYPEHASH = keccak(text="Readings(address device,uint32 market,uint32 period,bytes32 values)")
_GAS = 400_000
_RETRY_AFTER_S = 3_600
_POST_GAS_BASE = 250_000
_POST_GAS_A_SLOT = 2_000
_CARRIED = ("confirmed", "delivered", "closed")


@dataclass(frozen=True, slots=True)
class Readings:
    """What a device measured in a period: Wh a slot, import positive, None where it has none."""

    device: str
    market: int
    period: int
    values_wh: tuple[int | None, ...]

    @property
    def values_hash(self) -> bytes:
        """What the device signs of the values."""
        return keccak(pack(self.values_wh))

    def digest(self, registry: Domain) -> bytes:
        """EIP-712 digest; ``registry`` is the domain of the MeterRegistry."""
        return message_digest(
            registry,
            keccak(
                _TYPEHASH
                + address_word(self.device)
                + word(self.market)
                + word(self.period)
                + self.values_hash
            ),
        )

    def typed_data(self, registry: Domain) -> dict[str, Any]:
        """The message as a wallet or device library takes it."""
        return typed_message(
            registry,
            "Readings",
            {"Readings": _FIELDS},
            {
                "device": self.device,
                "market": self.market,
                "period": self.period,
                "values": "0x" + self.values_hash.hex(),
            },
        )

    def sign(self, registry: Domain, private_key: PrivateKey) -> bytes:
        """Compact signature by the device's key, 64 bytes."""
        return sign_digest(self.digest(registry), private_key)


def domain(platform: Platform) -> Domain:
    """What readings are bound to: this chain's MeterRegistry."""
    return Domain(platform.deployment.chain_id, platform.chain.address("MeterRegistry"))


# -- devices ---------------------------------------------------------------------------------------


def register_device(
    platform: Platform,
    session: Session,
    *,
    device: str,
    market: int,
    account: str,
    carrier: int,
    capacity_w: int,
) -> OutboxRow:
    """Queue a device's registration to an account; ``device`` is its first key's address.

    Raises:
        NotFoundError: no such market.
        InvalidError: no such carrier, or no capacity.
    """
    row = get_market(session, market)
    if not 0 <= carrier < int(row.params["carriers"]):
        raise InvalidError(f"market {market} has no carrier {carrier}")
    if not 0 < capacity_w < 1 << 48:
        raise InvalidError("the capacity in W must be positive and fit 48 bits")
    return outbox.call(
        session,
        platform.chain,
        "MeterRegistry",
        "register",
        device,
        market,
        account,
        carrier,
        capacity_w,
        key=f"device:{device}",
        signer=platform.keys.address(Role.ISSUER),
        gas_limit=_GAS,
    )


def devices_of(session: Session, account: str, market: int | None = None) -> Sequence[DeviceRow]:
    """An account's devices."""
    query = select(DeviceRow).where(DeviceRow.account == account).order_by(col(DeviceRow.device))
    if market is not None:
        query = query.where(DeviceRow.market == market)
    return session.exec(query).all()


# -- readings --------------------------------------------------------------------------------------


def post_readings(
    platform: Platform, session: Session, readings: Readings, signature: bytes
) -> ReadingRow:
    """Take a device's signed readings; they are posted on-chain once the period is over.

    Sending the same readings again changes nothing.

    Raises:
        NotFoundError: no such device or market.
        InvalidError: wrong length, value beyond the device's capacity, or not its key's signature.
        RefusedError: the period is not over, or too long ago.
        ConflictError: other readings of this period were taken before.
    """
    device = session.get(DeviceRow, readings.device)
    if device is None or device.market != readings.market:
        raise NotFoundError(f"market {readings.market} has no device {readings.device}")
    market = get_market(session, readings.market)
    _check_values(market, device, readings.values_wh)
    try:
        signer = recover(readings.digest(domain(platform)), signature)
    except SignatureError as error:
        raise InvalidError(str(error), code="bad_signature") from error
    if signer != device.key:
        raise InvalidError(
            f"signed by {signer}, not by the device's current key", code="bad_signature"
        )
    known = session.get(ReadingRow, (readings.device, readings.market, readings.period))
    if known is not None:
        if known.values_wh != list(readings.values_wh):
            raise ConflictError("the device has sent other readings of this period before")
        return known
    now, ends = platform.clock.now(), period_end(market, readings.period)
    if now < ends:
        raise RefusedError(f"the period is not over before {ends}", code="too_early")
    if now > ends + POST_WINDOW_S:
        raise RefusedError(f"readings had to arrive by {ends + POST_WINDOW_S}", code="too_late")
    row = ReadingRow(
        device=readings.device,
        market=readings.market,
        period=readings.period,
        values_wh=list(readings.values_wh),
        signature="0x" + signature.hex(),
        received_at=now,
    )
    session.add(row)
    session.flush()
    _queue_reading(platform, session, market, row)
    return row


def queue_due_readings(platform: Platform, session: Session) -> int:
    """Queue readings that are stored but neither posted nor queued. Returns how many."""
    rows = session.exec(
        select(ReadingRow).where(ReadingRow.chain_status == "None", ReadingRow.received_at > 0)
    ).all()
    queued = 0
    for row in rows:
        if outbox.find(session, _reading_key(row)) is None:
            _queue_reading(platform, session, get_market(session, row.market), row)
            queued += 1
    return queued


def period_end(market: MarketRow, period: int) -> int:
    """When a period is over, Unix seconds."""
    slots, seconds = int(market.params["periodSlots"]), int(market.params["slotSeconds"])
    return (period + 1) * slots * seconds


def _check_values(market: MarketRow, device: DeviceRow, values_wh: Sequence[int | None]) -> None:
    slots = int(market.params["periodSlots"])
    if len(values_wh) != slots:
        raise InvalidError(f"a period has {slots} slots, not {len(values_wh)}")
    most = device.capacity_w * int(market.params["slotSeconds"]) // 3_600
    for slot, value in enumerate(values_wh):
        if value is not None and abs(value) > most:
            raise InvalidError(
                f"slot {slot}: {value} Wh is beyond the device's {device.capacity_w} W",
                code="beyond_capacity",
            )


def _reading_key(row: ReadingRow) -> str:
    return f"reading:{row.device}:{row.market}:{row.period}"


def _queue_reading(
    platform: Platform, session: Session, market: MarketRow, row: ReadingRow
) -> None:
    outbox.call(
        session,
        platform.chain,
        "MeterRegistry",
        "post",
        row.device,
        row.market,
        row.period,
        pack(row.values_wh),
        bytes.fromhex(row.signature[2:]),
        key=_reading_key(row),
        signer=platform.keys.address(Role.ISSUER),
        gas_limit=_POST_GAS_BASE + _POST_GAS_A_SLOT * int(market.params["periodSlots"]),
    )


# -- imbalance -------------------------------------------------------------------------------------


def close_imbalance(
    platform: Platform, session: Session, market: int, period: int, *, retry: bool = True
) -> int:
    """Queue the closing of every open position of a period. Returns how many were queued.

    Accounts whose readings may still change, or whose deviations may still be claimed as credits or
    demand response, are left for a later call.

    Args:
        retry: also what the chain refused in the last hour.

    Raises:
        RefusedError: the period is not over, or a round of it is not finished.
    """
    row = get_market(session, market)
    now, ends = platform.clock.now(), period_end(row, period)
    if now < ends:
        raise RefusedError(f"the period is not over before {ends}", code="too_early")
    rounds = session.exec(
        select(RoundRow)
        .where(RoundRow.market == market, RoundRow.period == period)
        .order_by(col(RoundRow.number))
    ).all()
    pending = [r.number for r in rounds if r.state not in (*_CARRIED, "void")]
    if pending:
        raise RefusedError(f"round {pending[0]} is not finished", code="round_pending")
    settlements = [
        stored_settlement(session, market, r.number) for r in rounds if r.state in _CARRIED
    ]
    accounts = sorted({p.trader for s in settlements for p in s.positions}, key=address_bytes)
    closed = {
        closure.account
        for closure in session.exec(
            select(ClosureRow).where(
                ClosureRow.market == market,
                ClosureRow.period == period,
                col(ClosureRow.closed).is_(True),
            )
        ).all()
    }
    trees = [_Tree(settlement) for settlement in settlements]
    prices = [pack_prices(settlement.clearing.prices) for settlement in settlements]
    due: dict[str, list[bytes]] = {}
    for account in accounts:
        write = outbox.find(session, _closing_key(market, period, account))
        if account in closed or (write is not None and not _may_retry(write, retry)):
            continue
        carriers = {
            Product.from_id(entry.product).carrier
            for settlement in settlements
            for position in settlement.positions
            if position.trader == account
            for entry in position.entries
        }
        readings = _final_readings(session, row, account, period, now, carriers)
        if readings is not None:
            due[account] = readings
    waiting = accounts_with_open_claims(platform, session, market, period, due)
    for account in (account for account in due if account not in waiting):
        outbox.call(
            session,
            platform.chain,
            "Imbalance",
            "close",
            market,
            period,
            account,
            [tree.proof(account) for tree in trees],
            due[account],
            prices,
            key=_closing_key(market, period, account),
            signer=platform.keys.address(Role.BALANCING),
        )
    return len(due) - len(waiting)


def _closing_key(market: int, period: int, account: str) -> str:
    return f"close:{market}:{period}:{account}"


def close_due_periods(platform: Platform, session: Session) -> int:
    """``close_imbalance`` for every period whose rounds are delivered. Returns how many writes."""
    due = session.exec(
        select(RoundRow.market, RoundRow.period).where(RoundRow.state == "delivered").distinct()
    ).all()
    queued = 0
    now = platform.clock.now()
    for market, period in due:
        if now < period_end(get_market(session, market), period):
            continue
        try:
            queued += close_imbalance(platform, session, market, period, retry=False)
        except RefusedError:
            continue  # a later round of the period is not finished yet
    return queued


class _Tree:
    """A settled round's tree of positions."""

    def __init__(self, settlement: Settlement) -> None:
        self._positions = settlement.positions
        self._leaves = settlement.position_leaves
        self._index = {p.trader: i for i, p in enumerate(settlement.positions)}
        self._order = [address_bytes(p.trader) for p in settlement.positions]

    def proof(self, account: str) -> Mapping[str, Any]:
        """A RoundProof: the account's leaf with its entries, or the neighbours of none."""
        index = self._index.get(account)
        if index is not None:
            return {
                "leaves": [self._leaf(index)],
                "entries": encode_entries(self._positions[index].entries),
            }
        after = sum(1 for other in self._order if other < address_bytes(account))
        neighbours = [i for i in (after - 1, after) if 0 <= i < len(self._positions)]
        return {"leaves": [self._leaf(i) for i in neighbours], "entries": b""}

    def _leaf(self, index: int) -> Mapping[str, Any]:
        position: PositionLeaf = self._positions[index]
        return {
            "index": index,
            "trader": position.trader,
            "lock": position.lock_micro,
            "chain": position.chain,
            "proof": merkle.proof(self._leaves, index),
        }


def changeable_until(reading: ReadingRow) -> int:
    """The last second in which a reading on the chain may change; 0 where that was decided."""
    wait = {"Posted": DISPUTE_WINDOW_S, "Disputed": DISPUTE_WINDOW_S + RESOLVE_WINDOW_S}
    if reading.chain_status not in wait:
        return 0
    return reading.posted_at + wait[reading.chain_status]


def final_values(
    session: Session, market: MarketRow, device: DeviceRow, period: int, now: int
) -> bytes | None:
    """Packed values of a final reading, empty where there is finally none; None: not final."""
    reading = session.get(ReadingRow, (device.device, market.market, period))
    status = reading.chain_status if reading is not None else "None"
    if reading is None or status == "None":
        return b"" if now > period_end(market, period) + POST_WINDOW_S else None
    if now <= changeable_until(reading):
        return None
    return b"" if status == "Void" else pack(reading.values_wh)


def _final_readings(
    session: Session,
    market: MarketRow,
    account: str,
    period: int,
    now: int,
    traded_carriers: Collection[int],
) -> list[bytes] | None:
    """The account's final reading of every carrier (empty without one); None: not final yet."""
    found: list[bytes] = []
    post_window_over = now > period_end(market, period) + POST_WINDOW_S
    for carrier in range(int(market.params["carriers"])):
        device = session.exec(
            select(DeviceRow).where(
                DeviceRow.market == market.market,
                DeviceRow.account == account,
                DeviceRow.carrier == carrier,
            )
        ).first()
        if device is None and carrier not in traded_carriers:
            found.append(b"")
            continue
        reading = (
            session.get(ReadingRow, (device.device, market.market, period)) if device else None
        )
        status = reading.chain_status if reading else "None"
        unmeasured = reading is None or status in ("None", "Void") or None in reading.values_wh
        if unmeasured and not post_window_over:
            return None  # it is judged by what the others' readings cover
        values = final_values(session, market, device, period, now) if device else b""
        if values is None:
            return None
        found.append(values)
    return found


def _may_retry(write: OutboxRow, retry: bool) -> bool:
    """Whether a closing that the chain refused is due again."""
    return write.status in outbox.FAILED and (
        retry or time.time() - write.created_at > _RETRY_AFTER_S
    )
