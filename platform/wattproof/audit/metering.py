"""Meters and imbalance: every closing computed again from positions, prices and readings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from eth_utils.crypto import keccak

from market.product import Product
from market.reference.imbalance import imbalance_cost
from market.reference.meters import (
    DISPUTE_WINDOW,
    MISSING,
    POST_WINDOW,
    RESOLVE_WINDOW,
    SECONDS_PER_HOUR,
    Device,
    Reading,
    ReadingStatus,
    decode_values,
)
from market.units import SCALE, ceil_div
from wattproof.audit.findings import Mismatch
from wattproof.audit.history import Entry
from wattproof.audit.money import Handler
from wattproof.audit.state import Closure, State

_KEEP, _REPLACE, _VOID = range(3)


def device_registered(state: State, entry: Entry) -> None:
    args = entry.event.args
    device = args["device"]
    state.devices[device] = Device(
        args["account"], args["market"], args["carrier"], args["capacityW"], device
    )
    state.device_of[args["market"], args["account"], args["carrier"]] = device


def key_rotated(state: State, entry: Entry) -> None:
    args = entry.event.args
    state.devices[args["device"]] = replace(state.devices[args["device"]], key=args["key"])


def readings_posted(state: State, entry: Entry) -> None:
    args = entry.event.args
    key = args["device"], args["period"]
    if key in state.readings:
        raise Mismatch("MeterRegistry.ReadingsPosted", str(key), "reading", "was posted before")
    state.readings[key] = Reading(keccak(args["values"]), entry.time, 0, ReadingStatus.POSTED)
    state.values[key] = args["values"]
    for slot, energy_wh in enumerate(decode_values(args["values"])):
        if energy_wh != MISSING:
            state.coverage[args["market"], args["period"]] |= 1 << slot


def reading_disputed(state: State, entry: Entry) -> None:
    key = entry.event.args["device"], entry.event.args["period"]
    state.readings[key] = replace(
        state.readings[key], disputed_at=entry.time, status=ReadingStatus.DISPUTED
    )


def reading_resolved(state: State, entry: Entry) -> None:
    args = entry.event.args
    key = args["device"], args["period"]
    reading = state.readings[key]
    if args["resolution"] == _REPLACE:
        state.values[key] = args["values"]
        reading = replace(
            reading, values_hash=keccak(args["values"]), status=ReadingStatus.REPLACED
        )
    elif args["resolution"] == _VOID:
        state.values[key] = b""
        reading = replace(reading, values_hash=bytes(32), status=ReadingStatus.VOID)
    else:
        reading = replace(reading, status=ReadingStatus.KEPT)
    state.readings[key] = reading


def period_closed(state: State, entry: Entry) -> None:
    args = entry.event.args
    market, period, account = args["market"], args["period"], args["account"]
    key = market, period, account
    if key in state.closures:
        raise Mismatch("Imbalance.PeriodClosed", str(key), "position", "was closed before")
    state.closures[key] = Closure(args["lock"], args["charge"])
    lock, cost = _derive(state, market, period, account, entry.time)
    # The ledger's event of the same call came first: the bond already holds the charge.
    bond = state.bonds[market, state.markets[market].balancing] - args["charge"]
    charge = max(-bond, min(lock, ceil_div(cost, SCALE)))
    if (args["lock"], args["charge"]) != (lock, charge):
        raise Mismatch(
            "Imbalance.PeriodClosed",
            str(key),
            "charge",
            f"lock {args['lock']}, charge {args['charge']}; derived are {lock} and {charge}",
        )


def _derive(state: State, market: int, period: int, account: str, now: int) -> tuple[int, int]:
    """Locked micro-units of a period's position, and what its deviation costs (nano/kWh x Wh)."""
    params = state.markets[market]
    lock = 0
    positions: defaultdict[tuple[int, int], int] = defaultdict(int)
    prices: dict[tuple[int, int], int] = {}
    for (at, _), record in sorted(state.rounds.items()):
        if at != market or record.first_slot // params.period_slots != period:
            continue
        if record.proof is None or record.status != "Settled":
            continue
        for leaf in record.proof.settlement.positions:
            if leaf.trader == account:
                lock += leaf.lock_micro
                for entry in leaf.entries:
                    product = Product.from_id(entry.product)
                    positions[product.carrier, product.slot] += entry.quantity_wh
        grid = record.proof.book.grid
        for carrier in range(params.carriers):
            for slot in range(record.first_slot, record.first_slot + record.slots):
                index = grid.index(Product(carrier, 0, slot).id)
                prices[carrier, slot] = record.proof.clearing.prices[index]
    cost = 0
    for (carrier, slot), price in prices.items():
        position = positions[carrier, slot]
        metered = _metered(state, market, period, account, carrier, slot)
        if metered is None:
            metered = _without_reading(state, market, period, slot, position, now)
        used = state.deviations.used.get((market, account, carrier, period), {})
        used_wh = used.get(slot % params.period_slots, 0)
        cost += imbalance_cost(metered - position, price, params, used_wh)
    return lock, cost


def _metered(
    state: State, market: int, period: int, account: str, carrier: int, slot: int
) -> int | None:
    device = state.device_of.get((market, account, carrier))
    values = state.values.get((device, period)) if device else None
    if not values:
        return None
    first = period * state.markets[market].period_slots
    energy_wh = decode_values(values)[slot - first]
    return None if energy_wh == MISSING else energy_wh


def _without_reading(
    state: State, market: int, period: int, slot: int, position: int, now: int
) -> int:
    if position >= 0:
        return position
    params = state.markets[market]
    ends = (period + 1) * params.period_slots * params.slot_seconds
    if now <= ends + POST_WINDOW:
        raise Mismatch(
            "Imbalance.PeriodClosed", f"period {period}", "time", "closed before readings were due"
        )
    return (
        0
        if state.coverage[market, period] >> (slot - period * params.period_slots) & 1
        else (position)
    )


def final_values(state: State, entry: Entry, device: str, period: int) -> list[int]:
    """A reading that could not change any more when the event happened.

    Returns:
        Wh a slot of the period, ``MISSING`` where there is no value; everywhere, where there is
        finally no reading.

    Raises:
        Mismatch: it could still change.
    """
    params = state.markets[state.devices[device].market]
    reading = state.readings.get((device, period))
    if reading is None:
        open_until = (period + 1) * params.period_slots * params.slot_seconds + POST_WINDOW
    else:
        open_until = {
            ReadingStatus.POSTED: reading.posted_at + DISPUTE_WINDOW,
            ReadingStatus.DISPUTED: reading.disputed_at + RESOLVE_WINDOW,
        }.get(reading.status, 0)
    if entry.time <= open_until:
        raise entry.mismatch(f"period {period} of {device}", f"was open until {open_until}")
    values = decode_values(state.values.get((device, period), b""))
    return values or [MISSING] * params.period_slots


def reach_wh(state: State, device: str) -> int:
    """Most that a meter can show in a slot, Wh."""
    meter = state.devices[device]
    return meter.capacity_w * state.markets[meter.market].slot_seconds // SECONDS_PER_HOUR


HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("MeterRegistry", "DeviceRegistered"): device_registered,
    ("MeterRegistry", "KeyRotated"): key_rotated,
    ("MeterRegistry", "ReadingsPosted"): readings_posted,
    ("MeterRegistry", "ReadingDisputed"): reading_disputed,
    ("MeterRegistry", "ReadingResolved"): reading_resolved,
    ("Imbalance", "PeriodClosed"): period_closed,
}
