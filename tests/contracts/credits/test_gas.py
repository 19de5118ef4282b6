"""What credits cost, against the committed snapshot.

`WATTPROOF_WRITE_GAS=1` writes the snapshot anew. Measured: a market of quarter-hours, ten days of
readings in the call data of `issue`, a window of sixteen slots.
"""

from __future__ import annotations

from pathlib import Path

import pytest

SNAPSHOT = Path(__file__).parent / "gas-snapshot.json"
DAY = 86_400
MONEY = 1_000_000
QUARTERS = 96
GAS_LIMIT = 16_777_216


def quarter_hours(number: int) -> list[int]:
    return [2_000 + 25 * min(slot, QUARTERS - slot) + 3 * number for slot in range(QUARTERS)]


@pytest.fixture
def mall(world, kit, alice):
    """A market of quarter-hours and a meter in it with ten days of readings."""
    market = world.create_market(kit.ENERGY_MARKET, slotSeconds=900, periodSlots=QUARTERS)
    meter = world.install_meter(market, alice)
    first = world.today + 1
    for number in range(10):
        world.clock.move_to((first + number + 1) * DAY)
        meter.post(first + number, quarter_hours(number))
    return market, meter


@pytest.fixture
def figures(world, credits, kit, terms, issuer, alice, bob, series, mall):
    """Beside another series, so that no storage is touched for the first time ever."""
    market, meter = mall
    today, expiry = world.today, (world.today + 30) * DAY
    rule = kit.Rule(adjust_lead=16, adjust_slots=8)
    measured = {
        "openSeries": credits.openSeries(
            expiry, terms(rule, of_market=market), sender=issuer
        ).gas_used
    }
    series = credits.seriesId(issuer, expiry)
    world.give(issuer, 100 * MONEY)
    measured["fund"] = credits.fund(series, 100 * MONEY, sender=issuer).gas_used
    announced = credits.announce(series, today, 56, 16, 40_000, sender=issuer)
    measured["announce"] = announced.gas_used
    window = credits.windowCount()
    measured["join"] = credits.join(window, 20_000, 0, sender=alice).gas_used
    values = [wh - 500 if 56 <= slot < 72 else wh for slot, wh in enumerate(quarter_hours(5))]
    world.clock.move_to((today + 1) * DAY)
    meter.post(today, values)
    world.clock.move_to(world.clock.now + DAY + 1)
    days = [meter.posted[day] for day in sorted(meter.posted, reverse=True) if day < today]
    issued = credits.issue(window, alice, (meter.posted[today], days, b""), sender=bob)
    measured["issue_16_slots_of_96"] = issued.gas_used
    assert credits.balanceOf(alice, series) > 0
    measured["transfer"] = credits.transfer(bob, series, 2_000, sender=alice).gas_used
    measured["redeem"] = credits.redeem(series, 1_000, bob, sender=bob).gas_used
    measured["spend"] = credits.spend(series, 500, market, sender=bob).gas_used
    measured["closeWindow"] = credits.closeWindow(window, sender=bob).gas_used
    return measured


def test_gas_is_what_the_snapshot_says(figures, compare_gas):
    compare_gas(SNAPSHOT, figures)
    assert figures["issue_16_slots_of_96"] < GAS_LIMIT // 16
