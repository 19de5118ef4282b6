"""What demand response costs, against the committed snapshot.

`WATTPROOF_WRITE_GAS=1` writes the snapshot anew. Measured: a market of quarter-hours, ten days of
readings in the call data of `report`, an event of sixteen slots.
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


@pytest.fixture(scope="module")
def figures(world, response, terms, owner, alice, stranger, enrolled):
    """Beside another programme, so that no storage is touched for the first time ever."""
    market = world.create_market(slotSeconds=900, periodSlots=QUARTERS)
    meter = world.install_meter(market, alice)
    first = world.today + 1
    for number in range(10):
        world.clock.move_to((first + number + 1) * DAY)
        meter.post(first + number, quarter_hours(number))
    today = world.today
    promise = terms(of_market=market, maxEventSlots=16, rule=(0, 127, 16, 8, 2_000))
    measured = {"createProgramme": response.createProgramme(promise, sender=owner).gas_used}
    programme = response.programmeCount()
    world.give(owner, 100 * MONEY)
    measured["fund"] = response.fund(programme, 100 * MONEY, sender=owner).gas_used
    world.give(alice, 100 * MONEY)
    measured["enrol"] = response.enrol(programme, 5_000, 0, sender=alice).gas_used
    called = response.callEvent(programme, today, 56, 16, sender=owner)
    measured["callEvent"] = called.gas_used
    event = response.eventCount()
    measured["instruct"] = response.instruct(event, alice, 2_000, sender=owner).gas_used
    values = [wh - 400 if 56 <= slot < 72 else wh for slot, wh in enumerate(quarter_hours(5))]
    world.clock.move_to((today + 1) * DAY)
    meter.post(today, values)
    world.clock.move_to(world.clock.now + DAY + 1)
    days = [meter.posted[day] for day in sorted(meter.posted, reverse=True) if day < today]
    claim = (meter.posted[today], days, b"")
    report = response.report(event, alice, claim, sender=stranger)
    measured["report_16_slots_of_96"] = report.gas_used
    assert response.participationOf(event, alice).performanceWh > 0
    world.clock.move_to(world.clock.now + DAY + 1)
    measured["settle"] = response.settle(event, alice, sender=stranger).gas_used
    measured["leaveProgramme"] = response.leaveProgramme(programme, sender=alice).gas_used
    return measured


def test_gas_is_what_the_snapshot_says(figures, compare_gas):
    compare_gas(SNAPSHOT, figures)


def test_reporting_fits_a_transaction_many_times_over(figures):
    assert figures["report_16_slots_of_96"] < GAS_LIMIT // 16
