from __future__ import annotations

import pytest

from market.reference import Resolution, errors
from market.reference.certificate_store import Charge
from market.reference.certified_devices import LIFETIME, VINTAGE_SECONDS, CertificateId
from market.reference.meters import MISSING
from market.reference.params import DAY
from tests.market.reference.certificate_sandbox import (
    BUYER,
    CERTIFICATES,
    SLOTS,
    STORE_OWNER,
    SUN,
    WIND,
    WIND_OWNER,
    ZONE,
    CertificateSandbox,
    day,
)
from tests.market.reference.sandbox import ADMIN

DEVICE = CertificateSandbox.device(WIND_OWNER)


@pytest.fixture
def world() -> CertificateSandbox:
    return CertificateSandbox()


# Devices


def test_a_device_counts_from_a_period_that_has_not_begun(world):
    device = world.device(BUYER)
    register = world.certificates.register_producer
    with pytest.raises(errors.PeriodBegan):
        register(device, SUN, ZONE, world.today, sender=ADMIN, now=world.now)
    register(device, SUN, ZONE, world.today + 1, sender=ADMIN, now=world.now)
    with pytest.raises(errors.DeviceKnown):
        register(device, SUN, ZONE, world.today + 1, sender=ADMIN, now=world.now)


def test_what_a_device_is_can_be_corrected_until_a_certificate_says_it(world):
    world.certificates.correct(DEVICE, SUN, ZONE + 1, sender=ADMIN)
    with pytest.raises(errors.BadDevice):
        world.certificates.correct(DEVICE, 0, ZONE, sender=ADMIN)
    world.certificates.correct(DEVICE, WIND, ZONE, sender=ADMIN)
    world.produce(day(h3=-500))
    with pytest.raises(errors.IssuedBefore):
        world.certificates.correct(DEVICE, SUN, ZONE, sender=ADMIN)


def test_a_withdrawn_device_issues_nothing_for_later_periods(world):
    end = world.first + 1
    world.certificates.withdraw(DEVICE, end, sender=ADMIN, now=world.now)
    with pytest.raises(errors.WithdrawnBefore):
        world.certificates.withdraw(DEVICE, end + 1, sender=ADMIN, now=world.now)
    assert world.produce(day(h3=-500)) == 500
    with pytest.raises(errors.OutsideRegistration):
        world.produce(day(h3=-500), period=end)


# Issue


def test_every_wh_fed_in_is_one_certificate_of_its_hour(world):
    assert world.produce(day(h3=-500, h4=-1, h5=70, h6=MISSING)) == 501
    assert world.certificates.balance_of(WIND_OWNER, world.wind(3)) == 500
    assert world.certificates.balance_of(WIND_OWNER, world.wind(4)) == 1
    batch = world.certificates.batches[world.wind(3)]
    assert batch.starts_at == (world.first * SLOTS + 3) * 3_600
    assert batch.vintage == world.first * DAY // VINTAGE_SECONDS
    assert world.certificates.issued[DEVICE, world.first] == 0b11000
    assert set(world.certificates.batches) == {world.wind(3), world.wind(4)}


def test_the_number_of_a_certificate_names_device_interval_and_technology(world):
    token_id = world.wind(3)
    assert CertificateId.of(token_id) == CertificateId(DEVICE, world.first, 3, WIND)


def test_a_slot_is_issued_once(world):
    values = world.post(WIND_OWNER, world.first, day(h3=-500, h4=-20))
    world.wait_until_final()
    issue = world.certificates.issue
    assert issue(DEVICE, world.first, 4, 1, values, now=world.now) == 20
    assert issue(DEVICE, world.first, 0, SLOTS, values, now=world.now) == 500
    with pytest.raises(errors.NothingToIssue):
        issue(DEVICE, world.first, 0, SLOTS, values, now=world.now)


def test_nothing_is_issued_before_a_reading_is_final(world):
    values = world.post(WIND_OWNER, world.first, day(h3=-500))
    world.now += DAY
    with pytest.raises(errors.ReadingNotFinal):
        world.certificates.issue(DEVICE, world.first, 0, SLOTS, values, now=world.now)
    world.now += 1
    assert world.certificates.issue(DEVICE, world.first, 0, SLOTS, values, now=world.now) == 500


def test_what_a_dispute_replaced_is_what_is_issued(world):
    values = world.post(WIND_OWNER, world.first, day(h3=-500))
    world.now += DAY
    world.meters.dispute(DEVICE, world.first, sender=ADMIN, now=world.now)
    world.now += 2
    with pytest.raises(errors.ReadingNotFinal):
        world.certificates.issue(DEVICE, world.first, 0, SLOTS, values, now=world.now)
    world.meters.resolve(DEVICE, world.first, Resolution.VOID, b"", sender=ADMIN, now=world.now)
    with pytest.raises(errors.WrongReading):
        world.certificates.issue(DEVICE, world.first, 0, SLOTS, values, now=world.now)


def test_a_batch_that_would_have_expired_is_not_issued(world):
    values = world.post(WIND_OWNER, world.first, day(h3=-500))
    world.now = (world.first * DAY // VINTAGE_SECONDS + 1) * VINTAGE_SECONDS + LIFETIME
    with pytest.raises(errors.CertificateExpired):
        world.certificates.issue(DEVICE, world.first, 0, SLOTS, values, now=world.now)
    world.now -= 1
    assert world.certificates.issue(DEVICE, world.first, 0, SLOTS, values, now=world.now) == 500


# Holders


def test_retired_certificates_count_for_somebody_and_are_gone(world):
    world.produce(day(h3=-500))
    token_id = world.wind(3)
    world.certificates.retire(
        WIND_OWNER, [token_id], [200], BUYER, "tea", sender=WIND_OWNER, now=world.now
    )
    assert world.certificates.claimed[BUYER, token_id] == 200
    with pytest.raises(errors.ERC1155InsufficientBalance):
        world.give(BUYER, token_id, 301)
    assert world.conserved()


def test_only_who_is_approved_retires_for_another(world):
    world.produce(day(h3=-500))
    token_id = world.wind(3)

    def retire() -> None:
        world.certificates.retire(
            WIND_OWNER, [token_id], [1], BUYER, "", sender=BUYER, now=world.now
        )

    with pytest.raises(errors.ERC1155MissingApprovalForAll):
        retire()
    world.certificates.set_approval_for_all(BUYER, True, sender=WIND_OWNER)
    retire()
    assert world.certificates.claimed[BUYER, token_id] == 1


def test_a_certificate_that_is_listed_twice_needs_both_amounts(world):
    world.produce(day(h3=-500))
    with pytest.raises(errors.ERC1155InsufficientBalance):
        world.certificates.retire(
            WIND_OWNER, [world.wind(3)] * 2, [300] * 2, BUYER, "", sender=WIND_OWNER, now=world.now
        )
    assert world.certificates.balance_of(WIND_OWNER, world.wind(3)) == 500


def test_expired_certificates_only_expire(world):
    world.produce(day(h3=-500))
    token_id = world.wind(3)
    world.now = world.certificates.expiry_of(token_id) - 1
    with pytest.raises(errors.NotExpired):
        world.certificates.expire(WIND_OWNER, [token_id], now=world.now)
    world.give(BUYER, token_id, 100)
    world.now += 1
    with pytest.raises(errors.CertificateExpired):
        world.give(BUYER, token_id, 100)
    with pytest.raises(errors.CertificateExpired):
        world.certificates.retire(BUYER, [token_id], [1], BUYER, "", sender=BUYER, now=world.now)
    world.certificates.expire(BUYER, [token_id, token_id], now=world.now)
    assert world.certificates.batches[token_id].expired_wh == 100
    assert world.conserved()


def test_certificates_are_not_sent_to_the_contract_itself(world):
    world.produce(day(h3=-500))
    with pytest.raises(errors.ERC1155InvalidReceiver):
        world.give(CERTIFICATES, world.wind(3), 1)


# Stores


def test_what_a_store_charges_comes_out_less_its_losses(world):
    store = world.certify_store(efficiency_bp=8_000, capacity_wh=10_000)
    world.produce(day(h12=-5_000))
    world.give(STORE_OWNER, world.wind(12), 4_000)
    values = world.post(STORE_OWNER, world.first, day(h1=-10_000, h12=5_000, h20=-2_000))
    world.wait_until_final()
    charges = [Charge(12, world.wind(12), 4_000)]
    issued = world.certificates.account(
        store, world.first, values, charges, sender=STORE_OWNER, now=world.now
    )
    # Emptied at one, charged 4,000 Wh of which 3,200 are green, and half of that leaves.
    assert issued == 1_600
    assert (world.certificates.stores[store].energy_wh, issued) == (2_000, 1_600)
    out = int(CertificateId(store, world.first, 20, WIND))
    assert world.certificates.balance_of(STORE_OWNER, out) == 1_600
    assert world.certificates.batches[world.wind(12)].retired_wh == 4_000
    assert not world.certificates.claimed
    assert world.conserved()


@pytest.mark.parametrize(
    ("charges", "refusal"),
    [
        ([(12, 12, 5_001)], errors.BeyondCharge),
        ([(12, 12, 3_000), (12, 12, 2_001)], errors.BeyondCharge),
        ([(20, 12, 1)], errors.BeyondCharge),
        ([(13, 12, 1)], errors.NotSimultaneous),
        ([(12, 12, 4_001)], errors.ERC1155InsufficientBalance),
        ([(13, 13, 1), (12, 12, 1)], errors.ChargesOutOfOrder),
        ([(24, 12, 1)], errors.BadSlots),
        ([(12, 12, 0)], errors.ZeroAmount),
    ],
)
def test_a_store_takes_only_what_was_produced_as_it_charged(world, charges, refusal):
    store = world.certify_store()
    world.produce(day(h12=-5_000, h13=-5_000))
    world.give(STORE_OWNER, world.wind(12), 4_000)
    world.give(STORE_OWNER, world.wind(13), 4_000)
    values = world.post(STORE_OWNER, world.first, day(h12=5_000, h13=5_000, h20=-2_000))
    world.wait_until_final()
    given = [Charge(slot, world.wind(hour), amount) for slot, hour, amount in charges]
    with pytest.raises(refusal):
        world.certificates.account(
            store, world.first, values, given, sender=STORE_OWNER, now=world.now
        )
    assert world.certificates.stores[store].next_period == world.first
    assert world.certificates.balance_of(STORE_OWNER, world.wind(12)) == 4_000


def test_a_stores_days_are_accounted_in_order_by_its_owner(world):
    store = world.certify_store()
    account = world.certificates.account
    world.now = (world.first + 5) * DAY
    with pytest.raises(errors.PeriodOutOfOrder):
        account(store, world.first + 1, b"", [], sender=STORE_OWNER, now=world.now)
    with pytest.raises(errors.NotOwner):
        account(store, world.first, b"", [], sender=WIND_OWNER, now=world.now)
    assert account(store, world.first, b"", [], sender=STORE_OWNER, now=world.now) == 0
    with pytest.raises(errors.PeriodOutOfOrder):
        account(store, world.first, b"", [], sender=STORE_OWNER, now=world.now)


def test_a_day_without_a_reading_dilutes_what_is_green(world):
    store = world.certify_store(efficiency_bp=10_000, capacity_wh=20_000)
    known = world.certificates.stores[store]
    known.green_wh[WIND] = 10_000
    world.now = (world.first + 5) * DAY
    world.certificates.account(store, world.first, b"", [], sender=STORE_OWNER, now=world.now)
    green, full = 10_000, 20_000
    for _ in range(SLOTS):
        green = green * full // (full + 10_000)
    assert world.certificates.stores[store].green_wh == {WIND: green}
