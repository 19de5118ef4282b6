"""An afternoon with one event, one mall that was enrolled for it, and its owner, in both worlds."""

from __future__ import annotations

from fractions import Fraction

from market.reference.baseline import BaselineRule
from tests.evm.credit_world import HOUR, MALLS, usual_day
from tests.evm.demand_world import (
    DISPUTE_WINDOW,
    OWNER,
    PASSER_BY,
    TERMS,
    DemandWorld,
)
from tests.evm.world import DAY, TRADERS

WINDOW = range(14, 18)
MALL, OTHER_MALL = MALLS[0], MALLS[1]
GRID = TRADERS[4]
TARGET_W = 3_000
TARGET_WH = TARGET_W * len(WINDOW)
INCENTIVE, PENALTY = TERMS.incentive, TERMS.penalty
PUBLISHED_RULE = BaselineRule(kind=1, day_mask=0x7F, adjust_lead=0, adjust_slots=0, adjust_cap_bp=0)
MONEY = 10**6


def micro(rate, energy_wh):
    """Exact money of so much energy."""
    return Fraction(rate * energy_wh, 10**6)


class Afternoon:
    """A programme with one enrolled mall, and one event this afternoon; it is midnight."""

    def __init__(self, *, escrow=100 * MONEY, capacity_w=5_000, since_days=10, **terms):
        self.world = DemandWorld()
        self.period = self.world.today
        self.programme = self.world.programme(escrow, **terms)
        self.world.enrol(self.programme, MALL, capacity_w, self.period - since_days)
        self.event = self.call()

    def call(self, window=WINDOW):
        return self.world.call_event(self.programme, self.period, window.start, len(window))

    def instruct(self, target_w=TARGET_W, mall=MALL, event=0):
        place = (event or self.event, mall.address, target_w)
        return self.world.ask("instruct", *place, sender=OWNER)

    def measure(self, values_wh, mall=MALL):
        """The day passes, and its reading becomes final."""
        self.world.chain.now = max(self.world.now, (self.period + 1) * DAY)
        self.world.must_post(mall, self.period, values_wh)
        self.world.wait(DAY + 1)

    def report(self, values_wh):
        """Instructed before, measured and reported."""
        self.measure(values_wh)
        assert self.world.report(self.event, MALL) is None

    def settle(self):
        self.world.wait(DISPUTE_WINDOW + 1)
        return self.world.ask("settle", self.event, MALL.address, sender=PASSER_BY)

    def act(self, function, sender):
        return self.world.ask(function, self.event, MALL.address, sender=sender)

    @property
    def part(self):
        return self.world.demand.parts[self.event, MALL.address]

    @property
    def escrow(self):
        return self.world.demand.programmes[self.programme - 1].escrow

    @property
    def bond(self):
        return self.world.demand.enrolments[self.programme, MALL.address].bond

    @property
    def paid(self):
        """What the mall has free in the ledger, micro."""
        return self.world.ledger.free[self.world.token.address, MALL.address]

    @property
    def starts_at(self):
        return self.period * DAY + WINDOW.start * HOUR

    def check(self):
        self.world.check_demand()
        self.world.check_demand_invariants()


def mean_wh(hour):
    return Fraction(sum(usual_day(number)[hour] for number in range(10)), 10)
