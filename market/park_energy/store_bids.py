"""From a store's plan to orders that keep its limits however far the market fills them.

What is charged and given back later becomes a pair of slots, first in, first out. What the plan
takes from the content at the start and puts back by the end, and what makes up for losses, is one
bundle. Levels are linear in the fills: between nothing and everything filled they stay between
those two, so neither the floor nor the capacity is passed. Where the pairs need room that only the
bundle makes, the whole plan is one bundle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from market.bid import OrderTerms, kept
from market.park_energy.rules import RULES
from market.vector_bid import bundle_bid, storage_pair_bid
from twin.park.site import FloatArray, Store

CONTENT_WORTH_PER_KWH = 1.0
"""What it is worth to an owner to make up for a kWh that standing takes from the content it had at
the start: without its bundle the store would end with so much less."""

_LEAST_WH = 0.5
_SLACK = 1e-9
_START = -1
_WH_PER_KWH = 1_000.0


@dataclass(frozen=True, slots=True)
class StoredPair:
    """``charged_wh`` taken in ``charge_slot``, ``efficiency`` of it given in ``discharge_slot``."""

    charge_slot: int
    discharge_slot: int
    charged_wh: float
    efficiency: float


@dataclass(frozen=True, slots=True)
class StorePlan:
    """A plan taken apart.

    Attributes:
        turnover_wh: what is given of the content at the start (negative) and what is charged and
            not given back (positive), Wh at the connection, shape (slot,).
        net_wh: the plan as far as the store has room for it, Wh into it, shape (slot,).
        separable: whether any fills of pairs and turnover keep the capacity.
    """

    pairs: tuple[StoredPair, ...]
    turnover_wh: FloatArray
    net_wh: FloatArray
    separable: bool


def taken_apart(store: Store, net_w: FloatArray, slot_hours: float) -> StorePlan:
    """Pairs and turnover of a plan, ``net_w`` (slot,) W into the store, negative out of it.

    Plans are in whole W: what a store lacks for that (a W all along at most) is not given. What it
    has no room for is not taken: a plan that charges and gives at once, as one may where a carrier
    is worth less than nothing, loses less by its net flow than it planned to. Raises ValueError for
    a plan that gives more than the store holds.
    """
    net_wh = net_w * slot_hours
    rounding_wh = slot_hours * net_w.size
    kept_share = (1.0 - store.loss_per_hour) ** slot_hours
    batches: deque[list[float]] = deque([[_START, store.initial_wh]])
    turnover = np.zeros_like(net_wh)
    pairs: list[StoredPair] = []
    for slot, wh in enumerate(net_wh.tolist()):
        for batch in batches:
            batch[1] *= kept_share
        if wh > 0.0:
            room = store.capacity_wh - sum(content for _, content in batches)
            net_wh[slot] = min(wh, max(room, 0.0) / store.charge_efficiency)
            batches.append([slot, store.charge_efficiency * net_wh[slot]])
        wanted = max(-wh, 0.0) / store.discharge_efficiency
        while wanted > _SLACK * store.capacity_wh:
            if not batches and wanted <= rounding_wh:
                break
            if not batches:
                raise ValueError(
                    f"{store.name} holds {wanted:.0f} Wh less than its plan gives in slot {slot}"
                )
            oldest, content = batches[0]
            used = min(content, wanted)
            batches[0][1] -= used
            wanted -= used
            if batches[0][1] <= 0.0:
                batches.popleft()
            if oldest == _START:
                turnover[slot] -= used * store.discharge_efficiency
                continue
            left = kept_share ** (slot - oldest)
            charged = used / (left * store.charge_efficiency)
            efficiency = left * store.charge_efficiency * store.discharge_efficiency
            pairs.append(StoredPair(int(oldest), slot, charged, efficiency))
    for begun, content in batches:
        if begun != _START:
            left = kept_share ** (net_wh.size - 1 - begun)
            turnover[int(begun)] += content / (left * store.charge_efficiency)
    separable = _fits_without_turnover(store, pairs, kept_share, net_wh.size)
    return StorePlan(tuple(pairs), turnover, net_wh, separable)


def store_bids(
    owner_id: str,
    store: Store,
    net_w: FloatArray,
    slot_hours: float,
    zone: int,
    *,
    fixed_slots: Collection[int] = (),
    must_run_per_kwh: float = 0.0,
    content_worth_per_kwh: float = CONTENT_WORTH_PER_KWH,
) -> tuple[OrderTerms, ...]:
    """A store's plan as pairs and a bundle, or as one bundle.

    Args:
        net_w: the plan, W into the store, shape (slot,).
        fixed_slots: what a person fixed; orders that touch these are worth `must_run_per_kwh` a
            kWh charged whatever the prices.
    """
    plan = taken_apart(store, net_w, slot_hours)
    carrier = int(store.carrier)
    fixed = set(fixed_slots)
    bids: list[OrderTerms | None] = []
    rest_wh = plan.turnover_wh if plan.separable else plan.net_wh
    if plan.separable:
        for pair in plan.pairs:
            forced = bool(fixed & {pair.charge_slot, pair.discharge_slot})
            cost = store.cost_per_kwh - (must_run_per_kwh if forced else 0.0)
            bids.append(
                storage_pair_bid(
                    owner_id,
                    pair.charge_slot,
                    pair.discharge_slot,
                    pair.charged_wh if pair.charged_wh >= _LEAST_WH else 0.0,
                    min(pair.efficiency, 1.0),
                    cost,
                    RULES.price_cap,
                    carrier=carrier,
                    zone=zone,
                )
            )
    charged_kwh = float(np.maximum(rest_wh, 0.0).sum()) / _WH_PER_KWH
    kept_share = (1.0 - store.loss_per_hour) ** (slot_hours * net_w.size)
    lacking_kwh = min(store.initial_wh * (1.0 - kept_share) / _WH_PER_KWH, charged_kwh)
    worth = content_worth_per_kwh * lacking_kwh - store.cost_per_kwh * charged_kwh
    moved = {slot for slot, wh in enumerate(rest_wh.tolist()) if abs(wh) >= _LEAST_WH}
    if fixed & moved:
        worth += must_run_per_kwh * charged_kwh
    places = {(carrier, zone, slot): float(rest_wh[slot]) for slot in moved}
    bids.append(bundle_bid(owner_id, places, worth, RULES.price_cap))
    return kept(bids)


def _fits_without_turnover(
    store: Store, pairs: list[StoredPair], kept_share: float, slots: int
) -> bool:
    """Whether untouched content and all pairs together stay within the capacity."""
    level = store.initial_wh * kept_share ** np.arange(1, slots + 1)
    for pair in pairs:
        span = np.arange(pair.charge_slot, pair.discharge_slot)
        level[span] += (
            pair.charged_wh * store.charge_efficiency * kept_share ** (span - pair.charge_slot)
        )
    return bool(np.all(level <= store.capacity_wh * (1.0 + 1e-6)))
