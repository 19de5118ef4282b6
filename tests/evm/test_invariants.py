"""Thousands of random calls, valid and hostile, from many accounts in four markets.

After every call the contracts and the reference model agree, and the invariants hold that
docs/protocol.md promises. The suite keeps books of its own for what it promises, apart from both.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple
from random import Random
from typing import Any, ClassVar

import pytest
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from market import delegation, merkle
from market.delegation import Authorisation, Revocation
from market.messages import Cancellation, Receipt
from market.order import Domain, Order, SignedOrder
from market.reference import Neighbour, Resolution, Status
from market.reference.delegations import NOBODY, Session
from market.reference.imbalance import RoundProof
from market.reference.meters import MISSING, encode_values, readings_digest
from market.reference.passport import EV_OWNER
from market.reference.token import ZERO_ADDRESS
from market.reference.verification import encode_effects, margin_need
from market.signature import sign_digest
from tests.evm import trading
from tests.evm.batch import (
    Batch,
    clear,
    effects,
    judge,
    packed_prices,
    positions,
    round_proof,
)
from tests.evm.chain import CHAIN_ID
from tests.evm.trading import EXACT, GARBLED, Bidding
from tests.evm.world import (
    ADMIN,
    BALANCING,
    BY_ADDRESS,
    DAY,
    DELEGATES,
    ISSUER,
    OPERATOR,
    PERIOD_SLOTS,
    SLOT_SECONDS,
    TRADERS,
    Person,
    World,
    order_tuple,
)

PROSUMER = keccak(text="wattproof.role.prosumer")
MARKETS = OPEN, PERMITTED, BOUNDED, LINKED = 1, 2, 3, 4
"""For everybody; for prosumers, of two carriers; with attested capacity; with a network, whose
account alone trades the second carrier."""
NETWORK_ACCOUNT = TRADERS[4]
DESCRIPTION = b"lines and their limits"
STRANGERS = (*TRADERS, ISSUER, BALANCING)
BIDDING = Bidding(
    units=(1, 7, 100, 1000, 40_000),
    prices=tuple(p * 10**6 for p in (-3, 100, 101, 102, 5000)),
    orders_each=2,
    epochs=(0, 0, 0, 1),
)
METERS = tuple(Person.named(f"meter {i}") for i in range(4))

traders = st.sampled_from(TRADERS)
administrators = st.sampled_from((ADMIN, ADMIN, TRADERS[0]))
people = st.sampled_from((*TRADERS, OPERATOR, BALANCING))
anybody = st.sampled_from((*STRANGERS, OPERATOR, ADMIN))
markets = st.sampled_from(MARKETS)
any_market = st.sampled_from((*MARKETS * 3, 0, 5))
amounts = st.sampled_from((0, 1, 999, 10**6, 5 * 10**7, 10**9, 2**63 - 1, 2**64, 2**255))
seeds = st.integers(0, 2**32 - 1)


class Calls(RuleBasedStateMachine):
    """The world, and what this suite itself remembers of it."""

    outcomes: ClassVar[Counter[tuple[str, str, str | None]]] = Counter()
    delegated: ClassVar[Counter[str]] = Counter()
    """Orders of delegates in settled books: filled, counting, and counting with nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        asset = self.world.token.address
        passports = self.world.passports.address
        assert self.world.create_market(asset=asset) == OPEN
        assert self.world.create_market(role=PROSUMER, carriers=2) == PERMITTED
        assert self.world.create_market(capacity_source=passports, capacity_unit_wh=10) == BOUNDED
        network = {"network": NETWORK_ACCOUNT.address, "network_hash": keccak(DESCRIPTION)}
        assert self.world.create_market(carriers=2, open_carriers=1, **network) == LINKED
        for role in (PROSUMER, EV_OWNER):
            self.do("CredentialRegistry", "accredit", ISSUER.address, role, sender=ADMIN)
        self.minted = self.burned = self.steps = 0
        for person in (*TRADERS, OPERATOR, BALANCING):
            self.world.fund(person, 10**10)
            self.minted += 10**10
        for market in MARKETS:
            for person in (OPERATOR, BALANCING):
                self.do("Ledger", "postBond", market, 10**8, sender=person)
            for trader in TRADERS[:5]:
                self.do("Ledger", "addMargin", market, 10**8, sender=trader)
        for n, trader in enumerate(TRADERS[:4]):
            for role in (PROSUMER, EV_OWNER):
                credential = keccak(text=f"{n} {role.hex()}")
                expires_at = self.world.now + 30 * DAY
                arguments = (credential, trader.address, role, expires_at)
                self.do("CredentialRegistry", "grant", *arguments, sender=ISSUER)
            battery = keccak(text=f"battery {n}")
            self.do(
                "BatteryPassport",
                "attest",
                trader.address,
                battery,
                60_000,
                9_000,
                500,
                sender=ADMIN,
            )
            self.do("Ledger", "syncCapacity", BOUNDED, trader.address, sender=trader)
        self.orders: dict[tuple[int, int], list[SignedOrder]] = {}
        self.left_out: dict[tuple[int, int], list[SignedOrder]] = {}
        self.books: dict[tuple[int, int], Batch] = {}
        self.ended: dict[tuple[int, int], int] = {}
        self.deactivated: set[str] = set()
        self.final: dict[tuple[str, int], bytes] = {}
        self.closed: set[tuple[int, str, int]] = set()
        self.credentials = [keccak(text=f"0 {PROSUMER.hex()}"), keccak(text=f"1 {EV_OWNER.hex()}")]

    def do(self, contract: str, function: str, *arguments: Any, **how: Any) -> str | None:
        return self.world.do(contract, function, *arguments, **how)

    def teardown(self) -> None:
        self.world.check_state()
        type(self).outcomes += self.world.outcomes

    # Tokens and the ledger

    @rule(sender=anybody, to=people, amount=st.integers(0, 10**9))
    def mint(self, sender, to, amount):
        if self.do("SettlementToken", "mint", to.address, amount, sender=sender) is None:
            assert sender is ADMIN
            self.minted += amount

    @rule(sender=people, amount=amounts)
    def burn(self, sender, amount):
        if self.do("SettlementToken", "burn", amount, sender=sender) is None:
            self.burned += amount

    @rule(sender=people, amount=amounts, allowance=amounts, to=people)
    def deposit(self, sender, amount, allowance, to):
        token, ledger = self.world.token.address, self.world.ledger.address
        self.do("SettlementToken", "approve", ledger, allowance, sender=sender)
        self.do("Ledger", "deposit", token, amount, to.address, sender=sender)

    @rule(sender=people, amount=amounts, to=people, where=st.integers(0, 9))
    def withdraw(self, sender, amount, to, where):
        ledger = self.world.ledger.address
        receiver = {0: ZERO_ADDRESS, 1: ledger}.get(where, to.address)
        refusal = self.do(
            "Ledger", "withdraw", self.world.token.address, amount, receiver, sender=sender
        )
        if refusal is None and receiver == ledger:
            self.world.donated += amount

    @rule(sender=people, market=any_market, amount=amounts)
    def add_margin(self, sender, market, amount):
        self.do("Ledger", "addMargin", market, amount, sender=sender)

    @rule(sender=traders, market=any_market, amount=amounts)
    def request_exit(self, sender, market, amount):
        self.do("Ledger", "requestExit", market, amount, sender=sender)

    @rule(sender=traders, market=any_market)
    def complete_exit(self, sender, market):
        self.do("Ledger", "completeExit", market, sender=sender)

    @rule(sender=traders, market=any_market)
    def bump_epoch(self, sender, market):
        self.do("Ledger", "bumpEpoch", market, sender=sender)

    @rule(who=traders, market=any_market)
    def sync_capacity(self, who, market):
        self.do("Ledger", "syncCapacity", market, who.address, sender=who)

    @rule(sender=people, market=any_market, amount=amounts, what=st.integers(0, 2))
    def move_bond(self, sender, market, amount, what):
        if what == 0:
            self.do("Ledger", "postBond", market, amount, sender=sender)
        elif what == 1:
            self.do("Ledger", "requestBondExit", market, amount, sender=sender)
        else:
            self.do("Ledger", "completeBondExit", market, sender=sender)

    @rule(sender=anybody, victim=traders, market=markets, what=st.integers(0, 2))
    def move_the_money_of_others(self, sender, victim, market, what):
        data = bytes.fromhex(victim.address[2:]) + (1).to_bytes(8, "big") + bytes(8)
        if what == 0:
            refusal = self.do(
                "Ledger",
                "applyEffects",
                market,
                data,
                0,
                sender=sender,
                model_arguments=(market, [], 0),
            )
        elif what == 1:
            payment = (market, victim.address, sender.address, 1)
            refusal = self.do("Ledger", "payFromBond", *payment, sender=sender)
        else:
            position = (market, victim.address, 0, 0, sender.address)
            refusal = self.do("Ledger", "closePosition", *position, sender=sender)
        assert refusal in ("NotExchange", "NotImbalance")

    # Delegates

    @rule(sender=traders, market=any_market, seed=seeds)
    def change_delegate(self, sender, market, seed):
        """Name one, another, or nobody; by a transaction or by a signature that anybody brings."""
        rng, now = Random(seed), self.world.now
        session = Session(
            delegate=rng.choice((*DELEGATES * 5, sender)).address,
            until=now + rng.choice((0, 1, 100, 700, *[3 * DAY] * 9)),
            buy_wh=rng.choice((0, 999, 2_000, *[40_000] * 4, *[2**64 - 1] * 4)),
            sell_wh=rng.choice((0, 999, 2_000, *[40_000] * 4, *[2**64 - 1] * 4)),
            max_price=rng.choice((-(2**63), 0, 101 * 10**6, *[2**63 - 1] * 9)),
            min_price=rng.choice((*[-(2**63)] * 9, 0, 101 * 10**6, 2**63 - 1)),
        )
        ends, signed = rng.random() < 0.3, rng.random() < 0.4
        if not signed and ends:
            self.do("Delegations", "revoke", market, sender=sender)
        elif not signed:
            self.world.authorise(sender, market, session)
        else:
            self._signed_change(sender, market, None if ends else session, rng)

    def _signed_change(
        self, principal: Person, market: int, session: Session | None, rng: Random
    ) -> None:
        delegations, domain = self.world.delegations, self.world.exchange.domain
        if rng.random() < 0.9:
            domain = Domain(CHAIN_ID, delegations.address)
        nonce = max(0, delegations.nonce(principal.address) + rng.choice((0, 0, 0, 0, 1, -1)))
        deadline = self.world.now + rng.choice((-1, 0, 0, 500))
        who, last = principal.address, (nonce, deadline)
        if session is None:
            signature = Revocation(who, market, *last).sign(domain, principal.key)
            arguments = (who, market, deadline, signature)
            refusal = self.do("Delegations", "revokeSigned", *arguments, sender=ISSUER)
        else:
            words = delegation.Session(*astuple(session))
            signature = Authorisation(who, market, words, *last).sign(domain, principal.key)
            refusal = self.do(
                "Delegations",
                "authoriseSigned",
                who,
                market,
                astuple(session),
                deadline,
                signature,
                sender=ISSUER,
                model_arguments=(who, market, session, deadline, signature),
            )
        if refusal is None:
            assert nonce + 1 == self.world.view("Delegations", "nonce", who)
            assert deadline >= self.world.now

    def _by_delegates(self, orders: list[SignedOrder], rng: Random) -> list[SignedOrder]:
        """Some of them signed by somebody else: whom the trader named once, or a stranger. What the
        trader never named is genuine nowhere."""
        signed = []
        for own in orders:
            order, delegate = own.order, rng.choice(DELEGATES)
            if not self._may_stand(order) or rng.random() < 0.4:
                signed.append(own)
                continue
            number = self.world.exchange.last_round(order.market)
            current = self.world.delegations.session_of(order.market, order.trader, number)
            if current != NOBODY and rng.random() < 0.8:
                delegate = BY_ADDRESS[current.delegate]
            other = self.world.sign(person_of(order), order, delegate)
            trio = (order.market, order.trader, delegate.address)
            if self.world.delegations.is_named(*trio):
                signed.append(other)
            elif rng.random() < 0.3:
                assert self.world.force(other) in ("InvalidSignature", "MalformedOrder")
        return signed

    def _check_delegates(self, market: int, number: int, batch: Batch) -> None:
        """What orders of delegates move stays within the session of the round's gate."""
        gate_at = self.world.exchange.round(market, number).gate_at
        for trader in TRADERS:
            place = (market, trader.address, number)
            delegate, until, buy, sell, most, least = self.world.session_of(*place)
            orders = [
                order
                for order in batch.orders
                if order.signed.order.trader == trader.address
                if order.signed.delegate is not None
            ]
            filled = [order for order in orders if order.fill]
            counting = sum(order.maximum > 0 for order in orders)
            self.delegated["filled"] += len(filled)
            self.delegated["counting"] += counting
            self.delegated["nothing"] += len(orders) - counting
            assert not filled or gate_at < until
            assert {order.signed.delegate for order in filled} <= {delegate}
            moved = [quantity for order in filled for _, quantity in order.quantities]
            assert sum(q for q in moved if q > 0) <= buy
            assert -sum(q for q in moved if q < 0) <= sell
            grid = self.world.exchange.grid(market, number)
            for order in filled:
                for product, quantity in order.quantities:
                    price = batch.prices[grid.index(product)]
                    assert price <= most if quantity > 0 else price >= least

    # Identity and capacity

    @rule(sender=administrators, issuer=anybody, role=st.integers(0, 1), often=st.integers(0, 3))
    def change_accreditation(self, sender, issuer, role, often):
        arguments = (issuer.address, (PROSUMER, EV_OWNER)[role])
        function = "accredit" if often else "removeAccreditation"
        self.do("CredentialRegistry", function, *arguments, sender=sender)

    @rule(
        sender=st.sampled_from((ISSUER, ISSUER, ISSUER, TRADERS[0])),
        subject=traders,
        role=st.sampled_from((PROSUMER, EV_OWNER)),
        lasts=st.sampled_from((-1, 0, 1, 500, DAY, 40 * DAY)),
        seed=st.integers(0, 30),
    )
    def grant(self, sender, subject, role, lasts, seed):
        credential = keccak(text=f"credential {seed}")
        arguments = (credential, subject.address, role, self.world.now + lasts)
        if self.do("CredentialRegistry", "grant", *arguments, sender=sender) is None:
            assert subject.address not in self.deactivated
            self.credentials.append(credential)

    @rule(sender=st.sampled_from((ISSUER, ADMIN, TRADERS[0])), seed=seeds)
    def revoke(self, sender, seed):
        credential = Random(seed).choice(self.credentials)
        refusal = self.do("CredentialRegistry", "revoke", credential, sender=sender)
        if refusal is None:
            subject, role = self.world.view("CredentialRegistry", "credentialOf", credential)
            arguments = (subject, role, self.world.now)
            assert not self.world.view("CredentialRegistry", "standing", *arguments)

    @rule(sender=traders, identity=traders, to=st.sampled_from((*TRADERS[4:], None)))
    def hand_identity_on(self, sender, identity, to):
        if to is None and sender is not TRADERS[3]:
            return
        new_owner = to.address if to else ZERO_ADDRESS
        arguments = (identity.address, new_owner)
        refusal = self.do("DidRegistry", "changeOwner", *arguments, sender=sender)
        if refusal is None and to is None:
            self.deactivated.add(identity.address)

    @rule(
        sender=st.sampled_from((ADMIN, ADMIN, OPERATOR)),
        owner=traders,
        battery=st.integers(0, 3),
        capacity=st.sampled_from((0, 20_000, 100_000)),
        health=st.sampled_from((0, 8_000, 10_000, 10_001)),
    )
    def attest(self, sender, owner, battery, capacity, health):
        passport = (owner.address, keccak(text=f"battery {battery}"), capacity, health, 1_000)
        self.do("BatteryPassport", "attest", *passport, sender=sender)

    @rule(sender=st.sampled_from((ADMIN, OPERATOR)), battery=st.integers(0, 5))
    def retire(self, sender, battery):
        arguments = (keccak(text=f"battery {battery}"),)
        self.do("BatteryPassport", "retire", *arguments, sender=sender)

    # Rounds

    @rule(seconds=st.sampled_from((1, 1, 60, 299, 300, 301, 600, 1_200, 3_600)))
    def wait(self, seconds):
        self.world.wait(seconds)

    @rule(days=st.sampled_from((1, 2, 4)), often=st.integers(0, 3))
    def wait_for_days(self, days, often):
        if often == 0:
            self.world.wait(days * DAY)

    @rule(
        sender=st.sampled_from((OPERATOR, OPERATOR, TRADERS[0])),
        market=any_market,
        gate_in=st.sampled_from((-1, 0, 1, 300, 900, 1_500)),
        late=st.sampled_from((-1, 0, 0, 1)),
        slots=st.sampled_from((0, 1, 2, 4, 5)),
    )
    def open_round(self, sender, market, gate_in, late, slots):
        gate_at = self.world.now + gate_in
        first_slot = -(-gate_at // SLOT_SECONDS) + late
        arguments = (market, gate_at, first_slot, slots)
        self.do("Exchange", "openRound", *arguments, sender=sender)

    @rule(
        sender=anybody,
        market=any_market,
        description=st.sampled_from((DESCRIPTION, DESCRIPTION + b".", b"")),
    )
    def publish_network(self, sender, market, description):
        """By anyone and again and again, but never another one."""
        if self.do("Exchange", "publishNetwork", market, description, sender=sender) is None:
            assert (market, description) == (LINKED, DESCRIPTION)
            assert self.world.view("Exchange", "isNetworkPublished", market)

    @rule(market=markets, seed=seeds)
    def step(self, market, seed):
        self.advance(market, Random(seed))

    @rule(market=markets, seed=seeds, steps=st.integers(2, 9))
    def trade(self, market, seed, steps):
        rng = Random(seed)
        for _ in range(steps):
            self.advance(market, rng)
            self.world.wait(rng.choice((0, 1, 60)))

    def advance(self, market: int, rng: Random) -> None:
        """The honest operator's next step. Nothing that others do keeps it from settling."""
        exchange, now = self.world.exchange, self.world.now
        number = exchange.last_round(market)
        before = exchange.status(market, number - 1, now=now)
        if before in (Status.GATED, Status.VERIFIED) and rng.random() < 0.7:
            number -= 1
        status = exchange.status(market, number, now=now)
        if status is Status.GATED and number == exchange.last_round(market) and rng.random() < 0.2:
            window = exchange.market(market).settle_window
            self._open(market, rng, exchange.round(market, number).gate_at + window)
        elif status is Status.GATED:
            self._settle(market, number, rng)
        elif status is Status.VERIFIED:
            self._apply(market, number, rng)
        elif status is not Status.OPEN:
            self._open(market, rng)
        elif now < exchange.round(market, number).gate_at:
            self._bid(market, number, rng)
        else:
            self._close_gate(market, number, rng)

    def _open(self, market: int, rng: Random, earliest: int = 0) -> None:
        last = self.world.exchange.last_round(market)
        if self.world.exchange.status(market, last - 1, now=self.world.now) is Status.VERIFIED:
            self._apply(market, last - 1, rng)
        gate_at = max(self.world.now, earliest) + rng.choice((100, 600))
        first_slot = -(-gate_at // SLOT_SECONDS)
        slots = rng.randrange(1, PERIOD_SLOTS - first_slot % PERIOD_SLOTS + 1)
        arguments = (market, gate_at, first_slot, slots)
        refusal = self.do("Exchange", "openRound", *arguments, sender=OPERATOR)
        if refusal == "NetworkNotPublished":
            assert market == LINKED
            self.publish_network(rng.choice(TRADERS), market, DESCRIPTION)
            refusal = self.do("Exchange", "openRound", *arguments, sender=OPERATOR)
        assert refusal is None

    def _may_stand(self, order: Order) -> bool:
        """Whether the order keeps to the carriers that are its trader's."""
        params = self.world.exchange.market(order.market)
        carriers = params.carriers
        if params.has_network and order.trader != params.network:
            carriers = params.open_carriers
        return all(leg.product >> 48 < carriers for leg in order.legs)

    def _bid(self, market: int, number: int, rng: Random) -> None:
        bids = trading.one_product_orders(self.world, market, number, TRADERS, rng, BIDDING)
        for trader in TRADERS:
            if rng.random() < 0.4:
                self.change_delegate(trader, market, rng.getrandbits(32))
        bids = self._by_delegates(bids, rng)
        for signed in bids:
            if not self._may_stand(signed.order):
                assert self.world.force(signed) == "MalformedOrder"
            elif rng.random() < 0.2:
                self.world.force(signed)
        bids = [signed for signed in bids if self._may_stand(signed.order)]
        known = {signed.digest for signed in self.orders.get((market, number), [])}
        self.orders.setdefault((market, number), []).extend(
            signed for signed in bids if signed.digest not in known
        )
        if rng.random() < 0.7:
            self.world.chain.now = self.world.exchange.round(market, number).gate_at

    def _close_gate(self, market: int, number: int, rng: Random) -> None:
        """Commit the book, at times without an order that has a receipt."""
        if number > 1 and not self.world.exchange.is_terminal(
            market, number - 1, now=self.world.now
        ):
            previous = self.world.exchange.status(market, number - 1, now=self.world.now)
            arguments = (market, number, bytes(32), 0)
            refusal = self.do("Exchange", "closeGate", *arguments, sender=OPERATOR)
            assert refusal is not None
            if previous is not Status.VERIFIED:
                return
            self._apply(market, number - 1, rng)
            if self.world.exchange.status(market, number, now=self.world.now) is not Status.OPEN:
                return
        forced = self.world.exchange.round(market, number).forced
        orders = list(self.orders.get((market, number), []))
        free = [signed for signed in orders if signed.digest not in forced]
        if free and rng.random() < 0.3:
            out = rng.choice(free)
            orders.remove(out)
            self.left_out.setdefault((market, number), []).append(out)
        self.orders[market, number] = orders
        book = judge(self.world.exchange, market, number, orders)
        leaves = [filled.leaf for filled in book]
        arguments = (market, number, merkle.root(leaves), len(leaves))
        assert self.do("Exchange", "closeGate", *arguments, sender=TRADERS[0]) == "NotOperator"
        assert self.do("Exchange", "closeGate", *arguments, sender=OPERATOR) is None

    def _settle(self, market: int, number: int, rng: Random) -> None:
        place = (market, number)
        # Judged now, long after the gate: what others did meanwhile changes nothing.
        book = judge(self.world.exchange, *place, self.orders.get(place, []))
        batch = clear(self.world.exchange.grid(*place), book)
        if self.world.exchange.round(*place).chunks:
            self._verify_rest(market, number, batch)
            return
        if batch.orders:
            for depart, same in [(d, True) for d in EXACT] + [(d, False) for d in GARBLED]:
                wrong = depart(batch, rng) if rng.random() < 0.1 else None
                if wrong is not None:
                    how = {"sender": OPERATOR, "same_refusal": same}
                    assert self.do("Exchange", "settle", *place, *wrong, **how) is not None
        if rng.random() < 0.3:
            stop = rng.randrange(len(batch.orders)) + 1 if batch.orders else 0
            arguments = (batch.results, b"", batch.chunk(0, stop))
            assert self.do("Exchange", "verifyChunk", *place, *arguments, sender=OPERATOR) is None
            self.books[place] = batch
            return
        sent = (batch.results, batch.call_data)
        assert self.do("Exchange", "settle", *place, *sent, sender=TRADERS[0]) == "NotOperator"
        assert self.do("Exchange", "settle", *place, *sent, sender=OPERATOR) is None
        assert self.do("Exchange", "settle", *place, *sent, sender=OPERATOR) == "WrongStatus"
        self.books[place] = batch
        self._check_debits(market, batch)

    def _verify_rest(self, market: int, number: int, batch: Batch) -> None:
        progress = self.world.exchange.round(market, number).progress
        assert progress is not None
        rest = batch.chunk(progress.orders_read, len(batch.orders))
        arguments = (market, number, batch.results, progress.to_bytes(), rest)
        assert self.do("Exchange", "verifyChunk", *arguments, sender=OPERATOR) is None
        self.books[market, number] = batch
        self._check_debits(market, batch)

    def _apply(self, market: int, number: int, rng: Random) -> None:
        """Applying never fails, whoever does it and however late."""
        record = self.world.exchange.round(market, number)
        waiting = [at for at in range(len(record.chunks)) if at not in record.applied]
        rng.shuffle(waiting)
        for chunk in waiting:
            data = encode_effects(record.chunks[chunk])
            arguments = (market, number, chunk, data)
            assert self.do("Exchange", "applyChunk", *arguments, sender=rng.choice(TRADERS)) is None

    def _check_debits(self, market: int, batch: Batch) -> None:
        """No account is debited more than its own signatures allow."""
        cap = self.world.exchange.market(market).imbalance_cap
        for effect in effects(positions(batch, cap)):
            signed = [
                o.signed.order for o in batch.orders if o.signed.order.trader == effect.trader
            ]
            allowed = sum(
                margin_need(o.limit, o.max_units, [leg.coefficient for leg in o.legs], cap)
                for o in signed
            )
            assert effect.debit <= allowed
        if batch.orders:
            self._check_delegates(market, batch.orders[0].signed.order.round, batch)

    @rule(market=markets, number=st.integers(0, 3), sender=anybody)
    def void(self, market, number, sender):
        last = self.world.exchange.last_round(market)
        self.do("Exchange", "voidRound", market, max(0, last - number), sender=sender)

    @rule(market=markets, back=st.integers(0, 2), seed=seeds)
    def gate_at_the_wrong_time_or_with_the_wrong_book(self, market, back, seed):
        rng = Random(seed)
        number = max(0, self.world.exchange.last_round(market) - back)
        root, count = rng.choice(((bytes(32), 1), (rng.randbytes(32), 0)))
        arguments = (market, number, root, count)
        assert self.do("Exchange", "closeGate", *arguments, sender=OPERATOR) is not None

    @rule(market=markets, back=st.integers(0, 2), seed=seeds)
    def force_an_order_of_any_round(self, market, back, seed):
        rng = Random(seed)
        self.change_delegate(rng.choice(TRADERS), market, rng.getrandbits(32))
        number = max(1, self.world.exchange.last_round(market) - back)
        if number > self.world.exchange.last_round(market):
            return
        grid = self.world.exchange.grid(market, number)
        trader = rng.choice(TRADERS)
        order = trading.single(grid, market, number, trader, rng, BIDDING)
        signed = self.world.sign(rng.choice((trader, trader, TRADERS[0])), order)
        if rng.random() < 0.5:
            signed = self.world.sign(trader, order, rng.choice(DELEGATES))
        if self.world.force(signed) is None:
            assert self._may_stand(order)
            self.orders.setdefault((market, number), []).append(signed)
            assert self.world.force(signed) == "AlreadyForced"

    @rule(market=markets, seed=seeds)
    def claim_an_omission(self, market, seed):
        """Whoever was left out is paid out of the operator's bond, nobody else."""
        rng = Random(seed)
        settled = [place for place in self.books if place[0] == market]
        if not settled:
            return
        place = rng.choice(settled)
        batch = self.books[place]
        omitted = self.left_out.get(place, [])
        included = [filled.signed for filled in batch.orders]
        signed = rng.choice(omitted or included or [None])
        if signed is None:
            return
        gate_at = self.world.exchange.round(*place).gate_at
        received_at = rng.choice((gate_at - 1, gate_at - 1, gate_at))
        refusal = self._claim(batch, signed, received_at, rng)
        if refusal is None:
            assert signed in omitted
            self._end_claim(market, signed, packed_prices(batch), rng)

    def _claim(
        self, batch: Batch, signed: SignedOrder, received_at: int, rng: Random
    ) -> str | None:
        order = signed.order
        receipt = Receipt(order.market, order.round, signed.digest, received_at)
        signer = rng.choice((OPERATOR, OPERATOR, OPERATOR, TRADERS[0]))
        receipt_signature = receipt.sign(self.world.exchange.domain, signer.key)
        here = (int(order.trader, 16), signed.digest)
        after = sum(filled.place < here for filled in batch.orders)
        around = [
            Neighbour(
                at,
                batch.orders[at].signed.order.trader,
                batch.orders[at].signed.digest,
                tuple(merkle.proof(batch.leaves, at)),
            )
            if 0 <= at < len(batch.orders)
            else None
            for at in (after - 1, after)
        ]
        if rng.random() < 0.2:
            around[rng.randrange(2)] = None
        return self.do(
            "Exchange",
            "claimOmission",
            order_tuple(order),
            signed.signature,
            (received_at, receipt_signature),
            *map(neighbour_tuple, around),
            sender=TRADERS[0],
            model_arguments=(order, signed.signature, received_at, receipt_signature, *around),
        )

    def _end_claim(self, market: int, signed: SignedOrder, prices: bytes, rng: Random) -> None:
        order, window = signed.order, self.world.exchange.market(market).challenge_window
        pay = (order_tuple(order), signed.signer, prices)
        in_model = {"sender": TRADERS[1], "model_arguments": (order, signed.signer, prices)}
        self.world.wait(rng.choice((1, window)))
        assert self.do("Exchange", "payOmission", *pay, **in_model) == "ChallengeOpen"
        if rng.random() < 0.5:
            cancellation = Cancellation(market, order.round, signed.digest)
            entitled = {order.trader, signed.signer}
            for signer in (OPERATOR, *DELEGATES, BY_ADDRESS[rng.choice(sorted(entitled))]):
                signature = cancellation.sign(self.world.exchange.domain, signer.key)
                refusal = self.do(
                    "Exchange", "rebutOmission", signed.digest, signature, sender=OPERATOR
                )
                if refusal is None:
                    assert signer.address in entitled
                    break
                assert refusal == "InvalidSignature"
                assert signer.address not in entitled
            self.world.wait(window + 1)
            assert self.do("Exchange", "payOmission", *pay, **in_model) == "NoOpenClaim"
            return
        self.world.wait(window + 1)
        wrong = {
            "sender": TRADERS[1],
            "model_arguments": (order, signed.signer, prices + bytes(8)),
        }
        arguments = (*pay[:2], prices + bytes(8))
        assert self.do("Exchange", "payOmission", *arguments, **wrong) == "PricesMismatch"
        assert self.do("Exchange", "payOmission", *pay, **in_model) is None
        assert self.do("Exchange", "payOmission", *pay, **in_model) == "NoOpenClaim"

    # Meters and imbalance

    @rule(
        sender=st.sampled_from((ADMIN, ADMIN, OPERATOR)),
        meter=st.integers(0, 3),
        market=any_market,
        carrier=st.integers(0, 2),
        capacity=st.sampled_from((0, 4_000, 400_000)),
    )
    def register_meter(self, sender, meter, market, carrier, capacity):
        account = TRADERS[meter].address
        arguments = (METERS[meter].address, market, account, carrier, capacity)
        self.do("MeterRegistry", "register", *arguments, sender=sender)

    @rule(
        sender=st.sampled_from((ADMIN, TRADERS[0])), meter=st.integers(0, 3), to=st.integers(0, 9)
    )
    def rotate_key(self, sender, meter, to):
        key = Person.named(f"key {to}")
        arguments = (METERS[meter].address, key.address)
        self.do("MeterRegistry", "rotateKey", *arguments, sender=sender)

    @rule(meter=st.integers(0, 3), back=st.integers(0, 3), seed=seeds)
    def post_reading(self, meter, back, seed):
        rng = Random(seed)
        device = METERS[meter].address
        known = self.world.meters.devices.get(device)
        market = known.market if known and rng.random() < 0.9 else OPEN
        period = self.world.now // (SLOT_SECONDS * PERIOD_SLOTS) - back
        length = rng.choice((PERIOD_SLOTS,) * 6 + (PERIOD_SLOTS - 1,))
        choices = (0, 0, 900, -900, 1_000, -1_000, 1_001, MISSING)
        values = [rng.choice(choices[: rng.choice((6, 6, 8))]) for _ in range(length)]
        self._post(meter, market, period, values, old_key=rng.random() < 0.1)

    def _post(
        self, meter: int, market: int, period: int, values_wh: list[int], *, old_key: bool = False
    ) -> None:
        device = METERS[meter].address
        known = self.world.meters.devices.get(device)
        keys = [METERS[meter], *(Person.named(f"key {i}") for i in range(10))]
        current = [key for key in keys if known and key.address == known.key and not old_key]
        domain = Domain(self.world.exchange.chain_id, self.world.meters.address)
        values = encode_values(values_wh)
        digest = readings_digest(domain, device, market, period, values)
        signature = sign_digest(digest, (current or keys)[0].key)
        arguments = (device, market, period, values, signature)
        if self.do("MeterRegistry", "post", *arguments, sender=TRADERS[0]) is None:
            assert self.do("MeterRegistry", "post", *arguments, sender=ADMIN) == "PostedBefore"

    @rule(market=markets, seed=seeds)
    def deliver(self, market, seed):
        """Time passes until a traded period is metered, and everybody's position can be closed."""
        rng = Random(seed)
        traded = sorted(place for place in self.books if place[0] == market)
        if not traded:
            return
        place = rng.choice(traded[-6:])
        period = self.world.exchange.round(*place).first_slot // PERIOD_SLOTS
        meters = rng.sample(range(4), rng.randrange(5))
        for meter in meters:
            arguments = (METERS[meter].address, market, TRADERS[meter].address, 0, 400_000)
            self.do("MeterRegistry", "register", *arguments, sender=ADMIN)
        ends_at = self.world.meters.period_end(market, period)
        self.world.chain.now = max(self.world.now, ends_at)
        for meter in meters:
            energy = [rng.choice((0, 7, 100, -100, MISSING)) for _ in range(PERIOD_SLOTS)]
            self._post(meter, market, period, energy)
        if rng.random() < 0.5:
            for _ in range(3):
                self.dispute_or_resolve(ADMIN, rng.getrandbits(32), rng.randrange(2))
        self.world.wait(rng.choice((60, DAY + 1, 2 * DAY + 1, 4 * DAY)))
        holders = {
            order.signed.order.trader
            for number in self.world.exchange.period_rounds(market, period)
            if (market, number) in self.books
            for order in self.books[market, number].orders
            if order.fill
        }
        for trader in TRADERS:
            if trader.address in holders or rng.random() < 0.2:
                self.close_positions_of(market, trader, rng, period)

    @rule(sender=st.sampled_from((ADMIN, *TRADERS[:4])), seed=seeds, what=st.integers(0, 2))
    def dispute_or_resolve(self, sender, seed, what):
        rng = Random(seed)
        if not self.world.meters.readings:
            return
        device, period = rng.choice(sorted(self.world.meters.readings))
        if what == 0:
            self.do("MeterRegistry", "dispute", device, period, sender=sender)
            return
        resolution = rng.choice(list(Resolution))
        values = rng.choice((b"", encode_values([5] * PERIOD_SLOTS)))
        self.do(
            "MeterRegistry",
            "resolve",
            device,
            period,
            int(resolution),
            values,
            sender=sender,
            model_arguments=(device, period, resolution, values),
        )

    @rule(market=markets, trader=traders, seed=seeds)
    def close_position(self, market, trader, seed):
        """With the right proofs, or with something wrong about them."""
        rng = Random(seed)
        exchange = self.world.exchange
        periods = sorted(
            {exchange.round(*p).first_slot // PERIOD_SLOTS for p in self.books if p[0] == market}
        )
        if not periods:
            return
        self.close_positions_of(market, trader, rng, rng.choice(periods))

    def close_positions_of(self, market: int, trader: Person, rng: Random, period: int) -> None:
        exchange, now = self.world.exchange, self.world.now
        numbers = [
            number
            for number in exchange.period_rounds(market, period)
            if exchange.status(market, number, now=now) is Status.SETTLED
        ]
        cap = exchange.market(market).imbalance_cap
        batches = [self.books[market, number] for number in numbers]
        proofs = [round_proof(positions(batch, cap), trader.address) for batch in batches]
        prices = [packed_prices(batch) for batch in batches]
        readings = [
            self._values(market, trader.address, carrier, period)
            for carrier in range(exchange.market(market).carriers)
        ]
        if rng.random() < 0.3:
            spoil(proofs, prices, readings, rng)
        refusal = self._close(market, period, trader, proofs, readings, prices)
        place = (market, trader.address, period)
        if refusal is None:
            assert place not in self.closed
            self.closed.add(place)
            again = self._close(market, period, trader, proofs, readings, prices)
            assert again == "ClosedBefore"
        assert self.world.view("Imbalance", "closed", *place) == (place in self.closed)

    def _values(self, market: int, account: str, carrier: int, period: int) -> bytes:
        device = self.world.meters.device_of.get((market, account, carrier), ZERO_ADDRESS)
        posted = self.world.values.get((device, period), b"")
        held = self.world.meters.reading(device, period).values_hash
        replaced = encode_values([5] * PERIOD_SLOTS)
        return next((v for v in (posted, replaced) if v and keccak(v) == held), b"")

    def _close(
        self,
        market: int,
        period: int,
        trader: Person,
        proofs: list[RoundProof],
        readings: list[bytes],
        prices: list[bytes],
    ) -> str | None:
        for_abi = [([astuple(leaf) for leaf in p.leaves], p.entries) for p in proofs]
        return self.do(
            "Imbalance",
            "close",
            market,
            period,
            trader.address,
            for_abi,
            readings,
            prices,
            sender=TRADERS[0],
            model_arguments=(market, period, trader.address, proofs, readings, prices),
        )

    # What must hold

    @invariant()
    def both_hold_the_same_and_the_tokens_cover_it(self):
        self.steps += 1
        if self.steps % 3:
            return
        self.world.check_state()
        asset = self.world.token.address
        held = self.world.ledger.held(asset)
        assert held == self.world.ledger.total_deposited[asset]
        tokens = self.world.view("SettlementToken", "balanceOf", self.world.ledger.address)
        assert tokens == held + self.world.donated

    @invariant()
    def supply_is_what_was_minted_less_what_was_burnt(self):
        supply = self.world.view("SettlementToken", "totalSupply")
        assert supply == self.minted - self.burned

    @invariant()
    def what_has_ended_stays_ended(self):
        for address in self.deactivated:
            assert self.world.view("DidRegistry", "identityOwner", address) == ZERO_ADDRESS
        for (market, number), status in self.ended.items():
            assert self.world.view("Exchange", "roundOf", market, number)[0] == status
        for market in MARKETS:
            number = self.world.exchange.last_round(market)
            status = self.world.view("Exchange", "roundOf", market, number)[0]
            if status in (Status.SETTLED, Status.VOID):
                self.ended[market, number] = status
        for device, period in self.world.meters.readings:
            view = self.world.view("MeterRegistry", "finalReading", device, period)
            is_final, values_hash = view
            known = self.final.get((device, period))
            assert known is None or (is_final and values_hash == known)
            if is_final:
                self.final[device, period] = values_hash


def neighbour_tuple(neighbour: Neighbour | None) -> tuple[Any, ...]:
    if neighbour is None:
        return (False, 0, ZERO_ADDRESS, bytes(32), [])
    return (
        True,
        neighbour.index,
        neighbour.trader,
        neighbour.order_hash,
        list(neighbour.proof),
    )


def person_of(order: Order) -> Person:
    return next(trader for trader in TRADERS if trader.address == order.trader)


def spoil(
    proofs: list[RoundProof], prices: list[bytes], readings: list[bytes], rng: Random
) -> None:
    """Change one thing about the proofs of a closing, in place."""
    what = rng.randrange(5)
    if what == 0 and proofs:
        proofs.pop()
    elif what == 1 and proofs:
        at = rng.randrange(len(proofs))
        proofs[at] = RoundProof(proofs[at].leaves, proofs[at].entries[24:])
    elif what == 2 and proofs:
        proofs[rng.randrange(len(proofs))] = RoundProof(())
    elif what == 3 and prices:
        at = rng.randrange(len(prices))
        prices[at] = rng.choice((b"", prices[at][:-8], prices[at] + bytes(8)))
    else:
        readings[0] = encode_values([7] * PERIOD_SLOTS)


CALLED_BY_EVERYBODY = {
    "SettlementToken": ("mint", "burn", "approve"),
    "DidRegistry": ("changeOwner",),
    "Delegations": ("authorise", "authoriseSigned", "revoke", "revokeSigned"),
    "CredentialRegistry": ("accredit", "removeAccreditation", "grant", "revoke"),
    "Ledger": (
        "deposit",
        "withdraw",
        "addMargin",
        "requestExit",
        "completeExit",
        "bumpEpoch",
        "syncCapacity",
        "postBond",
        "requestBondExit",
        "completeBondExit",
    ),
    "Exchange": (
        "createMarket",
        "publishNetwork",
        "openRound",
        "submitOrder",
        "closeGate",
        "settle",
        "verifyChunk",
        "applyChunk",
        "voidRound",
        "claimOmission",
        "rebutOmission",
        "payOmission",
    ),
    "MeterRegistry": ("register", "rotateKey", "post", "dispute", "resolve"),
    "Imbalance": ("close",),
    "BatteryPassport": ("attest", "retire"),
}
RARE = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Shrinking takes minutes; a failing season is played again from its number.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


@pytest.mark.timeout(600)
def test_random_calls_keep_contracts_and_model_equal_and_every_invariant():
    Calls.outcomes.clear()
    run_state_machine_as_test(
        Calls, settings=settings(RARE, max_examples=50, stateful_step_count=60)
    )
    assert Calls.outcomes.total() >= 3_000


@pytest.mark.timeout(600)
def test_seasons_of_trade_under_attack_settle_every_round_and_close_every_position():
    Calls.outcomes.clear()
    for season in range(12):
        play_season(Random(season))
    done = {(contract, function) for contract, function, refusal in Calls.outcomes if not refusal}
    untried = [
        f"{contract}.{function}"
        for contract, names in CALLED_BY_EVERYBODY.items()
        for function in names
        if (contract, function) not in done
    ]
    assert not untried
    assert min(Calls.delegated[what] for what in ("filled", "counting", "nothing")) >= 10
    assert Calls.outcomes.total() >= 5_000


def play_season(rng: Random) -> None:
    """Honest trade with every kind of interference between its steps."""
    calls = Calls()

    def market() -> int:
        return rng.choice(MARKETS)

    def seed() -> int:
        return rng.getrandbits(32)

    def trader() -> Person:
        return rng.choice(TRADERS)

    def amount() -> int:
        return rng.choice((0, 1, 10**6, 10**8))

    interference = (
        lambda: calls.add_margin(trader(), market(), amount()),
        lambda: calls.request_exit(trader(), market(), amount()),
        lambda: calls.complete_exit(trader(), market()),
        lambda: calls.bump_epoch(trader(), market()),
        lambda: calls.change_delegate(trader(), market(), seed()),
        lambda: calls.change_delegate(trader(), market(), seed()),
        lambda: calls.change_delegate(trader(), market(), seed()),
        lambda: calls.sync_capacity(trader(), BOUNDED),
        lambda: calls.move_bond(OPERATOR, market(), amount(), rng.randrange(3)),
        lambda: calls.withdraw(trader(), amount(), trader(), rng.randrange(10)),
        lambda: calls.burn(trader(), amount()),
        lambda: calls.deposit(trader(), amount(), amount(), trader()),
        lambda: calls.mint(ADMIN, trader(), amount()),
        lambda: calls.grant(
            ISSUER, trader(), rng.choice((PROSUMER, EV_OWNER)), 40 * DAY, rng.randrange(99)
        ),
        lambda: calls.revoke(ISSUER, seed()),
        lambda: calls.force_an_order_of_any_round(market(), 0, seed()),
        lambda: calls.gate_at_the_wrong_time_or_with_the_wrong_book(market(), 0, seed()),
        lambda: calls.void(market(), rng.randrange(3), trader()),
        lambda: calls.claim_an_omission(market(), seed()),
        lambda: calls.move_the_money_of_others(trader(), trader(), market(), rng.randrange(3)),
        lambda: calls.attest(ADMIN, trader(), rng.randrange(4), 100_000, 8_000),
        lambda: calls.dispute_or_resolve(ADMIN, seed(), rng.randrange(3)),
        lambda: calls.wait(rng.choice((1, 60, 300, 1_200))),
        lambda: calls.publish_network(trader(), market(), rng.choice((DESCRIPTION, b"other"))),
    )
    seldom = (
        lambda: calls.deliver(market(), seed()),
        lambda: calls.deliver(market(), seed()),
        lambda: calls.close_position(market(), trader(), seed()),
        lambda: calls.retire(ADMIN, rng.randrange(5)),
        lambda: calls.rotate_key(ADMIN, rng.randrange(4), rng.randrange(10)),
        lambda: calls.hand_identity_on(TRADERS[3], TRADERS[3], None),
        lambda: calls.wait_for_days(1, 0),
        lambda: calls.change_accreditation(
            ADMIN, rng.choice((ISSUER, ADMIN)), rng.randrange(2), rng.randrange(4)
        ),
    )
    for step in range(60):
        calls.trade(market(), seed(), rng.randrange(1, 6))
        for _ in range(rng.randrange(4)):
            rng.choice(interference)()
        if step % 5 == 4:
            rng.choice(seldom)()
        calls.both_hold_the_same_and_the_tokens_cover_it()
        calls.supply_is_what_was_minted_less_what_was_burnt()
        calls.what_has_ended_stays_ended()
    # Only now that trade rests may an operator's bond leave.
    calls.move_bond(OPERATOR, OPEN, 10**6, 1)
    calls.world.wait(3 * DAY)
    calls.move_bond(OPERATOR, OPEN, 0, 2)
    calls.both_hold_the_same_and_the_tokens_cover_it()
    calls.teardown()
