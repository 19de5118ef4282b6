"""Producers, bidders and sellers who cheat: it is refused, or does not pay."""

from __future__ import annotations

from market.reference.certified_devices import CertificateId
from market.reference.meters import (
    encode_values,
)
from tests.evm.certificate_world import (
    CERTIFICATES,
    CONSUMER,
    PASSER_BY,
    SLOTS,
    STORE_OWNER,
    SUN_OWNER,
    WIND,
    WIND_OWNER,
    CertificateWorld,
    meter_of,
    produced,
)
from tests.evm.test_certificate_trading import CENT, CertificateTrading
from tests.evm.world import ADMIN, DAY

# Producers


def test_a_producer_cannot_issue_what_its_meter_does_not_show():
    world = CertificateWorld()
    world.post_at_midnight(WIND_OWNER, [-100, 0, 0, 0, 0, 50], world.first)
    world.wait(DAY + 1)
    for values_wh in ([-101, 0, 0, 0, 0, 50], [-100, 0, 0, 0, 0], [-100] * SLOTS):
        assert world.issue(WIND_OWNER, world.first, encode_values(values_wh)) == "WrongReading"
    assert world.issue(WIND_OWNER, world.first) is None
    assert world.issue(WIND_OWNER, world.first) == "NothingToIssue"
    assert sum(batch.issued_wh for batch in world.certificates.batches.values()) == 100


def test_overlapping_ranges_issue_a_slot_once():
    world = CertificateWorld()
    world.post_at_midnight(WIND_OWNER, [-7] * SLOTS, world.first)
    world.wait(DAY + 1)
    for first in range(SLOTS - 1):
        assert world.issue(WIND_OWNER, world.first, slots=range(first, first + 2)) is None
    assert sum(batch.issued_wh for batch in world.certificates.batches.values()) == 7 * SLOTS


def test_what_is_issued_cannot_be_disputed_away_and_issued_again():
    world = produced([-100] * SLOTS)
    assert world.dispute(WIND_OWNER, world.first, sender=WIND_OWNER) == "DisputedTooLate"
    assert world.post(WIND_OWNER, world.first, [-200] * SLOTS) == "PostedBefore"
    assert world.issue(WIND_OWNER, world.first) == "NothingToIssue"


def test_a_device_is_certified_once_and_for_what_is_to_come():
    world = produced([-100] * SLOTS)
    device = meter_of(WIND_OWNER).address
    again = (device, WIND, 9, world.today + 1)
    assert world.ask("registerProducer", *again, sender=ADMIN) == "DeviceKnown"
    store = (device, 9, 9_000, 1_000, world.today + 1)
    assert world.ask("registerStore", *store, sender=ADMIN) == "DeviceKnown"
    assert world.ask("correct", device, WIND + 1, 9, sender=ADMIN) == "IssuedBefore"
    fresh = (meter_of(CONSUMER).address, WIND, 9, world.first)
    assert world.ask("registerProducer", *fresh, sender=ADMIN) == "PeriodBegan"
    for sender in (WIND_OWNER, PASSER_BY):
        refusal = world.ask("registerProducer", *fresh, sender=sender)
        assert refusal == "AccessManagedUnauthorized"


# Bidders and sellers


def test_nobody_sells_what_it_does_not_have_on_offer():
    trade = CertificateTrading()
    trade.offer(STORE_OWNER, (0, 100))
    assert trade.world.offer(STORE_OWNER, (trade.world.wind(0), 1_401)) == (
        "ERC1155InsufficientBalance"
    )
    trade.open_round()
    batch = trade.gate(
        trade.order(STORE_OWNER, -101, CENT),
        trade.order(WIND_OWNER, -1, CENT),
        trade.order(CONSUMER, 200, 2 * CENT),
    )
    assert {order.maximum for order in batch.orders} == {0, 200}
    trade.settle(batch)
    assert trade.bought(CONSUMER) == {}
    trade.check()


def test_certificates_on_offer_are_not_moved_retired_stored_or_expired():
    trade = CertificateTrading()
    world, name = trade.world, trade.world.wind(1)
    trade.offer(WIND_OWNER, (1, 2_000))
    assert world.give(WIND_OWNER, CONSUMER, name, 1) == "ERC1155InsufficientBalance"
    assert world.retire(WIND_OWNER, [name], [1]) == "ERC1155InsufficientBalance"
    pool = world.certificates.address
    transfer = (pool, WIND_OWNER.address, name, 1, b"")
    assert world.ask("safeTransferFrom", *transfer, sender=WIND_OWNER) == (
        "ERC1155MissingApprovalForAll"
    )
    world.chain.now = world.certificates.expiry_of(name)
    assert world.ask("expire", pool, [name], sender=PASSER_BY) == "ERC1155InvalidSender"
    trade.check()


def test_a_pool_takes_its_own_class_only():
    trade = CertificateTrading()
    world = trade.world
    world.produce([-500] * 12, world.first, owner=SUN_OWNER)
    sun = world.named(SUN_OWNER, world.first, 0, 1)
    for place in (trade.place, (trade.market, trade.slot + 1), (world.sun_sale, trade.slot + 1)):
        assert world.ask("offer", *place, [sun], [1], sender=SUN_OWNER) == "OtherClass"
    assert world.ask("offer", world.sun_sale, trade.slot, [sun], [1], sender=SUN_OWNER) is None
    never = int(CertificateId(meter_of(WIND_OWNER).address, world.first, 3, WIND))
    assert world.ask("offer", *trade.place, [never], [1], sender=WIND_OWNER) == (
        "ERC1155InsufficientBalance"
    )


def test_dust_costs_who_offers_it_more_than_who_collects_it():
    """Two batches in turn, a Wh each: the worst that a seller can do to a buyer."""
    trade = CertificateTrading()
    world = trade.world
    trade.offer(WIND_OWNER, (0, 1), (1, 1))
    lots = [(0, 1), (1, 1)] * 100
    trade.offer(WIND_OWNER, *lots)
    offering = world.chain.gas_used
    trade.sell((WIND_OWNER, -202, CENT), (CONSUMER, 202, 2 * CENT))
    collecting = 0
    for _ in range(3):
        world.must(CERTIFICATES, "collect", *trade.place, CONSUMER.address, 80, sender=PASSER_BY)
        collecting += world.chain.gas_used
    assert trade.held(CONSUMER) == {0: 101, 1: 101}
    print("dust", offering, collecting)
    assert collecting < offering
    world.check_certificates()


def test_buying_from_oneself_moves_nothing():
    trade = CertificateTrading()
    trade.offer(WIND_OWNER, (0, 100))
    before = trade.money(WIND_OWNER)
    batch = trade.sell((WIND_OWNER, -100, CENT), (WIND_OWNER, 100, 2 * CENT))
    assert sum(order.fill for order in batch.orders) == 200
    after = trade.money(WIND_OWNER)
    assert after.margin + after.free == before.margin + before.free
    assert trade.bought(WIND_OWNER) == {}
    assert trade.world.certificates.offer_of(*trade.place, WIND_OWNER.address).offered == 100
    trade.check()
