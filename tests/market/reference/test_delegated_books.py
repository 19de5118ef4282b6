"""Books with delegates' orders: the core and the contracts' model judge them alike."""

from __future__ import annotations

import dataclasses
from random import Random

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from market.book import Book
from market.certificate import check
from market.clearing import clear
from market.delegation import Authorisation, Revocation, Session
from market.eligibility import GateRule, TraderFacts, effective_maxima, judge
from market.order import Domain, SignedOrder
from market.product import ProductGrid
from market.reference.delegations import NOBODY
from market.reference.delegations import Session as ReferenceSession
from market.reference.errors import BadSignature, Revert
from market.reference.verification import Facts, RoundRules, Verification
from market.settlement import Settlement
from market.signature import recover
from market.synthetic import DOMAIN, random_orders, rules_for, trader_keys
from tests.market.reference.sandbox import CHAIN_ID, DELEGATIONS, Sandbox, address

GRIDS = (ProductGrid(1, 1, 96, 1), ProductGrid(2, 1, 96, 2))
KEYS = trader_keys(5)
ADDRESSES = {key: str(Account.from_key(key).address) for key in KEYS}
TRADERS, DELEGATES = KEYS[:3], KEYS[3:]
GATE = 1_760_000_000
SEEN: list[int] = []


class Recording(Verification):
    """Keeps how much of every order counted."""

    @staticmethod
    def _maximum(rules, group, line, signer):
        counted = Verification._maximum(rules, group, line, signer)
        SEEN.append(counted)
        return counted


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A signed book, what is known of its traders, and its settlement by the core."""

    book: Book
    facts: dict[str, TraderFacts]
    settlement: Settlement

    def rules(self, *, named: bool = True) -> RoundRules:
        rules = rules_for(self.book.grid)
        return RoundRules(
            domain=DOMAIN,
            market=1,
            round=1,
            gate_at=GATE,
            grid=self.book.grid,
            price_cap=rules.price_cap,
            imbalance_cap=rules.imbalance_cap,
            gap_floor=rules.gap_floor_micro,
            gap_cap=rules.gap_cap_micro,
            tokenised=False,
            facts_of=self._facts_of,
            is_named=lambda trader, signer: named and signer in ADDRESSES.values(),
            forced=frozenset(),
        )

    def _facts_of(self, trader: str) -> Facts:
        fact = self.facts[trader]
        session = fact.session
        return Facts(
            epoch=fact.epoch,
            eligible=fact.eligible,
            margin=fact.margin_micro,
            capacity_wh=fact.capacity_wh,
            session=NOBODY
            if session is None
            else ReferenceSession(**{f: getattr(session, f) for f in session.__slots__}),
        )


@st.composite
def drawn_books(draw) -> Drawn:
    random = Random(draw(st.integers(0, 2**32)))
    grid = draw(st.sampled_from(GRIDS))
    orders = random_orders(
        random,
        grid,
        draw(st.integers(1, 14)),
        keys=TRADERS,
        multi_leg_share=draw(st.sampled_from((0.0, 0.4))),
        price_step=50_000_000,
        max_units=draw(st.sampled_from((20, 3_000))),
    )
    signed = []
    for order, key in orders:
        by = random.choice((key, *DELEGATES))
        delegate = None if by == key else ADDRESSES[by]
        signed.append(SignedOrder.sign(DOMAIN, order, by, delegate=delegate))
    book = Book.build(1, 1, grid, signed)
    facts = {trader: _facts(random) for trader, _ in book.traders()}
    rules = rules_for(grid)
    maxima = effective_maxima(book, facts, rules)
    clearing = clear(book, maxima, rules)
    check(book, maxima, clearing, rules)
    return Drawn(book, facts, Settlement.build(book, maxima, clearing, rules))


def _facts(random: Random) -> TraderFacts:
    bound = random.choice((0, 40, 2_000, 10**9))
    session = Session(
        delegate=ADDRESSES[random.choice(DELEGATES)],
        until=GATE + random.choice((0, 1, 1, 1, 900)),
        buy_wh=bound,
        sell_wh=random.choice((0, 40, bound)),
        max_price=random.choice((200_000_000, 250_000_000, 10**10)),
        min_price=random.choice((150_000_000, 0, -(10**10))),
    )
    return TraderFacts(
        margin_micro=random.choice((10**12, 500_000)),
        epoch=0,
        eligible=random.random() < 0.9,
        capacity_wh=random.choice((None, 1_000)),
        session=random.choice((session, session, session, None)),
        gate_at=GATE,
    )


@settings(max_examples=120, deadline=None)
@given(drawn_books())
def test_core_and_model_count_the_same_of_every_order_and_the_model_settles_it(drawn):
    SEEN.clear()
    verification = Recording.begin(drawn.settlement.results(), drawn.rules())
    effects = verification.read(drawn.rules(), drawn.settlement.orders())
    outcome = verification.finish(drawn.rules(), drawn.book.root, drawn.book.count)
    assert tuple(SEEN) == drawn.settlement.maxima
    assert outcome.positions_root == drawn.settlement.positions_root
    assert [(e.trader, e.debit, e.lock) for e in effects] == [
        (e.trader, e.debit_micro, e.lock_micro) for e in drawn.settlement.effects
    ]


@settings(max_examples=60, deadline=None)
@given(drawn_books(), st.integers(1, 5))
def test_totals_go_from_chunk_to_chunk(drawn, size):
    SEEN.clear()
    verification = Recording.begin(drawn.settlement.results(), drawn.rules())
    for orders, _ in drawn.settlement.chunks(size):
        verification.read(drawn.rules(), orders)
    verification.finish(drawn.rules(), drawn.book.root, drawn.book.count)
    assert tuple(SEEN) == drawn.settlement.maxima


@settings(max_examples=60, deadline=None)
@given(drawn_books())
def test_one_unit_beyond_what_counts_is_refused(drawn):
    """For an order that a delegate signed and that does not count, if there is one."""
    judged = judge(drawn.book, drawn.facts, rules_for(drawn.book.grid))
    places = [i for i, j in enumerate(judged) if j.broken is GateRule.DELEGATION]
    if not places:
        return
    fills = list(drawn.settlement.clearing.fills)
    fills[places[0]] += 1
    clearing = dataclasses.replace(drawn.settlement.clearing, fills=tuple(fills))
    forged = dataclasses.replace(drawn.settlement, clearing=clearing)
    verification = Verification.begin(drawn.settlement.results(), drawn.rules())
    with pytest.raises(Revert):
        verification.read(drawn.rules(), forged.orders())


@settings(max_examples=40, deadline=None)
@given(drawn_books())
def test_a_signature_of_whom_nobody_named_settles_nowhere(drawn):
    if not drawn.book.delegating:
        return
    rules = drawn.rules(named=False)
    verification = Verification.begin(drawn.settlement.results(), rules)
    with pytest.raises(BadSignature):
        verification.read(rules, drawn.settlement.orders())


PRINCIPAL = TRADERS[0]


@pytest.mark.parametrize("wrong", [None, "nonce", "key", "deadline"])
def test_what_the_core_signs_is_what_the_contract_takes(wrong):
    sandbox = Sandbox()
    market = sandbox.create_market()
    domain = Domain(CHAIN_ID, DELEGATIONS)
    key = DELEGATES[0] if wrong == "key" else PRINCIPAL
    nonce = 1 if wrong == "nonce" else 0
    late = wrong == "deadline"
    deadline = sandbox.now - late
    session = Session(address("machine"), sandbox.now + 9, 1, 2, 3, -4)
    named = ReferenceSession(**{f: getattr(session, f) for f in session.__slots__})
    account = ADDRESSES[PRINCIPAL]
    change = Authorisation(account, market, session, nonce, deadline)
    arguments = account, market, named, deadline, change.sign(domain, key)
    delegations = sandbox.exchange.delegations
    if wrong is not None:
        with pytest.raises(Revert):
            delegations.authorise_signed(*arguments, now=sandbox.now)
        return
    delegations.authorise_signed(*arguments, now=sandbox.now)
    assert delegations.session_of(market, account, 1) == named
    revocation = Revocation(account, market, 1, deadline)
    signature = revocation.sign(domain, key)
    assert recover(revocation.digest(domain), signature) == account
    delegations.revoke_signed(account, market, deadline, signature, now=sandbox.now)
    assert delegations.session_of(market, account, 1) == NOBODY
    assert delegations.nonce(account) == 2
