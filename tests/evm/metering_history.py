"""Days of readings of one account, and a claimant that reserves on some of them."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

from market.order import Domain
from market.reference import Resolution, Revert
from market.reference.baseline import MISSING, BaselineRule, Claim, Subject, measure
from market.reference.meters import encode_values, readings_digest
from market.signature import sign_digest
from tests.evm.chain import EvmRevertError, functions
from tests.evm.world import ADMIN, DAY, DEPLOYER, Person, World

SLOTS = 4
SLOT_SECONDS = DAY // SLOTS
CAPACITY_W = 10**8
CLAIMANT = Person.named("claimant")
CLAIMANT_ROLE = 7


class MeteringHistory(World):
    """A market whose period is a day of four slots; time only moves forward."""

    def __init__(self) -> None:
        super().__init__()
        self.market = self.create_market(slot_seconds=SLOT_SECONDS, period_slots=SLOTS)
        self.exchange.authority.grant("DEVIATION_CLAIMANT", CLAIMANT.address)
        authority, target = self.contracts["Authority"], self.contracts["Deviations"].address
        selectors = [functions("Deviations")["reserve"].selector]
        admin = ADMIN.address
        authority.call("setTargetFunctionRole", target, selectors, CLAIMANT_ROLE, sender=admin)
        authority.call("grantRole", CLAIMANT_ROLE, CLAIMANT.address, 0, sender=admin)
        arguments = [self.contracts["MeterRegistry"].address, target]
        self.open_baseline = self.chain.deploy(DEPLOYER.address, "test/OpenBaseline", arguments)
        self.accounts = 0

    def must(self, contract: str, function: str, *arguments: Any, **how: Any) -> None:
        refusal = self.do(contract, function, *arguments, **how)
        assert refusal is None, f"{contract}.{function}: {refusal}"

    @property
    def today(self) -> int:
        """The period that runs."""
        return self.now // DAY

    def new_account(self, capacity_w: int = CAPACITY_W) -> Person:
        """Somebody with a meter."""
        self.accounts += 1
        account = Person.named(f"metered {self.accounts}")
        device = self.device_of(account).address
        self.must(
            "MeterRegistry",
            "register",
            device,
            self.market,
            account.address,
            0,
            capacity_w,
            sender=ADMIN,
        )
        return account

    @staticmethod
    def device_of(account: Person) -> Person:
        return Person.named(f"meter of {account.name}")

    def end_day(self) -> None:
        """Let the running period end."""
        self.chain.now = (self.today + 1) * DAY

    def post(self, account: Person, period: int, values_wh: list[int]) -> None:
        device, values = self.device_of(account), encode_values(values_wh)
        domain = Domain(self.exchange.chain_id, self.meters.address)
        digest = readings_digest(domain, device.address, self.market, period, values)
        reading = (device.address, self.market, period, values, sign_digest(digest, device.key))
        self.must("MeterRegistry", "post", *reading, sender=account)

    def make_void(self, account: Person, period: int) -> None:
        place = (self.device_of(account).address, period)
        self.must("MeterRegistry", "dispute", *place, sender=account)
        self.must(
            "MeterRegistry",
            "resolve",
            *place,
            int(Resolution.VOID),
            b"",
            sender=ADMIN,
            model_arguments=(*place, Resolution.VOID, b""),
        )
        self.values.pop(place)

    def reserve(self, account: Person, period: int, slots: int) -> str | None:
        place = (self.market, account.address, 0, period, slots)
        return self.do("Deviations", "reserve", *place, sender=CLAIMANT)

    def reading_of(self, account: Person, period: int) -> bytes:
        """The values that stand, empty for none."""
        return self.values.get((self.device_of(account).address, period), b"")

    def days_of(self, account: Person, rule: BaselineRule, period: int, since: int) -> list[int]:
        """The baseline days, newest first, by what this world did: at most ten."""
        found = []
        for day in range(period - 1, max(0, since, period - 45) - 1, -1):
            counted = rule.day_mask >> (day + 3) % 7 & 1
            taken = self.deviations.taken(self.market, account.address, 0, day)
            void = self.meters.reading(self.device_of(account).address, day).status == 5
            if counted and not taken and not void:
                found.append(day)
        return found[:10]

    def claim(self, account: Person, rule: BaselineRule, period: int, since: int) -> Claim:
        days = self.days_of(account, rule, period, since)
        return Claim(
            self.reading_of(account, period),
            tuple(self.reading_of(account, day) for day in days),
        )

    def measure(
        self, rule: BaselineRule, subject: Subject, claim: Claim, *, increases: bool = False
    ) -> tuple[list[int], list[int | None]] | str:
        """Baseline and metered Wh (None where missing), or the refusal's name; the same in both."""
        expected: tuple[list[int], list[int | None]] | str
        try:
            baseline, metered = measure(
                self.meters,
                self.deviations,
                rule,
                subject,
                claim,
                now=self.now,
                increases=increases,
            )
            expected = baseline, [None if wh == MISSING else wh for wh in metered]
        except Revert as error:
            expected = type(error).__name__
        found: tuple[list[int], list[int | None]] | str
        for_abi = (claim.reading, claim.baseline_readings, claim.published)
        try:
            computed, read = self.open_baseline.view(
                "measure", astuple(rule), astuple(subject), for_abi, increases
            )
            found = list(computed), [None if wh == -(2**255) else wh for wh in read]
        except EvmRevertError as error:
            found = error.name
        assert found == expected, f"the contract says {found}, the model {expected}"
        return expected
