"""Malls with meters and ten days of readings, and issuers of credits, in both worlds."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

from market.reference import EnergyCredits
from market.reference.baseline import BaselineRule, Claim
from market.reference.credit_series import Series, SeriesTerms, expiry_of, series_id
from market.reference.credits import Window
from market.reference.meters import ReadingStatus, encode_values, readings_digest
from market.signature import Domain, sign_digest
from tests.evm.world import ADMIN, DAY, DEPLOYER, ISSUER, TRADERS, Person, World

HOUR = 3_600
SLOTS = 24
BASELINE_DAYS, LOOK_BACK = 10, 45
REDEMPTION = 200_000_000
"""Nano per kWh: a fifth of a unit of money."""
CAPACITY_W = 50_000
RULE = BaselineRule(kind=0, day_mask=0x7F, adjust_lead=4, adjust_slots=3, adjust_cap_bp=2_000)
PUBLISHED = BaselineRule(kind=1, day_mask=0x7F, adjust_lead=0, adjust_slots=0, adjust_cap_bp=0)
MALLS = TRADERS[:3]
CLAIMANT = 7
"""Role of those who may claim deviations."""


def usual_day(number: int) -> list[int]:
    """A mall's load, Wh an hour: more in the afternoon, a little more every day."""
    return [8_000 + 500 * min(hour, SLOTS - hour) + 7 * number for hour in range(SLOTS)]


def less(values_wh: list[int], wh: int, hours: range) -> list[int]:
    """The same day with so much less in the hours."""
    return [value - wh if hour in hours else value for hour, value in enumerate(values_wh)]


class CreditWorld(World):
    """Market 1 has hours in days, market 2 trades the first issuer's credits, one series a day."""

    def __init__(self, history_days: int = BASELINE_DAYS) -> None:
        super().__init__()
        self._deploy_credits()
        self.market = self.create_market(slot_seconds=HOUR, period_slots=SLOTS)
        self.sale = self.create_market(
            slot_seconds=DAY,
            period_slots=1,
            capacity_source=self.credits.address,
            capacity_unit_wh=0,
            imbalance_cap=0,
            gap_floor=0,
            gap_cap=0,
        )
        self.must("EnergyCredits", "bindMarket", self.sale, ISSUER.address, sender=ADMIN)
        for mall in MALLS:
            device = self.device_of(mall).address
            registered = (device, self.market, mall.address, 0, CAPACITY_W)
            self.must("MeterRegistry", "register", *registered, sender=ADMIN)
        first = self.today
        for number in range(history_days):
            self.chain.now = (first + number + 1) * DAY
            for mall in MALLS:
                self.must_post(mall, first + number, usual_day(number))

    def _deploy_credits(self) -> None:
        names = ("Authority", "Exchange", "Ledger", "MeterRegistry", "Deviations")
        arguments = [self.contracts[name].address for name in names]
        deployed = self.chain.deploy(DEPLOYER.address, "EnergyCredits", arguments)
        self.contracts["EnergyCredits"] = deployed
        authority = self.exchange.authority
        authority.grant("CREDIT_ISSUER", ADMIN.address)
        authority.grant("CREDIT_ISSUER", ISSUER.address)
        authority.grant("DEVIATION_CLAIMANT", deployed.address)
        self.grant_role("EnergyCredits", ("openSeries",), 8, (ADMIN.address, ISSUER.address))
        self.grant_role("Deviations", ("reserve",), CLAIMANT, (deployed.address,))
        self.credits = EnergyCredits(
            address=deployed.address,
            authority=authority,
            exchange=self.exchange,
            ledger=self.ledger,
            meters=self.meters,
            deviations=self.deviations,
        )
        self.models["EnergyCredits"] = self.credits

        self.exchange.tokenised[deployed.address] = self.credits

    # Calls

    def call(self, function: str, *arguments: Any, sender: Person) -> str | None:
        """A call of the credits. Returns the refusal's name, or None when it took effect."""
        return self.do("EnergyCredits", function, *arguments, sender=sender)

    @property
    def today(self) -> int:
        """The period that runs."""
        return self.now // DAY

    # Meters

    @staticmethod
    def device_of(mall: Person) -> Person:
        return Person.named(f"meter of {mall.name}")

    def post(self, mall: Person, period: int, values_wh: list[int]) -> str | None:
        device = self.device_of(mall)
        values = encode_values(values_wh)
        domain = Domain(self.exchange.chain_id, self.meters.address)
        digest = readings_digest(domain, device.address, self.market, period, values)
        signature = sign_digest(digest, device.key)
        reading = (device.address, self.market, period, values, signature)
        return self.do("MeterRegistry", "post", *reading, sender=mall)

    def must_post(self, mall: Person, period: int, values_wh: list[int]) -> None:
        assert self.post(mall, period, values_wh) is None

    def reading_of(self, mall: Person, period: int) -> bytes:
        """The values last posted, or nothing."""
        return self.values.get((self.device_of(mall).address, period), b"")

    # Series and windows

    def open_series(
        self,
        expiry: int,
        *,
        issuer: Person = ISSUER,
        redemption: int = REDEMPTION,
        rule: BaselineRule = RULE,
        escrow: int = 0,
    ) -> int:
        """Opens a series with `escrow` micro in it; returns its id."""
        terms = SeriesTerms(self.market, 0, redemption, rule)
        assert self.try_open(expiry, terms, issuer=issuer) is None
        series = series_id(issuer.address, expiry)
        if escrow:
            self.give(issuer, escrow)
            self.must("EnergyCredits", "fund", series, escrow, sender=issuer)
        return series

    def try_open(self, expiry: int, terms: SeriesTerms, *, issuer: Person) -> str | None:
        for_abi = (terms.market, terms.carrier, terms.redemption, astuple(terms.rule))
        return self.do(
            "EnergyCredits",
            "openSeries",
            expiry,
            for_abi,
            sender=issuer,
            model_arguments=(expiry, terms),
        )

    def give(self, person: Person, micro: int) -> None:
        """Tokens that the credits may take."""
        self.must("SettlementToken", "mint", person.address, micro, sender=ADMIN)
        allowance = (self.credits.address, micro)
        self.must("SettlementToken", "approve", *allowance, sender=person)

    def announce(
        self, series: int, period: int, first_slot: int, slots: int, budget_wh: int
    ) -> int:
        """Returns the window's number."""
        issuer = next(p for p in (ISSUER, ADMIN) if series_id(p.address, 0) == series >> 40 << 40)
        window = (series, period, first_slot, slots, budget_wh)
        self.must("EnergyCredits", "announce", *window, sender=issuer)
        return len(self.credits.windows)

    def days_of(self, mall: Person, window: int) -> list[int]:
        """The window's baseline days, newest first, fewer where there are none."""
        opened = self.credits.windows[window - 1]
        terms = self.credits.series[opened.series].terms
        joined = self.credits.joined.get((window, mall.address))
        oldest = max(joined.since if joined else 0, opened.period - LOOK_BACK)
        device = self.device_of(mall).address
        return [
            day
            for day in range(opened.period - 1, oldest - 1, -1)
            if terms.rule.day_mask >> (day + 3) % 7 & 1
            and not self.deviations.taken(terms.market, mall.address, terms.carrier, day)
            and self.meters.reading(device, day).status is not ReadingStatus.VOID
        ][:BASELINE_DAYS]

    def claim(self, window: int, mall: Person, **changes: Any) -> Claim:
        """What shows the mall's reduction in the window; anything can be replaced."""
        opened = self.credits.windows[window - 1]
        period = opened.period
        days = self.days_of(mall, window)
        parts: dict[str, Any] = {
            "reading": self.reading_of(mall, period),
            "baseline_readings": tuple(self.reading_of(mall, day) for day in days),
            "published": b"",
        } | changes
        return Claim(**parts)

    def issue(self, window: int, mall: Person, claim: Claim | None = None, **how: Any):
        claim = claim or self.claim(window, mall)
        for_abi = (claim.reading, list(claim.baseline_readings), claim.published)
        return self.do(
            "EnergyCredits",
            "issue",
            window,
            mall.address,
            for_abi,
            sender=how.pop("sender", TRADERS[5]),
            model_arguments=(window, mall.address, claim),
            **how,
        )

    # Comparing

    def check_credits(self) -> None:
        """Both hold the same series, windows, parts and balances."""
        for series, known in self.credits.series.items():
            self._check_series(series, known)
        for number, opened in enumerate(self.credits.windows, start=1):
            self._check_window(number, opened)
        self._same("windows", len(self.credits.windows), "EnergyCredits", "windowCount")
        tokens = self.token.balances[self.credits.address]
        held = ("SettlementToken", "balanceOf", self.credits.address)
        self._same("escrow held", tokens, *held)

    def _check_series(self, series: int, known: Series) -> None:
        terms = known.terms
        rule = astuple(terms.rule)
        expected = (
            (terms.market, terms.carrier, terms.redemption, rule),
            known.asset,
            known.escrow,
            known.budget_wh,
            known.issued_wh,
            known.spent_wh,
        )
        found = self.view("EnergyCredits", "seriesOf", series)
        assert (*found[:1], found[1].lower(), *found[2:]) == (
            expected[0],
            known.asset.lower(),
            *expected[2:],
        )
        owed = self.credits.owed(series, now=self.now)
        self._same("owed", owed, "EnergyCredits", "owed", series)
        for who in (*self.addresses, self.credits.address):
            balance = self.credits.balances[who, series]
            self._same(f"credits of {who}", balance, "EnergyCredits", "balanceOf", who, series)

    def _check_window(self, number: int, opened: Window) -> None:
        self._same(f"window {number}", astuple(opened), "EnergyCredits", "windowOf", number)
        for mall in MALLS:
            part = self.credits.joined.get((number, mall.address))
            expected = (
                (part.cap_wh, part.since, part.issued, part.reservation)
                if part
                else (0, 0, False, 0)
            )
            place = (number, mall.address)
            self._same(f"part of {mall.name}", expected, "EnergyCredits", "joinedOf", *place)

    def check_credit_invariants(self) -> None:
        """What must hold whatever was called, in the contract's own numbers."""
        escrows = 0
        for series in self.credits.series:
            _, _, escrow, budget, issued, spent = self.view("EnergyCredits", "seriesOf", series)
            holders = (*self.addresses, self.credits.address)
            held = sum(self.view("EnergyCredits", "balanceOf", who, series) for who in holders)
            assert issued == held + spent
            escrows += escrow
            if self.now < expiry_of(series):
                redemption = self.credits.series[series].terms.redemption
                needed = -(-(held + budget) * redemption // 10**6)
                assert escrow >= needed == self.view("EnergyCredits", "owed", series)
        tokens = self.view("SettlementToken", "balanceOf", self.credits.address)
        assert tokens == escrows, f"{tokens} tokens for escrows of {escrows}"
