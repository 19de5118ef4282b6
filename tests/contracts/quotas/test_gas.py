"""What quotas cost, against the committed snapshot.

`WATTPROOF_WRITE_GAS=1` writes the snapshot anew. Measured: reports of a day of quarter-hours and
of a period with as many slots as a market can have, thirty batches surrendered in one call.
"""

from __future__ import annotations

from pathlib import Path

import pytest

SNAPSHOT = Path(__file__).parent / "gas-snapshot.json"
DAY = 86_400
MONEY = 1_000_000
GAS_LIMIT = 16_777_216
BATCHES = 30


@pytest.fixture(scope="module")
def figures(world, quotas, quota, other, terms, first, plant, works, wind, stranger, hostile, kit):
    """Beside other quotas and bonds, so that no storage is touched for the first time ever."""
    measured, fine = {}, {}
    for slots, seconds in ((96, 900), (256, 300)):
        market = world.create_market(slotSeconds=seconds, periodSlots=slots)
        meter = world.install_meter(market, stranger)
        period = (first + kit.PERIODS + 2) * DAY // (seconds * slots) - 1
        begins = {"market": market, "firstPeriod": period, "periods": 1}
        opening = quotas.openQuota(
            terms(**begins, surrenderBy=(first + 20) * DAY), sender=world.government
        )
        number = quotas.quotaCount()
        obliging = quotas.oblige(number, stranger, 0, 300_000, sender=world.government)
        fine[slots] = (number, meter, period)
    measured["openQuota"], measured["oblige"] = opening.gas_used, obliging.gas_used
    world.give(works, MONEY)
    quotas.postBond(quota, works, MONEY, sender=works)
    world.give(plant, 100 * MONEY)
    measured["postBond"] = quotas.postBond(quota, plant, 100 * MONEY, sender=plant).gas_used

    kit.live_through(world, quota, first, hostile)
    for slots, (_, meter, period) in fine.items():
        meter.post(period, [-100 - slot for slot in range(slots)])
    world.clock.move_to(world.clock.now + DAY + 1)
    for slots, (number, meter, period) in fine.items():
        report = quotas.report(number, stranger, period, meter.posted[period], sender=plant)
        measured[f"report_{slots}_slots"] = report.gas_used
        assert quotas.obligationOf(number, stranger).energyWh == sum(100 + n for n in range(slots))
    for day in range(first, first + kit.PERIODS):
        for one in (plant, works):
            values = world.meter_of[one.address].posted.get(day, b"")
            quotas.report(quota, one, day, values, sender=stranger)
    held = [world.hand(wind, plant, day, range(24)) for day in (first, first + 1)]
    ids = [id_ for of_day, _ in held for id_ in of_day][:BATCHES]
    surrender = quotas.surrender(quota, ids, [1_000] * BATCHES, sender=plant)
    measured[f"surrender_{BATCHES}_batches"] = surrender.gas_used
    world.clock.move_to(terms()[7] + 1)
    quotas.settle(quota, works, sender=stranger)
    measured["settle"] = quotas.settle(quota, plant, sender=stranger).gas_used
    assert 0 < quotas.obligationOf(quota, plant).penaltyPaid < 100 * MONEY
    return measured


def test_gas_is_what_the_snapshot_says(figures, compare_gas):
    compare_gas(SNAPSHOT, figures)


def test_the_largest_report_fits_a_transaction_many_times_over(figures):
    assert figures["report_256_slots"] < GAS_LIMIT // 16


def test_hundreds_of_batches_are_surrendered_in_a_transaction(figures):
    assert figures[f"surrender_{BATCHES}_batches"] * 200 // BATCHES < GAS_LIMIT
