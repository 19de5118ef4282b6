from __future__ import annotations

from dataclasses import asdict, replace

from hypothesis import given
from hypothesis import strategies as st

from market.book import Book
from market.outcome import Clearing
from market.product import ProductGrid
from market.surveillance import (
    CertificateClass,
    CostCurve,
    Costs,
    FindingKind,
    Link,
    LinkKind,
    Observed,
    Stock,
    StockChange,
    findings_of,
    in_range,
    survey,
)
from tests.market.surveillance.rounds import (
    ADA,
    BOB,
    CEM,
    DEE,
    EVE,
    a_round,
    order,
    random_rounds,
)


def an_hour(number):
    """Ada has nearly everything; Bob buys from himself through Cem; Dee and Eve are innocent."""
    return a_round(
        order(ADA, -9_000, 0.30, number=number),
        order(BOB, -1_000, 0.05, number=number),
        order(CEM, 1_000, 0.60, number=number),
        order(DEE, 8_000, 0.50, number=number),
        order(EVE, -500, 0.10, number=number),
    )


BOSS = "0x" + "99" * 20
LINKS = (
    Link(BOB, BOSS, LinkKind.OWNER, "0xaa"),
    Link(CEM, BOSS, LinkKind.OWNER, "0xbb"),
    Link(DEE, EVE, LinkKind.PAYMENT, "0xcc"),
)


def kinds(observed):
    return {(each.kind, each.accounts) for each in findings_of(survey(observed))}


def test_what_was_planted_is_found_and_nothing_else():
    observed = Observed(tuple(an_hour(n) for n in (1, 2, 3)), links=LINKS)
    found = findings_of(survey(observed))
    assert {(each.kind, each.accounts) for each in found} == {
        (FindingKind.WASH, (BOB, CEM)),
        (FindingKind.PIVOTAL, (ADA,)),
        (FindingKind.CONCENTRATION, ()),
    }
    said = {each.kind: each.sentence for each in found}
    assert said[FindingKind.WASH].startswith(f"Group 1 ({BOB}, {CEM}) bought 3 kWh from itself")
    assert f"{ADA} could set the price in 3 of 3 rounds of market 1" in said[FindingKind.PIVOTAL]


def test_who_bids_a_little_of_its_own_both_ways_is_not_accused():
    """Gross bidding: Eve sells what her roof gives and buys what her house takes."""

    def a_round_of(own_wh):
        return a_round(
            order(ADA, -9_000, 0.10),
            order(BOB, -9_000, 0.10),
            order(EVE, -own_wh, 0.05),
            order(EVE, own_wh, 0.30),
            order(DEE, 8_000, 0.30),
        )

    def washed(observed):
        return [e for e in findings_of(survey(observed)) if e.kind is FindingKind.WASH]

    few = Observed((a_round_of(400),))
    assert washed(few) == []
    assert [row.wash_wh for row in survey(few).markets[0].washed] == [400]
    (wash,) = washed(Observed((a_round_of(1_000),)))
    assert wash.accounts == (EVE,)
    assert "may bid both in full" in wash.sentence
    # Two accounts of one owner do not have that reason.
    pair = (Link(EVE, BOSS, LinkKind.OWNER, "0xaa"), Link(DEE, BOSS, LinkKind.OWNER, "0xbb"))
    assert len(washed(Observed((a_round_of(400),), links=pair))) == 1


def test_whom_others_alone_joined_to_a_group_is_said_to_be_passive():
    """Anybody can name somebody else as its owner, and then trade with it."""
    links = (Link(BOB, CEM, LinkKind.OWNER, "0xaa"),)
    found = findings_of(survey(Observed((an_hour(1),), links=links)))
    (wash,) = [each for each in found if each.kind is FindingKind.WASH]
    assert wash.sentence.endswith(
        f"All that joins {CEM} to it was done by others, and could be without its will."
    )
    found = findings_of(survey(Observed((an_hour(1),), links=LINKS)))
    (wash,) = [each for each in found if each.kind is FindingKind.WASH]
    assert "without its will" not in wash.sentence


def test_a_withholder_is_named_and_who_needs_its_stock_is_not():
    kind = CertificateClass(1, 96, 0)
    rounds = tuple(
        a_round(
            order(BOB, -1_000, 0.1, number=n),
            order(CEM, 4_000, 0.2, number=n),
            tokenised=True,
        )
        for n in (1, 2, 3)
    )
    stock = Stock(
        tuple(StockChange(1, who, kind, wallet_wh=wh) for who, wh in ((ADA, 8_000), (BOB, 3_000))),
        (),
        {1: (1, 0)},
        86_400,
    )
    found = findings_of(survey(Observed(rounds, stock=stock)))
    named = [each.accounts for each in found if each.kind is FindingKind.WITHHOLDING]
    assert named == [(ADA,), (BOB,)]  # Bob offers 1 of his 3 kWh
    (sentence, _) = (each.sentence for each in found if each.kind is FindingKind.WITHHOLDING)
    assert "in 3 of 3 rounds of market 1 while others lacked them" in sentence
    assert "held 8 kWh (72.7 % of the class), needed 0 kWh itself, and kept 8 kWh" in sentence
    (held,) = survey(Observed(rounds, stock=stock)).stock
    assert held.by_account.hhi == 6_033  # (8/11)^2 + (3/11)^2


def test_who_keeps_back_vintage_after_vintage_is_named_though_each_is_traded_once():
    slots = {1: 96, 2: 97}
    rounds = tuple(
        a_round(
            order(BOB, -1_000, 0.1, number=n, slot=slot),
            order(CEM, 4_000, 0.2, number=n, slot=slot),
            grid=ProductGrid(carriers=1, zones=1, first_slot=slot, slots=1),
            tokenised=True,
        )
        for n, slot in slots.items()
    )
    vintages = [CertificateClass(1, slot, 0) for slot in slots.values()]
    stock = Stock(
        tuple(StockChange(1, ADA, kind, wallet_wh=8_000) for kind in vintages),
        (),
        {1: (1, 0)},
        86_400,
    )
    found = findings_of(survey(Observed(rounds, stock=stock)))
    (named,) = [each for each in found if each.kind is FindingKind.WITHHOLDING]
    assert named.accounts == (ADA,)
    assert "in 2 of 2 rounds of market 1" in named.sentence


def test_a_mark_up_that_moves_the_price_is_found():
    costs = Costs((CostCurve(ADA, "Ada's works", "coal", 100_000_000),))
    observed = Observed((an_hour(1),), costs=costs)
    (markup,) = [e for e in findings_of(survey(observed)) if e.kind is FindingKind.MARKUP]
    assert markup.sentence == (
        f"Had Ada's works ({ADA}) asked its declared marginal cost in market 1, the mean price "
        "would have been 0.1 instead of 0.3 a kWh (over 1 product); it asked 0.2 a kWh above its "
        "cost on average."
    )
    fair = Costs((CostCurve(ADA, "", "coal", 290_000_000),))
    assert FindingKind.MARKUP not in {k for k, _ in kinds(replace(observed, costs=fair))}


def test_a_cheap_producer_at_a_dear_price_is_not_accused_of_its_rent():
    costs = Costs((CostCurve(EVE, "", "wind", 0),))
    report = survey(Observed((an_hour(1),), costs=costs))
    (eve,) = [row for row in report.markets[0].sellers if row.seller == EVE]
    assert eve.lerner_ppm == 1_000_000
    (market,) = report.markets
    # 7.5 kWh of Ada's at her own ask, 1 of Bob's at 0.05 and 0.5 of Eve's at a cost of nothing,
    # all at 0.30: (0 + 5/6 + 0.5) / 9.
    assert market.lerner_ppm == 148_148
    assert market.at_declared_cost_ppm == 55_555
    assert not [each for each in findings_of(report) if each.accounts == (EVE,)]


def test_rounds_are_chosen_by_number_gate_and_market():
    rounds = tuple(an_hour(n) for n in (1, 2, 3))
    assert [r.key[1] for r in in_range(rounds, rounds_from=2)] == [2, 3]
    assert [r.key[1] for r in in_range(rounds, gate_to=2_000)] == [1, 2]
    assert in_range(rounds, market=2) == ()


def test_no_rounds_give_an_empty_report():
    report = survey(Observed(()))
    assert (report.markets, report.stock, findings_of(report)) == ((), (), ())


def relabelled(settled, names):
    """The same round with other traders; the book is sorted anew."""
    orders = []
    for signed, maximum, fill in zip(
        settled.book.orders, settled.maxima, settled.clearing.fills, strict=True
    ):
        moved = replace(signed, order=replace(signed.order, trader=names[signed.order.trader]))
        orders.append((moved, maximum, fill))
    book = Book.build(
        settled.book.market,
        settled.book.round,
        settled.book.grid,
        [signed for signed, _, _ in orders],
    )
    place = {signed.digest: (maximum, fill) for signed, maximum, fill in orders}
    values = [place[signed.digest] for signed in book.orders]
    clearing = Clearing(
        settled.clearing.prices, tuple(fill for _, fill in values), settled.clearing.indicative
    )
    return replace(settled, book=book, maxima=tuple(m for m, _ in values), clearing=clearing)


@given(random_rounds(), st.permutations(range(6)))
def test_other_names_change_nothing_but_the_names(rounds, order_of):
    traders = sorted({s.order.trader for r in rounds for s in r.book.orders})
    fresh = ["0x" + f"{number + 1:02x}" * 20 for number in order_of]
    names = dict(zip(traders, fresh, strict=False))
    links = tuple(Link(traders[0], other, LinkKind.OWNER, "0x1") for other in traders[1:2])
    moved_links = tuple(replace(e, first=names[e.first], second=names[e.second]) for e in links)
    one = survey(Observed(rounds, links=links))
    other = survey(Observed(tuple(relabelled(each, names) for each in rounds), links=moved_links))
    assert _told(one, names) == _told(other, {name: name for name in fresh})


def _told(report, names):
    """Every figure by name; rows in an order that names do not decide."""
    (market,) = report.markets
    renamed = {
        group.name: frozenset(names[account] for account in group.accounts)
        for group in report.identities.groups
    } | names
    sellers = [
        {**asdict(row), "seller": renamed[row.seller]} for row in (*market.sellers, *market.groups)
    ]
    washed = [
        {
            **{k: v for k, v in asdict(row).items() if k not in ("accounts", "lot")},
            "who": renamed[row.who],
            "lot": (row.lot.round, row.lot.product),
        }
        for row in market.washed
    ]
    trips = [
        (frozenset((names[t.first], names[t.second])), t.wh, t.share_ppm, t.products)
        for t in market.round_trips
    ]
    return (
        market.volume_wh,
        market.price,
        (market.sold.hhi, market.sold_by_group.hhi),
        sorted(map(repr, map(_stable, sellers))),
        sorted(map(repr, map(_stable, washed))),
        sorted(map(repr, ((sorted(pair), *rest) for pair, *rest in trips))),
    )


def _stable(row):
    return {k: sorted(v) if isinstance(v, frozenset) else v for k, v in row.items()}
