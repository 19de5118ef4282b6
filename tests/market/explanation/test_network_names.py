"""A network's limits go by their published names; the PJM five-bus case, whose line D-E is full."""

from __future__ import annotations

from dataclasses import replace

import pytest

from market.eligibility import TraderFacts
from market.explanation import (
    ClearedRound,
    OrderKind,
    ProductNames,
    explain_order,
    explain_product,
    network_order_names,
    network_places,
)
from market.network import transports
from market.synthetic import rules_for
from tests.market.network.books import NETWORK
from tests.market.network.test_case5 import five_buses, outcome

SLOT_SECONDS = 3_600


@pytest.fixture(scope="module")
def cleared():
    network, result = five_buses(), outcome()
    book = result.book
    fact = TraderFacts(margin_micro=10**15, epoch=0, eligible=True)
    rules = replace(rules_for(book.grid), slot_seconds=SLOT_SECONDS, gap_cap_micro=10**12)
    return ClearedRound(
        book,
        {trader: fact for trader, _ in book.traders()},
        result.clearing,
        rules,
        ProductNames(("electricity",), tuple("ABCDE"), SLOT_SECONDS, 24, network_places(network)),
        network_order_names(network, book, NETWORK, SLOT_SECONDS),
    )


def test_every_order_of_the_network_has_its_name_and_nobody_elses(cleared):
    named = set(cleared.order_names)
    assert named == {s.digest for s in cleared.book.orders if s.order.trader == NETWORK}
    assert len(named) == len(list(transports(five_buses(), cleared.book.grid, SLOT_SECONDS)))


def test_the_line_that_is_full_is_named_wherever_it_parts_prices(cleared):
    for zone in range(5):
        said = explain_product(cleared, zone)
        assert [each.description for each in said.binding] == ["line D-E backward"], said.sentences
        (limit,) = said.binding
        assert limit.energy_wh == 240_000_000
        assert limit.product != said.product
        text = " ".join(said.sentences)
        assert "At its limit: line D-E backward, 240,000 kWh of capacity of line D-E" in text


def test_the_owner_of_a_full_line_hears_what_it_earns(cleared):
    position = next(
        place
        for place, signed in enumerate(cleared.book.orders)
        if cleared.order_names.get(signed.digest) == "line D-E backward"
    )
    found = explain_order(cleared, position)
    assert (found.kind, found.description) == (OrderKind.SELL, "line D-E backward")
    assert found.legs[0].name.startswith("capacity of line D-E backward, ")
    assert found.surplus_micro == -found.payment_micro > 0


def test_a_round_of_another_market_has_no_names(cleared):
    other = replace(five_buses(), carriers=9)
    assert network_order_names(other, cleared.book, NETWORK, SLOT_SECONDS) == {}
