"""A Wh that was paid for as a credit is not paid for again as imbalance, in both worlds."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from market.order import Leg, Order
from market.reference.meters import encode_values
from tests.evm.batch import Batch, clear, judge, packed_prices, positions, round_proof
from tests.evm.credit_world import MALLS, PUBLISHED, SLOTS, CreditWorld, less
from tests.evm.world import ADMIN, BALANCING, DAY, ISSUER, OPERATOR, TRADERS

SCALE = 1_000_000
PRICE = 100_000_000
"""Nano per kWh at which the mall buys its energy."""
SURPLUS_BP = 2_000
BOUGHT_WH = 10_000
WINDOW = range(14, 18)
MALL, SUPPLIER = MALLS[0], TRADERS[3]
BASELINE = [BOUGHT_WH] * SLOTS


class Bought:
    """The mall has bought 10 kWh for each of four hours, and joined a window of them with a cap."""

    def __init__(self, cap_wh: int) -> None:
        self.world = CreditWorld(history_days=0)
        self.period = self.world.today + 1
        for person in (MALL, SUPPLIER):
            self.world.fund(person, 10**9)
            margin = (self.world.market, 10**9)
            self.world.must("Ledger", "addMargin", *margin, sender=person)
        self.world.fund(BALANCING, 10**9)
        bond = (self.world.market, 10**9)
        self.world.must("Ledger", "postBond", *bond, sender=BALANCING)
        self.batch = self._trade()
        if cap_wh:
            self._join(cap_wh)

    def _trade(self) -> Batch:
        world, first_slot = self.world, self.period * SLOTS + WINDOW.start
        gate_at = self.period * DAY
        opened = (world.market, gate_at, first_slot, len(WINDOW))
        world.must("Exchange", "openRound", *opened, sender=OPERATOR)
        grid = world.exchange.grid(world.market, 1)
        orders = []
        for index in range(len(WINDOW)):
            for person, sign in ((MALL, 1), (SUPPLIER, -1)):
                legs = (Leg(grid.product_id(index), sign * SCALE),)
                limit, salt = sign * PRICE, index
                order = Order(world.market, 1, legs, BOUGHT_WH, limit, person.address, 0, salt)
                orders.append(world.sign(person, order))
        world.chain.now = gate_at
        batch = clear(grid, judge(world.exchange, world.market, 1, orders))
        place = (world.market, 1)
        committed = (*place, batch.root, len(batch.orders))
        world.must("Exchange", "closeGate", *committed, sender=OPERATOR)
        settled = (*place, batch.results, batch.call_data)
        world.must("Exchange", "settle", *settled, sender=OPERATOR)
        return batch

    def _join(self, cap_wh: int) -> None:
        series = self.world.open_series(
            (self.period + 20) * DAY, rule=PUBLISHED, escrow=40_000 * SCALE
        )
        place = (series, self.period, WINDOW.start, len(WINDOW), cap_wh)
        self.window = self.world.announce(*place)
        published = (self.window, MALL.address, encode_values(BASELINE))
        assert self.world.call("publishBaseline", *published, sender=ISSUER) is None
        assert self.world.call("join", self.window, cap_wh, 0, sender=MALL) is None

    def measure(self, less_wh: int) -> None:
        """The mall consumes so much less in each of the four hours; the reading becomes final."""
        self.world.chain.now = (self.period + 1) * DAY
        self.world.must_post(MALL, self.period, less(BASELINE, less_wh, WINDOW))
        self.world.wait(DAY + 1)

    def issue(self) -> str | None:
        claim = self.world.claim(
            self.window, MALL, published=encode_values(BASELINE), baseline_readings=()
        )
        return self.world.issue(self.window, MALL, claim)

    def close(self) -> str | None:
        """Close the mall's period. Returns the refusal's name, or None."""
        cap = self.world.exchange.market(self.world.market).imbalance_cap
        proof = round_proof(positions(self.batch, cap), MALL.address)
        data = (
            [self.world.reading_of(MALL, self.period)],
            [packed_prices(self.batch)],
        )
        place = (self.world.market, self.period, MALL.address)
        for_abi = [([astuple(leaf) for leaf in proof.leaves], proof.entries)]
        return self.world.do(
            "Imbalance",
            "close",
            *place,
            for_abi,
            *data,
            sender=ADMIN,
            model_arguments=(*place, [proof], *data),
        )

    @property
    def bond(self) -> int:
        return self.world.ledger.bonds[self.world.market, BALANCING.address]


def paid_for_surplus(wh: int) -> int:
    """Micro-units for energy that was bought and not taken."""
    return wh * PRICE * (10_000 - SURPLUS_BP) // 10_000 // SCALE


def test_without_credits_what_was_not_taken_is_imbalance():
    bought = Bought(cap_wh=0)
    bought.measure(2_000)
    before = bought.bond
    assert bought.close() is None
    assert before - bought.bond == paid_for_surplus(4 * 2_000)


@pytest.mark.parametrize(("less_wh", "cap_wh"), [(2_000, 40_000), (2_000, 8_000), (0, 500)])
def test_what_became_credits_is_no_imbalance(less_wh, cap_wh):
    bought = Bought(cap_wh)
    bought.measure(less_wh)
    assert bought.close() == "DeviationReserved"
    assert bought.issue() is None
    before = bought.bond
    assert bought.close() is None
    assert bought.bond == before
    bought.world.check_state()
    bought.world.check_credits()


def test_what_the_cap_left_over_is_still_imbalance():
    bought = Bought(cap_wh=3_000)
    bought.measure(2_000)
    assert bought.issue() is None
    before = bought.bond
    assert bought.close() is None
    assert before - bought.bond == paid_for_surplus(4 * 2_000 - 3_000)


def test_after_the_imbalance_was_closed_nothing_is_credited():
    """Nobody closes while credits may still be claimed, and nobody claims once that is over."""
    bought = Bought(cap_wh=8_000)
    bought.measure(2_000)
    bought.world.chain.now = bought.world.credits.deviations.claim_by(
        bought.world.market, bought.period
    )
    assert bought.close() == "DeviationReserved"
    bought.world.wait(1)
    before = bought.bond
    assert bought.close() is None
    assert before - bought.bond == paid_for_surplus(4 * 2_000)
    assert bought.issue() == "ClaimedTooLate"


def test_consuming_more_than_was_bought_costs_as_much_with_credits_as_without():
    bought, other = Bought(cap_wh=8_000), Bought(cap_wh=0)
    charges = []
    for each in (bought, other):
        each.measure(-1_500)
        if each is bought:
            assert each.issue() is None
            assert each.world.credits.supply_of(next(iter(each.world.credits.series))) == 0
        before = each.bond
        assert each.close() is None
        charges.append(each.bond - before)
    assert charges[0] == charges[1] > 0
