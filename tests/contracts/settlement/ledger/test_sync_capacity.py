from __future__ import annotations

import ape
import pytest


@pytest.fixture
def source(deploy):
    return deploy("test/FixedCapacity")


@pytest.fixture
def limited(world, source):
    return world.create_market(capacitySource=source.address, capacityUnitWh=1_000)


def test_anybody_brings_an_account_up_to_date_in_whole_units(world, limited, source, alice, bob):
    source.attest(alice, 12_999, sender=alice)
    receipt = world.ledger.syncCapacity(limited, alice, sender=bob)
    assert world.ledger.account(limited, alice).capacity == 12
    (event,) = receipt.events
    assert (event.account, event.capacity) == (alice.address, 12)


def test_capacity_can_fall_and_is_held_to_32_bits(world, limited, source, alice):
    for attested, units in ((2**200, 2**32 - 1), (5_000, 5), (0, 0)):
        source.attest(alice, attested, sender=alice)
        world.ledger.syncCapacity(limited, alice, sender=alice)
        assert world.ledger.account(limited, alice).capacity == units
        assert world.ledger.account(limited, alice).margin == 0


def test_a_market_without_source_has_no_capacity(world, market, alice):
    with ape.reverts(world.ledger.NoCapacitySource, market=market):
        world.ledger.syncCapacity(market, alice, sender=alice)


def test_a_market_of_tokens_syncs_nothing(world, source, alice):
    unit = {"capacitySource": source.address, "capacityUnitWh": 0}
    market = world.create_market(**unit, imbalanceCap=0, gapFloor=0, gapCap=0)
    with ape.reverts(world.ledger.NoCapacitySource, market=market):
        world.ledger.syncCapacity(market, alice, sender=alice)


def test_a_frozen_market_keeps_capacities(world, limited, alice, clock):
    round = world.open_round(limited)
    world.ledger.syncCapacity(limited, alice, sender=alice)
    clock.move_to(round.gate_at)
    with ape.reverts(world.ledger.MarketFrozen, market=limited):
        world.ledger.syncCapacity(limited, alice, sender=alice)
