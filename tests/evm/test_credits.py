"""Energy credits from the announcement to the last redemption, and attacks on them, in both
worlds."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.reference.baseline import BaselineRule
from market.reference.credit_series import SeriesTerms
from market.reference.meters import MISSING, encode_values
from tests.evm.credit_world import (
    CAPACITY_W,
    HOUR,
    MALLS,
    PUBLISHED,
    REDEMPTION,
    RULE,
    SLOTS,
    CreditWorld,
    less,
    usual_day,
)
from tests.evm.world import ADMIN, DAY, ISSUER, TRADERS

WINDOW = range(14, 18)
MALL, OTHER_MALL, BUYER = MALLS[0], MALLS[1], TRADERS[4]
MONEY = 10**6


class Day:
    """A day that begins, with one window of the afternoon, and the mall in it."""

    def __init__(
        self,
        *,
        redemption: int = REDEMPTION,
        rule: BaselineRule = RULE,
        cap_wh: int = 20_000,
        escrow: int = 10**10,
        history: int = 10,
    ) -> None:
        self.world = CreditWorld(history)
        self.period = self.world.today
        self.expiry = (self.period + 20) * DAY
        self.series = self.world.open_series(
            self.expiry, redemption=redemption, rule=rule, escrow=escrow
        )
        place = (self.series, self.period, WINDOW.start, len(WINDOW), 40_000)
        self.window = self.world.announce(*place)
        if not rule.is_published:
            self.join(cap_wh)

    def join(self, cap_wh: int) -> None:
        self.world.must("EnergyCredits", "join", self.window, cap_wh, 0, sender=MALL)

    def measure(self, values_wh: list[int]) -> None:
        """The day passes, and its reading becomes final."""
        self.world.chain.now = (self.period + 1) * DAY
        self.world.must_post(MALL, self.period, values_wh)
        self.world.wait(DAY + 1)

    def issue(self, values_wh: list[int]) -> int:
        """Wh of credits for a day of these values."""
        self.measure(values_wh)
        assert self.world.issue(self.window, MALL) is None
        return self.held

    @property
    def held(self) -> int:
        return self.world.credits.balances[MALL.address, self.series]

    @property
    def escrow(self) -> int:
        return self.world.credits.series[self.series].escrow


def test_a_reduction_becomes_credits_that_pay_what_they_promise():
    day = Day()
    held = day.issue(less(usual_day(5), 2_000, WINDOW))
    assert 7_000 < held < 9_000
    world = day.world
    assert world.call("transfer", BUYER.address, day.series, 3_000, sender=MALL) is None
    assert world.call("redeem", day.series, 1_000, BUYER.address, sender=BUYER) is None
    assert world.token.balances[BUYER.address] == 1_000 * REDEMPTION // 10**6
    assert world.call("spend", day.series, 2_000, world.market, sender=BUYER) is None
    margin = world.ledger.account(world.market, BUYER.address).margin
    assert margin == 2_000 * REDEMPTION // 10**6
    assert world.call("redeem", day.series, 1, BUYER.address, sender=BUYER) == (
        "ERC6909InsufficientBalance"
    )
    world.check_credits()
    world.check_credit_invariants()


def pushed_up(values_wh: list[int], wh: int) -> list[int]:
    return less(values_wh, -wh, range(10, 14))


@settings(max_examples=12, deadline=None)
@given(push_wh=st.integers(0, 35_000), cap_bp=st.integers(0, 5_000))
def test_consuming_more_beforehand_pays_at_most_the_cap(push_wh, cap_bp):
    """Whatever is burnt before: no more than against a baseline raised by the cap."""
    rule = BaselineRule(kind=0, day_mask=0x7F, adjust_lead=4, adjust_slots=3, adjust_cap_bp=cap_bp)
    day = Day(rule=rule, cap_wh=40_000)
    held = day.issue(pushed_up(usual_day(4), push_wh))
    mean = [Fraction(sum(usual_day(n)[hour] for n in range(10)), 10) for hour in WINDOW]
    raised = sum(usual * (1 + Fraction(cap_bp, 10_000)) for usual in mean)
    assert held <= max(0, raised - sum(usual_day(4)[hour] for hour in WINDOW))
    day.world.check_credit_invariants()


@settings(max_examples=15, deadline=None)
@given(
    redemption=st.integers(1, 3_000_000),
    parts=st.lists(st.integers(1, 40), min_size=1, max_size=30),
)
def test_no_sequence_of_small_redemptions_outruns_the_escrow(redemption, parts):
    day = Day(redemption=redemption, escrow=40_000 * redemption // 10**6 + 1)
    held = day.issue(less(usual_day(5), 2_000, WINDOW))
    world, paid = day.world, 0
    for amount in parts:
        if world.call("redeem", day.series, amount, BUYER.address, sender=MALL) is None:
            paid += amount * redemption // 10**6
        world.check_credit_invariants()
    used = held - day.held
    assert world.token.balances[BUYER.address] == paid <= used * redemption // 10**6
    world.chain.now = day.expiry - 1
    if day.held * redemption >= 10**6:
        world.must("EnergyCredits", "redeem", day.series, day.held, MALL.address, sender=MALL)
    world.check_credit_invariants()


def test_an_issuer_that_takes_its_money_back_after_announcing_is_refused():
    day = Day(escrow=40_000 * REDEMPTION // 10**6)
    world = day.world
    take = (day.series, 1, ISSUER.address)
    assert world.call("defund", *take, sender=ISSUER) == "EscrowBound"
    held = day.issue(less(usual_day(5), 2_000, WINDOW))
    assert world.call("closeWindow", day.window, sender=ISSUER) is None
    free = day.escrow - held * REDEMPTION // 10**6
    everything = (day.series, free + 1, ISSUER.address)
    assert world.call("defund", *everything, sender=ISSUER) == "EscrowBound"
    assert world.call("defund", day.series, free, ISSUER.address, sender=ISSUER) is None
    assert world.call("redeem", day.series, held, MALL.address, sender=MALL) is None
    assert day.escrow == 0


def test_nobody_joins_after_the_start_or_twice():
    day = Day()
    world = day.world
    part = (day.window, 1_000, 0)
    assert world.call("join", *part, sender=MALL) == "JoinedBefore"
    world.chain.now = day.period * DAY + WINDOW.start * HOUR
    assert world.call("join", *part, sender=OTHER_MALL) == "WindowBegan"
    world.wait(-1)
    assert world.call("join", *part, sender=OTHER_MALL) is None
    world.check_credits()


def test_a_slot_is_credited_once_however_many_windows_hold_it():
    day = Day()
    world = day.world
    again = world.announce(day.series, day.period, WINDOW.start + 1, 1, 1_000)
    assert world.call("join", again, 1_000, 0, sender=MALL) == "SlotsTaken"
    later = world.announce(day.series, day.period, WINDOW.stop, 1, 1_000)
    assert world.call("join", later, 1_000, 0, sender=MALL) is None


def test_another_malls_reading_earns_nothing():
    day = Day()
    day.measure(usual_day(5))
    world = day.world
    closed = encode_values([0] * SLOTS)
    world.must_post(OTHER_MALL, day.period, [0] * SLOTS)
    assert world.issue(day.window, MALL, world.claim(day.window, MALL, reading=closed)) == (
        "WrongReading"
    )
    assert world.issue(day.window, OTHER_MALL, world.claim(day.window, MALL)) == "NotJoined"


def test_baseline_days_cannot_be_picked():
    """Reordered, left out, replaced or hidden: only the ten that the rule names count."""
    day = Day()
    day.measure(less(usual_day(5), 500, WINDOW))
    world = day.world
    right = list(world.claim(day.window, MALL).baseline_readings)
    high = encode_values([20_000] * SLOTS)
    for wrong in (right[::-1], right[:-1], [high, *right[1:]], [b"", *right[1:]]):
        claim = world.claim(day.window, MALL, baseline_readings=tuple(wrong))
        assert world.issue(day.window, MALL, claim) is not None
    assert world.issue(day.window, MALL) is None


def test_credits_are_claimed_up_to_the_deadline_and_never_after():
    for late, refusal in ((0, None), (1, "ClaimedTooLate")):
        day = Day()
        day.measure(less(usual_day(5), 2_000, WINDOW))
        day.world.chain.now = day.world.view("EnergyCredits", "claimBy", day.window) + late
        assert day.world.issue(day.window, MALL) == refusal
        day.world.check_credits()


def test_an_unclaimed_part_does_not_bind_the_escrow_for_ever():
    day = Day()
    world = day.world
    world.chain.now = day.period * DAY + WINDOW.start * HOUR
    assert world.call("closeWindow", day.window, sender=BUYER) is None
    assert world.credits.series[day.series].budget_wh == 20_000
    deadline = world.view("EnergyCredits", "claimBy", day.window)
    world.chain.now = deadline
    assert world.call("closeWindow", day.window, sender=BUYER) == "NothingToRelease"
    world.wait(1)
    assert world.call("closeWindow", day.window, sender=BUYER) is None
    assert world.credits.series[day.series].budget_wh == 0
    take = (day.series, day.escrow, ISSUER.address)
    assert world.call("defund", *take, sender=ISSUER) is None
    world.check_credit_invariants()


def test_expired_credits_move_nowhere_and_their_escrow_returns():
    day = Day()
    held = day.issue(less(usual_day(5), 2_000, WINDOW))
    world = day.world
    world.must("EnergyCredits", "approve", BUYER.address, day.series, held, sender=MALL)
    assert world.call("sweep", day.series, sender=ISSUER) == "NotExpired"
    world.chain.now = day.expiry
    owner, to = MALL.address, BUYER.address
    for function, arguments, sender in (
        ("transfer", (to, day.series, 1), MALL),
        ("transferFrom", (owner, to, day.series, 1), BUYER),
        ("redeem", (day.series, 10, owner), MALL),
        ("spend", (day.series, 10, world.market), MALL),
        ("fund", (day.series, 1), ISSUER),
        ("defund", (day.series, 1, owner), ISSUER),
        ("offer", (world.sale, day.expiry // DAY - 1, 1), MALL),
    ):
        assert world.call(function, *arguments, sender=sender) == "SeriesExpired"
    assert world.call("sweep", day.series, sender=BUYER) is None
    assert world.token.balances[ISSUER.address] == 10**10
    assert day.held == held
    world.check_credits()
    world.check_credit_invariants()


@pytest.mark.parametrize("wh", [0, 1, 2**31 - 1])
def test_a_published_baseline_is_what_the_mall_agreed_to(wh):
    day = Day(rule=PUBLISHED)
    world = day.world
    values = encode_values([wh] * SLOTS)
    join = (day.window, 40_000, 0)
    assert world.call("join", *join, sender=MALL) == "BaselineNotPublished"
    publish = (day.window, MALL.address, values)
    assert world.call("publishBaseline", *publish, sender=MALL) == "NotIssuer"
    assert world.call("publishBaseline", *publish, sender=ISSUER) is None
    assert world.call("publishBaseline", *publish, sender=ISSUER) == "BaselinePublishedBefore"
    assert world.call("join", *join, sender=MALL) is None
    day.measure([0, MISSING] * 12)
    other = world.claim(day.window, MALL, published=values[:-1] + b"\x05", baseline_readings=())
    assert world.issue(day.window, MALL, other) is not None
    claim = world.claim(day.window, MALL, published=values, baseline_readings=())
    assert world.issue(day.window, MALL, claim) is None
    assert day.held == min(40_000, 2 * wh)
    world.check_credits()
    world.check_credit_invariants()


def test_a_meter_of_one_watt_keeps_nobody_out():
    day = Day()
    world = day.world
    small = TRADERS[3]
    registered = (world.device_of(small).address, world.market, small.address, 0, 1)
    world.must("MeterRegistry", "register", *registered, sender=ADMIN)
    assert world.call("join", day.window, 5, 0, sender=small) == "BeyondMeter"
    assert world.call("join", day.window, 4, 0, sender=small) is None
    most = CAPACITY_W * len(WINDOW)
    assert world.call("join", day.window, most + 1, 0, sender=OTHER_MALL) == "BeyondMeter"


def test_a_series_keeps_to_what_a_market_can_measure():
    world = CreditWorld(history_days=0)
    expiry = world.now + 30 * DAY
    wrong_rule = BaselineRule(
        kind=0, day_mask=0, adjust_lead=4, adjust_slots=3, adjust_cap_bp=2_000
    )
    for terms in (
        SeriesTerms(world.sale + 1, 0, REDEMPTION, RULE),
        SeriesTerms(world.market, 1, REDEMPTION, RULE),
        SeriesTerms(world.market, 0, 0, RULE),
        SeriesTerms(world.market, 0, REDEMPTION, wrong_rule),
    ):
        assert world.try_open(expiry, terms, issuer=ISSUER) is not None
    terms = SeriesTerms(world.market, 0, REDEMPTION, RULE)
    assert world.try_open(expiry, terms, issuer=BUYER) == "AccessManagedUnauthorized"
    assert world.try_open(world.now, terms, issuer=ISSUER) == "ExpiryPassed"
    assert world.try_open(expiry, terms, issuer=ISSUER) is None
    assert world.try_open(expiry, terms, issuer=ISSUER) == "SeriesExists"
    world.check_credits()
