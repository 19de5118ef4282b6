"""Thousands of random calls to demand response, valid and hostile, while days pass.

After every call the contract and the model agree and the invariants of protocol section 13 hold.
What counted as performance is held against books of this suite's own. At the end everybody but a
passer-by is gone: all parts are finished, all bonds and escrows leave, and nothing stays behind.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from market.reference import Resolution
from market.reference.baseline import PUBLISHED
from market.reference.demand_response import PartStatus, Ruling
from market.reference.meters import MISSING, decode_values, encode_values
from market.reference.programmes import Direction
from tests.evm.credit_world import HOUR, MALLS, RULE, SLOTS, usual_day
from tests.evm.credit_world import PUBLISHED as PUBLISHED_RULE
from tests.evm.demand_world import MONEY, OWNER, PASSER_BY, TERMS, DemandWorld
from tests.evm.world import ADMIN, DAY, ISSUER, OPERATOR, TRADERS, Person

OWNERS = (OWNER, ADMIN)
HIGHEST_WH = 60_000
"""No baseline of this suite is higher, or lower than its negative."""
FINISHABLE = (
    PartStatus.INSTRUCTED,
    PartStatus.REPORTED,
    PartStatus.DISPUTED,
    PartStatus.RESOLVED,
)

malls = st.sampled_from(MALLS)
mostly_owners = st.sampled_from((OWNER, OWNER, OWNER, ADMIN, MALLS[0]))
anybody = st.sampled_from((*MALLS, OWNER, ADMIN, ISSUER, TRADERS[4]))
amounts = st.sampled_from((0, 1, 999, MONEY, 10 * MONEY, 2**63, 2**255))
powers = st.sampled_from((0, 1, 700, 2_500, 5_000, 20_000, 2**48 - 1))
seeds = st.integers(0, 2**32 - 1)


class DemandCalls(RuleBasedStateMachine):
    outcomes: ClassVar[Counter[tuple[str, str, str | None]]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.world = DemandWorld()
        self.paid_in: Counter[str] = Counter()
        """Micro-units that each gave to escrows and bonds."""
        self.settled: set[tuple[int, str]] = set()
        self.found_programme(100 * MONEY)
        self.found_programme(10 * MONEY, direction=Direction.INCREASE, tolerance_bp=0)
        self.found_programme(4 * MONEY, rule=PUBLISHED_RULE, penalty=10 * TERMS.penalty)
        for mall in MALLS:
            for programme in (1, 2, 3):
                self.enrol_rightly(programme, mall)

    def found_programme(self, escrow: int, **terms: Any) -> None:
        self.world.programme(escrow, **terms)
        self.paid_in[OWNER.address] += escrow

    def bond_for(self, programme: int, capacity_w: int) -> int:
        return self.world.demand.programme(programme).bond_for(capacity_w)

    def ask(self, function: str, *arguments: Any, sender: Person) -> str | None:
        return self.world.ask(function, *arguments, sender=sender)

    def any_programme(self, rng: Random) -> int:
        number = len(self.world.demand.programmes)
        return rng.choice([*range(1, number + 1)] * 8 + [0, number + 1])

    def any_event(self, rng: Random) -> int:
        number = len(self.world.demand.events)
        return rng.choice([*range(max(1, number - 5), number + 1)] * 8 + [0, number + 1])

    def parts(self, *statuses: PartStatus) -> list[tuple[int, Person]]:
        return [
            (event, mall)
            for event in range(1, len(self.world.demand.events) + 1)
            for mall in MALLS
            if (event, mall.address) in self.world.demand.parts
            and self.world.demand.parts[event, mall.address].status in statuses
        ]

    # Owners

    @rule(owner=mostly_owners, seed=seeds)
    def create_programme(self, owner, seed):
        rng = Random(seed)
        terms = replace(
            TERMS,
            direction=rng.choice(list(Direction)),
            tolerance_bp=rng.choice((0, 2_500, 10_000, 10_001)),
            incentive=rng.choice((0, 1, 123_456_789, 2**62, 2**62 + 1)),
            penalty=rng.choice((0, 1, 123_456_789, 2**62)),
            carrier=rng.choice((0,) * 8 + (1,)),
            rule=rng.choice((RULE, RULE, PUBLISHED_RULE)),
        )
        if len(self.world.demand.programmes) < 6:
            self.world.try_create(terms, owner)

    @rule(sender=anybody, amount=amounts, seed=seeds)
    def fund(self, sender, amount, seed):
        if amount < 2**63:
            self.world.lend(sender, amount)
        if self.ask("fund", self.any_programme(Random(seed)), amount, sender=sender) is None:
            self.paid_in[sender.address] += amount

    @rule(sender=mostly_owners, amount=amounts, seed=seeds)
    def defund(self, sender, amount, seed):
        self.ask("defund", self.any_programme(Random(seed)), amount, sender=sender)

    @rule(sender=mostly_owners, in_days=st.sampled_from((0, 0, 1, 3, 2**32)), seed=seeds)
    def call_event(self, sender, in_days, seed):
        rng = Random(seed)
        period = min(2**32 - 1, self.world.today + in_days)
        place = (period, rng.choice((3, 4, 9, 14, 20, 65_535)), rng.choice((0, 1, 2, 4, 5)))
        self.ask("callEvent", self.any_programme(rng), *place, sender=sender)

    @rule(seed=seeds, mall=malls)
    def call_and_instruct(self, seed, mall):
        """Most of the time somebody does what makes sense."""
        rng = Random(seed)
        programme = rng.choice((1, 1, 2, 3))
        if (programme, mall.address) not in self.world.demand.enrolments:
            self.enrol_rightly(programme, mall)
        window = (self.world.today + 1, rng.choice((5, 9, 14, 18)), rng.choice((1, 4)))
        event = self.world.call_event(programme, *window)
        instruction = (event, mall.address, rng.choice((500, 2_500, 5_000, 5_001)))
        if self.ask("instruct", *instruction, sender=OWNER) is None and rng.random() < 0.8:
            self.publish(event, mall, OWNER, rng)

    @rule(seed=seeds)
    def call_and_instruct_everybody(self, seed):
        for number, mall in enumerate(MALLS):
            self.call_and_instruct(seed=seed + number, mall=mall)

    @rule(sender=mostly_owners, mall=malls, power=powers, seed=seeds)
    def instruct(self, sender, mall, power, seed):
        event = self.any_event(Random(seed))
        self.ask("instruct", event, mall.address, power, sender=sender)

    @rule(sender=mostly_owners, mall=malls, seed=seeds)
    def publish_baseline(self, sender, mall, seed):
        rng = Random(seed)
        self.publish(self.any_event(rng), mall, sender, rng)

    def publish(self, event: int, mall: Person, sender: Person, rng: Random) -> None:
        values = encode_values([10_000] * rng.choice((SLOTS,) * 5 + (SLOTS - 1,)))
        self.ask("publishBaseline", event, mall.address, values, sender=sender)

    # Malls

    @rule(sender=anybody, power=powers, since=st.sampled_from((0, 0, -5, 1)), seed=seeds)
    def enrol(self, sender, power, since, seed):
        programme = self.any_programme(Random(seed))
        bond = 0
        if 1 <= programme <= len(self.world.demand.programmes):
            bond = self.bond_for(programme, power)
            if bond < 2**62:
                self.world.lend(sender, bond)
        first = self.world.today + since if since else 0
        if self.ask("enrol", programme, power, first, sender=sender) is None:
            self.paid_in[sender.address] += bond

    def enrol_rightly(self, programme: int, mall: Person) -> None:
        self.paid_in[mall.address] += self.bond_for(programme, 5_000)
        self.world.enrol(programme, mall, 5_000)

    @rule(sender=anybody, amount=amounts, seed=seeds)
    def add_bond(self, sender, amount, seed):
        if amount < 2**63:
            self.world.lend(sender, amount)
        if self.ask("addBond", self.any_programme(Random(seed)), amount, sender=sender) is None:
            self.paid_in[sender.address] += amount

    @rule(sender=anybody, available=st.booleans(), seed=seeds)
    def set_available(self, sender, available, seed):
        self.ask("setAvailable", self.any_programme(Random(seed)), available, sender=sender)

    @rule(sender=anybody, seed=seeds)
    def leave(self, sender, seed):
        rng = Random(seed)
        if rng.random() < 0.3:
            self.ask("leaveProgramme", self.any_programme(rng), sender=sender)
        if self.world.demand.enrolments and rng.random() < 0.3:
            programme, account = rng.choice(list(self.world.demand.enrolments))
            leaving = next(mall for mall in MALLS if mall.address == account)
            self.ask("leaveProgramme", programme, sender=leaving)

    @rule(sender=anybody, seed=seeds)
    def refuse(self, sender, seed):
        rng = Random(seed)
        self.ask("refuse", self.any_event(rng), sender=sender)
        for event, mall in self.parts(PartStatus.INSTRUCTED):
            if rng.random() < 0.1:
                self.ask("refuse", event, sender=mall)

    @rule(mall=malls, seed=seeds)
    def sell_the_hours_as_credits(self, mall, seed):
        rng = Random(seed)
        if not self.world.credits.series:
            self.world.open_series((self.world.today + 60) * DAY, escrow=1_000 * MONEY)
        (series,) = self.world.credits.series
        window = (series, self.world.today + 1, rng.choice((5, 14)), 2, 10_000)
        if self.world.do("EnergyCredits", "announce", *window, sender=ISSUER) is None:
            number = len(self.world.credits.windows)
            self.world.do("EnergyCredits", "join", number, 1_000, 0, sender=mall)

    # Time and meters

    @rule(seed=seeds)
    def a_day_passes(self, seed):
        """Every mall's reading of the day is posted at midnight, except now and then."""
        rng = Random(seed)
        period = self.world.today
        self.world.chain.now = (period + 1) * DAY
        for mall in MALLS:
            if rng.random() < 0.9:
                self.world.post(mall, period, self.random_day(rng))
            if rng.random() < 0.1:
                self.void_reading(mall, period)

    def random_day(self, rng: Random) -> list[int]:
        values = usual_day(rng.randrange(10))
        for hour in range(SLOTS):
            if rng.random() < 0.5:
                values[hour] += rng.choice((-4_000, -2_000, -1, 1, 3_000))
            elif rng.random() < 0.05:
                values[hour] = rng.choice((MISSING, -40_000, 40_000))
        return values

    def void_reading(self, mall: Person, period: int) -> None:
        place = (self.world.device_of(mall).address, period)
        if self.world.do("MeterRegistry", "dispute", *place, sender=ADMIN) is not None:
            return
        self.world.must(
            "MeterRegistry",
            "resolve",
            *place,
            int(Resolution.VOID),
            b"",
            sender=ADMIN,
            model_arguments=(*place, Resolution.VOID, b""),
        )
        self.world.values[place] = b""

    @rule(seed=seeds)
    def days_pass(self, seed):
        """Until the readings of tomorrow are final."""
        for day in range(3):
            self.a_day_passes(seed + day)
        self.world.wait(1)
        self.report_all(seed)

    @rule(seconds=st.sampled_from((1, HOUR, 5 * HOUR)))
    def wait(self, seconds):
        self.world.wait(seconds)

    # After the event

    @rule(seed=seeds)
    def report_all(self, seed):
        """Whatever is open is reported, by anybody; what is wrong with it says the contract."""
        rng = Random(seed)
        for event, mall in self.parts(PartStatus.INSTRUCTED):
            if rng.random() < 0.2:
                false = self.claim(event, mall, reading=encode_values([30_000] * SLOTS))
                assert self.world.report(event, mall, false) is not None
            self.report(event, mall)

    def report(self, event: int, mall: Person) -> None:
        claim = self.claim(event, mall)
        if self.world.report(event, mall, claim) is not None:
            return
        part = self.world.demand.parts[event, mall.address]
        window = self.world.demand.events[event - 1]
        assert part.performance_wh <= part.target_w * window.slots
        assert part.performance_wh <= self.most_moved(event, mall)
        assert self.world.report(event, mall, claim) == "WrongStatus"

    def claim(self, event: int, mall: Person, **changes: Any) -> Any:
        programme = self.world.demand.programme(self.world.demand.events[event - 1].programme)
        if programme.terms.rule.kind == PUBLISHED:
            changes |= {"published": encode_values([10_000] * SLOTS), "baseline_readings": ()}
        return self.world.claim_for(event, mall, **changes)

    def most_moved(self, event: int, mall: Person) -> int:
        """Against the furthest baseline that any day of this suite could give."""
        window = self.world.demand.events[event - 1]
        direction = self.world.demand.programme(window.programme).terms.direction
        values = self.world.reading_of(mall, window.period)
        if not values:
            return 0
        metered = decode_values(values)[window.first_slot : window.first_slot + window.slots]
        sign = 1 if direction is Direction.REDUCE else -1
        return sum(max(0, HIGHEST_WH - sign * wh) for wh in metered if wh != MISSING)

    @rule(sender=anybody, seed=seeds)
    def dispute(self, sender, seed):
        rng = Random(seed)
        for event, mall in self.parts(PartStatus.REPORTED):
            if rng.random() < 0.3:
                self.ask("dispute", event, mall.address, sender=sender)
            elif rng.random() < 0.7:
                self.ask("dispute", event, mall.address, sender=rng.choice((mall, OWNER)))
                if rng.random() < 0.7:
                    self.world.resolve(event, mall, rng.choice(list(Ruling)))

    @rule(ruling=st.sampled_from(Ruling), sender=st.sampled_from((ADMIN, ADMIN, OPERATOR)))
    def resolve(self, ruling, sender):
        for event, mall in self.parts(PartStatus.DISPUTED, PartStatus.REPORTED):
            self.world.resolve(event, mall, ruling, sender)

    @rule(seed=seeds)
    def settle_and_lapse(self, seed):
        rng = Random(seed)
        for event, mall in self.parts(*FINISHABLE):
            if rng.random() < 0.5:
                self.settle(event, mall)
            self.ask("lapse", event, mall.address, sender=PASSER_BY)

    def settle(self, event: int, mall: Person) -> None:
        if self.ask("settle", event, mall.address, sender=PASSER_BY) is None:
            assert (event, mall.address) not in self.settled
            self.settled.add((event, mall.address))

    @invariant()
    def contract_and_model_agree(self):
        self.world.check_demand()

    @invariant()
    def what_was_promised_holds(self):
        self.world.check_demand_invariants()

    # The end

    def teardown(self) -> None:
        self.finish()
        self.world.check_demand()
        self.world.check_demand_invariants()
        self.world.check_state()
        self.world.check_invariants()
        asset = self.world.token.address
        assert self.world.view("DemandResponse", "held", asset) == 0
        free = sum(self.world.ledger.free[asset, who] for who in self.world.addresses)
        assert free == self.paid_in.total()
        type(self).outcomes += self.world.outcomes

    def finish(self) -> None:
        """Nobody reads, reports or rules any more; all that is left can be ended by a passer-by."""
        far = [w.period for w in self.world.demand.events if w.period < 2**31]
        last = max([self.world.today, *far])
        self.world.chain.now = max(self.world.now, (last + 20) * DAY)
        for event, mall in self.parts(*FINISHABLE):
            if self.world.demand.events[event - 1].period > 2**31:
                assert self.ask("refuse", event, sender=mall) is None
            elif self.ask("settle", event, mall.address, sender=PASSER_BY) is not None:
                assert self.ask("lapse", event, mall.address, sender=PASSER_BY) is None
        assert not self.parts(*FINISHABLE)
        by_address = {person.address: person for person in (*MALLS, *OWNERS)}
        for programme, account in list(self.world.demand.enrolments):
            refusal = self.ask("leaveProgramme", programme, sender=by_address[account])
            assert refusal is None
        for number, known in enumerate(self.world.demand.programmes, start=1):
            if known.escrow:
                owner = by_address[known.owner]
                assert self.ask("defund", number, known.escrow, sender=owner) is None


MUST_HAPPEN = (
    ("callEvent", None),
    ("instruct", None),
    ("publishBaseline", None),
    ("refuse", None),
    ("report", None),
    ("dispute", None),
    ("resolve", None),
    ("settle", None),
    ("lapse", None),
    ("leaveProgramme", None),
    ("addBond", None),
    ("defund", None),
    ("instruct", "SlotsTaken"),
    ("instruct", "NotAvailable"),
    ("instruct", "EscrowBound"),
    ("instruct", "BondBound"),
    ("instruct", "BeyondCapacity"),
    ("leaveProgramme", "EventsOpen"),
    ("defund", "EscrowBound"),
    ("report", "WrongReading"),
    ("report", "ReadingNotFinal"),
    ("report", "BaselineNotPublished"),
    ("settle", "NotSettleable"),
)


def test_nothing_that_anybody_calls_breaks_the_promises_of_demand_response():
    DemandCalls.outcomes = Counter()
    run_state_machine_as_test(
        DemandCalls,
        settings=settings(
            max_examples=30,
            stateful_step_count=100,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
    missing = [
        outcome for outcome in MUST_HAPPEN if not DemandCalls.outcomes["DemandResponse", *outcome]
    ]
    assert not missing, f"the suite never saw {missing}"
