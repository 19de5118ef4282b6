from __future__ import annotations

import ape
import pytest

DAY = 86_400
HOUR = 3_600


def test_every_hour_with_production_is_a_batch_of_its_own(
    certificates, produced, alice, stranger, kit
):
    receipt = certificates.issue(
        produced.device, produced.day, 0, 24, produced.values, sender=stranger
    )
    ten, eleven, noon = (
        kit.certificate_id(produced.device, produced.day, hour) for hour in (10, 11, 12)
    )
    for token_id, wh in ((ten, 4_000), (eleven, 6_000)):
        assert certificates.BatchIssued(id=token_id, to=alice.address, amount=wh) in receipt.events
        assert certificates.balanceOf(alice, token_id) == wh
    assert receipt.return_value == 10_000
    assert certificates.balanceOf(alice, noon) == 0
    assert certificates.issuedSlots(produced.device, produced.day) == 1 << 10 | 1 << 11
    assert certificates.deviceOf(produced.device).issued


def test_a_batch_says_when_and_where_its_energy_was_produced(certificates, issued, expiry, kit):
    batch = certificates.batchOf(issued.ids[0])
    begin = issued.day * DAY + 10 * HOUR
    assert (batch.device, batch.startsAt, batch.endsAt) == (issued.device, begin, begin + HOUR)
    assert (batch.technology, batch.zone, batch.vintage) == (
        kit.WIND,
        kit.NORTH,
        begin // kit.VINTAGE,
    )
    assert (batch.issuedWh, batch.retiredWh, batch.expiredWh) == (4_000, 0, 0)
    assert certificates.expiryOf(issued.ids[0]) == expiry
    place = (issued.device, issued.day, 10, kit.WIND)
    assert certificates.certificateId(*place) == issued.ids[0]


def test_what_was_not_issued_is_no_batch(certificates, issued, kit, stranger):
    for device in (issued.device, stranger.address):
        batch = certificates.batchOf(kit.certificate_id(device, issued.day, 12))
        assert (int(batch.device, 16), batch.issuedWh, batch.startsAt) == (0, 0, 0)
    with ape.reverts(certificates.NotCertified, device=stranger.address):
        certificates.expiryOf(kit.certificate_id(stranger.address, issued.day, 12))


def test_a_batch_is_issued_once(certificates, issued, stranger):
    with ape.reverts(certificates.NothingToIssue):
        certificates.issue(issued.device, issued.day, 0, 24, issued.values, sender=stranger)


def test_overlapping_slots_are_passed_over(certificates, produced, alice, stranger, kit):
    place = produced.device, produced.day
    assert certificates.issue(*place, 8, 3, produced.values, sender=stranger).return_value == 4_000
    assert certificates.issue(*place, 10, 14, produced.values, sender=alice).return_value == 6_000
    for hour, wh in ((10, 4_000), (11, 6_000)):
        token_id = kit.certificate_id(*place, hour)
        assert certificates.balanceOf(alice, token_id) == wh
        assert certificates.batchOf(token_id).issuedWh == wh


def test_hours_without_production_or_without_a_value_give_nothing(
    certificates, world, wind, day, stranger, kit
):
    world.measure(day, {wind: kit.day_of({3: None, 4: 0, 5: 7, 6: -1}, others=None)})
    reading = world.reading(wind, day)
    with ape.reverts(certificates.NothingToIssue):
        certificates.issue(wind, day, 0, 6, reading, sender=stranger)
    assert certificates.issue(wind, day, 0, 24, reading, sender=stranger).return_value == 1


@pytest.mark.parametrize(("first", "slots"), [(0, 0), (24, 1), (0, 25), (23, 2), (65_535, 65_535)])
def test_slots_are_those_of_the_period(certificates, produced, stranger, first, slots):
    place = produced.device, produced.day
    with ape.reverts(certificates.BadSlots, firstSlot=first, slots=slots):
        certificates.issue(*place, first, slots, produced.values, sender=stranger)


@pytest.fixture
def posted(world, wind, day, kit):
    """The reading is on the chain since midnight."""
    world.clock.move_to((day + 1) * DAY)
    world.meter_of[wind].post(day, kit.day_of({10: -4_000}))
    return world.clock.now


def test_a_reading_that_can_be_disputed_issues_nothing(
    certificates, world, wind, day, posted, stranger
):
    reading = world.reading(wind, day)
    world.clock.next_at(posted + DAY)
    with ape.reverts(certificates.ReadingNotFinal, device=wind, period=day):
        certificates.issue(wind, day, 0, 24, reading, sender=stranger)
    world.clock.next_at(posted + DAY + 1)
    certificates.issue(wind, day, 0, 24, reading, sender=stranger)


def test_a_reading_disputed_in_the_last_second_waits_for_its_end(
    certificates, world, wind, day, posted, alice, stranger
):
    reading = world.reading(wind, day)
    world.clock.next_at(posted + DAY)
    world.meters.dispute(wind, day, sender=alice)
    world.clock.next_at(posted + DAY + 3 * DAY)
    with ape.reverts(certificates.ReadingNotFinal, device=wind, period=day):
        certificates.issue(wind, day, 0, 24, reading, sender=stranger)
    world.clock.next_at(posted + DAY + 3 * DAY + 1)
    issued = certificates.issue(wind, day, 0, 24, reading, sender=stranger)
    assert issued.return_value == 4_000


def test_a_replaced_reading_issues_what_replaced_it(
    certificates, world, wind, day, posted, alice, stranger, kit
):
    replacement = kit.packed(kit.day_of({10: -1_500}))
    world.meters.dispute(wind, day, sender=alice)
    world.meters.resolve(wind, day, 1, replacement, sender=world.authority)
    with ape.reverts(certificates.WrongReading, device=wind, period=day):
        certificates.issue(wind, day, 0, 24, world.reading(wind, day), sender=stranger)
    issued = certificates.issue(wind, day, 0, 24, replacement, sender=stranger)
    assert issued.return_value == 1_500


def test_a_void_reading_issues_nothing(certificates, world, wind, day, posted, alice, stranger):
    world.meters.dispute(wind, day, sender=alice)
    world.meters.resolve(wind, day, 2, b"", sender=world.authority)
    for values in (world.reading(wind, day), b""):
        with ape.reverts(certificates.WrongReading, device=wind, period=day):
            certificates.issue(wind, day, 0, 24, values, sender=stranger)


def test_a_day_finally_without_a_reading_issues_nothing(certificates, world, wind, day, stranger):
    world.clock.move_to((day + 3) * DAY + 1)
    with ape.reverts(certificates.WrongReading, device=wind, period=day):
        certificates.issue(wind, day, 0, 24, b"", sender=stranger)


@pytest.mark.parametrize("spoil", [lambda v: v[:-4], lambda v: v + b"\0\0\0\0", lambda v: v[::-1]])
def test_other_values_than_the_readings_issue_nothing(certificates, produced, stranger, spoil):
    with ape.reverts(certificates.WrongReading, device=produced.device, period=produced.day):
        certificates.issue(
            produced.device, produced.day, 0, 24, spoil(produced.values), sender=stranger
        )


def test_another_devices_reading_issues_nothing(
    certificates, world, wind, solar, day, stranger, kit
):
    world.measure(day, {wind: kit.day_of({10: -1}), solar: kit.day_of({10: -9_000})})
    with ape.reverts(certificates.WrongReading, device=wind, period=day):
        certificates.issue(wind, day, 0, 24, world.reading(solar, day), sender=stranger)


def test_a_day_before_the_registration_does_not_count(certificates, world, wind, day, stranger):
    with ape.reverts(certificates.OutsideRegistration, device=wind, period=day - 1):
        certificates.issue(wind, day - 1, 0, 24, b"", sender=stranger)


def test_a_period_of_the_far_future_has_no_reading(certificates, wind, stranger):
    with ape.reverts(certificates.ReadingNotFinal, device=wind, period=2**32 - 1):
        certificates.issue(wind, 2**32 - 1, 0, 24, b"", sender=stranger)


def test_a_store_is_not_issued_to_as_a_producer(certificates, world, battery, day, stranger, kit):
    """What a battery gives back was not produced by it."""
    world.measure(day, {battery: kit.day_of({10: -9_000})})
    with ape.reverts(certificates.NotCertified, device=battery):
        certificates.issue(battery, day, 0, 24, world.reading(battery, day), sender=stranger)


def test_an_uncertified_device_is_issued_nothing(certificates, world, market, day, stranger, kit):
    device = world.install_meter(market, stranger).device
    world.measure(day, {device: kit.day_of({10: -9_000})})
    with ape.reverts(certificates.NotCertified, device=device):
        certificates.issue(device, day, 0, 24, world.reading(device, day), sender=stranger)


def test_nothing_is_issued_that_would_have_expired(
    certificates, produced, clock, expiry, stranger, kit
):
    place = produced.device, produced.day
    clock.next_at(expiry)
    ten = kit.certificate_id(*place, 10)
    with ape.reverts(certificates.CertificateExpired, id=ten, expiresAt=expiry):
        certificates.issue(*place, 0, 24, produced.values, sender=stranger)


def test_the_second_before_its_expiry_a_batch_is_issued(
    certificates, produced, clock, expiry, stranger
):
    place = produced.device, produced.day
    clock.next_at(expiry - 1)
    assert (
        certificates.issue(*place, 0, 24, produced.values, sender=stranger).return_value == 10_000
    )


def test_a_period_across_two_vintages_gives_certificates_of_both(
    certificates, world, certify, day, alice, stranger, kit
):
    """Weeks of days do not end with vintages of 30 days; the interval's beginning decides, and once
    the earlier vintage has expired the rest of the week is still issued."""
    weekly = world.create_market(kit.HOURLY_MARKET, slotSeconds=DAY, periodSlots=7)
    device = world.install_meter(weekly, alice).device
    week = next(
        number
        for number in range(day // 7 + 1, day // 7 + 9)
        if number * 7 // 30 != (number * 7 + 6) // 30
    )
    certify(device, from_period=week)
    last = next(slot for slot in range(7) if (week * 7 + slot + 1) % 30 == 0)
    world.clock.move_to((week + 1) * 7 * DAY)
    world.meter_of[device].post(week, [-100] * 7)
    reading = world.reading(device, week)
    earlier, later = (kit.certificate_id(device, week, slot) for slot in (last, last + 1))
    assert certificates.expiryOf(later) == certificates.expiryOf(earlier) + kit.VINTAGE
    world.clock.next_at(certificates.expiryOf(earlier))
    issued = certificates.issue(device, week, last + 1, 6 - last, reading, sender=stranger)
    assert issued.return_value == 100 * (6 - last)
    with ape.reverts(certificates.CertificateExpired, id=earlier):
        certificates.issue(device, week, last, 1, reading, sender=stranger)


def test_the_most_a_meter_can_show_is_issued(
    certificates, world, market, certify, day, stranger, kit
):
    """2^31 - 1 Wh in an hour, the end of the values' range."""
    device = world.install_meter(market, stranger, capacity_w=2**40).device
    certify(device)
    world.measure(day, {device: kit.day_of({}, others=-(2**31 - 1))})
    issued = certificates.issue(device, day, 0, 24, world.reading(device, day), sender=stranger)
    assert issued.return_value == 24 * (2**31 - 1)
