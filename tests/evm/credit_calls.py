"""Random calls to the credits, valid and hostile, while days pass.

After every call the contract and the model agree, and the invariants of protocol section 12 hold.
What was issued is held against books of this suite's own: never more than a mall's share of a
window, never more than its meter shows against the highest baseline that the rule could give.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from market.reference import Resolution
from market.reference.credit_series import SeriesTerms, expiry_of, issuer_of
from market.reference.meters import MISSING, decode_values, encode_values
from market.reference.token import ZERO_ADDRESS
from tests.evm.credit_world import (
    HOUR,
    MALLS,
    PUBLISHED,
    REDEMPTION,
    RULE,
    SLOTS,
    CreditWorld,
    usual_day,
)
from tests.evm.sale import Sale
from tests.evm.trading import Bidding
from tests.evm.world import ADMIN, BALANCING, DAY, ISSUER, OPERATOR, TRADERS

HOLDERS = (*MALLS, *TRADERS[3:5])
ISSUERS = (ISSUER, ADMIN)
ADJUSTMENT_CAP = 12, 10
"""The highest factor of the rule that computed baselines follow here."""

PUBLISHED_VALUES = encode_values([10_000] * SLOTS)
BIDDING = Bidding(
    units=(1, 7, 500, 2_000), prices=tuple(p * 10**6 for p in (-3, 90, 100, 101)), orders_each=2
)

holders = st.sampled_from(HOLDERS)
malls = st.sampled_from(MALLS)
anybody = st.sampled_from((*HOLDERS, ISSUER, ADMIN, OPERATOR, BALANCING))
mostly_issuers = st.sampled_from((ISSUER, ISSUER, ADMIN, TRADERS[0]))
amounts = st.sampled_from((0, 1, 3, 999, 5_000, 10**6, 10**8, 2**64, 2**255))
energies = st.sampled_from((0, 1, 700, 5_000, 20_000, 10**6, 2**64 - 1))
seeds = st.integers(0, 2**32 - 1)


class CreditCalls(RuleBasedStateMachine):
    outcomes: ClassVar[Counter[tuple[str, str, str | None]]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.world = CreditWorld()
        self.issued: defaultdict[tuple[int, str], int] = defaultdict(int)
        """Wh by window and mall."""
        midnight = (self.world.today + 12) * DAY
        for n, issuer in enumerate(ISSUERS):
            self.world.open_series(
                midnight + n, issuer=issuer, redemption=(REDEMPTION, 1_234_567)[n], escrow=10**10
            )
        self.world.open_series(midnight + DAY, rule=PUBLISHED, escrow=10**9)
        for holder in HOLDERS:
            self.world.fund(holder, 10**9)
            self.world.must("Ledger", "addMargin", self.world.sale, 10**9, sender=holder)
        self.other = self.world.create_market(asset=self.world.ledger.address)
        """A market of another asset."""
        self.sale = Sale(self.world, self.world.sale, HOLDERS, BIDDING)

    def call(self, function: str, *arguments: Any, sender: Any) -> str | None:
        return self.world.call(function, *arguments, sender=sender)

    def teardown(self) -> None:
        self.world.check_state()
        type(self).outcomes += self.world.outcomes

    def any_series(self, rng: Random) -> int:
        return rng.choice([*self.world.credits.series, *self.world.credits.series, 1])

    def live_series(self) -> list[int]:
        return [s for s in self.world.credits.series if self.world.now < expiry_of(s)]

    def any_window(self, rng: Random) -> int:
        windows = len(self.world.credits.windows)
        return rng.choice([*range(max(1, windows - 6), windows + 1), windows + 1])

    # Issuers

    @rule(issuer=mostly_issuers, days=st.integers(-1, 20), seed=seeds)
    def open_series(self, issuer, days, seed):
        rng = Random(seed)
        expiry = (self.world.today + days) * DAY + rng.choice((0, 0, 1))
        if expiry < 0:
            return
        terms = SeriesTerms(
            rng.choice((self.world.market,) * 8 + (self.world.sale, 9)),
            rng.choice((0,) * 8 + (1,)),
            rng.choice((0, 1, 333_333, REDEMPTION, 2**64 - 1)),
            rng.choice((RULE, RULE, PUBLISHED)),
        )
        self.world.try_open(expiry, terms, issuer=issuer)

    @rule(sender=anybody, amount=amounts, seed=seeds)
    def fund(self, sender, amount, seed):
        if amount < 10**9:
            self.world.give(sender, amount)
        self.call("fund", self.any_series(Random(seed)), amount, sender=sender)

    @rule(sender=mostly_issuers, amount=amounts, seed=seeds)
    def defund(self, sender, amount, seed):
        rng = Random(seed)
        to = rng.choice((sender.address, sender.address, ZERO_ADDRESS))
        self.call("defund", self.any_series(rng), amount, to, sender=sender)

    @rule(sender=mostly_issuers, in_days=st.integers(0, 3), budget=energies, seed=seeds)
    def announce(self, sender, in_days, budget, seed):
        rng = Random(seed)
        period = self.world.today + in_days
        place = (rng.choice((3, 4, 9, 14, 20)), rng.choice((0, 1, 4, 5)))
        arguments = (self.any_series(rng), period, *place, budget)
        self.call("announce", *arguments, sender=sender)

    @rule(seed=seeds)
    def announce_and_join_rightly(self, seed):
        """Most of the time somebody does what makes sense."""
        rng = Random(seed)
        series = rng.choice(self.live_series() or [1])
        issuer = next((p for p in ISSUERS if p.address == issuer_of(series)), ISSUER)
        place = (self.world.today + 1, rng.choice((5, 9, 14)), rng.choice((1, 4)))
        announced = (series, *place, rng.choice((5_000, 30_000)))
        if self.call("announce", *announced, sender=issuer) is not None:
            return
        window = len(self.world.credits.windows)
        for mall in MALLS:
            if rng.random() < 0.3:
                continue
            if self.is_published(series):
                published = (window, mall.address, PUBLISHED_VALUES)
                self.call("publishBaseline", *published, sender=issuer)
            self.call("join", window, rng.choice((100, 3_000, 9_000)), 0, sender=mall)

    @rule(sender=mostly_issuers, mall=malls, seed=seeds)
    def publish_baseline(self, sender, mall, seed):
        rng = Random(seed)
        values = rng.choice((PUBLISHED_VALUES,) * 5 + (PUBLISHED_VALUES[1:],))
        self.call("publishBaseline", self.any_window(rng), mall.address, values, sender=sender)

    # Malls

    @rule(sender=holders, cap=energies, since=st.integers(0, 3), seed=seeds)
    def join(self, sender, cap, since, seed):
        rng = Random(seed)
        first = self.world.today - 8 if since == 0 else 0
        self.call("join", self.any_window(rng), cap, first, sender=sender)

    @rule(seed=seeds)
    def a_day_passes(self, seed):
        """Every mall's reading of the day is posted at midnight, except now and then."""
        rng = Random(seed)
        period = self.world.today
        self.world.chain.now = (period + 1) * DAY
        for mall in MALLS:
            if rng.random() < 0.9:
                self.world.post(mall, period, self.random_day(rng))
            if rng.random() < 0.15:
                self.dispute(mall, period, rng)

    def random_day(self, rng: Random) -> list[int]:
        values = usual_day(rng.randrange(10))
        for hour in range(SLOTS):
            if rng.random() < 0.5:
                values[hour] += rng.choice((-4_000, -2_000, -1, 1, 3_000))
            elif rng.random() < 0.05:
                values[hour] = rng.choice((MISSING, -50_000, 50_000))
        return values

    def dispute(self, mall: Any, period: int, rng: Random) -> None:
        place = (self.world.device_of(mall).address, period)
        if self.world.do("MeterRegistry", "dispute", *place, sender=ADMIN) is not None:
            return
        how = rng.choice((*Resolution, None))
        if how is None:
            return
        values = encode_values(self.random_day(rng)) if how is Resolution.REPLACE else b""
        self.world.must(
            "MeterRegistry",
            "resolve",
            *place,
            int(how),
            values,
            sender=ADMIN,
            model_arguments=(*place, how, values),
        )
        self.world.values[place] = (
            values if how is not Resolution.KEEP else (self.world.values[place])
        )

    @rule(seconds=st.sampled_from((1, HOUR, 5 * HOUR)))
    def wait(self, seconds):
        self.world.wait(seconds)

    @rule(seed=seeds)
    def issue_all(self, seed):
        """Whatever is due is claimed, by anybody; what is wrong with it says the contract."""
        for window in range(1, len(self.world.credits.windows) + 1):
            for mall in MALLS:
                if (window, mall.address) in self.world.credits.joined:
                    self.issue(window, mall, Random(seed))

    def issue(self, window: int, mall: Any, rng: Random) -> None:
        opened = self.world.credits.windows[window - 1]
        part = self.world.credits.joined[window, mall.address]
        before = self.world.credits.balances[mall.address, opened.series]
        published = PUBLISHED_VALUES if self.is_published(opened.series) else b""
        claim = self.world.claim(window, mall, published=published)
        if rng.random() < 0.2:
            high = encode_values([30_000] * SLOTS)
            self.world.issue(
                window, mall, self.world.claim(window, mall, reading=high, published=published)
            )
        if self.world.issue(window, mall, claim) is not None:
            return
        amount = self.world.credits.balances[mall.address, opened.series] - before
        assert (window, mall.address) not in self.issued
        assert amount <= part.cap_wh
        assert amount <= self.most_reduced(window, mall)
        self.issued[window, mall.address] = amount
        assert self.world.issue(window, mall, claim) == "IssuedBefore"

    def is_published(self, series: int) -> bool:
        return self.world.credits.series[series].terms.rule.is_published

    def most_reduced(self, window: int, mall: Any) -> int:
        """Against the highest value of each hour on any day before, raised by the cap."""
        opened = self.world.credits.windows[window - 1]
        device = self.world.device_of(mall).address
        values = self.world.values.get((device, opened.period), b"")
        if not values:
            return 0
        metered, most = decode_values(values), 0
        for hour in range(opened.first_slot, opened.first_slot + opened.slots):
            highest = 10_000
            for (of, period), reading in self.world.values.items():
                if of == device and period < opened.period and reading:
                    highest = max(highest, decode_values(reading)[hour])
            times, parts = ADJUSTMENT_CAP
            if metered[hour] != MISSING:
                most += max(0, highest * times // parts - metered[hour])
        return most

    @rule(sender=anybody, seed=seeds)
    def close_window(self, sender, seed):
        self.call("closeWindow", self.any_window(Random(seed)), sender=sender)

    # Holders

    @rule(sender=holders, to=holders, amount=amounts, seed=seeds)
    def transfer(self, sender, to, amount, seed):
        rng = Random(seed)
        receiver = rng.choice((to.address,) * 8 + (ZERO_ADDRESS, self.world.credits.address))
        self.call("transfer", receiver, self.any_series(rng), amount, sender=sender)

    @rule(sender=holders, owner=holders, amount=amounts, what=st.integers(0, 3), seed=seeds)
    def move_for_another(self, sender, owner, amount, what, seed):
        series = self.any_series(Random(seed))
        if what == 0:
            self.call("approve", sender.address, series, amount, sender=owner)
        elif what == 1:
            self.call("setOperator", sender.address, amount % 2 == 1, sender=owner)
        before = self.world.credits.balances[owner.address, series]
        arguments = (owner.address, sender.address, series, amount)
        if self.call("transferFrom", *arguments, sender=sender) is None and sender is not owner:
            after = self.world.credits.balances[owner.address, series]
            assert before - after == amount

    @rule(sender=holders, amount=amounts, seed=seeds)
    def redeem(self, sender, amount, seed):
        series = self.any_series(Random(seed))
        self.call("redeem", series, amount, sender.address, sender=sender)

    @rule(sender=holders, seed=seeds)
    def use_some(self, sender, seed):
        rng = Random(seed)
        held = [
            s for s in self.world.credits.series if self.world.credits.balances[sender.address, s]
        ]
        if not held:
            return
        series = rng.choice(held)
        amount = rng.randint(1, self.world.credits.balances[sender.address, series])
        if rng.random() < 0.5:
            self.call("redeem", series, amount, sender.address, sender=sender)
        else:
            market = rng.choice((self.world.market, self.world.sale, self.other, 9))
            self.call("spend", series, amount, market, sender=sender)

    @rule(sender=anybody, seed=seeds)
    def sweep(self, sender, seed):
        self.call("sweep", self.any_series(Random(seed)), sender=sender)

    @rule(sender=holders, amount=amounts, what=st.integers(0, 3), seed=seeds)
    def offer_or_recall(self, sender, amount, what, seed):
        rng = Random(seed)
        slot = rng.choice(
            [expiry_of(s) // DAY - 1 for s in self.world.credits.series] + [2**32 - 1]
        )
        market = rng.choice((self.world.sale,) * 5 + (self.world.market, 9))
        if what < 2:
            self.call("offer", market, slot, amount, sender=sender)
        elif what == 2:
            self.call("requestRecall", market, slot, amount, sender=sender)
        else:
            self.call("completeRecall", market, slot, sender=sender)

    @rule(seed=seeds)
    def offer_what_is_held(self, seed):
        rng = Random(seed)
        for holder in HOLDERS:
            for series in self.live_series():
                held = self.world.credits.balances[holder.address, series]
                if held and issuer_of(series) == ISSUER.address and rng.random() < 0.5:
                    place = (self.world.sale, expiry_of(series) // DAY - 1)
                    self.call("offer", *place, rng.randint(1, held), sender=holder)

    @rule(seed=seeds)
    def recall_what_is_offered(self, seed):
        rng = Random(seed)
        for market, slot, account in list(self.world.credits.offers):
            holder = next(h for h in HOLDERS if h.address == account)
            if rng.random() < 0.3:
                self.call("requestRecall", market, slot, rng.choice((1, 400, 10**6)), sender=holder)
            elif rng.random() < 0.5:
                self.call("completeRecall", market, slot, sender=holder)

    @rule(seed=seeds, steps=st.integers(1, 4))
    def sell(self, seed, steps):
        """The honest operator's next steps. Nothing that others do keeps it from settling."""
        rng = Random(seed)
        for _ in range(steps):
            midnights = [e for e in map(expiry_of, self.live_series()) if e % DAY == 0]
            self.sale.advance(rng, [expiry // DAY - 1 for expiry in midnights])

    @invariant()
    def contract_and_model_agree(self):
        self.world.check_credits()

    @invariant()
    def what_was_promised_holds(self):
        self.world.check_credit_invariants()
        by_series: defaultdict[int, int] = defaultdict(int)
        for (window, _), amount in self.issued.items():
            by_series[self.world.credits.windows[window - 1].series] += amount
        for series, known in self.world.credits.series.items():
            assert known.issued_wh == by_series[series]
