"""A battery of 10 kWh that gives back nine tenths of what it takes; it begins full of grey."""

from __future__ import annotations

import ape
import pytest

DAY = 86_400
EMPTY_FIRST = {0: -10_000}


@pytest.fixture
def supplied(world, certificates, wind, solar, battery, carol, stranger, day, kit):
    """`supplied({hour: battery's Wh}, wind={hour: Wh}, solar={hour: Wh})`: carol holds all
    certificates of the day; returns ids by technology and hour."""

    def make(values_wh, *, wind_wh=None, solar_wh=None, others=0, number=day):
        produced = {wind: wind_wh or {}, solar: solar_wh or {}}
        readings = {
            device: kit.day_of({hour: -wh for hour, wh in hours.items()})
            for device, hours in produced.items()
        }
        world.measure(number, {battery: kit.day_of(values_wh, others)} | readings)
        ids = {}
        for device, hours in produced.items():
            if not hours:
                continue
            technology = certificates.deviceOf(device).technology
            values = world.reading(device, number)
            receipt = certificates.issue(device, number, 0, 24, values, sender=stranger)
            owner = world.meters.deviceInfo(device).account
            for hour, wh in hours.items():
                ids[technology, hour] = kit.certificate_id(device, number, hour, technology)
                holder = next(a for a in (world.alice, world.bob) if a.address == owner)
                certificates.safeTransferFrom(
                    owner, carol, ids[technology, hour], wh, b"", sender=holder
                )
            assert receipt.return_value == sum(hours.values())
        return ids

    return make


def state(certificates, battery) -> tuple[int, dict[int, int]]:
    """Energy and green parts."""
    store = certificates.storeOf(battery)
    return store.energyWh, dict(zip(store.technologies, store.greenWh, strict=True))


def stored_id(kit, battery, day, hour, technology=None) -> int:
    return kit.certificate_id(battery, day, hour, technology or kit.WIND)


def test_certificates_come_out_of_a_store_less_its_losses(
    certificates, battery, supplied, account_day, carol, day, kit
):
    """4,000 Wh of wind go in, 3,600 come out: full at first, it is emptied, charged, emptied."""
    ids = supplied(EMPTY_FIRST | {10: 4_000, 18: -3_600}, wind_wh={10: 4_000})
    receipt = account_day(day, [(10, ids[kit.WIND, 10], 4_000)])
    out = stored_id(kit, battery, day, 18)
    assert receipt.return_value == 3_600
    assert certificates.balanceOf(carol, out) == 3_600
    batch = certificates.batchOf(out)
    assert (batch.device, batch.startsAt) == (battery, day * DAY + 18 * 3_600)
    assert (batch.technology, batch.zone) == (kit.WIND, kit.NORTH)
    assert state(certificates, battery) == (0, {})
    given = certificates.batchOf(ids[kit.WIND, 10])
    assert (given.issuedWh, given.retiredWh) == (4_000, 4_000)
    assert certificates.balanceOf(carol, ids[kit.WIND, 10]) == 0
    assert certificates.claimedBalanceOf(carol, ids[kit.WIND, 10]) == 0


def test_accounting_tells_what_it_retired_and_issued(
    certificates, battery, supplied, account_day, carol, day, kit
):
    ids = supplied(EMPTY_FIRST | {10: 4_000, 18: -1_800}, wind_wh={10: 4_000})
    receipt = account_day(day, [(10, ids[kit.WIND, 10], 4_000)])
    stored = certificates.Stored(
        device=battery, period=day, slot=10, id=ids[kit.WIND, 10], amount=4_000
    )
    accounted = certificates.StoreAccounted(
        device=battery, period=day, energyWh=1_800, greenWh=1_800
    )
    issued = certificates.BatchIssued(
        id=stored_id(kit, battery, day, 18), to=carol.address, amount=1_800
    )
    assert all(event in receipt.events for event in (stored, accounted, issued))


def test_what_was_in_the_store_before_is_not_green(
    certificates, battery, supplied, account_day, day, kit
):
    """Of 10,000 Wh 5,500 remain; 3,600 green come to them: 9,100, of which 3,600 / 9,100 are green.
    2,000 taken out carry floor(3,600 * 2,000 / 9,100) = 791."""
    ids = supplied({0: -4_500, 10: 4_000, 18: -2_000}, wind_wh={10: 4_000})
    assert account_day(day, [(10, ids[kit.WIND, 10], 4_000)]).return_value == 791
    assert state(certificates, battery) == (7_100, {kit.WIND: 3_600 - 791})


def test_energy_charged_without_certificates_dilutes(
    certificates, battery, supplied, account_day, day, kit
):
    """5,000 charged, 2,000 of them with certificates: 4,500 Wh, 1,800 green."""
    ids = supplied(EMPTY_FIRST | {10: 5_000, 18: -4_500}, wind_wh={10: 5_000})
    assert account_day(day, [(10, ids[kit.WIND, 10], 2_000)]).return_value == 1_800


def test_energy_beyond_the_capacity_was_a_mixture_of_all(
    certificates, battery, supplied, account_day, day, kit
):
    """4,000 green come to 10,000 that are not: of 13,600 there is room for 10,000, so of 3,600
    green floor(3,600 * 10,000 / 13,600) = 2,647 are kept."""
    ids = supplied({10: 4_000}, wind_wh={10: 4_000})
    account_day(day, [(10, ids[kit.WIND, 10], 4_000)])
    assert state(certificates, battery) == (10_000, {kit.WIND: 2_647})


def test_a_store_full_of_green_stays_full_of_it(
    certificates, battery, supplied, account_day, day, kit
):
    hours = {10: 6_000, 11: 6_000}
    ids = supplied(EMPTY_FIRST | hours, wind_wh=hours)
    account_day(day, [(hour, ids[kit.WIND, hour], 6_000) for hour in hours])
    assert state(certificates, battery) == (10_000, {kit.WIND: 10_000})


def test_a_full_discharge_gives_everything_green_and_nothing_more(
    certificates, battery, supplied, account_day, carol, day, kit
):
    """The meter shows more than the book holds: 5,000 leave a store with 3,600 in it."""
    ids = supplied(EMPTY_FIRST | {10: 4_000, 18: -5_000, 19: -5_000}, wind_wh={10: 4_000})
    assert account_day(day, [(10, ids[kit.WIND, 10], 4_000)]).return_value == 3_600
    assert certificates.balanceOf(carol, stored_id(kit, battery, day, 18)) == 3_600
    assert certificates.balanceOf(carol, stored_id(kit, battery, day, 19)) == 0
    assert state(certificates, battery) == (0, {})


def test_technologies_leave_in_the_proportion_in_which_they_came(
    certificates, battery, supplied, account_day, carol, day, kit
):
    """1,800 of wind and 900 of the sun; 1,000 of 2,700 leave: sums of 666 and 1,000."""
    ids = supplied(EMPTY_FIRST | {10: 3_000, 18: -1_000}, wind_wh={10: 2_000}, solar_wh={10: 1_000})
    charges = [(10, ids[kit.SOLAR, 10], 1_000), (10, ids[kit.WIND, 10], 2_000)]
    assert account_day(day, charges).return_value == 1_000
    for technology, wh in ((kit.WIND, 666), (kit.SOLAR, 334)):
        assert certificates.balanceOf(carol, stored_id(kit, battery, day, 18, technology)) == wh
    assert state(certificates, battery) == (1_700, {kit.WIND: 1_134, kit.SOLAR: 566})


def test_rounding_never_issues_more_than_was_discharged(
    certificates, battery, supplied, account_day, day, kit
):
    """9 Wh of each in 18; single Wh leave. Rounded one by one, nothing would leave with them, and
    in the end more green than energy would."""
    hours = dict.fromkeys(range(11, 24), -1)
    ids = supplied(EMPTY_FIRST | {10: 20} | hours, wind_wh={10: 10}, solar_wh={10: 10})
    charges = [(10, ids[kit.WIND, 10], 10), (10, ids[kit.SOLAR, 10], 10)]
    assert account_day(day, charges).return_value == len(hours)
    for hour in hours:
        parts = [
            certificates.batchOf(stored_id(kit, battery, day, hour, technology)).issuedWh
            for technology in (kit.WIND, kit.SOLAR)
        ]
        assert sum(parts) == 1
    energy_wh, green_wh = state(certificates, battery)
    assert energy_wh == sum(green_wh.values()) == 18 - len(hours)


def test_an_hour_without_a_value_counts_as_charged_full(
    certificates, battery, supplied, account_day, day, kit
):
    """The meter could have taken 50 kWh, 45 of which stay: of 3,600 green in 48,600 there is room
    for floor(3,600 * 10,000 / 48,600) = 740."""
    ids = supplied(EMPTY_FIRST | {10: 4_000, 12: None}, wind_wh={10: 4_000})
    account_day(day, [(10, ids[kit.WIND, 10], 4_000)])
    assert state(certificates, battery) == (10_000, {kit.WIND: 740})


def test_hiding_a_discharge_keeps_no_certificates(
    certificates, battery, supplied, account_day, day, kit
):
    """Shown, the discharge would have given 3,600; hidden, it gives less, and later too."""
    ids = supplied(EMPTY_FIRST | {10: 4_000, 12: None, 18: -10_000}, wind_wh={10: 4_000})
    assert account_day(day, [(10, ids[kit.WIND, 10], 4_000)]).return_value == 740


def test_a_day_finally_without_a_reading_dilutes_what_is_left(
    certificates, world, battery, supplied, account_day, day, kit
):
    ids = supplied(EMPTY_FIRST | {10: 4_000}, wind_wh={10: 4_000})
    account_day(day, [(10, ids[kit.WIND, 10], 4_000)])
    world.clock.move_to((day + 4) * DAY + 1)
    with ape.reverts(certificates.WrongReading, device=battery, period=day + 1):
        certificates.account(battery, day + 1, b"\0" * 96, [], sender=world.carol)
    account_day(day + 1)
    green_wh = 3_600
    energy_wh = 3_600
    for _ in range(24):
        energy_wh += 45_000
        green_wh, energy_wh = green_wh * 10_000 // energy_wh, 10_000
    assert state(certificates, battery) == (10_000, {kit.WIND: green_wh} if green_wh else {})
    assert green_wh == 0


def test_without_a_reading_no_certificates_are_given(
    certificates, world, battery, issue_day, account_day, wind, alice, carol, day, kit
):
    ids = issue_day(day, {wind: kit.day_of({10: -4_000})})[wind]
    certificates.safeTransferFrom(alice, carol, ids[0], 4_000, b"", sender=alice)
    world.clock.move_to((day + 3) * DAY + 1)
    with ape.reverts(certificates.BeyondCharge, slot=10, chargedWh=0):
        account_day(day, [(10, ids[0], 4_000)])


def test_periods_are_accounted_in_order(certificates, world, battery, account_day, day, kit):
    for number in (day, day + 1):
        world.measure(number, {battery: kit.day_of({})})
    for wrong in (day - 1, day + 1, 2**32 - 1):
        with ape.reverts(certificates.PeriodOutOfOrder, nextPeriod=day):
            account_day(wrong)
    account_day(day)
    for wrong in (day, day + 2):
        with ape.reverts(certificates.PeriodOutOfOrder, nextPeriod=day + 1):
            account_day(wrong)
    account_day(day + 1)
    assert certificates.storeOf(battery).nextPeriod == day + 2


def test_a_reading_that_can_change_is_not_accounted(
    certificates, world, battery, account_day, day, kit
):
    world.clock.move_to((day + 1) * DAY)
    world.meter_of[battery].post(day, kit.day_of({}))
    world.clock.next_at((day + 2) * DAY)
    with ape.reverts(certificates.ReadingNotFinal, device=battery, period=day):
        account_day(day)


def test_other_values_than_the_readings_are_not_accounted(
    certificates, world, battery, day, carol, kit
):
    world.measure(day, {battery: kit.day_of({10: 4_000})})
    for values in (b"", kit.packed(kit.day_of({10: 9_000}))):
        with ape.reverts(certificates.WrongReading, device=battery, period=day):
            certificates.account(battery, day, values, [], sender=carol)


def test_only_the_stores_owner_accounts(certificates, world, battery, account_day, day, alice, kit):
    """Anyone else could account a day without the certificates that its owner has for it."""
    world.measure(day, {battery: kit.day_of({10: 4_000})})
    with ape.reverts(certificates.NotOwner, device=battery, caller=alice.address):
        account_day(day, sender=alice)


def test_a_producer_is_no_store(certificates, world, wind, produced, alice, day):
    with ape.reverts(certificates.NotCertified, device=wind):
        certificates.account(wind, day, produced.values, [], sender=alice)


def test_no_more_is_given_than_was_charged(certificates, battery, supplied, account_day, day, kit):
    ids = supplied(EMPTY_FIRST | {10: 4_000}, wind_wh={10: 3_000}, solar_wh={10: 3_000})
    charges = [(10, ids[kit.WIND, 10], 3_000), (10, ids[kit.SOLAR, 10], 1_001)]
    with ape.reverts(certificates.BeyondCharge, slot=10, chargedWh=4_000):
        account_day(day, charges)
    huge = [(10, ids[kit.WIND, 10], 3_000), (10, ids[kit.SOLAR, 10], 2**64 - 3_000)]
    with ape.reverts(certificates.BeyondCharge, slot=10, chargedWh=4_000):
        account_day(day, huge)


@pytest.mark.parametrize("battery_wh", [0, -500, None])
def test_nothing_is_given_for_an_hour_without_charging(
    certificates, battery, supplied, account_day, day, kit, battery_wh
):
    ids = supplied({10: battery_wh}, wind_wh={10: 3_000})
    with ape.reverts(certificates.BeyondCharge, slot=10, chargedWh=0):
        account_day(day, [(10, ids[kit.WIND, 10], 1)])


def test_certificates_of_another_interval_are_not_given(
    certificates, battery, supplied, account_day, day, kit
):
    ids = supplied({10: 4_000, 11: 4_000}, wind_wh={9: 3_000, 11: 3_000})
    for hour in (9, 11):
        token_id = ids[kit.WIND, hour]
        with ape.reverts(certificates.NotSimultaneous, id=token_id):
            account_day(day, [(10, token_id, 1)])


def test_certificates_of_another_zone_are_not_given(
    certificates, registrar, battery, supplied, account_day, day, kit
):
    certificates.correct(battery, 0, kit.SOUTH, sender=registrar)
    ids = supplied({10: 4_000}, wind_wh={10: 3_000})
    with ape.reverts(certificates.NotSimultaneous, id=ids[kit.WIND, 10]):
        account_day(day, [(10, ids[kit.WIND, 10], 1)])


def test_certificates_whose_intervals_lie_in_the_slot_are_given(
    certificates, world, battery, certify, account_day, alice, carol, stranger, day, kit
):
    """A producer metered in quarter-hours: the four of the hour count, their neighbours do not."""
    quarters = world.create_market(kit.HOURLY_MARKET, slotSeconds=900, periodSlots=96)
    device = world.install_meter(quarters, alice).device
    certify(device)
    world.measure(day, {device: [-500] * 96, battery: kit.day_of(EMPTY_FIRST | {10: 2_000})})
    certificates.issue(device, day, 39, 6, world.reading(device, day), sender=stranger)
    ids = {quarter: kit.certificate_id(device, day, quarter) for quarter in range(39, 45)}
    for token_id in ids.values():
        certificates.safeTransferFrom(alice, carol, token_id, 500, b"", sender=alice)
    for outside in (39, 44):
        with ape.reverts(certificates.NotSimultaneous, id=ids[outside]):
            account_day(day, [(10, ids[outside], 500)])
    account_day(day, [(10, ids[quarter], 500) for quarter in range(40, 44)])
    assert state(certificates, battery) == (1_800, {kit.WIND: 1_800})


def test_a_certificate_of_a_whole_day_is_not_given_for_an_hour(
    certificates, world, battery, certify, account_day, alice, carol, stranger, day, kit
):
    """Its interval begins with the hour, but the sun of its noon did not shine then."""
    daily = world.create_market(kit.HOURLY_MARKET, slotSeconds=DAY, periodSlots=1)
    device = world.install_meter(daily, alice).device
    certify(device)
    world.measure(day, {device: [-5_000], battery: kit.day_of({0: 5_000})})
    certificates.issue(device, day, 0, 1, world.reading(device, day), sender=stranger)
    token_id = kit.certificate_id(device, day, 0)
    certificates.safeTransferFrom(alice, carol, token_id, 5_000, b"", sender=alice)
    with ape.reverts(certificates.NotSimultaneous, id=token_id):
        account_day(day, [(0, token_id, 5_000)])


def test_certificates_of_an_unknown_device_are_not_given(
    certificates, battery, supplied, account_day, stranger, day, kit
):
    supplied({10: 4_000})
    with ape.reverts(certificates.NotCertified, device=stranger.address):
        account_day(day, [(10, kit.certificate_id(stranger.address, day, 10), 1)])


def test_the_owner_gives_only_what_it_holds(certificates, battery, supplied, account_day, day, kit):
    """One entry too much, and the same certificates twice in one list."""
    ids = supplied({10: 4_000}, wind_wh={10: 2_000})
    for charges in ([(10, ids[kit.WIND, 10], 2_001)], [(10, ids[kit.WIND, 10], 1_001)] * 2):
        with ape.reverts(certificates.ERC1155InsufficientBalance):
            account_day(day, charges)


def test_charges_come_in_the_order_of_slots(certificates, battery, supplied, account_day, day, kit):
    hours = {10: 1_000, 11: 1_000}
    ids = supplied(hours, wind_wh=hours)
    charges = [(hour, ids[kit.WIND, hour], 1_000) for hour in (11, 10)]
    with ape.reverts(certificates.ChargesOutOfOrder, index=1):
        account_day(day, charges)


def test_a_charge_is_in_the_period(certificates, battery, supplied, account_day, day, kit):
    ids = supplied({10: 1_000}, wind_wh={10: 1_000})
    with ape.reverts(certificates.BadSlots, firstSlot=24, slots=1):
        account_day(day, [(24, ids[kit.WIND, 10], 1_000)])


def test_an_empty_charge_is_none(certificates, battery, supplied, account_day, day, kit):
    ids = supplied({10: 1_000}, wind_wh={10: 1_000})
    with ape.reverts(certificates.ZeroAmount):
        account_day(day, [(10, ids[kit.WIND, 10], 0)])


def test_the_last_wh_lost_in_the_store_is_given_up(
    certificates, battery, supplied, account_day, day, kit
):
    """One Wh at nine tenths is none: it is retired, and no technology enters the store for it."""
    ids = supplied(EMPTY_FIRST | {10: 1}, wind_wh={10: 1})
    account_day(day, [(10, ids[kit.WIND, 10], 1)])
    assert state(certificates, battery) == (0, {})
    assert certificates.batchOf(ids[kit.WIND, 10]).retiredWh == 1


@pytest.fixture
def five_sources(world, market, certify, accounts, certificates, battery, carol, day, kit):
    """Producers of five technologies that all feed in 1,000 Wh at ten and eleven; carol has the
    certificates. Returns ids by technology and hour."""
    devices = {}
    for technology, owner in enumerate(accounts[11:16], start=11):
        devices[technology] = world.install_meter(market, owner).device
        certify(devices[technology], technology)

    def make(battery_wh):
        readings = {device: kit.day_of({10: -1_000, 11: -1_000}) for device in devices.values()}
        world.measure(day, {battery: kit.day_of(battery_wh)} | readings)
        ids = {}
        for technology, device in devices.items():
            owner = accounts[technology]
            certificates.issue(device, day, 0, 24, world.reading(device, day), sender=owner)
            for hour in (10, 11):
                token_id = kit.certificate_id(device, day, hour, technology)
                certificates.safeTransferFrom(owner, carol, token_id, 1_000, b"", sender=owner)
                ids[technology, hour] = token_id
        return ids

    return make


def test_a_store_mixes_four_technologies_and_no_more(
    certificates, battery, five_sources, account_day, day
):
    ids = five_sources(EMPTY_FIRST | {10: 5_000})
    charges = [(10, ids[technology, 10], 1_000) for technology in (14, 12, 13, 11, 15)]
    with ape.reverts(certificates.TooManyTechnologies, most=4):
        account_day(day, charges)
    account_day(day, charges[:4])
    assert state(certificates, battery) == (4_500, dict.fromkeys((11, 12, 13, 14), 900))


def test_a_technology_of_which_nothing_is_left_makes_room(
    certificates, battery, five_sources, account_day, day
):
    """1 Wh of each of four technologies is lost as the store overflows: the fifth finds a place."""
    ids = five_sources({10: 5_000, 11: 5_000})
    charges = [(10, ids[technology, 10], 2) for technology in (11, 12, 13, 14)]
    charges.append((11, ids[15, 11], 1_000))
    account_day(day, charges)
    # Of 1 Wh in 14,500 there is room for nothing, of 900 in 14,500 for 620.
    assert state(certificates, battery) == (10_000, {15: 620})


def test_a_late_store_is_never_barred_and_what_it_issues_only_expires(
    certificates, battery, supplied, account_day, world, carol, expiry, day, stranger, kit
):
    """No certificate can be given any more, but the next period can come."""
    ids = supplied(EMPTY_FIRST | {10: 4_000}, wind_wh={10: 4_000})
    account_day(day, [(10, ids[kit.WIND, 10], 4_000)])
    world.measure(day + 1, {battery: kit.day_of({18: -1_000})})
    world.clock.next_at(expiry)
    assert account_day(day + 1).return_value == 1_000
    out = stored_id(kit, battery, day + 1, 18)
    with ape.reverts(certificates.CertificateExpired, id=out, expiresAt=expiry):
        certificates.safeTransferFrom(carol, stranger, out, 1, b"", sender=carol)
    certificates.expire(carol, [out], sender=stranger)
    assert certificates.batchOf(out).expiredWh == 1_000


def test_expired_certificates_are_not_given(
    certificates, battery, supplied, account_day, world, expiry, day, kit
):
    ids = supplied(EMPTY_FIRST | {10: 4_000}, wind_wh={10: 4_000})
    world.clock.next_at(expiry)
    with ape.reverts(certificates.CertificateExpired, id=ids[kit.WIND, 10], expiresAt=expiry):
        account_day(day, [(10, ids[kit.WIND, 10], 4_000)])


def test_what_a_store_gave_fills_another(
    certificates,
    world,
    market,
    registrar,
    battery,
    supplied,
    account_day,
    carol,
    stranger,
    day,
    kit,
):
    """Its certificates are certificates: losses add up, the technology stays."""
    other = world.install_meter(market, stranger).device
    certificates.registerStore(other, kit.NORTH, 5_000, 2_000, day, sender=registrar)
    ids = supplied(EMPTY_FIRST | {10: 4_000, 18: -3_600}, wind_wh={10: 4_000})
    world.meter_of[other].post(day, kit.day_of({0: -2_000, 18: 3_600, 19: -1_800}))
    account_day(day, [(10, ids[kit.WIND, 10], 4_000)])
    out = stored_id(kit, battery, day, 18)
    certificates.safeTransferFrom(carol, stranger, out, 3_600, b"", sender=carol)
    world.clock.move_to(world.clock.now + DAY + 1)
    reading = world.reading(other, day)
    receipt = certificates.account(other, day, reading, [(18, out, 3_600)], sender=stranger)
    assert receipt.return_value == 1_800
    assert certificates.balanceOf(stranger, stored_id(kit, other, day, 19)) == 1_800
