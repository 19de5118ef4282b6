"""Reservations of deviations, and every claim measured again from the readings on the chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from market.reference.baseline import (
    DAYS,
    LOOKBACK,
    MISSING,
    BaselineRule,
    adjusted,
    is_weekday_counted,
    most_in_a_slot,
    repeated,
)
from market.reference.meters import ReadingStatus, decode_values
from wattproof.audit.claims_state import Place, Reserved
from wattproof.audit.findings import Mismatch
from wattproof.audit.history import Entry
from wattproof.audit.money import Handler
from wattproof.audit.state import State

_OPEN, _RELEASED, _USED = 1, 2, 3


def slots_reserved(state: State, entry: Entry) -> None:
    args = entry.event.args
    place = args["market"], args["account"], args["carrier"], args["period"]
    if state.deviations.taken[place] & args["slots"]:
        raise entry.mismatch("slots", "were reserved before")
    state.deviations.taken[place] |= args["slots"]
    state.deviations.reservations[args["id"]] = Reserved(place, args["slots"], args["claimant"])


def reservation_released(state: State, entry: Entry) -> None:
    held = _open(state, entry)
    held.released = True
    if entry.time < _start(state, held):
        state.deviations.taken[held.place] &= ~held.slots


def deviation_used(state: State, entry: Entry) -> None:
    held = _open(state, entry)
    held.used = tuple(entry.event.args["values"])
    for slot, energy_wh in enumerate(held.used):
        if energy_wh and not held.slots >> slot & 1:
            raise entry.mismatch(f"slot {slot}", "was not reserved")
    state.deviations.used.setdefault(held.place, {}).update(
        {slot: energy_wh for slot, energy_wh in enumerate(held.used) if energy_wh}
    )


def reductions(
    state: State,
    place: Place,
    rule: BaselineRule,
    window: range,
    since: int,
    published: bytes,
    *,
    increases: bool = False,
) -> list[int]:
    """Baseline less metered, Wh a slot of the window (in the period); 0 where none is metered.

    Args:
        increases: whether more consumption is claimed, not less.

    Raises:
        Mismatch: there are too few baseline days.
    """
    market, account, carrier, period = place
    slots = state.markets[market].period_slots
    device = state.device_of[market, account, carrier]
    day = decode_values(state.values.get((device, period), b"")) or [MISSING] * slots
    days: Sequence[Sequence[int]]
    if rule.is_published:
        days = repeated(decode_values(published))
    else:
        days = _baseline_days(state, place, rule, since, device)
    most_wh = most_in_a_slot(state.devices[device].capacity_w, slots)
    baseline = adjusted(rule, days, day, window, most_wh, increases=increases)
    return [
        0 if day[slot] == MISSING else usual - day[slot]
        for slot, usual in zip(window, baseline, strict=True)
    ]


def check_used(state: State, entry: Entry, reservation: int, derived: Mapping[int, int]) -> None:
    """Compare what a claim used with what is derived, Wh by slot of the period."""
    held = state.deviations.reservations[reservation]
    if held.used is None:
        raise entry.mismatch("deviation", "was never used")
    for slot, energy_wh in enumerate(held.used):
        if energy_wh != derived.get(slot, 0):
            raise entry.mismatch(
                f"slot {slot}",
                f"{energy_wh} Wh were used, derived are {derived.get(slot, 0)}",
            )


def reservations(state: State) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Every reservation's number, and the parts of its view that must hold."""
    for number, held in state.deviations.reservations.items():
        market, account, carrier, period = held.place
        yield (
            number,
            {
                "status": _RELEASED if held.released else _OPEN if held.used is None else _USED,
                "claimant": held.claimant,
                "market": market,
                "account": account,
                "carrier": carrier,
                "period": period,
                "slots": held.slots,
            },
        )


def _baseline_days(
    state: State, place: Place, rule: BaselineRule, since: int, device: str
) -> list[Sequence[int]]:
    """What the meter showed on the ten baseline days, Wh a slot of the period, newest first."""
    market, account, carrier, period = place
    nothing = [MISSING] * state.markets[market].period_slots
    days: list[Sequence[int]] = []
    for day in range(period - 1, max(0, since, period - LOOKBACK) - 1, -1):
        if len(days) == DAYS:
            break
        reading = state.readings.get((device, day))
        void = reading is not None and reading.status is ReadingStatus.VOID
        taken = state.deviations.taken.get((market, account, carrier, day), 0)
        if void or taken or not is_weekday_counted(rule, day):
            continue
        days.append(decode_values(state.values.get((device, day), b"")) or nothing)
    if len(days) < DAYS:
        raise Mismatch("Baseline", str(place), "days", f"only {len(days)} of {DAYS} were there")
    return days


def _open(state: State, entry: Entry) -> Reserved:
    held = state.deviations.reservations[entry.event.args["id"]]
    if held.used is not None or held.released:
        raise entry.mismatch("reservation", "had ended")
    return held


def _start(state: State, held: Reserved) -> int:
    params = state.markets[held.place[0]]
    first = (held.slots & -held.slots).bit_length() - 1
    return (held.place[3] * params.period_slots + first) * params.slot_seconds


HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("Deviations", "Reserved"): slots_reserved,
    ("Deviations", "Released"): reservation_released,
    ("Deviations", "Used"): deviation_used,
}
