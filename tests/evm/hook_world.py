"""A holder with code, which calls back when certificates arrive, in both worlds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode

from market.reference.certificate_store import Charge
from market.reference.meters import encode_values, readings_digest
from market.reference.quotas import Basis
from market.reference.token import ZERO_ADDRESS
from market.signature import Domain, sign_digest
from tests.evm import chain
from tests.evm.certificate_world import (
    CAPACITY_W,
    CAPACITY_WH,
    CERTIFICATES,
    SALE_RULES,
    SLOTS,
    STORE_OWNER,
    SUN,
    WIND,
    WIND_OWNER,
    ZONE,
    CertificateWorld,
    meter_of,
    sale_slot,
)
from tests.evm.world import ADMIN, DAY, DEPLOYER, Person

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
