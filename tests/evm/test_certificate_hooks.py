"""A holder with code that calls back whenever certificates arrive: it changes nothing.

Each call is one that takes effect at any other time, which is shown by making it right afterwards.
"""

from __future__ import annotations

import inspect
from dataclasses import astuple
from typing import Any

import pytest

import contracts
from market.order import Leg, Order
from market.reference import Status
from market.reference.certified_devices import CertificateId
from market.reference.quotas import Basis
from market.reference.verification import encode_effects
from tests.evm.batch import Batch, clear, judge
from tests.evm.certificate_world import (
    CERTIFICATES,
    CONSUMER,
    QUOTAS,
    SLOTS,
    STORE_OWNER,
    SUN_OWNER,
    WIND,
    WIND_OWNER,
)
from tests.evm.hook_world import MARGIN, NOT_FOR_ACCOUNTS, SCALE, Call, HookWorld
from tests.evm.world import DAY, market_params, snake_case

ARRIVALS = ("safeTransferFrom", "safeBatchTransferFrom", "issue", "collect")
NEEDS_ANOTHER_TIME = {"requestRecall", "expire"}
"""Tried in tests of their own: not while a recall is pending, not before the end."""


def test_every_function_that_changes_state_is_tried():
    changing = {
        entry["name"]
        for entry in contracts.load(CERTIFICATES).abi
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }
    assert changing == {*HookWorld().tries, *NEEDS_ANOTHER_TIME, *NOT_FOR_ACCOUNTS}


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_no_call_back_into_the_certificates_takes_effect(arrival):
    names = list(HookWorld().tries)
    for name in names:
        world = HookWorld()
        call = world.tries[name]
        world.arm(call)
        world.arrive(arrival)
        assert world.code.view("called")
        assert not world.code.view("succeeded"), name
        world.check_certificates()
        world.disarm()
        assert world.make(call) is None, name
        world.check_certificates()
    world.check_all()


def test_no_call_back_takes_effect_while_a_store_hands_out_certificates():
    for name in HookWorld().tries:
        world = HookWorld()
        accounted = world.tries["account"]
        call = world.tries[name]
        if name in ("account", "correct"):
            continue
        world.arm(call)
        assert world.make(accounted) is None
        assert world.code.view("called")
        assert not world.code.view("succeeded"), name
        out = int(CertificateId(world.store.address, world.first, 4, WIND))
        assert world.certificates.balances[world.holder.address, out] > 0
        world.check_certificates()


def test_a_recall_and_an_expiry_wait_for_the_end_of_a_hook():
    world = HookWorld()
    world.must(CERTIFICATES, "completeRecall", *world.place, sender=world.holder)
    recall = Call(CERTIFICATES, "requestRecall", (*world.place, 7))
    world.arm(recall)
    world.arrive("safeTransferFrom")
    assert not world.code.view("succeeded")
    world.disarm()
    assert world.make(recall) is None

    world.chain.now = world.certificates.expiry_of(world.wind(2))
    expiry = Call(CERTIFICATES, "expire", (WIND_OWNER.address, [world.wind(2)]))
    world.arm(expiry)
    world.arrive("collect")
    assert not world.code.view("succeeded")
    world.disarm()
    assert world.make(expiry) is None
    world.check_all()


# The quotas


def obliged() -> HookWorld:
    """The holder owes for two days without a reading, and has a bond and certificates."""
    world = HookWorld()
    terms = world.quotas.quotas[0].terms
    for period in range(terms.first_period, terms.first_period + terms.periods):
        world.chain.now = max(world.now, (period + 1) * DAY)
        assert world.post(WIND_OWNER, period, [-500] * SLOTS) is None
    world.wait(2 * DAY + 1)
    report = Call(QUOTAS, "report", (1, world.holder.address, terms.first_period, b""))
    assert world.make(report) is None
    bond = Call(QUOTAS, "postBond", (1, world.holder.address, 1_000))
    assert world.make(bond) is None
    assert world.issue(WIND_OWNER, terms.first_period) is None
    name = world.wind(0, terms.first_period)
    assert world.give(WIND_OWNER, world.holder, name, 300) is None
    return world


@pytest.mark.parametrize("arrival", ["safeTransferFrom", "safeBatchTransferFrom", "collect"])
def test_nothing_is_surrendered_from_a_hook(arrival):
    world = obliged()
    name = world.wind(0, world.quotas.quotas[0].terms.first_period)
    surrender = Call(QUOTAS, "surrender", (1, [name], [300]))
    world.arm(surrender)
    world.arrive(arrival)
    assert world.code.view("called")
    assert not world.code.view("succeeded")
    world.check_all()
    world.disarm()
    assert world.make(surrender) is None
    world.check_all()


def takes_effect_in_a_hook(world: HookWorld, call: Call) -> None:
    """As it would right after the transfer, and no certificate is elsewhere for it."""
    world.arm(call)
    world.arrive("safeTransferFrom")
    assert world.code.view("succeeded"), call.function
    model = world.models[call.contract]
    arguments = call.model_arguments or call.arguments
    apply_to(model, call.function, arguments, world)
    world.check_state()
    world.check_certificates()
    world.check_quotas()


def apply_to(model: Any, function: str, arguments: tuple[Any, ...], world: HookWorld) -> None:
    """The call in the model alone, by the holder."""
    method = getattr(model, snake_case(function))
    taken = inspect.signature(method).parameters
    offered = {"sender": world.holder.address, "now": world.now}
    method(*arguments, **{name: value for name, value in offered.items() if name in taken})


@pytest.mark.parametrize("function", ["postBond", "report", "settle", "oblige", "openQuota"])
def test_calls_to_the_quotas_from_a_hook_do_what_they_do_at_any_other_time(function):
    world = obliged()
    terms = world.quotas.quotas[0].terms
    opened = world.terms()
    if function == "settle":
        world.chain.now = terms.surrender_by + 1
    if function == "oblige":
        assert world.open_quota(opened) is None
    calls = {
        "postBond": Call(QUOTAS, "postBond", (1, world.holder.address, 77)),
        "report": Call(QUOTAS, "report", (1, world.holder.address, terms.first_period + 1, b"")),
        "settle": Call(QUOTAS, "settle", (1, world.holder.address)),
        "oblige": Call(QUOTAS, "oblige", (2, CONSUMER.address, Basis.GENERATION, 5)),
        "openQuota": Call(QUOTAS, "openQuota", (astuple(opened),), (opened,)),
    }
    if function == "report":
        world.chain.now = (terms.first_period + 2) * DAY + 2 * DAY + 1
    takes_effect_in_a_hook(world, calls[function])


# The exchange, whose settlements deliver certificates


def gated() -> tuple[HookWorld, Batch]:
    """A round of the holder's market between gate and settlement: 60 certificates are sold."""
    world = HookWorld()
    for buyer in (CONSUMER, SUN_OWNER):
        world.fund(buyer, MARGIN)
        world.must("Ledger", "addMargin", world.sale, MARGIN, sender=buyer)
    assert world.give(WIND_OWNER, STORE_OWNER, world.wind(0), 60) is None
    offered = (*world.place, [world.wind(0)], [60])
    world.must(CERTIFICATES, "offer", *offered, sender=STORE_OWNER)
    gate_at = world.now + 600
    opening = (world.sale, gate_at, world.slot, 1)
    world.must("Exchange", "openRound", *opening, sender=world.holder)
    world.chain.now = gate_at
    grid = world.exchange.grid(world.sale, 1)
    product = grid.product_id(0)
    bids = []
    for person, sign, units in ((STORE_OWNER, -1, 60), (CONSUMER, 1, 20), (SUN_OWNER, 1, 40)):
        legs = (Leg(product, sign * SCALE),)
        order = Order(world.sale, 1, legs, units, sign * 10**8, person.address, 0, 0)
        bids.append(world.sign(person, order))
    batch = clear(grid, judge(world.exchange, world.sale, 1, bids))
    committed = (world.sale, 1, batch.root, len(batch.orders))
    world.must("Exchange", "closeGate", *committed, sender=world.holder)
    return world, batch


def sold(world: HookWorld) -> int:
    return sum(
        length
        for buyer in (CONSUMER, SUN_OWNER)
        for _, length in world.view(CERTIFICATES, "parcelsOf", *world.place, buyer.address)
    )


def test_a_settlement_from_a_hook_delivers_as_at_any_other_time():
    world, batch = gated()
    settlement = (world.sale, 1, batch.results, batch.call_data)
    takes_effect_in_a_hook(world, Call("Exchange", "settle", settlement))
    assert sold(world) == 60
    world.check_invariants()
    assert world.exchange.status(world.sale, 1, now=world.now) is Status.SETTLED


def test_a_chunk_applied_from_a_hook_delivers_as_at_any_other_time():
    world, batch = gated()
    state = b""
    for start, stop in ((0, 1), (1, len(batch.orders))):
        chunk = (world.sale, 1, batch.results, state, batch.chunk(start, stop))
        world.must("Exchange", "verifyChunk", *chunk, sender=world.holder)
        progress = world.exchange.round(world.sale, 1).progress
        assert progress is not None
        state = progress.to_bytes()
    for number, effects in enumerate(world.exchange.round(world.sale, 1).chunks):
        applied = (world.sale, 1, number, encode_effects(effects, tokenised=True))
        takes_effect_in_a_hook(world, Call("Exchange", "applyChunk", applied))
    assert sold(world) == 60
    world.check_invariants()


def test_rounds_and_markets_opened_from_a_hook_are_like_any_other():
    world = HookWorld()
    opening = (world.sale, world.now + 600, world.slot, 1)
    takes_effect_in_a_hook(world, Call("Exchange", "openRound", opening))
    params = market_params(world.token.address)
    created = Call("Exchange", "createMarket", (astuple(params),), (params,))
    takes_effect_in_a_hook(world, created)
