"""The obliged, their rivals and a late government: it is refused, or does not pay."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import contracts
from market.reference.ledger import DEPOSIT_CAP
from market.reference.meters import (
    DISPUTE_WINDOW,
    MISSING,
    POST_WINDOW,
    RESOLVE_WINDOW,
)
from market.reference.quotas import PUBLICATION_DELAY, Basis
from tests.evm.certificate_world import (
    CONSUMER,
    FUND,
    PASSER_BY,
    QUOTAS,
    REACH_WH,
    SLOTS,
    WIND_OWNER,
    CertificateWorld,
    produced,
)
from tests.evm.world import ADMIN, DAY

BOND = 10**6
ALL = 10**6
"""A ratio of one, in millionths."""


class Compliance:
    """A consumer that owes all of two days' consumption, with a bond and certificates enough."""

    def __init__(self, quotas: int = 1, bond: int = BOND, use_wh: int = 1_000) -> None:
        self.world = CertificateWorld()
        self.terms = self.world.terms()
        for number in range(1, quotas + 1):
            assert self.world.open_quota(self.terms) is None
            assert self.world.oblige(number, CONSUMER, Basis.CONSUMPTION, ALL) is None
            if bond:
                assert self.world.post_bond(number, CONSUMER, bond) is None
        self.world.approve_quotas(CONSUMER)
        self.first = self.terms.first_period
        self.use = [use_wh] * SLOTS
        for period in (self.first - 1, self.first, self.first + 1):
            self.world.post_at_midnight(CONSUMER, self.use, period)
            assert self.world.post(WIND_OWNER, period, [-9_000] * SLOTS) is None
        self.world.wait(DAY + 1)
        for period in (self.first - 1, self.first, self.first + 1):
            assert self.world.issue(WIND_OWNER, period) is None
            for slot in range(SLOTS):
                name = self.world.wind(slot, period)
                assert self.world.give(WIND_OWNER, CONSUMER, name, 9_000) is None

    def report(self, quota: int = 1) -> None:
        for period in (self.first, self.first + 1):
            assert self.world.report(quota, CONSUMER, period) is None

    def wind(self, slot: int, day: int = 0) -> int:
        return self.world.wind(slot, self.first + day)

    def surrender(self, *lots: tuple[int, int], quota: int = 1) -> str | None:
        return self.world.surrender(quota, CONSUMER, *lots)

    def settle(self, quota: int = 1) -> int:
        """After the last second; returns the penalty that was paid."""
        self.world.chain.now = max(self.world.now, self.terms.surrender_by + 1)
        assert self.world.settle_quota(quota, CONSUMER) is None
        self.world.check_all()
        return self.world.quotas.obligations[quota, CONSUMER.address].penalty_paid

    @property
    def owed(self) -> int:
        return self.world.view(QUOTAS, "owedWh", 1, CONSUMER.address)


@settings(max_examples=20, deadline=None)
@given(hidden=st.sets(st.integers(0, SLOTS - 1)), basis=st.sampled_from(tuple(Basis)))
def test_hiding_values_never_lowers_what_is_owed(hidden, basis):
    owed = []
    for values_wh in (
        [700, -900, 0, 40_000, -40_000, 1],
        [MISSING if s in hidden else wh for s, wh in enumerate([700, -900, 0, 40_000, -40_000, 1])],
    ):
        world = CertificateWorld()
        terms = world.terms()
        assert world.open_quota(terms) is None
        assert world.oblige(1, CONSUMER, basis, 333_333) is None
        world.post_at_midnight(CONSUMER, values_wh, terms.first_period)
        world.wait(DAY + 1)
        assert world.report(1, CONSUMER, terms.first_period) is None
        owed.append(world.view(QUOTAS, "owedWh", 1, CONSUMER.address))
    assert owed[0] <= owed[1]


def test_no_reading_at_all_owes_the_meters_full_capacity():
    case = Compliance()
    world = case.world
    terms = world.terms()
    assert world.open_quota(terms) is None
    assert world.oblige(2, CONSUMER, Basis.CONSUMPTION, ALL) is None
    world.chain.now = (terms.first_period + 1) * DAY + POST_WINDOW
    assert world.report(2, CONSUMER, terms.first_period, b"") == "ReadingNotFinal"
    world.wait(1)
    assert world.report(2, CONSUMER, terms.first_period, b"") is None
    assert world.view(QUOTAS, "owedWh", 2, CONSUMER.address) == SLOTS * REACH_WH


def test_a_certificate_counts_toward_one_quota():
    case = Compliance(quotas=2)
    case.report(1)
    case.report(2)
    name = case.wind(0)
    assert case.surrender((name, 9_000), quota=1) is None
    assert case.surrender((name, 1), quota=2) == "ERC1155InsufficientBalance"
    assert case.world.view(QUOTAS, "obligationOf", 2, CONSUMER.address)[6] == 0
    twice = ((case.wind(1), 1_500), (case.wind(1), 1_500), (case.wind(1), 6_001))
    assert case.surrender(*twice, quota=2) == "ERC1155InsufficientBalance"
    case.world.check_all()


def test_what_was_retired_for_something_else_does_not_count():
    case = Compliance()
    case.report()
    assert case.world.retire(CONSUMER, [case.wind(0)], [9_000]) is None
    assert case.surrender((case.wind(0), 1)) == "ERC1155InsufficientBalance"


def test_what_is_for_sale_or_recalled_but_not_collected_is_not_surrendered():
    case = Compliance()
    case.report()
    world, name = case.world, case.wind(0)
    assert world.offer(CONSUMER, (name, 9_000)) is None
    assert case.surrender((name, 1)) == "ERC1155InsufficientBalance"
    place = world.place_of(name)
    assert world.ask("requestRecall", *place, 9_000, sender=CONSUMER) is None
    assert world.ask("completeRecall", *place, sender=CONSUMER) is None
    assert case.surrender((name, 1)) == "ERC1155InsufficientBalance"
    assert world.ask("collect", *place, CONSUMER.address, 1, sender=PASSER_BY) is None
    assert case.surrender((name, 9_000)) is None
    world.check_all()


def test_somebody_elses_certificates_are_not_surrendered():
    case = Compliance()
    case.report()
    assert case.world.give(CONSUMER, PASSER_BY, case.wind(0), 9_000) is None
    case.world.approve_quotas(PASSER_BY)
    assert case.surrender((case.wind(0), 1)) == "ERC1155InsufficientBalance"
    assert case.world.surrender(1, PASSER_BY, (case.wind(0), 1)) == "NotObliged"


@settings(max_examples=20, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(("report", "old", "new")), st.integers(1, 4_000)), max_size=10
    )
)
def test_no_order_of_reports_and_surrenders_banks_more_than_the_limit(steps):
    """Reporting early, late, or in between: what is old meets a fifth of what is owed at most."""
    case = Compliance(use_wh=2_000)
    reported, old, new = 0, 0, 0
    for step, amount in steps:
        if step == "report" and reported < 2:
            assert case.world.report(1, CONSUMER, case.first + reported) is None
            reported += 1
        elif step == "old":
            old += amount * (case.surrender((case.wind(old // 9_000, -1), amount)) is None)
        elif step == "new":
            new += amount * (case.surrender((case.wind(new // 9_000), amount)) is None)
        assert old * 5 <= case.owed
        assert old + new <= case.owed
    assert case.world.view(QUOTAS, "obligationOf", 1, CONSUMER.address)[7] == old
    case.settle()


def test_surrendering_wh_by_wh_gains_nothing():
    case = Compliance(use_wh=10)
    case.report()
    assert case.owed == 120
    for _ in range(24):
        assert case.surrender((case.wind(0, -1), 1)) is None
    assert case.surrender((case.wind(0, -1), 1)) == "BeyondBankLimit"
    for _ in range(95):
        assert case.surrender((case.wind(0), 1)) is None
    assert case.settle() == -(-1 * case.terms.penalty // 10**6)


def test_settling_before_the_last_second_or_before_reports_is_nobodys_gain():
    """Whoever reports in the day that is left meets its obligation, whatever others call."""
    case = Compliance()
    world = case.world
    over = (case.first + 2) * DAY
    longest = POST_WINDOW + DISPUTE_WINDOW + RESOLVE_WINDOW
    assert world.settle_quota(1, CONSUMER) == "SurrenderNotEnded"
    world.chain.now = over + longest + 1
    assert world.settle_quota(1, CONSUMER) == "SurrenderNotEnded"
    case.report()
    assert case.surrender((case.wind(0), 9_000), (case.wind(1), 3_000)) is None
    world.chain.now = case.terms.surrender_by
    assert world.settle_quota(1, CONSUMER) == "SurrenderNotEnded"
    assert case.settle() == 0
    assert world.ledger.free[world.token.address, CONSUMER.address] == BOND


def test_who_reports_nothing_is_settled_as_if_it_had_taken_all_it_could():
    case = Compliance(bond=10**9)
    full_wh = 2 * SLOTS * REACH_WH
    assert case.settle() == full_wh * case.terms.penalty // 10**6
    assert case.world.report(1, CONSUMER, case.first) == "SettledBefore"
    assert case.surrender((case.wind(0), 1)) == "SurrenderEnded"


def test_a_report_after_the_last_second_can_only_lower_a_penalty():
    case, other = Compliance(bond=10**9), Compliance(bond=10**9)
    case.world.chain.now = case.terms.surrender_by + 1
    case.report()
    assert case.surrender((case.wind(0), 1)) == "SurrenderEnded"
    assert case.settle() < other.settle()


def test_a_bond_is_never_taken_out_before_settlement_and_a_late_one_still_answers():
    case = Compliance(bond=0)
    world = case.world
    case.report()
    changing = {"openQuota", "oblige", "postBond", "report", "surrender", "settle"}
    assert changing == state_changing(QUOTAS) - {"setAuthority"}
    world.chain.now = case.terms.surrender_by + 1
    assert world.post_bond(1, CONSUMER, 500_000) is None
    assert case.settle() == 500_000
    assert world.ledger.free[world.token.address, FUND.address] == 500_000
    assert world.post_bond(1, CONSUMER, 1) == "SettledBefore"


def state_changing(contract: str) -> set[str]:
    return {
        entry["name"]
        for entry in contracts.load(contract).abi
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }


def test_a_bond_posted_for_a_rival_only_pays_the_rivals_penalty_or_enriches_it():
    case = Compliance(bond=0)
    world = case.world
    world.must("SettlementToken", "mint", PASSER_BY.address, BOND, sender=ADMIN)
    world.must("SettlementToken", "approve", world.quotas.address, BOND, sender=PASSER_BY)
    bonded = (1, CONSUMER.address, BOND)
    world.must(QUOTAS, "postBond", *bonded, sender=PASSER_BY)
    case.report()
    lots = [(case.wind(0), 9_000), (case.wind(1), 3_000)]
    assert case.surrender(*lots) is None
    assert case.settle() == 0
    assert world.ledger.free[world.token.address, CONSUMER.address] == BOND


@pytest.mark.parametrize(("late", "refusal"), [(0, None), (1, "CertificateExpired")])
def test_the_last_second_of_a_certificates_life_is_the_last_for_surrendering_it(late, refusal):
    world = produced([-500] * SLOTS)
    name = world.wind(0)
    expires_at = world.certificates.expiry_of(name)
    world.chain.now = expires_at - 14 * DAY
    terms = world.terms(bank_seconds=2**32 - 1, bank_limit=ALL)
    assert world.open_quota(terms) is None
    assert world.oblige(1, CONSUMER, Basis.CONSUMPTION, ALL) is None
    world.approve_quotas(CONSUMER)
    assert world.give(WIND_OWNER, CONSUMER, name, 500) is None
    world.post_at_midnight(CONSUMER, [500] * SLOTS, terms.first_period)
    world.wait(DAY + 1)
    assert world.report(1, CONSUMER, terms.first_period) is None
    assert world.now < expires_at < terms.surrender_by
    world.chain.now = expires_at - 1 + late
    assert world.surrender(1, CONSUMER, (name, 500)) == refusal
    world.check_all()


def test_a_full_ledger_only_delays_a_settlement():
    case = Compliance()
    world, asset = case.world, case.world.token.address
    world.chain.now = case.terms.surrender_by + 1
    room = DEPOSIT_CAP - world.ledger.total_deposited[asset]
    world.fund(PASSER_BY, room)
    assert world.settle_quota(1, CONSUMER) == "DepositCapExceeded"
    world.must("Ledger", "withdraw", asset, room, PASSER_BY.address, sender=PASSER_BY)
    assert case.settle() == BOND


def test_what_is_announced_late_does_not_bind():
    world = CertificateWorld()
    terms = world.terms()
    assert world.open_quota(terms) is None
    begins_at = terms.first_period * DAY
    world.chain.now = begins_at - PUBLICATION_DELAY
    assert world.oblige(1, CONSUMER, Basis.CONSUMPTION, 100_000) is None
    world.wait(1)
    for ratio in (0, 100_001, ALL):
        assert world.oblige(1, CONSUMER, Basis.CONSUMPTION, ratio) == "PublishedTooLate"
    assert world.oblige(1, WIND_OWNER, Basis.GENERATION, 1) == "PublishedTooLate"
