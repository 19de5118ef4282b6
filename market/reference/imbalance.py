"""Imbalance: positions against meters, closed once an account and period (protocol section 6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from eth_utils.crypto import keccak

from market import merkle
from market.reference.deviations import Deviations, left_over
from market.reference.errors import (
    ClosedBefore,
    CoverageNotFinal,
    DeviationReserved,
    NothingToClose,
    PeriodNotOver,
    ReadingNotFinal,
    RoundNotTerminal,
    WrongCount,
    WrongEntries,
    WrongPrices,
    WrongProof,
    WrongReading,
)
from market.reference.exchange import Exchange, Status
from market.reference.ledger import Ledger
from market.reference.meters import MISSING, NO_VALUES, POST_WINDOW, MeterRegistry, decode_values
from market.reference.params import MarketParams
from market.reference.verification import ceil_div, position_leaf

ENTRY_BYTES = 24
SCALE = 1_000_000
FULL_BP = 10_000


@dataclass(frozen=True, slots=True)
class PositionLeaf:
    """A leaf of a round's tree of positions with its proof; `lock` in micro-units."""

    index: int
    trader: str
    lock: int
    chain: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class RoundProof:
    """What a settled round holds for the account: its own leaf with entries, or neighbours."""

    leaves: tuple[PositionLeaf, ...]
    entries: bytes = b""


def short_price(price: int, shortfall_bp: int, cap: int) -> int:
    """Nano per kWh paid for energy taken beyond the position, or not delivered."""
    return max(-cap, min(cap, price + abs(price) * shortfall_bp // FULL_BP))


def long_price(price: int, surplus_bp: int, cap: int) -> int:
    """Nano per kWh received for energy delivered beyond the position, or not taken."""
    return max(-cap, min(cap, price - abs(price) * surplus_bp // FULL_BP))


@dataclass(slots=True)
class Imbalance:
    address: str
    exchange: Exchange
    ledger: Ledger
    meters: MeterRegistry
    deviations: Deviations
    closed_periods: set[tuple[int, str, int]] = field(default_factory=set)

    def closed(self, market: int, account: str, period: int) -> bool:
        return (market, account, period) in self.closed_periods

    def close(
        self,
        market: int,
        period: int,
        account: str,
        round_proofs: Sequence[RoundProof],
        readings: Sequence[bytes],
        prices: Sequence[bytes],
        *,
        now: int,
    ) -> tuple[int, int]:
        """Returns (lock, charge) in micro-units: what was released, and what of it was paid."""
        if self.closed(market, account, period):
            raise ClosedBefore(f"{account}, period {period}")
        params = self.exchange.market(market)
        ends_at = self.meters.period_end(market, period)
        if now < ends_at:
            raise PeriodNotOver(str(ends_at))
        positions: defaultdict[tuple[int, int], int] = defaultdict(int)
        settled: list[int] = []
        locks: list[int] = []
        for number in self.exchange.period_rounds(market, period):
            if not self.exchange.is_terminal(market, number, now=now):
                raise RoundNotTerminal(str(number))
            if self.exchange.status(market, number, now=now) is Status.VOID:
                continue
            if len(settled) == len(round_proofs):
                raise WrongCount(f"a proof of round {number} is wanted")
            proof = round_proofs[len(settled)]
            lock = self._read_round(market, number, account, proof, positions)
            settled.append(number)
            locks += [] if lock is None else [lock]
        if len(settled) != len(round_proofs):
            raise WrongCount(f"proofs of {len(settled)} rounds are wanted")
        if not locks:
            raise NothingToClose(account)
        lock = sum(locks)
        self._check_prices(market, settled, prices)
        if len(readings) != params.carriers:
            raise WrongCount(f"readings of {params.carriers} carriers are wanted")
        last_round = self._last_round_of_slot(market, settled)
        cost = 0
        for carrier in range(params.carriers):
            has_position = any(wh for (c, _), wh in positions.items() if c == carrier)
            metered = self._measured(
                market, period, account, carrier, readings[carrier], has_position, now=now
            )
            used = self._used_elsewhere(market, period, account, carrier, now=now)
            for slot in sorted(last_round):
                position = positions[carrier, slot]
                energy_wh = metered.get(slot)
                if energy_wh is None:
                    energy_wh = self._without_reading(market, period, slot, position, now=now)
                deviation_wh = energy_wh - position
                if deviation_wh:
                    used_wh = used[slot % params.period_slots] if used else 0
                    which = settled.index(last_round[slot])
                    price = self._price(market, last_round[slot], carrier, slot, prices[which])
                    cost += imbalance_cost(deviation_wh, price, params, used_wh)
        bond = self.ledger.bonds[market, params.balancing]
        charge = max(-bond, min(lock, ceil_div(cost, SCALE)))
        self.ledger.close_position(
            market, account, lock, charge, params.balancing, sender=self.address
        )
        self.closed_periods.add((market, account, period))
        return lock, charge

    def _read_round(
        self,
        market: int,
        number: int,
        account: str,
        proof: RoundProof,
        positions: defaultdict[tuple[int, int], int],
    ) -> int | None:
        """Add the account's entries by (carrier, slot). Returns its lock; None: it is not there."""
        outcome = self.exchange.round(market, number).outcome
        assert outcome is not None
        count = outcome.positions_count
        for leaf in proof.leaves:
            node = position_leaf(leaf.trader, leaf.lock, leaf.chain)
            if not merkle.verify(outcome.positions_root, count, leaf.index, node, leaf.proof):
                raise WrongProof(f"round {number}, leaf {leaf.index}")
        if [leaf.trader for leaf in proof.leaves] == [account]:
            (own,) = proof.leaves
            chain = bytes(32)
            for at in range(0, len(proof.entries), ENTRY_BYTES):
                chain = keccak(chain + proof.entries[at : at + ENTRY_BYTES])
            if chain != own.chain:
                raise WrongEntries(f"round {number}")
            for at in range(0, len(proof.entries), ENTRY_BYTES):
                entry = proof.entries[at : at + ENTRY_BYTES]
                product = int.from_bytes(entry[:8], "big")
                wh = int.from_bytes(entry[8:], "big", signed=True)
                positions[product >> 48, product & 0xFFFFFFFF] += wh
            return own.lock
        if not proves_absence(proof.leaves, account, count):
            raise WrongProof(f"round {number}")
        if proof.entries:
            raise WrongEntries(f"round {number}")
        return None

    def _check_prices(self, market: int, settled: list[int], prices: Sequence[bytes]) -> None:
        if len(prices) != len(settled):
            raise WrongCount(f"prices of {len(settled)} rounds are wanted")
        for number, packed in zip(settled, prices, strict=True):
            outcome = self.exchange.round(market, number).outcome
            if packed and outcome is not None and keccak(packed) != outcome.prices_hash:
                raise WrongPrices(f"round {number}")

    def _last_round_of_slot(self, market: int, settled: list[int]) -> dict[int, int]:
        """The last settled round that holds a slot, for every slot that one holds."""
        last = {}
        for number in settled:
            record = self.exchange.round(market, number)
            for slot in range(record.first_slot, record.first_slot + record.slots):
                last[slot] = number
        return last

    def _measured(
        self,
        market: int,
        period: int,
        account: str,
        carrier: int,
        values: bytes,
        has_position: bool,
        *,
        now: int,
    ) -> dict[int, int]:
        """Wh by slot, as far as the account's final reading has values."""
        device = self.meters.device_of.get((market, account, carrier))
        values_hash = NO_VALUES
        if device is not None:
            is_final, values_hash = self.meters.final_reading(device, period, now=now)
            if not is_final:
                raise ReadingNotFinal(f"carrier {carrier}")
        elif has_position and not self._post_window_over(market, period, now=now):
            raise ReadingNotFinal(f"carrier {carrier}")
        if values_hash == NO_VALUES:
            if values:
                raise WrongReading(f"carrier {carrier}")
            return {}
        if keccak(values) != values_hash:
            raise WrongReading(f"carrier {carrier}")
        first_slot = period * self.exchange.market(market).period_slots
        return {
            slot: wh
            for slot, wh in enumerate(decode_values(values), start=first_slot)
            if wh != MISSING
        }

    def _used_elsewhere(
        self, market: int, period: int, account: str, carrier: int, *, now: int
    ) -> list[int]:
        """What was paid for as a credit or as demand response, Wh a slot; empty for nothing."""
        is_open, used = self.deviations.used_of(market, account, carrier, period, now=now)
        if is_open:
            raise DeviationReserved(f"carrier {carrier}")
        return used

    def _without_reading(
        self, market: int, period: int, slot: int, position: int, *, now: int
    ) -> int:
        """A seller without a reading delivered nothing, unless nobody was measured in the slot."""
        if position >= 0:
            return position
        if not self._post_window_over(market, period, now=now):
            raise CoverageNotFinal(f"slot {slot}")
        in_period = slot - period * self.exchange.market(market).period_slots
        return 0 if self.meters.covered(market, period) >> in_period & 1 else position

    def _price(self, market: int, number: int, carrier: int, slot: int, packed: bytes) -> int:
        """The carrier's price in zone 0 in that round, nano per kWh."""
        if not packed:
            raise WrongPrices(f"round {number}: they are needed")
        record, params = self.exchange.round(market, number), self.exchange.market(market)
        at = 8 * (carrier * params.zones * record.slots + slot - record.first_slot)
        return int.from_bytes(packed[at : at + 8], "big", signed=True)

    def _post_window_over(self, market: int, period: int, *, now: int) -> bool:
        return now > self.meters.period_end(market, period) + POST_WINDOW


def imbalance_cost(deviation_wh: int, price: int, params: MarketParams, used_wh: int = 0) -> int:
    """Nano per kWh x Wh that the deviation costs (positive) or earns.

    Args:
        used_wh: what of it was paid for as a reduction (positive) or an increase: it earns nothing
            here as well.
    """
    if deviation_wh > 0:
        unit = short_price(price, params.shortfall_bp, params.imbalance_cap)
    else:
        unit = long_price(price, params.surplus_bp, params.imbalance_cap)
    cost = deviation_wh * unit
    return cost if cost >= 0 else left_over(deviation_wh, used_wh) * unit


def proves_absence(leaves: Sequence[PositionLeaf], account: str, count: int) -> bool:
    """Whether proven leaves of a tree of `count` leave no room for the account."""
    here = int(account, 16)
    traders = [int(leaf.trader, 16) for leaf in leaves]
    if count == 0:
        return not leaves
    if len(leaves) == 1:
        return (leaves[0].index == 0 and here < traders[0]) or (
            leaves[0].index == count - 1 and here > traders[0]
        )
    return (
        len(leaves) == 2
        and leaves[1].index == leaves[0].index + 1
        and traders[0] < here < traders[1]
    )
