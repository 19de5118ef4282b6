"""A holder with code that calls back whenever certificates arrive: it changes nothing.

Each call is one that takes effect at any other time, which is shown by making it right afterwards.
"""

from __future__ import annotations

import inspect
from dataclasses import astuple, dataclass
from typing import Any

import pytest
from eth_abi.abi import encode

import contracts
from market.order import Leg, Order
from market.reference import Status
from market.reference.certificate_store import Charge
from market.reference.certified_devices import CertificateId
from market.reference.meters import encode_values, readings_digest
from market.reference.quotas import Basis
from market.reference.token import ZERO_ADDRESS
from market.reference.verification import encode_effects
from market.signature import Domain, sign_digest
from tests.evm import chain
from tests.evm.batch import Batch, clear, judge
from tests.evm.certificate_world import (
    CAPACITY_W,
    CAPACITY_WH,
    CERTIFICATES,
    CONSUMER,
    QUOTAS,
    SALE_RULES,
    SLOTS,
    STORE_OWNER,
    SUN,
    SUN_OWNER,
    WIND,
    WIND_OWNER,
    ZONE,
    CertificateWorld,
    meter_of,
    sale_slot,
)
from tests.evm.world import ADMIN, DAY, DEPLOYER, Person, market_params, snake_case

SCALE = 1_000_000
MARGIN = 10**9
EVERYBODYS = 0
"""The role of the manager's administrators, who may call what is restricted here."""
NOT_FOR_ACCOUNTS = {"deliver", "setAuthority"}
"""The exchange's and the access manager's own."""


@dataclass(frozen=True, slots=True)
class Call:
    contract: str
    function: str
    arguments: tuple[Any, ...]
    model_arguments: tuple[Any, ...] | None = None


class HookWorld(CertificateWorld):
    """The holder is a producer, a store, obliged, a market's operator and an official."""

    holder: Person

    def __init__(self) -> None:
        super().__init__()
        self.code = self.chain.deploy(DEPLOYER.address, "test/HostileHolder")
        self.holder = Person("hostile holder", "", self.code.address)
        self.others.append(self.holder.address)
        self._appoint()
        self._certify()
        self.day = self.first
        self._open_sale_and_quota()
        self._live_a_day()

    def send(self, contract: str, function: str, *arguments: Any, sender: Person) -> Any:
        if sender is not getattr(self, "holder", None):
            return super().send(contract, function, *arguments, sender=sender)
        self.code.call(
            "act", self.contracts[contract].address, data_of(contract, function, arguments)
        )
        return ()

    def _appoint(self) -> None:
        manager = self.contracts["Authority"]
        manager.call("grantRole", EVERYBODYS, self.holder.address, 0, sender=ADMIN.address)
        for role in ("CERTIFICATE_REGISTRAR", "GOVERNMENT", "MARKET_ADMIN"):
            self.exchange.authority.grant(role, self.holder.address)

    def _certify(self) -> None:
        """A wind plant in the third market, a store in the first."""
        self.third = self.create_market(slot_seconds=4 * 3_600, period_slots=SLOTS)
        self.plant, self.store = Person.named("hostile plant"), Person.named("hostile store")
        for device, market in ((self.plant, self.third), (self.store, self.market)):
            registered = (device.address, market, self.holder.address, 0, CAPACITY_W)
            self.must("MeterRegistry", "register", *registered, sender=ADMIN)
        produces = (self.plant.address, WIND, ZONE, self.first)
        self.must(CERTIFICATES, "registerProducer", *produces, sender=ADMIN)
        stores = (self.store.address, ZONE, 10_000, CAPACITY_WH, self.first)
        self.must(CERTIFICATES, "registerStore", *stores, sender=ADMIN)
        self.spare = [Person.named(f"spare meter {n}") for n in range(2)]
        self.more = [self.create_market(slot_seconds=4 * 3_600, period_slots=SLOTS) for _ in "ab"]
        for device, market in zip(self.spare, self.more, strict=True):
            registered = (device.address, market, WIND_OWNER.address, 0, CAPACITY_W)
            self.must("MeterRegistry", "register", *registered, sender=ADMIN)

    def _open_sale_and_quota(self) -> None:
        self.sale = self.create_market(
            **SALE_RULES, capacity_source=self.certificates.address, operator=self.holder.address
        )
        self.must(CERTIFICATES, "bindMarket", self.sale, WIND, ZONE, sender=ADMIN)
        self.unbound = self.create_market(**SALE_RULES, capacity_source=self.certificates.address)
        self.quota = 1
        assert self.open_quota(self.terms()) is None
        assert self.oblige(1, self.holder, Basis.CONSUMPTION, 10**6) is None
        self.fund(WIND_OWNER, MARGIN)
        self.must("Ledger", "addMargin", self.sale, MARGIN, sender=WIND_OWNER)
        self.must("SettlementToken", "mint", self.holder.address, MARGIN, sender=ADMIN)
        allowance = (self.quotas.address, MARGIN)
        self.must("SettlementToken", "approve", *allowance, sender=self.holder)

    def _live_a_day(self) -> None:
        """Afterwards the holder has certificates, an offer, a recall that is due, and a parcel."""
        self.post_of(self.plant, self.third, [-9, -9, -9, -9, 0, 0])
        self.post_of(self.store, self.market, [-CAPACITY_WH + 25_000, -25_000, 40, 0, -10, 0])
        self.post_at_midnight(WIND_OWNER, [-500, -500, -500, 0, 0, 0], self.first)
        self.wait(DAY + 1)
        assert self.issue(WIND_OWNER, self.first) is None
        for slot in range(3):
            assert self.give(WIND_OWNER, self.holder, self.wind(slot), 400) is None
        self.slot = sale_slot(self.first * DAY)
        self.place = (self.sale, self.slot)
        ids, amounts = [self.wind(0), self.wind(1)], [100, 200]
        offered = (*self.place, ids, amounts)
        for lots in (offered, offered):
            self.must(CERTIFICATES, "offer", *lots, sender=self.holder)
        self.must(CERTIFICATES, "requestRecall", *self.place, 150, sender=self.holder)
        self.must(CERTIFICATES, "completeRecall", *self.place, sender=self.holder)
        self.must(CERTIFICATES, "requestRecall", *self.place, 10, sender=self.holder)
        for operator in (self.quotas.address, WIND_OWNER.address):
            self.must(CERTIFICATES, "setApprovalForAll", operator, True, sender=self.holder)

    def post_of(self, device: Person, market: int, values_wh: list[int]) -> None:
        self.chain.now = max(self.now, (self.first + 1) * DAY)
        values = encode_values(values_wh)
        domain = Domain(self.exchange.chain_id, self.meters.address)
        digest = readings_digest(domain, device.address, market, self.first, values)
        reading = (device.address, market, self.first, values, sign_digest(digest, device.key))
        self.must("MeterRegistry", "post", *reading, sender=ADMIN)

    # What makes certificates arrive

    @property
    def arrivals(self) -> dict[str, Call]:
        transfer = (WIND_OWNER.address, self.holder.address, self.wind(0), 1, b"")
        several = (WIND_OWNER.address, self.holder.address, [self.wind(1)], [1], b"")
        issued = (self.plant.address, self.first, 0, 1, self.values_of(self.plant))
        return {
            "safeTransferFrom": Call(CERTIFICATES, "safeTransferFrom", transfer),
            "safeBatchTransferFrom": Call(CERTIFICATES, "safeBatchTransferFrom", several),
            "issue": Call(CERTIFICATES, "issue", issued),
            "collect": Call(CERTIFICATES, "collect", (*self.place, self.holder.address, 1)),
        }

    def arrive(self, how: str) -> None:
        call = self.arrivals[how]
        self.must(call.contract, call.function, *call.arguments, sender=WIND_OWNER)

    def values_of(self, device: Person) -> bytes:
        return self.values[device.address, self.first]

    def arm(self, call: Call) -> None:
        target = self.contracts[call.contract].address
        data = data_of(call.contract, call.function, call.arguments)
        self.code.call("onArrival", target, data)

    def disarm(self) -> None:
        self.code.call("onArrival", ZERO_ADDRESS, b"")

    def make(self, call: Call) -> str | None:
        """The call, by the holder, at any other time."""
        return self.do(
            call.contract,
            call.function,
            *call.arguments,
            sender=self.holder,
            model_arguments=call.model_arguments,
        )

    # What the holder tries

    @property
    def tries(self) -> dict[str, Call]:
        me, other = self.holder.address, WIND_OWNER.address
        mine = self.wind(2)
        accounted = (self.store.address, self.first, self.values_of(self.store))
        charges = [Charge(2, mine, 40)]
        for_abi = (*accounted, [(2, mine, 40)])
        issued = (self.plant.address, self.first, 1, 1, self.values_of(self.plant))
        period = self.first + 30
        return {
            call.function: call
            for call in (
                Call(CERTIFICATES, "registerProducer", (self.spare[0].address, SUN, ZONE, period)),
                Call(
                    CERTIFICATES, "registerStore", (self.spare[1].address, ZONE, 9_000, 9, period)
                ),
                Call(CERTIFICATES, "correct", (meter_of(STORE_OWNER).address, 0, ZONE + 1)),
                Call(CERTIFICATES, "withdraw", (self.plant.address, period)),
                Call(CERTIFICATES, "bindMarket", (self.unbound, SUN, ZONE)),
                Call(CERTIFICATES, "issue", issued),
                Call(CERTIFICATES, "account", for_abi, (*accounted, charges)),
                Call(CERTIFICATES, "retire", (me, [mine], [5], other, "again")),
                Call(CERTIFICATES, "offer", (*self.place, [mine], [5])),
                Call(CERTIFICATES, "completeRecall", self.place),
                Call(CERTIFICATES, "collect", (*self.place, me, 1)),
                Call(CERTIFICATES, "safeTransferFrom", (me, other, mine, 5, b"")),
                Call(CERTIFICATES, "safeBatchTransferFrom", (me, other, [mine], [5], b"")),
                Call(CERTIFICATES, "setApprovalForAll", (STORE_OWNER.address, True)),
            )
        }


def data_of(contract: str, function: str, arguments: tuple[Any, ...]) -> bytes:
    what = chain.functions(contract)[function]
    return what.selector + encode(what.inputs, arguments)


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
