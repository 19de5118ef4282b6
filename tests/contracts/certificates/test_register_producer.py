from __future__ import annotations

import ape
import pytest

DAY = 86_400


@pytest.fixture
def turbine(world, market, stranger):
    """A metered device that is not certified."""
    return world.install_meter(market, stranger).device


def test_a_producer_is_certified_from_a_coming_period(
    certificates, registrar, market, turbine, day, kit
):
    receipt = certificates.registerProducer(turbine, kit.HYDRO, kit.SOUTH, day, sender=registrar)
    told = certificates.ProducerRegistered(
        device=turbine, market=market, technology=kit.HYDRO, zone=kit.SOUTH, fromPeriod=day
    )
    assert told in receipt.events
    device = certificates.deviceOf(turbine)
    assert (device.market, device.zone, device.technology) == (market, kit.SOUTH, kit.HYDRO)
    assert (device.efficiencyBp, device.fromPeriod, device.untilPeriod) == (0, day, 0)
    assert (device.slotSeconds, device.periodSlots, device.issued) == (3_600, 24, False)


def test_the_period_that_begins_this_second_has_begun(
    certificates, registrar, turbine, day, clock, kit
):
    clock.next_at(day * DAY)
    with ape.reverts(certificates.PeriodBegan, startsAt=day * DAY):
        certificates.registerProducer(turbine, kit.WIND, kit.NORTH, day, sender=registrar)


def test_the_second_before_a_period_is_in_time(certificates, registrar, turbine, day, clock, kit):
    clock.next_at(day * DAY - 1)
    certificates.registerProducer(turbine, kit.WIND, kit.NORTH, day, sender=registrar)
    assert certificates.deviceOf(turbine).fromPeriod == day


def test_only_the_registrar_certifies(certificates, turbine, day, stranger, kit):
    with ape.reverts(certificates.AccessManagedUnauthorized, caller=stranger.address):
        certificates.registerProducer(turbine, kit.WIND, kit.NORTH, day, sender=stranger)


def test_a_device_without_a_meter_is_unknown(certificates, registrar, day, stranger, kit):
    with ape.reverts(certificates.UnknownDevice, device=stranger.address):
        certificates.registerProducer(stranger, kit.WIND, kit.NORTH, day, sender=registrar)


def test_a_device_is_certified_once(certificates, registrar, wind, battery, day, kit):
    for device in (wind, battery):
        with ape.reverts(certificates.DeviceKnown, device=device):
            certificates.registerProducer(device, kit.SOLAR, kit.NORTH, day, sender=registrar)


def test_technology_zero_is_no_producer(certificates, registrar, turbine, day, kit):
    with ape.reverts(certificates.BadDevice):
        certificates.registerProducer(turbine, 0, kit.NORTH, day, sender=registrar)
