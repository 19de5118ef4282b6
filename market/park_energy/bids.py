"""What everybody in the park wants, as orders.

A process buys what it needs in blocks of willingness, a renewable plant sells what weather gives, a
converter offers to convert at its upkeep, a store trades its approved plan, suppliers sell and buy
back at the edge of the park, and whoever has cooling towers is paid to take heat. What a person
fixed at the dispatch centre is bid exactly and at almost any price; everything else the market
decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from market.bid import Bid, OrderTerms, kept, make_bid
from market.dispatch import DispatchPlan, Edit
from market.park_energy.rules import RULES, ZONES
from market.park_energy.store_bids import store_bids
from market.vector_bid import Converter, ConverterSegment, VectorBid, converter_bids
from twin.park import converter as twin
from twin.park.carriers import HEAT_LEVELS, HIGHER_HEATING, TEMPERATURE_C, Carrier
from twin.park.converter import ConverterKind
from twin.park.physical_limits import (
    OUTDOORS_C,
    REJECTION_C,
    carnot_cop,
    carnot_eer,
    check_converter,
)
from twin.park.site import FloatArray, GridConnection, ParkSite, Process

MUST_RUN_PER_KWH = 1.0
"""What following a person's word is worth a kWh of the drive, or charged."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A bid, and the part of its owner's site that it is about (a process, a converter, ...)."""

    part: str
    bid: OrderTerms


@dataclass(frozen=True, slots=True)
class SiteNeed:
    """What a site expects: ``demand_w`` (process, slot), ``available_w`` (renewable, slot), W."""

    demand_w: FloatArray
    available_w: FloatArray


def site_offers(
    site: ParkSite,
    need: SiteNeed,
    plan: DispatchPlan,
    edits: Sequence[Edit] = (),
) -> tuple[Offer, ...]:
    """Everything a site bids, of its approved plan and what it expects.

    The plan says what stores do; ``edits``, what a person fixed in it. Raises KeyError for a plan
    without a line of a store or a fixed converter, VectorBidError and ParkError for equipment
    that no order can carry.
    """
    hours = plan.slot_seconds / 3_600.0
    zone = ZONES.index(site.zone)
    fixed: dict[str, dict[int, float]] = {}
    for edit in edits:
        fixed.setdefault(edit.line, {})[edit.slot] = float(plan.lines[edit.line][edit.slot])
    offers: list[Offer] = []
    for process, demand_w in zip(site.processes, need.demand_w, strict=True):
        offers += _of(process.name, process_bids(site.name, process, demand_w * hours, zone))
    for renewable, available_w in zip(site.renewables, need.available_w, strict=True):
        offers += _of(renewable.name, renewable_bids(site.name, available_w * hours, zone))
    for part in site.converters:
        offers += _of(
            part.name,
            machine_bids(
                site.name, part, _offered_w(part, plan), hours, zone, fixed.get(part.name, {})
            ),
        )
    for store in site.stores:
        net_w = np.array(plan.lines[store.name], dtype=float)
        offers += _of(
            store.name,
            store_bids(
                site.name,
                store,
                net_w,
                hours,
                zone,
                fixed_slots=fixed.get(store.name, {}),
                must_run_per_kwh=MUST_RUN_PER_KWH,
            ),
        )
    return tuple(offers)


def process_bids(
    owner_id: str, process: Process, demand_wh: FloatArray, zone: int
) -> tuple[Bid, ...]:
    """A demand, shape (slot,), Wh: one bid a slot and block of willingness."""
    return kept(
        [
            make_bid(
                owner_id,
                slot,
                block.share * wh,
                block.value_per_kwh,
                RULES.price_cap,
                carrier=int(process.carrier),
                zone=zone,
            )
            for slot, wh in enumerate(demand_wh.tolist())
            for block in process.blocks
        ]
    )


def renewable_bids(owner_id: str, available_wh: FloatArray, zone: int) -> tuple[Bid, ...]:
    """What weather is expected to give, shape (slot,), Wh: it costs nothing, so any price of 0 or
    more is taken; at a lower one the plant stands."""
    return kept(
        [
            make_bid(
                owner_id,
                slot,
                -wh,
                0.0,
                RULES.price_cap,
                carrier=int(Carrier.ELECTRICITY),
                zone=zone,
            )
            for slot, wh in enumerate(available_wh.tolist())
        ]
    )


def connection_bids(
    owner_id: str, connection: GridConnection, slot_hours: float, carbon_per_kg: float = 0.0
) -> tuple[Bid, ...]:
    """A supplier at the edge of the park: it sells up to the connection's import at its price with
    the carbon in it, and takes back up to its export."""
    carbon = carbon_per_kg * connection.carbon_kg_per_kwh
    sides = (
        (-connection.import_max_w, connection.buy_per_kwh + carbon),
        (connection.export_max_w, connection.sell_per_kwh + carbon),
    )
    return kept(
        [
            make_bid(
                owner_id,
                slot,
                power_w * slot_hours,
                price,
                RULES.price_cap,
                carrier=int(connection.carrier),
                zone=ZONES.index(connection.zone),
            )
            for power_w, prices in sides
            for slot, price in enumerate(prices.tolist())
        ]
    )


def rejection_bids(
    owner_id: str, zone: int, most_wh: Mapping[Carrier, float], price_per_kwh: float, slots: int
) -> tuple[Bid, ...]:
    """Cooling towers: heat of any level is taken to the outdoors, up to ``most_wh`` a slot, for
    ``price_per_kwh`` paid by who gives it."""
    return kept(
        [
            make_bid(
                owner_id,
                slot,
                most_wh.get(level, 0.0),
                -price_per_kwh,
                RULES.price_cap,
                carrier=int(level),
                zone=zone,
            )
            for level in HEAT_LEVELS
            for slot in range(slots)
        ]
    )


def machine_bids(
    owner_id: str,
    part: twin.Converter,
    offered_w: FloatArray,
    slot_hours: float,
    zone: int,
    fixed_w: Mapping[int, float] = {},
) -> tuple[VectorBid, ...]:
    """A converter at its upkeep; where a person fixed its drive, exactly that.

    Args:
        offered_w: the most of its drive that is offered, W, shape (slot,).
        fixed_w: drive by slot, W, worth `MUST_RUN_PER_KWH` a kWh whatever carriers cost.

    Raises ParkError and VectorBidError for a machine that physics or an order does not allow.
    """
    check_converter(part)
    free = offered_w * slot_hours
    free[list(fixed_w)] = 0.0
    free_bids = converter_bids(
        owner_id,
        _market_converter(part, slot_hours, zone, part.cost_per_kwh),
        free.tolist(),
        RULES.price_cap,
    )
    if not fixed_w:
        return free_bids
    held = [max(fixed_w.get(slot, 0.0), 0.0) * slot_hours for slot in range(offered_w.size)]
    forced = _market_converter(part, slot_hours, zone, -MUST_RUN_PER_KWH)
    return free_bids + converter_bids(owner_id, forced, held, RULES.price_cap)


def _offered_w(part: twin.Converter, plan: DispatchPlan) -> FloatArray:
    """Its whole capacity; of a machine with a ramp what the plan runs, since orders of single
    slots cannot keep a ramp beyond it."""
    if np.isfinite(part.ramp_w_per_h):
        planned: FloatArray = np.maximum(np.array(plan.lines[part.name], dtype=float), 0.0)
        return planned
    return np.full(plan.slots, part.capacity_w)


def orders_of(offers: Iterable[Offer]) -> tuple[OrderTerms, ...]:
    """The bids alone, in their order."""
    return tuple(offer.bid for offer in offers)


def _of(part: str, bids: Iterable[OrderTerms]) -> list[Offer]:
    return [Offer(part, bid) for bid in bids]


def _market_converter(
    part: twin.Converter, slot_hours: float, zone: int, cost_per_kwh: float
) -> Converter:
    segments = tuple(
        ConverterSegment(
            segment.width_w * slot_hours,
            {
                int(part.drive): 1.0,
                **{int(c): -rate for c, rate in segment.rates.items() if rate < 0.0},
            },
            {int(c): rate for c, rate in segment.rates.items() if rate > 0.0},
            cost_per_kwh,
        )
        for segment in part.segments
    )
    return Converter(part.name, segments, most_output_per_input(part), zone=zone)


def most_output_per_input(part: twin.Converter) -> float:
    """The most that a converter's kind gives by what it takes of the carriers that are traded.

    Energy is only converted, except where it also comes from what nobody trades: surroundings (a
    heat pump without a source carrier), water vapour (fuels are counted by lower heating value),
    or what is cooled, which leaves as warm water beside the cooling that it is sold as.
    """
    if part.kind is ConverterKind.HEAT_PUMP and len(part.inputs) == 1:
        source_c = OUTDOORS_C if part.source_c is None else part.source_c
        return max(carnot_cop(source_c, TEMPERATURE_C[sink]) for sink in part.outputs)
    if part.kind in (ConverterKind.COMPRESSION_CHILLER, ConverterKind.ABSORPTION_CHILLER):
        recovers = Carrier.WARM_WATER in part.outputs
        reject_c = REJECTION_C if part.source_c is None else part.source_c
        if recovers:
            reject_c = TEMPERATURE_C[Carrier.WARM_WATER]
        cold = carnot_eer(TEMPERATURE_C[Carrier.COOLING], reject_c)
        return 1.0 + 2.0 * cold if recovers else cold
    return HIGHER_HEATING.get(part.drive, 1.0)
