from __future__ import annotations

import ape
import pytest
from eth_account import Account


@pytest.fixture
def meter(market, buyer):
    return market.meter(buyer)


@pytest.fixture
def new_key():
    return Account.create()


def test_the_new_key_signs_under_the_old_name(world, meters, market, meter, new_key, pack):
    receipt = meters.rotateKey(meter.device, new_key.address, sender=world.admin)
    assert meters.KeyRotated(device=meter.device, key=new_key.address) in receipt.events
    assert meters.keyOf(meter.device) == new_key.address
    market.after_period()
    values = pack(1, 2, 3, 4)
    meter.post(values, meter.sign(values, key=new_key.key))


def test_the_old_key_signs_nothing_more(world, meters, market, meter, new_key, pack):
    values = pack(1, 2, 3, 4)
    signed_before = meter.sign(values)
    meters.rotateKey(meter.device, new_key.address, sender=world.admin)
    market.after_period()
    with ape.reverts(meters.InvalidSignature):
        meter.post(values, signed_before)


def test_an_account_does_not_choose_its_meters_key(meters, meter, buyer, new_key):
    """Or it would write its own readings."""
    with ape.reverts(meters.AccessManagedUnauthorized, caller=buyer.address):
        meters.rotateKey(meter.device, new_key.address, sender=buyer)


def test_a_key_is_used_once(world, meters, market, meter, seller, new_key):
    other = market.meter(seller)
    meters.rotateKey(meter.device, new_key.address, sender=world.admin)
    for used in (meter.device, new_key.address, other.device):
        with ape.reverts(meters.KeyUsed, key=used):
            meters.rotateKey(meter.device, used, sender=world.admin)


def test_an_unknown_device_has_no_key_to_rotate(world, meters, new_key):
    with ape.reverts(meters.UnknownDevice, device=new_key.address):
        meters.rotateKey(new_key.address, Account.create().address, sender=world.admin)


def test_no_device_is_left_without_a_key(world, meters, meter):
    with ape.reverts(meters.ZeroValue):
        meters.rotateKey(meter.device, "0x" + "00" * 20, sender=world.admin)
