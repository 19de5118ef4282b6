"""What the certificates' contract must answer, and what must hold of every id and in total."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from wattproof.audit.certificates_state import CONTRACT, LIFETIME, VINTAGE_SECONDS, BatchId
from wattproof.audit.findings import Finding, Report
from wattproof.audit.sale_pool import Parcel, SalePool
from wattproof.audit.state import State

_LOTS_AT_ONCE = 100
View = tuple[str, tuple[Any, ...], Any]


def check(state: State, report: Report) -> None:
    """Conservation of every id and of all of them, and what nothing in the history explains."""
    book = state.certificates
    held: defaultdict[int, int] = defaultdict(int)
    for (_, identity), amount in book.held.items():
        held[identity] += amount
    place, law = f"{CONTRACT} conservation", "held = issued - retired - expired"
    in_all = 0
    for identity in {**book.batches, **held}:
        batch = book.batches.get(identity)
        kept = batch.issued_wh - batch.retired_wh - batch.expired_wh if batch is not None else 0
        in_all += kept
        report.compare(place, f"id {BatchId.of(identity)}", law, held[identity], kept)
    report.compare(place, "all ids", law, sum(held.values()), in_all)
    for_sale: defaultdict[int, int] = defaultdict(int)
    for pool in book.pools.values():
        for identity, amount in pool.uncollected().items():
            for_sale[identity] += amount
    in_pools = {identity for account, identity in book.held if account == book.address}
    for identity in {*for_sale, *in_pools}:
        report.compare(
            f"{CONTRACT} pools",
            f"id {BatchId.of(identity)}",
            "held by the contract",
            book.held[book.address, identity],
            for_sale[identity],
        )
    for device, period in book.given:
        report.findings.append(
            Finding(
                f"{CONTRACT}.Stored",
                f"device {device}, period {period}",
                "charges",
                "were given for a period that was never accounted",
            )
        )


def expectations(state: State) -> list[View]:
    """View functions, their arguments, and what they must answer."""
    if not state.certificates.address:
        return []
    constants: list[View] = [("VINTAGE_SECONDS", (), VINTAGE_SECONDS), ("LIFETIME", (), LIFETIME)]
    return [
        *constants,
        *_devices(state),
        *_holdings(state),
        *_batches(state),
        *_sales(state),
    ]


def _devices(state: State) -> Iterator[View]:
    book = state.certificates
    for device in state.devices:
        if device not in book.devices:
            yield "deviceOf", (device,), {"slotSeconds": 0}
    for device, certified in book.devices.items():
        params = state.markets[certified.market]
        yield (
            "deviceOf",
            (device,),
            {
                "market": certified.market,
                "zone": certified.zone,
                "technology": certified.technology,
                "efficiencyBp": certified.efficiency_bp,
                "fromPeriod": certified.from_period,
                "untilPeriod": certified.until_period,
                "slotSeconds": params.slot_seconds,
                "periodSlots": params.period_slots,
                "issued": certified.issued,
            },
        )
    for device, store in book.stores.items():
        green = sorted((which, wh) for which, wh in store.green_wh.items() if wh)
        yield (
            "storeOf",
            (device,),
            {
                "capacityWh": store.capacity_wh,
                "energyWh": store.energy_wh,
                "nextPeriod": store.next_period,
                "technologies": [technology for technology, _ in green],
                "greenWh": [green_wh for _, green_wh in green],
            },
        )


def _batches(state: State) -> Iterator[View]:
    book = state.certificates
    slots: defaultdict[tuple[str, int], int] = defaultdict(int)
    for identity, batch in book.batches.items():
        said = BatchId.of(identity)
        if said.device not in book.stores:
            slots[said.device, said.period] |= 1 << said.slot
        params = state.markets[book.devices[said.device].market]
        yield (
            "batchOf",
            (identity,),
            {
                "device": said.device,
                "startsAt": batch.starts_at,
                "endsAt": batch.starts_at + params.slot_seconds,
                "technology": said.technology,
                "zone": batch.zone,
                "vintage": batch.vintage,
                "issuedWh": batch.issued_wh,
                "retiredWh": batch.retired_wh,
                "expiredWh": batch.expired_wh,
            },
        )
        yield "expiryOf", (identity,), batch.expires_at
    for key, bits in slots.items():
        yield "issuedSlots", key, bits


def _holdings(state: State) -> Iterator[View]:
    book = state.certificates
    for key, amount in book.held.items():
        yield "balanceOf", key, amount
    for key, amount in book.claimed.items():
        yield "claimedBalanceOf", key, amount
    for pair, approved in book.approvals.items():
        yield "isApprovedForAll", pair, approved


def _sales(state: State) -> Iterator[View]:
    book = state.certificates
    for market in state.markets:
        yield "classOf", (market,), book.classes.get(market, (0, 0))
    for place, pool in book.pools.items():
        yield "poolOf", place, (pool.head, pool.tail)
        for lots in _parts(pool):
            standing = list(pool.at(lots))
            ids, amounts = [each for each, _ in standing], [amount for _, amount in standing]
            yield "certificatesAt", (*place, lots.start, lots.length), (ids, amounts)
        for holder, parcels in pool.parcels.items():
            stand = [{"start": parcel.start, "length": parcel.length} for parcel in parcels]
            yield "parcelsOf", (*place, holder), stand


def _parts(pool: SalePool) -> Iterator[Parcel]:
    """All positions of a pool, in parts that one call can look at."""
    start = 0
    for last in range(_LOTS_AT_ONCE - 1, len(pool.ends) + _LOTS_AT_ONCE - 1, _LOTS_AT_ONCE):
        end = pool.ends[min(last, len(pool.ends) - 1)]
        yield Parcel(start, end - start)
        start = end
