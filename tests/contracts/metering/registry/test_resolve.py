from __future__ import annotations

import ape
import pytest
from eth_utils import keccak

KEEP, REPLACE, VOID = range(3)
KEPT, REPLACED, VOIDED = 3, 4, 5


def test_a_kept_reading_is_final_at_once(world, meters, disputed):
    receipt = meters.resolve(
        disputed.meter.device, disputed.period, KEEP, b"", sender=world.authority
    )
    assert (
        meters.ReadingResolved(
            device=disputed.meter.device, period=disputed.period, resolution=KEEP, values=b""
        )
        in receipt.events
    )
    assert meters.reading(disputed.meter.device, disputed.period).status == KEPT
    assert meters.finalReading(disputed.meter.device, disputed.period) == (
        True,
        keccak(disputed.values),
    )


def test_a_replaced_reading_is_final_at_once(world, meters, disputed, pack):
    values = pack(90, 180, 270, 360)
    receipt = meters.resolve(
        disputed.meter.device, disputed.period, REPLACE, values, sender=world.authority
    )
    assert (
        meters.ReadingResolved(
            device=disputed.meter.device, period=disputed.period, resolution=REPLACE, values=values
        )
        in receipt.events
    )
    assert meters.reading(disputed.meter.device, disputed.period).status == REPLACED
    assert meters.finalReading(disputed.meter.device, disputed.period) == (True, keccak(values))


def test_a_void_reading_is_finally_none(world, meters, disputed):
    meters.resolve(disputed.meter.device, disputed.period, VOID, b"", sender=world.authority)
    assert meters.reading(disputed.meter.device, disputed.period).status == VOIDED
    assert meters.finalReading(disputed.meter.device, disputed.period) == (True, bytes(32))


def test_a_void_reading_is_not_posted_again(world, meters, disputed):
    meters.resolve(disputed.meter.device, disputed.period, VOID, b"", sender=world.authority)
    with ape.reverts(meters.PostedBefore):
        disputed.meter.post(disputed.values)


@pytest.mark.parametrize("resolution", [KEEP, REPLACE, VOID])
def test_what_was_posted_stays_covered(world, meters, market, disputed, pack, resolution):
    """Others may have closed their positions on it."""
    before = meters.covered(market.id, market.period)
    values = pack(None, None, None, 1) if resolution == REPLACE else b""
    meters.resolve(
        disputed.meter.device, disputed.period, resolution, values, sender=world.authority
    )
    assert meters.covered(market.id, market.period) == before == 0b0111


def test_only_the_meter_authority_resolves(world, meters, disputed, buyer, seller):
    for caller in (buyer, seller, world.operator, world.admin):
        with ape.reverts(meters.AccessManagedUnauthorized, caller=caller.address):
            meters.resolve(disputed.meter.device, disputed.period, VOID, b"", sender=caller)


def test_an_undisputed_reading_is_not_touched(world, meters, posted):
    with ape.reverts(meters.NotDisputed, status=1):
        meters.resolve(posted.meter.device, posted.period, VOID, b"", sender=world.authority)


def test_a_dispute_is_resolved_once(world, meters, disputed):
    meters.resolve(disputed.meter.device, disputed.period, KEEP, b"", sender=world.authority)
    with ape.reverts(meters.NotDisputed, status=KEPT):
        meters.resolve(disputed.meter.device, disputed.period, VOID, b"", sender=world.authority)


def test_the_last_second_of_the_window_is_in_time(world, meters, disputed, clock):
    clock.next_at(disputed.since + meters.RESOLVE_WINDOW())
    meters.resolve(disputed.meter.device, disputed.period, VOID, b"", sender=world.authority)
    assert meters.reading(disputed.meter.device, disputed.period).status == VOIDED


def test_an_unresolved_dispute_keeps_the_reading(world, meters, disputed, clock):
    deadline = disputed.since + meters.RESOLVE_WINDOW()
    clock.move_to(deadline)
    assert not meters.finalReading(disputed.meter.device, disputed.period).isFinal
    clock.next_at(deadline + 1)
    with ape.reverts(meters.ResolvedTooLate, deadline=deadline):
        meters.resolve(disputed.meter.device, disputed.period, VOID, b"", sender=world.authority)
    clock.move_to(deadline + 2)
    assert meters.finalReading(disputed.meter.device, disputed.period) == (
        True,
        keccak(disputed.values),
    )


def test_a_replacement_obeys_the_rules_of_a_reading(world, meters, disputed, pack):
    for values, error in (
        (pack(1, 2, 3), meters.BadLength),
        (b"", meters.BadLength),
        (pack(1, 2, 3, 2_751), meters.BeyondCapacity),
    ):
        with ape.reverts(error):
            meters.resolve(
                disputed.meter.device, disputed.period, REPLACE, values, sender=world.authority
            )


@pytest.mark.parametrize("resolution", [KEEP, VOID])
def test_only_a_replacement_brings_values(world, meters, disputed, resolution):
    with ape.reverts(meters.BadLength, length=16):
        meters.resolve(
            disputed.meter.device,
            disputed.period,
            resolution,
            disputed.values,
            sender=world.authority,
        )
