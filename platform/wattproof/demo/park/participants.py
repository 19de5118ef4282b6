"""Who takes part in the park, and what each needs for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from market.bid import OrderTerms
from market.dispatch import DispatchPlan
from market.eligibility import margin_need_micro
from market.network import Network, network_orders
from market.order import Order
from market.park_energy import MANIFEST
from market.park_energy.rules import CARRIERS
from market.park_energy.transport import network_of
from market.product import Product, ProductGrid
from market.quantise import money_micro
from market.units import SCALE, ceil_div
from wattproof.credentials.issuing import issue_role
from wattproof.demo import cast as casting
from wattproof.demo.cast import Cast
from wattproof.demo.park.scene import DISPATCHER, NETWORK, Scene
from wattproof.demo.stage import Stage
from wattproof.demo.trading import OpenRound

_BOND_MICRO = money_micro(5_000_000.0)
_SECONDS_PER_HOUR = 3_600
_METER_HEADROOM = 2
_LEAST_METER_W = 1_000
_SPARE_MICRO = money_micro(10.0)
_RULES = MANIFEST.rules

Meter = tuple[str, int]
"""Whose, and of which carrier."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Everybody, the market they trade in, and the network between its zones."""

    cast: Cast
    market: int
    network: Network


def gather(stage: Stage, scene: Scene) -> Joined:
    """Create the market with its network, register everybody and give roles.

    Raises:
        WattproofError: the chain refused one of the steps; says which.
    """
    cast = casting.gather(stage, (*scene.traders, DISPATCHER))
    network = network_of(scene.park.links)
    manifest = replace(MANIFEST, network=network)
    market = casting.make_market(stage, manifest, _BOND_MICRO, network=cast[NETWORK])
    with stage.platform.transaction() as session:
        for name, member in cast.members.items():
            trades = name in scene.traders
            casting.identify(stage, session, member, MANIFEST.role if trades else None)
        issue_role(stage.platform, session, cast[DISPATCHER].address, "dispatcher")
    stage.rest()
    return Joined(cast, market, network)


def transport_orders(joined: Joined, opened: OpenRound) -> tuple[Order, ...]:
    """What the network's account offers in a round, as anybody derives it."""
    grid = ProductGrid(_RULES.carriers, _RULES.zones, opened.first_slot, opened.slots)
    return network_orders(
        joined.network,
        opened.market,
        opened.number,
        grid,
        _RULES.slot_seconds,
        joined.cast[NETWORK].address,
        0,
    )


def set_margins_aside(
    stage: Stage, joined: Joined, bids: Sequence[OrderTerms], transport: Sequence[Order]
) -> None:
    """Everybody deposits what its orders need."""
    margins = dict(casting.margins_micro(joined.cast, MANIFEST, bids))
    margins[joined.cast[NETWORK].address] = _SPARE_MICRO + sum(
        margin_need_micro(order, _RULES) for order in transport
    )
    with stage.platform.transaction() as session:
        casting.fund(stage, session, joined.market, margins, key="day")
    stage.rest()


def install_meters(
    stage: Stage,
    joined: Joined,
    plans: Mapping[str, DispatchPlan],
    bids: Iterable[OrderTerms],
    transport: Iterable[Order],
) -> tuple[Meter, ...]:
    """A meter for every carrier that somebody plans or trades, sized to twice the most it moves."""
    planned = {
        (name, carrier): 0
        for name, plan in plans.items()
        for carrier, line in enumerate(CARRIERS)
        if line in plan.lines
    }
    most = _most_wh(joined.cast, planned, bids, transport)
    with stage.platform.transaction() as session:
        for (name, carrier), wh in most.items():
            watts = ceil_div(_METER_HEADROOM * wh * _SECONDS_PER_HOUR, _RULES.slot_seconds * SCALE)
            casting.equip(
                stage,
                session,
                joined.market,
                joined.cast[name],
                max(watts, _LEAST_METER_W),
                carrier,
            )
    stage.rest()
    return tuple(most)


def _most_wh(
    cast: Cast,
    planned: Mapping[Meter, int],
    bids: Iterable[OrderTerms],
    transport: Iterable[Order],
) -> Mapping[Meter, int]:
    """The most that may be moved in a slot, millionths of a Wh, by meter; in carriers' order."""
    moved: defaultdict[tuple[str, int, int], int] = defaultdict(int)
    for bid in bids:
        for leg in bid.legs:
            moved[bid.owner_id, leg.carrier, leg.slot] += abs(leg.coefficient) * bid.max_units
    for order in transport:
        name = cast.names[order.trader]
        for each in order.legs:
            product = Product.from_id(each.product)
            moved[name, product.carrier, product.slot] += abs(each.coefficient) * order.max_units
    most = dict(planned)
    for (name, carrier, _), wh in moved.items():
        most[name, carrier] = max(most.get((name, carrier), 0), wh)
    return {
        (name, carrier): most[name, carrier]
        for name in cast.members
        for carrier in range(len(CARRIERS))
        if (name, carrier) in most
    }
