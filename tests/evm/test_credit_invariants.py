"""Thousands of random calls to the credits, in weeks of trade and in any order.

After every call the contract and the model agree, and the invariants of protocol section 12 hold.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.evm.credit_calls import HOLDERS, ISSUERS, CreditCalls
from tests.evm.credit_world import HOUR
from tests.evm.world import ADMIN, ISSUER, OPERATOR, Person


def play_weeks(rng: Random) -> None:
    """Days in which malls reduce, are credited and trade, with all kinds of interference."""
    calls = CreditCalls()

    def seed() -> int:
        return rng.getrandbits(32)

    def amount() -> int:
        return rng.choice((0, 1, 3, 999, 5_000, 10**6, 2**64))

    def holder() -> Person:
        return rng.choice(HOLDERS)

    def stranger() -> Person:
        return rng.choice((*HOLDERS, ISSUER, ADMIN, OPERATOR))

    interference = (
        lambda: calls.open_series(rng.choice(ISSUERS), rng.randrange(9, 14), seed()),
        lambda: calls.fund(stranger(), amount(), seed()),
        lambda: calls.defund(rng.choice(ISSUERS), amount(), seed()),
        lambda: calls.announce(stranger(), rng.randrange(3), amount() % 2**64, seed()),
        lambda: calls.publish_baseline(rng.choice(ISSUERS), holder(), seed()),
        lambda: calls.join(holder(), amount() % 2**64, rng.randrange(4), seed()),
        lambda: calls.close_window(stranger(), seed()),
        lambda: calls.transfer(holder(), holder(), amount(), seed()),
        lambda: calls.move_for_another(holder(), holder(), amount(), rng.randrange(4), seed()),
        lambda: calls.redeem(holder(), amount(), seed()),
        lambda: calls.sweep(stranger(), seed()),
        lambda: calls.offer_or_recall(holder(), amount(), rng.randrange(4), seed()),
        lambda: calls.wait(rng.choice((1, HOUR, 5 * HOUR))),
    )
    for _ in range(18):
        for _ in range(2):
            calls.announce_and_join_rightly(seed())
        steps = (
            *rng.choices(interference, k=4),
            lambda: calls.offer_what_is_held(seed()),
            lambda: calls.sell(seed(), 4),
            lambda: calls.recall_what_is_offered(seed()),
            lambda: calls.use_some(holder(), seed()),
            lambda: calls.a_day_passes(seed()),
            lambda: calls.issue_all(seed()),
        )
        for step in steps:
            step()
            calls.contract_and_model_agree()
            calls.what_was_promised_holds()
    calls.teardown()


MUST_TAKE_EFFECT = (
    *("openSeries", "fund", "defund", "announce", "publishBaseline", "join", "issue"),
    *("closeWindow", "redeem", "spend", "sweep", "transfer", "transferFrom", "approve"),
    *("setOperator", "offer", "requestRecall", "completeRecall"),
)
MUST_BE_REFUSED = (
    ("announce", "InsufficientEscrow"),
    ("defund", "EscrowBound"),
    ("join", "InsufficientBudget"),
    ("join", "BeyondMeter"),
    ("join", "SlotsTaken"),
    ("join", "WindowBegan"),
    ("issue", "IssuedBefore"),
    ("issue", "ReadingNotFinal"),
    ("issue", "WrongReading"),
    ("redeem", "SeriesExpired"),
    ("spend", "OtherAsset"),
    ("transfer", "SeriesExpired"),
    ("offer", "MarketFrozen"),
    ("offer", "ERC6909InsufficientBalance"),
    ("sweep", "NotExpired"),
)


def test_weeks_of_trade_keep_every_promise_of_credits():
    CreditCalls.outcomes = Counter()
    for season in range(12):
        play_weeks(Random(season))
    seen = CreditCalls.outcomes
    untried = [name for name in MUST_TAKE_EFFECT if not seen["EnergyCredits", name, None]]
    assert not untried
    unseen = [it for it in MUST_BE_REFUSED if not seen["EnergyCredits", *it]]
    assert not unseen
    assert seen["Exchange", "settle", None]
    assert seen["Exchange", "applyChunk", None]


def test_nothing_that_anybody_calls_in_any_order_breaks_the_promises_of_credits():
    run_state_machine_as_test(
        CreditCalls,
        settings=settings(
            max_examples=15,
            stateful_step_count=60,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
