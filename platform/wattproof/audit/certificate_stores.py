"""Stores of green energy: every period accounted again from the final readings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from market.reference.meters import MISSING
from wattproof.audit.certificates_state import CONTRACT, STORE_TECHNOLOGIES, BatchId
from wattproof.audit.history import Entry
from wattproof.audit.metering import final_values, reach_wh
from wattproof.audit.money import Handler
from wattproof.audit.state import State

ISSUED = f"{CONTRACT}.BatchIssued"


def stored(state: State, entry: Entry) -> None:
    """Certificates given for energy that a store charged; its period is accounted afterwards."""
    args, book = entry.event.args, state.certificates
    device, period, slot, amount = args["device"], args["period"], args["slot"], args["amount"]
    batch, said, store = book.batches[args["id"]], BatchId.of(args["id"]), book.devices[device]
    batch.retired_wh += amount
    owner = state.devices[device].account
    state.entries.announce(entry, CONTRACT, f"id {said} of {owner}", "taken out", amount)
    params = state.markets[store.market]
    starts_at = (period * params.period_slots + slot) * params.slot_seconds
    ends_at = starts_at + params.slot_seconds
    interval = state.markets[book.devices[said.device].market].slot_seconds
    if not starts_at <= batch.starts_at <= ends_at - interval:
        raise entry.mismatch(str(said), f"does not lie in slot {slot} of period {period}")
    if batch.zone != store.zone:
        raise entry.mismatch(str(said), f"is of zone {batch.zone}, the store of {store.zone}")
    if entry.time >= batch.expires_at:
        raise entry.mismatch(str(said), f"expired at {batch.expires_at}")
    book.given[device, period].append((slot, said.technology, amount))


def store_accounted(state: State, entry: Entry) -> None:
    args, book = entry.event.args, state.certificates
    device, period = args["device"], args["period"]
    certified, store, name = book.devices[device], book.stores[device], f"period {period}"
    if period != store.next_period or not certified.counts(period):
        raise entry.mismatch(name, f"was accounted, next was period {store.next_period}")
    certified.issued = True
    charges: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for slot, technology, amount in book.given.pop((device, period), ()):
        charges[slot].append((technology, amount))
    values = final_values(state, entry, device, period)
    issued = store.live(values, charges, reach_wh(state, device))
    for (slot, technology), amount in issued.items():
        identity = BatchId(device, period, slot, technology)
        state.entries.prove(entry, ISSUED, f"id {identity}", "issued", amount)
    for slot, given in charges.items():
        charged_wh = values[slot] if values[slot] != MISSING else 0
        if sum(amount for _, amount in given) > max(0, charged_wh):
            raise entry.mismatch(f"slot {slot}", f"certificates for more than {charged_wh} Wh")
    if sum(1 for green_wh in store.green_wh.values() if green_wh) > STORE_TECHNOLOGIES:
        raise entry.mismatch(name, f"mixes more than {STORE_TECHNOLOGIES} technologies")
    derived = store.energy_wh, sum(store.green_wh.values())
    if (args["energyWh"], args["greenWh"]) != derived:
        raise entry.mismatch(
            name, f"holds {args['energyWh']} and {args['greenWh']} Wh, derived are {derived}"
        )


HANDLERS: Mapping[tuple[str, str], Handler] = {
    (CONTRACT, "Stored"): stored,
    (CONTRACT, "StoreAccounted"): store_accounted,
}
