"""Malls that respond to the events of a programme owner, in both worlds."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import Any

from market.reference.baseline import Claim
from market.reference.demand_response import DemandResponse, Participation, Ruling
from market.reference.meters import ReadingStatus
from market.reference.programmes import Direction, Enrolment, Programme, ProgrammeTerms
from tests.evm.credit_world import HOUR, MALLS, RULE, CreditWorld
from tests.evm.world import ADMIN, DAY, DEPLOYER, OPERATOR, TRADERS, Person

OWNER = OPERATOR
"""Of the programmes."""
CONTRACT = "DemandResponse"
PROGRAMME_OWNER = 9
"""Role of those who may create programmes."""
CLAIMANTS_ROLE = 7
PASSER_BY = TRADERS[5]
"""Reports, settles and lapses what is not its own."""
NOTICE, REFUSAL_LEAD, DISPUTE_WINDOW = 2 * HOUR, HOUR, DAY
MONEY = 10**6
TERMS = ProgrammeTerms(
    market=1,
    carrier=0,
    direction=Direction.REDUCE,
    tolerance_bp=1_000,
    max_event_slots=4,
    notice=NOTICE,
    refusal_lead=REFUSAL_LEAD,
    dispute_window=DISPUTE_WINDOW,
    incentive=350_000_001,
    penalty=150_000_001,
    role=bytes(32),
    rule=RULE,
)


def terms_for_abi(terms: ProgrammeTerms) -> tuple[Any, ...]:
    return (*astuple(terms)[:-1], astuple(terms.rule))


class DemandWorld(CreditWorld):
    """A market of hours in days, ten of which lie behind; programmes are made by the tests."""

    def __init__(self, history_days: int = 10) -> None:
        super().__init__(history_days)
        names = (
            "Authority",
            "Exchange",
            "Ledger",
            "MeterRegistry",
            "Deviations",
            "CredentialRegistry",
        )
        arguments = [self.contracts[name].address for name in names]
        deployed = self.chain.deploy(DEPLOYER.address, CONTRACT, arguments)
        self.contracts[CONTRACT] = deployed
        authority = self.exchange.authority
        for person in (ADMIN, OWNER):
            authority.grant("PROGRAMME_OWNER", person.address)
        authority.grant("DEVIATION_CLAIMANT", deployed.address)
        owners = (ADMIN.address, OWNER.address)
        self.grant_role(CONTRACT, ("createProgramme",), PROGRAMME_OWNER, owners)
        claims = ("reserve", "release", "use")
        claimants = (self.credits.address, deployed.address)
        self.grant_role("Deviations", claims, CLAIMANTS_ROLE, claimants)
        self.demand = DemandResponse(
            address=deployed.address,
            authority=authority,
            exchange=self.exchange,
            ledger=self.ledger,
            meters=self.meters,
            deviations=self.deviations,
            credentials=self.credentials,
        )
        self.models[CONTRACT] = self.demand

    # Calls

    def ask(self, function: str, *arguments: Any, sender: Person) -> str | None:
        """A call of the contract. Returns the refusal's name, or None when it took effect."""
        return self.do(CONTRACT, function, *arguments, sender=sender)

    def must_ask(self, function: str, *arguments: Any, sender: Person) -> None:
        refusal = self.ask(function, *arguments, sender=sender)
        assert refusal is None, f"{function}: {refusal}"

    def try_create(self, terms: ProgrammeTerms, owner: Person = OWNER) -> str | None:
        return self.do(
            CONTRACT,
            "createProgramme",
            terms_for_abi(terms),
            sender=owner,
            model_arguments=(terms,),
        )

    def programme(self, escrow: int = 0, owner: Person = OWNER, **changes: Any) -> int:
        """Creates a programme with `escrow` micro in it; returns its number."""
        assert self.try_create(replace(TERMS, **changes), owner) is None
        number = len(self.demand.programmes)
        if escrow:
            self.lend(owner, escrow)
            self.must_ask("fund", number, escrow, sender=owner)
        return number

    def lend(self, person: Person, micro: int) -> None:
        """Tokens of the person that the contract may take."""
        self.must("SettlementToken", "mint", person.address, micro, sender=ADMIN)
        allowed = self.token.allowances[person.address, self.demand.address] + micro
        approval = (self.demand.address, allowed)
        self.must("SettlementToken", "approve", *approval, sender=person)

    def enrol(self, programme: int, mall: Person, capacity_w: int = 5_000, since: int = 0) -> None:
        self.lend(mall, self.demand.programme(programme).bond_for(capacity_w))
        self.must_ask("enrol", programme, capacity_w, since, sender=mall)

    def call_event(self, programme: int, period: int, first_slot: int, slots: int) -> int:
        self.must_ask("callEvent", programme, period, first_slot, slots, sender=OWNER)
        return len(self.demand.events)

    def resolve(
        self, event: int, mall: Person, ruling: Ruling, sender: Person = ADMIN
    ) -> str | None:
        place = (event, mall.address)
        return self.do(
            CONTRACT,
            "resolve",
            *place,
            int(ruling),
            sender=sender,
            model_arguments=(*place, ruling),
        )

    def claim_for(self, event: int, mall: Person, **changes: Any) -> Claim:
        """What shows the mall's performance in the event; anything can be replaced."""
        window = self.demand.events[event - 1]
        parts = {
            "reading": self.reading_of(mall, window.period),
            "baseline_readings": tuple(
                self.reading_of(mall, day) for day in self.baseline_days(mall, window.period)
            ),
            "published": b"",
        } | changes
        return Claim(**parts)

    def baseline_days(self, mall: Person, period: int) -> list[int]:
        """The ten newest days before the period on which nothing was reserved or declared void."""
        key = (self.market, mall.address, 0)
        device = self.meters.device_of[key]
        ordinary = [
            day
            for day in range(period - 1, max(0, period - 46), -1)
            if not self.deviations.taken(*key, day)
            and self.meters.reading(device, day).status is not ReadingStatus.VOID
        ]
        return ordinary[:10]

    def report(self, event: int, mall: Person, claim: Claim | None = None) -> str | None:
        claim = claim or self.claim_for(event, mall)
        for_abi = (claim.reading, list(claim.baseline_readings), claim.published)
        return self.do(
            CONTRACT,
            "report",
            event,
            mall.address,
            for_abi,
            sender=PASSER_BY,
            model_arguments=(event, mall.address, claim),
        )

    # Comparing

    def check_demand(self) -> None:
        """Both hold the same programmes, enrolments, events, parts and money."""
        for number, programme in enumerate(self.demand.programmes, start=1):
            self._check_programme(number, programme)
        for number, window in enumerate(self.demand.events, start=1):
            self._same(f"event {number}", astuple(window), CONTRACT, "eventOf", number)
            for mall in MALLS:
                part = self.demand.parts.get((number, mall.address), Participation())
                place = (number, mall.address)
                self._same(
                    f"part of {mall.name}", astuple(part), CONTRACT, "participationOf", *place
                )
        self._same("programmes", len(self.demand.programmes), CONTRACT, "programmeCount")
        self._same("events", len(self.demand.events), CONTRACT, "eventCount")
        asset, holder = self.token.address, self.demand.address
        self._same("held", self.demand.held[asset], CONTRACT, "held", asset)
        tokens = self.token.balances[holder]
        self._same("tokens held", tokens, "SettlementToken", "balanceOf", holder)
        self._same("allowance left", 0, "SettlementToken", "allowance", holder, self.ledger.address)

    def _check_programme(self, number: int, programme: Programme) -> None:
        owner, asset, escrow, set_aside, terms = self.view(CONTRACT, "programmeOf", number)
        assert (owner.lower(), asset.lower()) == (programme.owner.lower(), programme.asset.lower())
        assert (escrow, set_aside) == (programme.escrow, programme.set_aside)
        assert terms == terms_for_abi(programme.terms)
        for mall in MALLS:
            enrolled = self.demand.enrolments.get((number, mall.address))
            expected = astuple(enrolled or Enrolment(0, 0, 0, available=False))
            place = (number, mall.address)
            self._same(f"enrolment of {mall.name}", expected, CONTRACT, "enrolmentOf", *place)

    def check_demand_invariants(self) -> None:
        """What must hold whatever was called, in the contract's own numbers."""
        asset = self.token.address
        programmes = range(1, self.view(CONTRACT, "programmeCount") + 1)
        total = 0
        for programme in programmes:
            _, _, escrow, set_aside, _ = self.view(CONTRACT, "programmeOf", programme)
            assert 0 <= set_aside <= escrow
            total += escrow
            open_incentives = self._check_bonds(programme)
            total += sum(bond for bond, _ in self._bonds(programme))
            assert set_aside == open_incentives
        assert total == self.view(CONTRACT, "held", asset)
        assert total <= self.view("SettlementToken", "balanceOf", self.demand.address)

    def _bonds(self, programme: int) -> list[tuple[int, int]]:
        """Bond and the part of it that is set aside, of every mall."""
        enrolments = [self.view(CONTRACT, "enrolmentOf", programme, m.address) for m in MALLS]
        return [(bond, set_aside) for _, _, bond, set_aside, _, _ in enrolments]

    def _check_bonds(self, programme: int) -> int:
        """Bonds cover what open parts may cost. Returns the incentives that these may earn."""
        incentives = 0
        for mall in MALLS:
            place = (programme, mall.address)
            _, _, bond, set_aside, open_events, _ = self.view(CONTRACT, "enrolmentOf", *place)
            parts = self._open_parts(programme, mall)
            assert set_aside == sum(part[3] for part in parts) <= bond
            assert open_events == len(parts)
            for part in parts:
                incentive_set_aside, penalty_set_aside, _, incentive, penalty = part[2:7]
                assert incentive <= incentive_set_aside
                assert penalty <= penalty_set_aside
            incentives += sum(part[2] for part in parts)
        return incentives

    def _open_parts(self, programme: int, mall: Person) -> list[tuple[Any, ...]]:
        """Instructed, reported, disputed or resolved ones."""
        found = []
        for number in range(1, self.view(CONTRACT, "eventCount") + 1):
            part = self.view(CONTRACT, "participationOf", number, mall.address)
            if self.view(CONTRACT, "eventOf", number)[0] == programme and part[0] in (1, 3, 4, 5):
                found.append(part)
        return found
