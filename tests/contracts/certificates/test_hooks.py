"""Receivers that call back: nothing that changes state can be entered, but a delivery."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from eth_utils import keccak

GUARDED = keccak(text="ReentrancyGuardReentrantCall()")[:4]
EVERYTHING = 16
"""Functions that change state, without `deliver` (the exchange's) and `setAuthority` (the access
manager's)."""


@pytest.fixture
def hostile(
    world, certificates, manager, market, certify, registrar, receiver, kit, wind, day, alice
):
    """A contract with a wind farm and a battery, which is registrar and market administrator too,
    so that only the guard can stop it. Of the day it has a final reading of each."""
    farm = world.install_meter(market, receiver).device
    certify(farm)
    other = world.create_market(kit.HOURLY_MARKET)
    battery = world.install_meter(other, receiver).device
    certificates.registerStore(battery, kit.NORTH, 9_000, 10_000, day, sender=registrar)
    for role in (75, 76):
        manager.grantRole(role, receiver, 0, sender=world.admin)
    world.measure(
        day,
        {
            wind: kit.day_of({10: -4_000, 11: -6_000}),
            farm: kit.day_of({10: -4_000}),
            battery: kit.day_of({0: -10_000, 10: 4_000, 18: -3_600}),
        },
    )
    certificates.issue(wind, day, 0, 24, world.reading(wind, day), sender=alice)
    return SimpleNamespace(
        contract=receiver,
        farm=farm,
        battery=battery,
        given=kit.certificate_id(wind, day, 10),
        unbound=world.create_market(kit.CERTIFICATE_MARKET, capacitySource=certificates.address),
    )


@pytest.fixture
def attack(world, certificates, hostile, wind_market, slot, day, alice, stranger):
    """`attack()`: from now on every hook of the contract calls all that changes state."""
    me, token_id = hostile.contract.address, hostile.given
    calls = {
        "account": (hostile.battery, day, world.reading(hostile.battery, day), []),
        "bindMarket": (hostile.unbound, 1, 1),
        "collect": (wind_market, slot, me, 1),
        "completeRecall": (wind_market, slot),
        "correct": (hostile.farm, 1, 2),
        "expire": (me, [token_id]),
        "issue": (hostile.farm, day, 0, 24, world.reading(hostile.farm, day)),
        "offer": (wind_market, slot, [token_id], [1]),
        "registerProducer": (stranger.address, 1, 1, 2**31),
        "registerStore": (stranger.address, 1, 9_000, 1, 2**31),
        "requestRecall": (wind_market, slot, 1),
        "retire": (me, [token_id], [1], me, ""),
        "safeBatchTransferFrom": (me, alice.address, [token_id], [1], b""),
        "safeTransferFrom": (me, alice.address, token_id, 1, b""),
        "setApprovalForAll": (alice.address, True),
        "withdraw": (hostile.farm, day + 9),
    }
    changing = {abi.name for abi in certificates.contract_type.mutable_methods}
    assert set(calls) | {"deliver", "setAuthority"} == changing
    assert len(calls) == EVERYTHING
    encoded = [getattr(certificates, name).encode_input(*values) for name, values in calls.items()]

    def make() -> None:
        hostile.contract.whileReceiving(certificates, encoded, sender=stranger)

    return make


def require_guarded(contract, hooks: int = 1) -> None:
    assert contract.made() == hooks * EVERYTHING
    for index in range(contract.made()):
        assert not contract.succeeded(index)
        assert bytes(contract.answers(index)) == GUARDED


def test_nothing_is_entered_from_a_transfer(certificates, hostile, attack, alice):
    attack()
    me, token_id = hostile.contract, hostile.given
    certificates.safeTransferFrom(alice, me, token_id, 500, b"", sender=alice)
    certificates.safeBatchTransferFrom(alice, me, [token_id] * 2, [100, 200], b"", sender=alice)
    require_guarded(me, hooks=2)
    assert certificates.balanceOf(me, token_id) == 800


def test_nothing_is_entered_from_an_issue(certificates, world, hostile, attack, day, stranger, kit):
    attack()
    reading = world.reading(hostile.farm, day)
    certificates.issue(hostile.farm, day, 0, 24, reading, sender=stranger)
    require_guarded(hostile.contract)
    token_id = kit.certificate_id(hostile.farm, day, 10)
    assert certificates.balanceOf(hostile.contract, token_id) == 4_000


def test_nothing_is_entered_from_a_stores_accounting(
    certificates, world, hostile, attack, day, alice, stranger, kit
):
    me, token_id = hostile.contract, hostile.given
    certificates.safeTransferFrom(alice, me, token_id, 4_000, b"", sender=alice)
    attack()
    reading = world.reading(hostile.battery, day)
    call = certificates.account.encode_input(hostile.battery, day, reading, [(10, token_id, 4_000)])
    me.run(certificates, call, sender=stranger)
    require_guarded(me)
    assert certificates.balanceOf(me, kit.certificate_id(hostile.battery, day, 18)) == 3_600
    assert certificates.storeOf(hostile.battery).nextPeriod == day + 1


def test_nothing_is_entered_while_collecting(
    certificates, hostile, attack, deliver, wind_market, slot, alice, stranger
):
    certificates.offer(wind_market, slot, [hostile.given], [4_000], sender=alice)
    deliver((alice, -3_000), (hostile.contract, 3_000))
    attack()
    certificates.collect(wind_market, slot, hostile.contract, 9, sender=stranger)
    require_guarded(hostile.contract)
    assert certificates.balanceOf(hostile.contract, hostile.given) == 3_000
    assert certificates.parcelsOf(wind_market, slot, hostile.contract) == []


@pytest.mark.parametrize("name", ["account", "issue", "safeTransferFrom", "retire", "withdraw"])
def test_the_same_calls_go_through_without_a_hook(
    certificates, world, hostile, day, alice, stranger, name
):
    """So it is the guard that stops them."""
    me, token_id = hostile.contract, hostile.given
    certificates.safeTransferFrom(alice, me, token_id, 500, b"", sender=alice)
    arguments = {
        "account": (hostile.battery, day, world.reading(hostile.battery, day), []),
        "issue": (hostile.farm, day, 0, 24, world.reading(hostile.farm, day)),
        "safeTransferFrom": (me.address, alice.address, token_id, 1, b""),
        "retire": (me.address, [token_id], [1], me.address, ""),
        "withdraw": (hostile.farm, day + 9),
    }[name]
    call = getattr(certificates, name).encode_input(*arguments)
    me.run(certificates, call, sender=stranger)


def test_a_round_settles_while_its_operator_collects_from_the_same_pool(
    world, certificates, hostile, slot, alice, dave, stranger, kit, monkeypatch
):
    """The operator of a market is a contract. It has recalled certificates; in the hook in which it
    gets them it settles the next round, which delivers from the pool that is being collected."""
    operator = hostile.contract
    market = world.create_market(
        kit.CERTIFICATE_MARKET, operator, capacitySource=certificates.address
    )
    certificates.bindMarket(market, kit.WIND, kit.NORTH, sender=world.admin)
    certificates.safeTransferFrom(alice, operator, hostile.given, 1_000, b"", sender=alice)
    for function, arguments in (
        ("offer", ([hostile.given], [1_000])),
        ("requestRecall", (1_000,)),
        ("completeRecall", ()),
    ):
        call = getattr(certificates, function).encode_input(market, slot, *arguments)
        operator.run(certificates, call, sender=stranger)
    certificates.offer(market, slot, [hostile.given], [3_000], sender=alice)
    world.token.mint(dave, 10**7, sender=world.admin)
    world.token.approve(world.ledger, 10**7, sender=dave)
    world.ledger.depositMargin(market, 10**7, dave, sender=dave)

    def run(function: str, *arguments):
        call = getattr(world.exchange, function).encode_input(*arguments)
        return operator.run(world.exchange, call, sender=stranger)

    gate_at = world.clock.now + 600
    run("openRound", market, gate_at, slot, 1)
    sale = kit.Sale(world, market, slot, 1, gate_at)
    monkeypatch.setattr(
        kit.Sale, "operate", lambda self, name, *arguments: run(name, market, 1, *arguments)
    )
    settlement = sale.close((alice, -2_000), (dave, 2_000))
    settle = world.exchange.settle.encode_input(
        market, 1, settlement.results(), settlement.orders()
    )
    operator.whileReceiving(world.exchange, [settle], sender=stranger)
    certificates.collect(market, slot, operator, 9, sender=stranger)
    assert operator.made() == 1
    assert operator.succeeded(0)
    assert certificates.balanceOf(operator, hostile.given) == 1_000
    assert certificates.poolOf(market, slot) == (3_000, 4_000)
    assert [tuple(p) for p in certificates.parcelsOf(market, slot, dave)] == [(1_000, 2_000)]
    assert certificates.offerOf(market, slot, alice).offered == 1_000
    certificates.collect(market, slot, dave, 9, sender=stranger)
    assert certificates.balanceOf(dave, hostile.given) == 2_000
