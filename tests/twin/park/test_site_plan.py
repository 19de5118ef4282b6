from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from twin.edits import Edit, InfeasiblePlanError
from twin.horizon import Horizon
from twin.park import equipment as make
from twin.park.carriers import Carrier
from twin.park.site import ParkError, ParkSite, Store
from twin.park.site_plan import SitePrices, plan_site

E, G, S, H, W, C, H2 = Carrier
MW = 1e6
HORIZON = Horizon(datetime(2026, 4, 22, tzinfo=UTC), 3600, 4)
TANK = Store("tank", H, 4 * MW, MW, MW, initial_wh=MW)
SITE = ParkSite(
    "plant",
    "north",
    (
        make.chp("engine", 2 * MW, (0.42, 0.40), {H: 0.45}, ramp_w_per_h=1 * MW),
        make.boiler("boiler", 2 * MW, 0.9, H),
    ),
    (TANK,),
)
NONE = np.zeros((0, 4))


def prices(**by_carrier):
    shape = (len(Carrier), HORIZON.slots)
    buy, sell = np.full(shape, np.nan), np.full(shape, np.nan)
    for name, (ask, bid) in by_carrier.items():
        buy[Carrier[name]], sell[Carrier[name]] = ask, bid
    return SitePrices(buy, sell)


MARKET = prices(
    ELECTRICITY=([0.08, 0.20, 0.20, 0.08], [0.08, 0.20, 0.20, 0.08]),
    GAS=(0.05, 0.05),
    HOT_WATER=([0.04, 0.02, 0.02, 0.08], [0.04, 0.02, 0.02, 0.08]),
)


def plan(*fixed, site=SITE, at=MARKET):
    return plan_site(site, HORIZON, at, NONE, NONE, fixed)


def test_the_plan_earns_with_converters_and_store_what_prices_allow():
    found = plan()
    engine, boiler, tank = (found.line_w(name) for name in ("engine", "boiler", "tank"))
    assert engine[1:3] == pytest.approx(2 * MW)
    assert boiler == pytest.approx([0.0, 0.0, 0.0, 2 * MW])
    assert tank[3] == pytest.approx(-MW)
    heat = 0.45 * engine + 0.9 * boiler - tank
    assert found.exchange_w[H] == pytest.approx(-heat)
    assert found.exchange_w[G] == pytest.approx(engine + boiler)
    money = (MARKET.buy_per_kwh[[E, G, H]] * found.exchange_w[[E, G, H]]).sum() / 1000
    assert found.cost == pytest.approx(money)
    assert found.missing_wh == pytest.approx(0.0)


def test_fixed_values_stand_and_cost_what_they_cost():
    free, held = plan(), plan(Edit("engine", 1, 0.5 * MW), Edit("tank", 0, -0.25 * MW))
    assert held.line_w("engine")[1] == pytest.approx(0.5 * MW)
    assert held.line_w("tank")[0] == pytest.approx(-0.25 * MW)
    assert held.line_w("engine")[2] <= 1.5 * MW + 1e-3
    assert held.cost > free.cost
    assert plan(Edit("engine", 1, float(free.line_w("engine")[1]))).cost == pytest.approx(free.cost)


def test_edits_that_the_ramp_forbids_together_are_named_without_the_innocent():
    innocent = Edit("boiler", 0, MW)
    with pytest.raises(InfeasiblePlanError) as refusal:
        plan(Edit("engine", 0, 0.0), innocent, Edit("engine", 1, 1.5 * MW))
    assert refusal.value.conflicts == (Edit("engine", 0, 0.0), Edit("engine", 1, 1.5 * MW))
    assert "plant" in str(refusal.value)


def test_an_edit_beyond_capacity_or_content_is_named():
    with pytest.raises(InfeasiblePlanError) as refusal:
        plan(Edit("boiler", 0, MW), Edit("engine", 2, 2.5 * MW))
    assert refusal.value.conflicts == (Edit("engine", 2, 2.5 * MW),)
    with pytest.raises(InfeasiblePlanError) as refusal:
        plan(*(Edit("tank", slot, -MW) for slot in range(3)))
    assert len(refusal.value.conflicts) == 2


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (Edit("oven", 0, 0.0), "plant has the lines boiler, engine, tank"),
        (Edit("tank", 4, 0.0), "slots 0 to 3"),
        (Edit("boiler", 0, -1.0), "at least 0"),
        (Edit("tank", 0, float("nan")), "finite"),
    ],
)
def test_an_edit_that_names_nothing_is_refused(edit, says):
    with pytest.raises(ValueError, match=says):
        plan(edit)


def test_a_value_fixed_twice_is_a_conflict_of_both():
    both = (Edit("boiler", 0, 0.0), Edit("boiler", 0, MW))
    with pytest.raises(InfeasiblePlanError, match="fixed twice") as refusal:
        plan(*both)
    assert refusal.value.conflicts == both


def test_a_carrier_without_a_price_is_made_and_used_within():
    found = plan(at=prices(ELECTRICITY=(0.3, 0.2), GAS=(0.05, 0.0)))
    assert not found.exchange_w[H].any()
    assert found.rejected_w[H].sum() > 0.0
    assert found.exchange_w[E].min() < 0.0


def test_prices_with_gaps_or_that_earn_in_a_circle_are_refused():
    with pytest.raises(ParkError, match="market for gas: sell_per_kwh is nan in slot 0"):
        plan(at=prices(GAS=(0.05, np.nan)))
    with pytest.raises(ParkError, match="market for gas pays more"):
        plan(at=prices(GAS=(0.05, 0.06)))
    with pytest.raises(ParkError, match="shaped"):
        plan(at=SitePrices(np.zeros((7, 3)), np.zeros((7, 3))))


def test_a_line_that_does_not_exist_is_a_key_error():
    with pytest.raises(KeyError, match="no converter or store 'oven'"):
        plan().line_w("oven")
