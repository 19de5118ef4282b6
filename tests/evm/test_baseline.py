"""Baselines: contracts and model measure the same, and refuse the same."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from market.reference import Revert
from market.reference.baseline import (
    MISSING,
    PUBLISHED,
    TEN_OF_TEN,
    BaselineRule,
    Claim,
    Subject,
    check_rule,
)
from market.reference.meters import encode_values
from tests.evm.chain import EvmRevertError
from tests.evm.metering_history import SLOT_SECONDS, SLOTS, MeteringHistory
from tests.evm.world import DAY, Person

VECTORS = Path(__file__).parents[1] / "vectors" / "baselines.json"
EVERY_DAY = 0b1111111


@pytest.fixture(scope="module")
def world() -> MeteringHistory:
    return MeteringHistory()


def subject(
    world: MeteringHistory, account: Person, period: int, since: int = 0, published: bytes = b""
) -> Subject:
    """The last two slots of the day."""
    return Subject(
        world.market,
        account.address,
        0,
        period,
        SLOTS - 2,
        2,
        since,
        SLOTS,
        keccak(published) if published else bytes(32),
    )


def live(world: MeteringHistory, rng: Random, days: int) -> tuple[Person, int]:
    """A random history and a last day with a reading (or none); returns account and that day."""
    scale = rng.choice((10, 5_000, 10**7))
    account = world.new_account(capacity_w=scale * rng.randint(1, 3))
    low, high = rng.choice(((0, scale), (-scale, scale), (-scale, 0)))
    for last in [False] * days + [True]:
        if not last and rng.random() < 0.1:
            world.reserve(account, world.today + 1, rng.randrange(1, 1 << SLOTS))
        world.end_day()
        period = world.today - 1
        if rng.random() < 0.12:
            continue  # nobody brings the reading
        values = [MISSING if rng.random() < 0.1 else rng.randint(low, high) for _ in range(SLOTS)]
        world.post(account, period, values)
        if not last and rng.random() < 0.1:
            world.make_void(account, period)
    return account, world.today - 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_any_history_is_measured_alike(world: MeteringHistory, seed: int, data: Any) -> None:
    rng = Random(seed)
    account, period = live(world, rng, rng.choice((6, 25, 50, 50)))
    rule = BaselineRule(
        kind=TEN_OF_TEN,
        day_mask=data.draw(st.sampled_from((EVERY_DAY, EVERY_DAY, 0b11111, 0b1100000, 0b1))),
        adjust_lead=data.draw(st.integers(0, 2)),
        adjust_slots=0,
        adjust_cap_bp=data.draw(st.sampled_from((0, 2_000, 5_000))),
    )
    slots = data.draw(st.integers(0, rule.adjust_lead))
    rule = BaselineRule(rule.kind, rule.day_mask, rule.adjust_lead, slots, rule.adjust_cap_bp)
    since = data.draw(st.sampled_from((0, 0, 0, period - 12)))
    whole = world.claim(account, rule, period, since)
    wanted = subject(world, account, period, since)
    increases = data.draw(st.booleans())
    world.measure(rule, wanted, whole, increases=increases)  # as likely not final yet
    world.wait(8 * DAY)
    found = world.measure(rule, wanted, whole, increases=increases)
    days = world.days_of(account, rule, period, since)
    assert (found == "TooFewBaselineDays") == (len(days) < 10)
    if isinstance(found, str):
        return
    shorter = Claim(whole.reading, whole.baseline_readings[:-1])
    assert world.measure(rule, wanted, shorter) == "WrongReading"
    swapped = Claim(whole.reading, whole.baseline_readings[::-1])
    if swapped != whole:
        assert world.measure(rule, wanted, swapped) == "WrongReading"
    assert world.measure(rule, wanted, Claim(b"\1" * 16, whole.baseline_readings)) == "WrongReading"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(MISSING, 2**31 - 1), min_size=SLOTS, max_size=SLOTS),
    st.integers(0, 2**32),
    st.integers(0, 2),
    st.integers(0, 5_000),
)
def test_any_published_baseline_is_measured_alike(
    world: MeteringHistory, values: list[int], seed: int, lead: int, cap: int
) -> None:
    account, period = live(world, Random(seed), 0)
    world.wait(8 * DAY)
    published = encode_values(values)
    rule = BaselineRule(PUBLISHED, EVERY_DAY, lead, lead, cap)
    wanted = subject(world, account, period, published=published)
    claim = Claim(world.reading_of(account, period), (), published)
    assert not isinstance(world.measure(rule, wanted, claim), str)
    other = Claim(claim.reading, (), published[:-1] + bytes([published[-1] ^ 1]))
    assert world.measure(rule, wanted, other) == "WrongBaseline"


@given(
    st.integers(0, 3),
    st.integers(0, 255),
    st.integers(0, 100),
    st.integers(0, 100),
    st.integers(0, 6_000),
    st.sampled_from(((900, 96), (3_600, 24), (21_600, 4), (900, 95), (86_400, 1))),
)
@settings(deadline=None)
def test_the_same_rules_are_accepted(
    world: MeteringHistory,
    kind: int,
    mask: int,
    lead: int,
    slots: int,
    cap: int,
    calendar: tuple[int, int],
) -> None:
    rule = BaselineRule(kind, mask, lead, slots, cap)
    refused: dict[str, str] = {}
    try:
        check_rule(rule, *calendar)
    except Revert as error:
        refused["model"] = type(error).__name__
    try:
        world.open_baseline.view("check", (kind, mask, lead, slots, cap), *calendar)
    except EvmRevertError as error:
        refused["contract"] = error.name
    assert refused in ({}, {"model": "BadRule", "contract": "BadRule"})


def test_a_reading_that_may_still_change_is_waited_for(world: MeteringHistory) -> None:
    account = world.new_account()
    rule = BaselineRule(TEN_OF_TEN, EVERY_DAY, 0, 0, 0)
    for _ in range(11):
        world.end_day()
        world.post(account, world.today - 1, [10, 20, 30, 40])
    period = world.today - 1
    whole, wanted = world.claim(account, rule, period, 0), subject(world, account, period)
    assert world.measure(rule, wanted, whole) == "ReadingNotFinal"
    world.wait(DAY + 1)
    assert world.measure(rule, wanted, whole) == ([30, 40], [30, 40])


def test_the_short_form_is_that_of_a_reduction(world: MeteringHistory) -> None:
    account = world.new_account(capacity_w=100 * 3_600 // SLOT_SECONDS + 1)
    rule = (TEN_OF_TEN, EVERY_DAY, 0, 0, 0)
    for day in range(11):
        world.end_day()
        if day != 5:  # one day is hidden
            world.post(account, world.today - 1, [-10, -10, -10, -10])
    period = world.today - 1
    world.wait(8 * DAY)
    whole = world.claim(account, BaselineRule(*rule), period, 0)
    for_abi = (whole.reading, whole.baseline_readings, b"")
    place = subject(world, account, period)
    fields = tuple(getattr(place, name) for name in place.__slots__)
    short, _ = world.open_baseline.view("measureReduction", rule, fields, for_abi)
    long, _ = world.open_baseline.view("measure", rule, fields, for_abi, False)
    other, _ = world.open_baseline.view("measure", rule, fields, for_abi, True)
    assert list(short) == list(long) == [-20, -20]
    assert list(other) == [-9, -9]


@pytest.mark.parametrize(
    "case", json.loads(VECTORS.read_text(encoding="utf-8")), ids=lambda case: str(case["name"])
)
def test_the_shared_vectors_hold_on_the_chain(world: MeteringHistory, case: dict[str, Any]) -> None:
    account = world.new_account(capacity_w=case["most_wh"] * 3_600 // SLOT_SECONDS)
    for values in [*reversed(case["days"]), case["day"]]:
        world.end_day()
        if values is not None:
            packed = [MISSING if wh is None else wh for wh in values]
            world.post(account, world.today - 1, packed)
    period = world.today - 1
    world.wait(8 * DAY)
    rule = BaselineRule(TEN_OF_TEN, EVERY_DAY, 2, 2, case["adjust_cap_bp"])
    whole = world.claim(account, rule, period, 0)
    found = world.measure(rule, subject(world, account, period), whole, increases=case["increases"])
    assert found == (case["baseline"], case["day"][2:] if case["day"] else [None, None])
