"""Thousands of random calls to certificates and quotas, in weeks of production and in any order.

After every call the contracts and the model agree, and what protocol sections 14 and 15 promise
holds in the contracts' own numbers and in books that this suite keeps from call data.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.evm.certificate_world import CERTIFICATES, QUOTAS
from tests.evm.quota_calls import QuotaCalls

SEASONS, DAYS = range(3, 6), 22
MUST_TAKE_EFFECT = {
    CERTIFICATES: (
        *("registerProducer", "registerStore", "correct", "withdraw", "issue", "account"),
        *("safeTransferFrom", "safeBatchTransferFrom", "setApprovalForAll", "retire", "expire"),
        *("offer", "requestRecall", "completeRecall", "collect"),
    ),
    QUOTAS: ("openQuota", "oblige", "postBond", "report", "surrender", "settle"),
    "Exchange": ("settle", "verifyChunk", "applyChunk"),
}
MUST_BE_REFUSED = {
    "issue": {"ReadingNotFinal", "WrongReading", "NothingToIssue", "BadSlots", "NotCertified"},
    "account": {
        *("PeriodOutOfOrder", "NotOwner", "NotSimultaneous", "BeyondCharge", "ZeroAmount"),
        *("ChargesOutOfOrder", "ERC1155InsufficientBalance", "WrongReading"),
    },
    "retire": {"CertificateExpired", "ERC1155InsufficientBalance", "ERC1155MissingApprovalForAll"},
    "safeTransferFrom": {"CertificateExpired", "ERC1155InvalidReceiver"},
    "expire": {"NotExpired", "ERC1155InvalidSender"},
    "offer": {"OtherClass", "MarketFrozen", "NotBound", "CertificateExpired"},
    "collect": {"NothingToCollect", "ZeroAmount"},
    "deliver": {"NotExchange"},
    "oblige": {"PublishedTooLate", "RatioTooLarge", "NoMeter", "AccessManagedUnauthorized"},
    "report": {"ReadingNotFinal", "WrongReading", "ReportedBefore", "OutsideQuota"},
    "surrender": {"BeyondObligation", "BeyondBankLimit", "NotEligible", "SurrenderEnded"},
    "postBond": {"NotObliged", "SettledBefore", "ERC20InsufficientAllowance", "UnknownQuota"},
}


def play_weeks(rng: Random) -> Counter[tuple[str, str, str | None]]:
    """Days in which all goes its way, with all kinds of interference; then everything expires."""
    calls = QuotaCalls()
    for day in range(DAYS):
        steps = (
            calls.a_day_passes,
            calls.issue_what_is_due,
            calls.feed_stores,
            calls.account_anything,
            calls.account_stores,
            calls.report_what_is_due,
            calls.change_hands,
            calls.surrender_what_is_owed,
            *rng.choices(calls.actions, k=25),
        )
        for step in steps:
            step(rng)
            calls.check_what_changed()
        if day % 3 == 0:
            calls.check_everything()
    calls.settle_what_is_over(rng)
    for _ in range(4):
        calls.post_bond(rng)
    calls.check_everything()
    calls.vintages_end(rng)
    calls.check_everything()
    return calls.world.outcomes


@pytest.mark.timeout(600)
def test_weeks_of_production_keep_every_promise_of_certificates_and_quotas():
    seen: Counter[tuple[str, str, str | None]] = Counter()
    for season in SEASONS:
        seen += play_weeks(Random(season))
    untried = [
        name
        for contract, names in MUST_TAKE_EFFECT.items()
        for name in names
        if not seen[contract, name, None]
    ]
    assert not untried
    refused = {(function, refusal) for _, function, refusal in seen}
    unseen = [
        (f, r) for f, names in MUST_BE_REFUSED.items() for r in names if (f, r) not in refused
    ]
    assert not unseen
    assert seen.total() >= 4_000


class AnyOrder(RuleBasedStateMachine):
    """Every action at any time, days or no days."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = QuotaCalls()

    @rule(seed=st.integers(0, 2**32 - 1), at=st.integers(0, 99))
    def act(self, seed: int, at: int) -> None:
        actions = (
            *self.calls.actions,
            *(self.calls.a_day_passes,) * 6,
            *(self.calls.issue_what_is_due,) * 3,
            *(self.calls.account_stores, self.calls.feed_stores, self.calls.change_hands),
            *(self.calls.report_what_is_due, self.calls.surrender_what_is_owed),
            self.calls.settle_what_is_over,
        )
        actions[at % len(actions)](Random(seed))
        self.calls.check_what_changed()

    def teardown(self) -> None:
        self.calls.check_everything()


@pytest.mark.timeout(600)
def test_nothing_that_anybody_calls_in_any_order_breaks_them():
    run_state_machine_as_test(
        AnyOrder,
        settings=settings(
            max_examples=12,
            stateful_step_count=50,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
