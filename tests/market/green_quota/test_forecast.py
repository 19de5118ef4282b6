"""Books of many small producers, cleared, against the twin's equilibrium of the same system."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from market.bid import Bid, orders
from market.book import Book
from market.clearing import clear
from market.green_quota.costs import ThermalCosts, WindCosts
from market.green_quota.electricity_bids import (
    CertificateOutlook,
    retailer_bids,
    thermal_asks,
    wind_asks,
)
from market.green_quota.forecast import (
    KWH_PER_MWH,
    Consumption,
    Supply,
    outlook_of,
    quota_system,
)
from market.green_quota.rules import ELECTRICITY_RULES
from market.order import SignedOrder, order_hash
from market.product import ProductGrid
from market.synthetic import DOMAIN, UNSIGNED
from twin.green_quota.equilibrium import Equilibrium, competitive_equilibrium

STEPS = 40
BUYERS = 200
PENALTY = 0.3
CONSUMPTION = Consumption(worth_per_kwh=0.25, usual_per_kwh=0.06, load_wh=480e6)
"""480 MWh a day at 0.06."""


def many_small(seed: int) -> dict[str, Supply]:
    """Twenty thermal and twenty wind producers of somewhat different costs."""
    rng = np.random.default_rng(seed)
    found: dict[str, Supply] = {}
    for number in range(20):
        thermal = ThermalCosts(
            fuel_per_kwh=float(rng.uniform(0.02, 0.04)),
            fuel_slope_per_kwh2=float(rng.uniform(0.5e-6, 2e-6)),
            maintenance_per_kwh=0.004,
            depreciation_per_kwh=0.003,
        )
        wind = WindCosts(
            maintenance_per_kwh=0.008,
            backup_per_kwh=float(rng.uniform(0.02, 0.05)),
            backup_slope_per_kwh2=float(rng.uniform(4e-6, 9e-6)),
        )
        found[f"plant {number}"] = Supply(thermal, 60e6)
        found[f"park {number}"] = Supply(wind, 30e6)
    return found


def equilibrium_of(supplies: dict[str, Supply], share: float) -> Equilibrium:
    system = quota_system("day", supplies, CONSUMPTION, share, PENALTY)
    return competitive_equilibrium(system)


def demand_steps(outlook: CertificateOutlook, share: float) -> list[Bid]:
    """Consumers' straight line as steps, each at the worth of its middle."""
    price, most_wh = CONSUMPTION.worth_per_kwh, _most_wh()
    return [
        bid
        for number in range(BUYERS)
        for bid in retailer_bids(
            f"retailer {number}",
            [most_wh / BUYERS],
            price * (1.0 - (number + 0.5) / BUYERS),
            outlook,
            owed_share=share,
        )
    ]


def _most_wh() -> float:
    """What would be consumed for nothing."""
    return (
        CONSUMPTION.load_wh
        * CONSUMPTION.worth_per_kwh
        / (CONSUMPTION.worth_per_kwh - CONSUMPTION.usual_per_kwh)
    )


def supply_steps(supplies: dict[str, Supply], outlook: CertificateOutlook) -> list[Bid]:
    found: list[Bid] = []
    for name, supply in supplies.items():
        costs, available = supply.costs, [supply.available_wh]
        if isinstance(costs, ThermalCosts):
            found += thermal_asks(name, costs, available, outlook, steps=STEPS)
        else:
            found += wind_asks(name, costs, available, outlook, steps=STEPS)
    return found


def cleared(bids: list[Bid]) -> tuple[float, dict[str, float]]:
    """Price, tokens per kWh, and everybody's net MWh, positive bought, of one day's book."""
    names = sorted({bid.owner_id for bid in bids})
    traders = {
        name: str(to_checksum_address(f"0x{place + 1:040x}")) for place, name in enumerate(names)
    }
    made = orders(bids, market=1, round=1, first_slot=9, traders=traders)
    book = Book.build(
        1,
        1,
        ProductGrid(1, 1, 9, 1),
        [SignedOrder(order, UNSIGNED, order_hash(DOMAIN, order)) for order in made],
    )
    result = clear(book, [each.order.max_units for each in book.orders], ELECTRICITY_RULES)
    owners = {address: name for name, address in traders.items()}
    moved = dict.fromkeys(names, 0.0)
    for each, fill in zip(book.orders, result.fills, strict=True):
        sign = 1.0 if each.order.legs[0].coefficient > 0 else -1.0
        moved[owners[each.order.trader]] += sign * fill / 1e6
    return result.prices[0] / 1e9, moved


def lacking_mwh(supplies: dict[str, Supply], share: float, price_per_kwh: float) -> float:
    """Certificates that lack, MWh, if everybody expects them to cost that."""
    outlook = CertificateOutlook(price_per_kwh, PENALTY)
    bids = [*supply_steps(supplies, outlook), *demand_steps(outlook, share)]
    _, moved = cleared(bids)
    consumed = sum(wh for wh in moved.values() if wh > 0.0)
    green = -sum(wh for name, wh in moved.items() if name.startswith("park"))
    return share * consumed - green


STEP_MWH = CONSUMPTION.load_wh / 1e6 / BUYERS
"""Half a buyer's step, and about a producer's step: as close as a book of steps can come."""
STEP_PRICE = CONSUMPTION.worth_per_kwh / BUYERS


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
def test_a_book_of_many_small_producers_clears_where_the_twin_says(seed, share):
    supplies = many_small(seed)
    found = equilibrium_of(supplies, share)
    outlook = outlook_of(found, PENALTY)
    price, moved = cleared([*supply_steps(supplies, outlook), *demand_steps(outlook, share)])
    consumed = sum(mwh for mwh in moved.values() if mwh > 0.0)
    assert price * KWH_PER_MWH == pytest.approx(found.wholesale_price, abs=STEP_PRICE * KWH_PER_MWH)
    assert consumed == pytest.approx(found.consumed, abs=2.0 * STEP_MWH)
    names = [each.name for each in found.system.producers]
    sold = np.array([-moved[name] for name in names])
    step = max(supply.available_wh for supply in supplies.values()) / 1e6 / STEPS
    assert np.abs(sold - found.output).max() <= 1.1 * step


@pytest.mark.parametrize("seed", range(4))
def test_only_at_the_twins_price_are_as_many_certificates_earned_as_are_owed(seed):
    """The fixed point of expectations: dearer ones would be too many, cheaper ones too few."""
    share = 0.3
    supplies = many_small(seed)
    found = equilibrium_of(supplies, share)
    price = found.certificate_price / KWH_PER_MWH
    assert 0.0 < price < PENALTY
    assert abs(lacking_mwh(supplies, share, price)) <= 0.02 * found.consumed
    assert (
        lacking_mwh(supplies, share, price + 0.01)
        < 0.0
        < lacking_mwh(supplies, share, price - 0.01)
    )


@given(st.sampled_from([0.0, 0.05, 0.3, 0.6, 0.9]), st.integers(0, 3))
def test_nobody_expects_more_than_the_penalty(share, seed):
    outlook = outlook_of(equilibrium_of(many_small(seed), share), PENALTY)
    assert 0.0 <= outlook.worth_per_kwh <= PENALTY


def test_a_system_counts_in_mwh_what_the_market_counts_in_kwh_and_wh():
    thermal = ThermalCosts(0.03, 2e-8, 0.004, 0.003, 50.0)
    wind = WindCosts(0.008, 0.004, 1e-8, 0.001, 90.0)
    supplies = {"plant": Supply(thermal, 60e6), "park": Supply(wind, 30e6, withholds=True)}
    system = quota_system("day", supplies, CONSUMPTION, 0.2, 0.07)
    plant, park = system.producers
    assert (plant.available_mwh, park.available_mwh) == (60.0, 30.0)
    assert (plant.fuel.per_mwh, plant.fuel.slope) == pytest.approx((30.0, 0.02))
    assert (park.backup.per_mwh, park.backup.slope) == pytest.approx((4.0, 0.01))
    assert (plant.depreciation.fixed, plant.depreciation.per_mwh) == pytest.approx((50.0, 3.0))
    assert system.buy_out_price == pytest.approx(70.0)
    demanded = (system.demand.highest_price - 60.0) / system.demand.slope
    assert demanded == pytest.approx(480.0)


def test_bad_input_is_named():
    plant = Supply(ThermalCosts(0.03, 0.0, 0.0), 1e6, withholds=True)
    with pytest.raises(ValueError, match="plant is thermal"):
        quota_system("day", {"plant": plant}, CONSUMPTION, 0.2, 0.07)
    with pytest.raises(ValueError, match="usual_per_kwh"):
        replace(CONSUMPTION, usual_per_kwh=0.3)
