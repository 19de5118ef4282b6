"""Which reading counts, and what holds without one."""

from __future__ import annotations

import ape
import pytest

CENT = 10_000_000
PRICE = 30 * CENT
KEEP, REPLACE, VOID = range(3)


@pytest.fixture
def traded(market, seller, buyer, make_trade):
    """The seller sells 1,000 Wh in each of the first two slots."""
    market.settle(
        make_trade(seller, buyer, 1_000, PRICE, slot=0),
        make_trade(seller, buyer, 1_000, PRICE, slot=1),
    )
    return market


def test_before_its_reading_is_final_nothing_closes(imbalance, traded, seller, pack, clock):
    meter = traded.meter(seller)
    traded.after_period()
    with ape.reverts(imbalance.ReadingNotFinal, carrier=0):
        traded.close(seller)
    values = pack(-1_000, -1_000, 0, 0)
    posted = meter.post(values).timestamp
    clock.next_at(posted + traded.world.meters.DISPUTE_WINDOW())
    with ape.reverts(imbalance.ReadingNotFinal, carrier=0):
        traded.close(seller, {0: values})
    traded.after_disputes()
    traded.close(seller, {0: values})


def test_a_disputed_reading_holds_the_position_open(imbalance, world, traded, seller, pack, clock):
    """Also when the dispute comes in its last second."""
    meter = traded.meter(seller)
    traded.after_period()
    values = pack(-500, -1_000, 0, 0)
    posted = meter.post(values).timestamp
    clock.next_at(posted + world.meters.DISPUTE_WINDOW())
    world.meters.dispute(meter.device, traded.period, sender=seller)
    clock.next_at(posted + world.meters.DISPUTE_WINDOW() + 1)
    with ape.reverts(imbalance.ReadingNotFinal, carrier=0):
        traded.close(seller, {0: values})
    better = pack(-1_000, -1_000, 0, 0)
    world.meters.resolve(meter.device, traded.period, REPLACE, better, sender=world.authority)
    with ape.reverts(imbalance.WrongReading, carrier=0):
        traded.close(seller, {0: values})
    assert traded.charge_of(traded.close(seller, {0: better})) == 0


def test_an_unresolved_dispute_closes_on_the_reading(world, traded, seller, pack, clock):
    meter = traded.meter(seller)
    traded.after_period()
    values = pack(-900, -1_000, 0, 0)
    meter.post(values)
    disputed = world.meters.dispute(meter.device, traded.period, sender=seller).timestamp
    clock.next_at(disputed + world.meters.RESOLVE_WINDOW() + 1)
    assert traded.charge_of(traded.close(seller, {0: values})) == 36_000


@pytest.mark.parametrize("case", ["other", "longer", "none"])
def test_other_values_than_the_readings_are_refused(imbalance, traded, seller, pack, case):
    meter = traded.meter(seller)
    traded.after_period()
    values = pack(-900, -1_000, 0, 0)
    meter.post(values)
    traded.after_disputes()
    wrong = {"other": pack(-1_000, -1_000, 0, 0), "longer": values + b"\0\0\0\0", "none": b""}
    with ape.reverts(imbalance.WrongReading, carrier=0):
        traded.close(seller, {0: wrong[case]})


def test_values_without_a_reading_are_refused(imbalance, traded, seller, pack):
    traded.after_posting()
    with ape.reverts(imbalance.WrongReading, carrier=0):
        traded.close(seller, {0: pack(-1_000, -1_000, 0, 0)})


def test_values_are_wanted_for_every_carrier(imbalance, traded, seller):
    traded.after_posting()
    for readings in ([], [b"", b""]):
        with ape.reverts(imbalance.WrongCount, wanted=1):
            traded.close(seller, readings=readings)


def test_a_seller_without_a_reading_has_delivered_nothing(traded, seller, buyer, pack):
    """Where others were measured in the slot: here the buyer, in the first one only."""
    meter = traded.meter(buyer)
    traded.after_period()
    meter.post(pack(1_000, None, None, None))
    traded.after_posting()
    assert traded.charge_of(traded.close(seller)) == 360_000


def test_a_slot_without_any_reading_closes_at_its_positions(traded, seller, buyer):
    traded.after_posting()
    assert traded.charge_of(traded.close(seller)) == 0
    assert traded.charge_of(traded.close(buyer)) == 0


def test_a_buyer_without_a_reading_closes_at_its_position(traded, seller, buyer, pack):
    meter = traded.meter(seller)
    traded.after_period()
    meter.post(pack(-1_000, -1_000, 0, 0))
    traded.after_posting()
    assert traded.charge_of(traded.close(buyer)) == 0


def test_a_missing_slot_is_like_no_reading_for_that_slot(traded, seller, buyer, pack):
    meters = traded.meter(seller), traded.meter(buyer)
    traded.after_period()
    values = pack(None, -900, 0, 0)
    meters[0].post(values)
    meters[1].post(pack(1_000, 1_000, 0, 0))
    traded.after_posting()
    assert traded.charge_of(traded.close(seller, {0: values})) == 360_000 + 36_000


def test_coverage_counts_only_when_nobody_can_add_to_it(imbalance, traded, seller, pack):
    """Or a seller could close its silent slot before the others' readings arrive."""
    meter = traded.meter(seller)
    traded.after_period()
    values = pack(None, -1_000, 0, 0)
    meter.post(values)
    traded.after_disputes()
    deadline = traded.ends_at + traded.world.meters.POST_WINDOW()
    with ape.reverts(imbalance.CoverageNotFinal, notBefore=deadline):
        traded.close(seller, {0: values})
    traded.after_posting()
    assert traded.charge_of(traded.close(seller, {0: values})) == 0


def test_an_account_without_a_device_waits_until_none_can_post(imbalance, traded, buyer, clock):
    clock.next_at(traded.ends_at + traded.world.meters.POST_WINDOW())
    with ape.reverts(imbalance.ReadingNotFinal, carrier=0):
        traded.close(buyer)
    traded.after_posting()
    traded.close(buyer)


def test_a_void_reading_is_no_reading(world, traded, seller, buyer, pack):
    """The slots were measured, by its own device at least: the seller has delivered nothing."""
    meter = traded.meter(seller)
    traded.after_period()
    meter.post(pack(-1_000, -1_000, 0, 0))
    world.meters.dispute(meter.device, traded.period, sender=world.authority)
    world.meters.resolve(meter.device, traded.period, VOID, b"", sender=world.authority)
    traded.after_posting()
    assert traded.charge_of(traded.close(seller)) == 720_000


def test_a_reading_of_zero_is_a_reading(traded, buyer, pack):
    meter = traded.meter(buyer)
    traded.after_period()
    values = pack(0, 0, 0, 0)
    meter.post(values)
    traded.after_disputes()
    assert traded.charge_of(traded.close(buyer, {0: values})) == -540_000
