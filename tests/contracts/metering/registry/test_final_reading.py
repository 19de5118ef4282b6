from __future__ import annotations

from eth_utils import keccak


def test_a_posted_reading_is_final_after_the_time_for_disputes(meters, posted, clock):
    clock.move_to(posted.at + meters.DISPUTE_WINDOW())
    assert not meters.finalReading(posted.meter.device, posted.period).isFinal
    clock.move_to(posted.at + meters.DISPUTE_WINDOW() + 1)
    assert meters.finalReading(posted.meter.device, posted.period) == (True, keccak(posted.values))


def test_without_a_reading_that_is_final_when_none_can_come(meters, market, buyer, clock):
    meter = market.meter(buyer)
    clock.move_to(market.ends_at + meters.POST_WINDOW())
    assert meters.finalReading(meter.device, market.period) == (False, bytes(32))
    clock.move_to(market.ends_at + meters.POST_WINDOW() + 1)
    assert meters.finalReading(meter.device, market.period) == (True, bytes(32))
