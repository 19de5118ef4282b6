from __future__ import annotations

import ape
import pytest

DAY = 86_400


@pytest.fixture
def cell(world, market, stranger):
    """A metered device that is not certified."""
    return world.install_meter(market, stranger).device


def test_a_store_begins_full_and_with_nothing_green_in_it(
    certificates, registrar, market, cell, day, kit
):
    receipt = certificates.registerStore(cell, kit.SOUTH, 8_500, 5_000, day, sender=registrar)
    told = certificates.StoreRegistered(
        device=cell,
        market=market,
        zone=kit.SOUTH,
        efficiencyBp=8_500,
        capacityWh=5_000,
        fromPeriod=day,
    )
    assert told in receipt.events
    store = certificates.storeOf(cell)
    assert (store.capacityWh, store.energyWh, store.nextPeriod) == (5_000, 5_000, day)
    assert (store.technologies, store.greenWh) == ([], [])
    device = certificates.deviceOf(cell)
    assert (device.technology, device.efficiencyBp, device.zone) == (0, 8_500, kit.SOUTH)


@pytest.mark.parametrize(
    ("efficiency_bp", "capacity_wh"), [(0, 5_000), (10_001, 5_000), (9_000, 0)]
)
def test_a_store_holds_something_and_gives_back_no_more_than_it_took(
    certificates, registrar, cell, day, efficiency_bp, capacity_wh, kit
):
    with ape.reverts(certificates.BadDevice):
        certificates.registerStore(
            cell, kit.NORTH, efficiency_bp, capacity_wh, day, sender=registrar
        )


def test_a_store_without_losses_and_of_any_size_is_certified(
    certificates, registrar, cell, day, kit
):
    certificates.registerStore(cell, kit.NORTH, 10_000, 2**64 - 1, day, sender=registrar)
    assert certificates.storeOf(cell).energyWh == 2**64 - 1


def test_a_producer_does_not_become_a_store(certificates, registrar, wind, day, kit):
    with ape.reverts(certificates.DeviceKnown, device=wind):
        certificates.registerStore(wind, kit.NORTH, 9_000, 5_000, day, sender=registrar)


def test_a_store_counts_from_a_period_that_has_not_begun(
    certificates, registrar, cell, day, clock, kit
):
    clock.next_at(day * DAY)
    with ape.reverts(certificates.PeriodBegan, startsAt=day * DAY):
        certificates.registerStore(cell, kit.NORTH, 9_000, 5_000, day, sender=registrar)


def test_only_the_registrar_certifies_stores(certificates, cell, day, stranger, kit):
    with ape.reverts(certificates.AccessManagedUnauthorized, caller=stranger.address):
        certificates.registerStore(cell, kit.NORTH, 9_000, 5_000, day, sender=stranger)


def test_a_store_without_a_meter_is_unknown(certificates, registrar, day, stranger, kit):
    with ape.reverts(certificates.UnknownDevice, device=stranger.address):
        certificates.registerStore(stranger, kit.NORTH, 9_000, 5_000, day, sender=registrar)
