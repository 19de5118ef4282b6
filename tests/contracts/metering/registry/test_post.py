from __future__ import annotations

import ape
import pytest
from eth_account import Account
from eth_utils import keccak

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
POSTED = 1


@pytest.fixture
def meter(market, buyer):
    """11 kW: 2,750 Wh in a quarter-hour at most."""
    return market.meter(buyer, capacity_w=11_000)


@pytest.fixture
def values(pack):
    return pack(2_500, -1_000, 0, None)


def test_a_reading_is_kept_and_announced(meters, market, meter, values):
    market.after_period()
    receipt = meter.post(values)
    assert (
        meters.ReadingsPosted(
            device=meter.device, market=market.id, period=market.period, values=values
        )
        in receipt.events
    )
    reading = meters.reading(meter.device, market.period)
    assert reading.valuesHash == keccak(values)
    assert (reading.postedAt, reading.status) == (receipt.timestamp, POSTED)


def test_a_device_posts_a_period_once(meters, market, meter, values, pack):
    market.after_period()
    meter.post(values)
    for again in (values, pack(1, 1, 1, 1)):
        with ape.reverts(meters.PostedBefore, device=meter.device, period=market.period):
            meter.post(again)
    assert meters.reading(meter.device, market.period).valuesHash == keccak(values)


def test_a_period_that_is_not_over_is_refused(meters, market, meter, values, clock):
    clock.next_at(market.ends_at - 1)
    with ape.reverts(meters.PeriodNotOver, endsAt=market.ends_at):
        meter.post(values)
    clock.next_at(market.ends_at)
    meter.post(values)


def test_the_future_is_refused(meters, market, meter, values):
    market.after_period()
    signature = meter.sign(values, period=market.period + 1)
    with ape.reverts(meters.PeriodNotOver):
        meter.post(values, signature, period=market.period + 1)


def test_the_last_period_of_all_is_in_the_future_too(meters, market, meter, values):
    market.after_period()
    signature = meter.sign(values, period=2**32 - 1)
    with ape.reverts(meters.PeriodNotOver):
        meter.post(values, signature, period=2**32 - 1)


def test_the_end_of_the_post_window_is_the_last_second(meters, market, meter, values, clock):
    clock.next_at(market.ends_at + meters.POST_WINDOW())
    meter.post(values)


def test_after_the_post_window_it_is_too_late(meters, market, meter, values, clock):
    deadline = market.ends_at + meters.POST_WINDOW()
    clock.next_at(deadline + 1)
    with ape.reverts(meters.PostedTooLate, deadline=deadline):
        meter.post(values)


@pytest.mark.parametrize("wh", [2_750, -2_750])
def test_the_capacity_itself_is_possible(market, meter, pack, wh):
    market.after_period()
    meter.post(pack(0, 0, 0, wh))


@pytest.mark.parametrize("wh", [2_751, -2_751, 2**31 - 1, -(2**31) + 1])
def test_more_than_the_capacity_is_refused(meters, market, meter, pack, wh):
    market.after_period()
    with ape.reverts(meters.BeyondCapacity, slot=3):
        meter.post(pack(0, 0, 0, wh))
    assert meters.covered(market.id, market.period) == 0


@pytest.mark.parametrize("capacity_w", [1, 3, 7])
def test_no_rounding_lets_more_than_the_capacity_through(meters, market, seller, pack, capacity_w):
    """A watt for a quarter-hour is a quarter of a Wh: no whole Wh is possible below 4 W."""
    meter = market.meter(seller, capacity_w=capacity_w)
    most = capacity_w * 900 // 3_600
    market.after_period()
    with ape.reverts(meters.BeyondCapacity, slot=0):
        meter.post(pack(most + 1, 0, 0, 0))
    meter.post(pack(most, 0, 0, 0))


@pytest.mark.parametrize("slots", [0, 3, 5, 96])
def test_another_number_of_slots_is_refused(meters, market, meter, pack, slots):
    market.after_period()
    values = pack(*[1] * slots)
    with ape.reverts(meters.BadLength, length=len(values)):
        meter.post(values)


def test_half_a_value_is_refused(meters, market, meter, values):
    market.after_period()
    for cut in (values[:-1], values + b"\0"):
        with ape.reverts(meters.BadLength, length=len(cut)):
            meter.post(cut)


def test_another_devices_signature_is_refused(meters, market, meter, seller, values):
    other = market.meter(seller)
    market.after_period()
    with ape.reverts(meters.InvalidSignature):
        meter.post(values, other.sign(values))
    with ape.reverts(meters.InvalidSignature):
        meter.post(values, other.sign(values, device=meter.device))


@pytest.mark.parametrize("changed", ["market", "period", "device", "chainId", "verifyingContract"])
def test_a_signature_for_something_else_is_refused(meters, market, meter, values, changed):
    """Readings cannot be moved to another market, period, device, chain or registry."""
    elsewhere = {
        "market": market.id + 1,
        "period": market.period - 1,
        "device": Account.create().address,
        "chainId": market.world.chain_id + 1,
        "verifyingContract": Account.create().address,
    }
    market.after_period()
    with ape.reverts(meters.InvalidSignature):
        meter.post(values, meter.sign(values, **{changed: elsewhere[changed]}))


def test_values_that_were_not_signed_are_refused(meters, market, meter, values, pack):
    market.after_period()
    with ape.reverts(meters.InvalidSignature):
        meter.post(pack(2_501, -1_000, 0, None), meter.sign(values))


def test_a_malleated_signature_is_refused(meters, market, meter, values):
    signature = meter.sign(values)
    half = int.from_bytes(signature[32:], "big")
    parity, s = half >> 255, half & ((1 << 255) - 1)
    other = CURVE_ORDER - s
    market.after_period()
    # The other form's s needs all 256 bits, so the compact form cannot even say it; 65 bytes could.
    assert other >> 255 == 1 or other > CURVE_ORDER // 2
    twin = signature[:32] + other.to_bytes(32, "big")
    for malleated in (twin, twin + bytes([27 + (1 - parity)])):
        with ape.reverts(meters.InvalidSignature):
            meter.post(values, malleated)


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"\xff" * 64, b"\1" * 63, b"\1" * 65])
def test_what_is_no_signature_is_refused(meters, market, meter, values, signature):
    market.after_period()
    with ape.reverts(meters.InvalidSignature):
        meter.post(values, signature)


def test_an_unknown_device_is_refused(meters, market, meter, values):
    market.after_period()
    stranger = Account.create().address
    with ape.reverts(meters.UnknownDevice, device=stranger):
        meter.post(values, device=stranger)


def test_a_device_posts_for_its_own_market_only(world, meters, market, meter, values):
    other = world.create_market()
    market.after_period()
    with ape.reverts(meters.WrongMarket, market=other.id):
        meter.post(values, meter.sign(values, market=other.id), market=other.id)


def test_every_slot_with_a_value_is_covered(meters, market, meter, seller, values, pack):
    market.after_period()
    assert meters.covered(market.id, market.period) == 0
    meter.post(values)
    assert meters.covered(market.id, market.period) == 0b0111
    market.meter(seller).post(pack(None, None, None, 0))
    assert meters.covered(market.id, market.period) == 0b1111


def test_a_whole_day_of_256_slots_fits(world, meters, buyer, pack, clock):
    market = world.create_market(periodSlots=256, slotSeconds=225)
    meter = market.meter(buyer)
    period = clock.now // (256 * 225) + 1
    clock.move_to((period + 1) * 256 * 225)
    values = pack(*[-1] * 256)
    meter.post(values, meter.sign(values, period=period), period=period)
    assert meters.covered(market.id, period) == 2**256 - 1
