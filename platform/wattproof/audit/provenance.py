"""Which certificates a settled round delivered to whom, down to device and interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from wattproof.audit.certificates_state import BatchId
from wattproof.audit.findings import Report
from wattproof.audit.state import Proof, State

_PLACE = "certificates"


def delivered(state: State, key: tuple[int, int]) -> list[dict[str, Any]]:
    """Every parcel of a round of certificates, safe for JSON; none in other rounds."""
    book = state.certificates
    pool = book.pools.get((key[0], state.rounds[key].first_slot))
    return [
        {
            "to": holder,
            "start": str(parcel.start),
            "length": str(parcel.length),
            "batches": [
                _batch(state, identity, amount)
                for identity, amount in (pool.at(parcel) if pool is not None else ())
            ],
        }
        for holder, parcel in book.sold.get(key, ())
    ]


def _batch(state: State, identity: int, amount: int) -> dict[str, Any]:
    said = BatchId.of(identity)
    return {
        "id": hex(identity),
        "device": said.device,
        "period": said.period,
        "slot": said.slot,
        "technology": said.technology,
        "startsAt": state.certificates.batches[identity].starts_at,
        "amountWh": str(amount),
    }


def check(parcels: list[Mapping[str, Any]], proof: Proof, report: Report) -> None:
    """A bundle's parcels by themselves: as much for everybody as the round's own effects say.

    Raises:
        KeyError, TypeError, ValueError: they are no parcels.
    """
    bought: Counter[str] = Counter()
    for parcel in parcels:
        length = int(parcel["length"])
        bought[parcel["to"]] += length
        batches = sum(int(batch["amountWh"]) for batch in parcel["batches"])
        report.compare("bundle", _PLACE, f"batches at {parcel['start']}", batches, length)
        for batch in parcel["batches"]:
            said = BatchId.of(int(batch["id"], 16))
            told = (batch["device"], batch["period"], batch["slot"], batch["technology"])
            meant = (said.device, said.period, said.slot, said.technology)
            report.compare("bundle", _PLACE, f"batch {batch['id']}", told, meant)
    for effect in proof.settlement.effects:
        due = max(0, effect.moved_wh)
        report.compare("bundle", _PLACE, f"of {effect.trader}", bought.pop(effect.trader, 0), due)
    report.compare("bundle", _PLACE, "of others", dict(bought), {})
