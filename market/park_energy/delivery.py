"""From what was traded to what the meters of every carrier show.

Everybody runs what the market filled: a converter its drive, a store its schedule. What differs is
what nobody decides: processes want more or less than expected, weather gives more or less, and a
machine may fail. A failing converter is short in what it gives and long in what it takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from market.park_energy.bids import Offer, SiteNeed
from market.park_energy.rules import CARRIERS
from market.payment import leg_energy_wh
from twin.park.site import FloatArray, ParkSite, Store


@dataclass(frozen=True, slots=True)
class Filled:
    """How many units of an offer the market filled."""

    offer: Offer
    units: int


def filled_wh(filled: Iterable[Filled], slots: int) -> dict[str, FloatArray]:
    """What was traded by part, Wh, shape (carrier, slot), positive taken."""
    by_part: dict[str, FloatArray] = {}
    for each in filled:
        moved = by_part.setdefault(each.offer.part, np.zeros((len(CARRIERS), slots)))
        for leg in each.offer.bid.legs:
            moved[leg.carrier, leg.slot] += leg_energy_wh(leg.coefficient, each.units)
    return by_part


def metered_wh(
    traded: Mapping[str, FloatArray], lived: Mapping[str, FloatArray], slots: int
) -> FloatArray:
    """What an account's meters show, Wh, shape (carrier, slot), import positive.

    Args:
        traded: by part, as `filled_wh` gives it.
        lived: by part, how much of what was traded came about, shape (slot,); 1 where left out.
    """
    total = np.zeros((len(CARRIERS), slots))
    for part, moved in traded.items():
        total += moved * lived.get(part, 1.0)
    return total


def lived_shares(site: ParkSite, expected: SiteNeed, real: SiteNeed) -> dict[str, FloatArray]:
    """What processes and renewable plants really did of what was expected, shape (slot,) by part.

    1 where nothing was expected: nothing was traded there either.
    """
    names = [part.name for part in site.processes] + [part.name for part in site.renewables]
    planned = np.concatenate([expected.demand_w, expected.available_w])
    came = np.concatenate([real.demand_w, real.available_w])
    share = np.divide(came, planned, out=np.ones_like(planned), where=planned > 0.0)
    return dict(zip(names, share, strict=True))


def stored_wh(store: Store, net_wh: FloatArray, slot_hours: float) -> FloatArray:
    """Content of a store after each slot, Wh, shape (slot,), where `net_wh` flows into it."""
    kept = (1.0 - store.loss_per_hour) ** slot_hours
    level, course = store.initial_wh, np.zeros_like(net_wh)
    for slot, wh in enumerate(net_wh.tolist()):
        level = kept * level + store.charge_efficiency * max(wh, 0.0)
        level -= max(-wh, 0.0) / store.discharge_efficiency
        course[slot] = level
    return course
