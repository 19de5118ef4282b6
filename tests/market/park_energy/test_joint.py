"""A whole joint book: cleared, certified, balanced, and as good as the twin's own programme."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from market.bid import orders
from market.book import Book
from market.certificate import Certificate, check
from market.clearing import clear
from market.dispatch import DispatchPlan, Indicator
from market.network import network_orders
from market.network.flows import fills_by_salt, flows
from market.order import Domain, SignedOrder, check_well_formed, order_hash
from market.outcome import Clearing
from market.park_energy.bids import Offer, SiteNeed
from market.park_energy.joint import park_offers
from market.park_energy.rules import RULES
from market.park_energy.transport import network_of
from market.payment import leg_energy_wh
from market.product import ProductGrid
from twin.park.accounts import account
from twin.park.dispatch import ParkDispatch
from twin.park.model import ParkSamples, ParkSignal
from twin.park.programme import ParkProgramme
from twin.park.site import Park

NETWORK = f"0x{255:040x}"
NOTHING = Indicator(0, "of its kind", "lower")
DOMAIN = Domain(31337, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8")


@dataclass(frozen=True)
class JointDay:
    park: Park
    samples: ParkSamples
    dispatch: ParkDispatch
    offers: tuple[Offer, ...]
    book: Book
    maxima: tuple[int, ...]
    clearing: Clearing
    certificate: Certificate


def plans_of(park: Park, dispatch: ParkDispatch) -> dict[str, DispatchPlan]:
    """Every site's part of the joint dispatch."""
    drive, store = iter(dispatch.drive_w[0]), iter(dispatch.store_w[0])
    plans = {}
    for site in park.sites:
        lines = {part.name: next(drive) for part in site.converters}
        lines |= {part.name: next(store) for part in site.stores}
        plans[site.name] = DispatchPlan(
            0,
            900,
            {name: tuple(round(w) for w in values.tolist()) for name, values in lines.items()},
            {"cost": NOTHING, "peak": NOTHING, "comfort": NOTHING},
        )
    return plans


def joined(park: Park, needs: dict[str, SiteNeed]) -> JointDay:
    samples = ParkSamples(
        np.concatenate([needs[site.name].available_w for site in park.sites])[None],
        np.concatenate([needs[site.name].demand_w for site in park.sites])[None],
    )
    dispatch = ParkProgramme(park).solve(samples, ParkSignal.of(park))
    offers = park_offers(park, needs, plans_of(park, dispatch), {})
    bids = [offer.bid for offer in offers]
    owners = sorted({bid.owner_id for bid in bids})
    traders = {name: f"0x{place + 1:040x}" for place, name in enumerate(owners)}
    grid = ProductGrid(7, 2, 0, park.horizon.slots)
    unsigned = [
        *orders(bids, market=1, round=1, first_slot=0, traders=traders),
        *network_orders(network_of(park.links), 1, 1, grid, 900, NETWORK, 0),
    ]
    signed = [SignedOrder(order, bytes(64), order_hash(DOMAIN, order)) for order in unsigned]
    book = Book.build(1, 1, grid, signed)
    maxima = tuple(each.order.max_units for each in book.orders)
    clearing = clear(book, maxima, RULES)
    certificate = check(book, maxima, clearing, RULES)
    return JointDay(park, samples, dispatch, offers, book, maxima, clearing, certificate)


@pytest.fixture(scope="module")
def joint(make_park, needs_of) -> JointDay:
    park = make_park(32)
    return joined(park, needs_of(park))


def test_every_order_is_well_formed(joint):
    for each in joint.book.orders:
        check_well_formed(each.order, joint.book.grid, RULES.price_cap)


def test_the_joint_book_clears_with_its_proof(joint):
    assert joint.certificate.coupled
    assert joint.certificate.gap_micro <= RULES.gap_floor_micro // 100
    assert joint.certificate.welfare_micro > 0


def test_every_carrier_zone_and_slot_balances_to_the_wh(joint):
    sums = [0] * len(joint.book.grid)
    for position, indices in enumerate(joint.book.leg_indices):
        legs = joint.book.orders[position].order.legs
        for index, leg in zip(indices, legs, strict=True):
            sums[index] += leg_energy_wh(leg.coefficient, joint.clearing.fills[position])
    assert not any(sums)
    traded = {index // 32 for index, idle in enumerate(joint.clearing.indicative) if not idle}
    assert {(place // 2, place % 2) for place in traded} >= {
        (carrier, zone)
        for carrier, zone in [(0, 0), (0, 1), (1, 0), (2, 0), (3, 0), (4, 1), (5, 1), (6, 1)]
    }


def test_the_market_reaches_the_welfare_of_the_twins_programme(joint):
    """Within 10 parts in a million: powers are planned in W, energies traded in Wh.

    The owner of the tank adds what it is worth to it to make up for standing losses, which the
    twin does not count.
    """
    signal = ParkSignal.of(joint.park)
    cost = float(account(joint.park, joint.dispatch, joint.samples, signal).cost[0])
    worth = sum(
        block.share * block.value_per_kwh * wanted.sum() * joint.park.horizon.slot_hours / 1_000.0
        for (_, process), wanted in zip(
            joint.park.processes(), joint.samples.demand_w[0], strict=True
        )
        for block in process.blocks
    )
    (store,) = (part for _, part in joint.park.stores())
    kept = (1.0 - store.loss_per_hour) ** (0.25 * joint.park.horizon.slots)
    content = store.initial_wh * (1.0 - kept) / 1_000.0
    reached = joint.certificate.welfare_micro / 1e6
    assert reached == pytest.approx(worth - cost + content, rel=1e-5)


def test_prices_are_the_twins_marginal_costs_where_these_are_unique(joint):
    prices = np.array(joint.clearing.prices).reshape(14, 32) / 1e9
    electricity = joint.dispatch.price_per_kwh[0, 0]
    assert np.median(np.abs(prices[0] - electricity)) < 1e-4


def test_the_network_stays_within_its_lines_and_never_pays(joint):
    found = flows(
        network_of(joint.park.links),
        joint.book.grid,
        900,
        fills_by_salt(joint.book, joint.clearing, NETWORK),
        joint.clearing.prices,
    )
    assert any(each.flow_wh for each in found)
    assert all(abs(each.flow_wh) <= each.limit_wh for each in found)
    assert all(each.revenue_micro >= 0 for each in found)


def test_behind_a_full_line_power_costs_more(make_park, needs_of):
    park = make_park(8)
    cut = replace(park, links=tuple(replace(link, capacity_w=2e5) for link in park.links))
    day = joined(cut, needs_of(cut))
    prices = np.array(day.clearing.prices).reshape(7, 2, 8) / 1e9
    assert np.all(prices[0, 1] > prices[0, 0])
