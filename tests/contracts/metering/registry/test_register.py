from __future__ import annotations

import ape
import pytest
from eth_account import Account

NOBODY = "0x" + "00" * 20


@pytest.fixture
def device():
    return Account.create().address


def test_a_device_is_kept_and_announced(world, meters, market, buyer, device):
    receipt = meters.register(device, market.id, buyer, 0, 11_000, sender=world.admin)
    assert (
        meters.DeviceRegistered(
            device=device, market=market.id, account=buyer, carrier=0, capacityW=11_000
        )
        in receipt.events
    )
    assert meters.keyOf(device) == device
    assert meters.deviceOf(market.id, buyer, 0) == device
    info = meters.deviceInfo(device)
    assert (info.account, info.market, info.carrier, info.capacityW) == (
        buyer,
        market.id,
        0,
        11_000,
    )


def test_only_the_registrar_registers(meters, market, buyer, device):
    with ape.reverts(meters.AccessManagedUnauthorized, caller=buyer.address):
        meters.register(device, market.id, buyer, 0, 11_000, sender=buyer)


def test_an_account_has_one_device_for_a_market_and_carrier(world, meters, market, buyer, device):
    meters.register(device, market.id, buyer, 0, 11_000, sender=world.admin)
    with ape.reverts(meters.AccountHasDevice, device=device):
        meters.register(Account.create().address, market.id, buyer, 0, 11_000, sender=world.admin)


def test_a_device_belongs_to_one_account(world, meters, market, buyer, seller, device):
    meters.register(device, market.id, buyer, 0, 11_000, sender=world.admin)
    with ape.reverts(meters.KeyUsed, key=device):
        meters.register(device, market.id, seller, 0, 11_000, sender=world.admin)


def test_a_device_does_not_take_the_key_of_another(world, meters, market, buyer, seller, device):
    meters.register(device, market.id, buyer, 0, 11_000, sender=world.admin)
    new_key = Account.create().address
    meters.rotateKey(device, new_key, sender=world.admin)
    for used in (device, new_key):
        with ape.reverts(meters.KeyUsed, key=used):
            meters.register(used, market.id, seller, 0, 11_000, sender=world.admin)


def test_the_market_and_its_carrier_must_exist(world, meters, market, buyer, device):
    with ape.reverts(meters.UnknownMarket, market=999):
        meters.register(device, 999, buyer, 0, 11_000, sender=world.admin)
    with ape.reverts(meters.UnknownCarrier, carrier=1):
        meters.register(device, market.id, buyer, 1, 11_000, sender=world.admin)


def test_nothing_about_a_device_is_zero(world, meters, market, buyer, device):
    for first, account, capacity in ((NOBODY, buyer, 1), (device, NOBODY, 1), (device, buyer, 0)):
        with ape.reverts(meters.ZeroValue):
            meters.register(first, market.id, account, 0, capacity, sender=world.admin)
