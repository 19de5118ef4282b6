"""Exchange: markets, rounds, gates, settlement and omissions (protocol sections 4 and 9)."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from enum import IntEnum

from eth_utils.crypto import keccak

from market import merkle
from market.messages import Cancellation, Receipt
from market.order import (
    Domain,
    Order,
    OrderError,
    SignatureError,
    check_well_formed,
    order_hash,
    order_id,
    recover,
)
from market.product import ProductGrid
from market.reference.authority import Authority
from market.reference.call_data import SCALE
from market.reference.delegations import Delegations
from market.reference.errors import (
    AlreadyForced,
    ChallengeOpen,
    ChallengeOver,
    ChunksStarted,
    ChunkTooLarge,
    ClaimExists,
    EffectsMismatch,
    InvalidCommitment,
    InvalidGate,
    InvalidSignature,
    InvalidSlots,
    MalformedBatch,
    MalformedOrder,
    NetworkMismatch,
    NetworkNotPublished,
    NoOpenClaim,
    NotOperator,
    OutsideWindow,
    PricesMismatch,
    ReceiptTooLate,
    RoundNotClosed,
    StateMismatch,
    TooManyForced,
    TooManyRounds,
    UnknownMarket,
    WrongNeighbours,
    WrongStatus,
)
from market.reference.identity import CredentialRegistry
from market.reference.ledger import Effect, Ledger
from market.reference.params import MarketParams
from market.reference.tokenised import TokenisedProducts
from market.reference.verification import (
    SCALED_PER_MICRO,
    Facts,
    Outcome,
    RoundRules,
    Verification,
    encode_effects,
)

MAX_FORCED = 32_768
MAX_ROUNDS = 2**24 - 2
MAX_PERIOD_ROUNDS = 128
"""Closing a period reads all its rounds in one transaction."""
MAX_CHUNK_TRADERS = 512
"""What a chunk finishes must be applied in one transaction."""
MAX_TOKENISED_CHUNK_TRADERS = 256


class Status(IntEnum):
    NONE = 0
    OPEN = 1
    GATED = 2
    VERIFIED = 3
    SETTLED = 4
    VOID = 5


@dataclass(slots=True)
class Round:
    """`status` as recorded; an overdue round is void without a record (see `Exchange.status`)."""

    gate_at: int
    first_slot: int
    slots: int
    status: Status = Status.OPEN
    forced: set[bytes] = field(default_factory=set)
    book_root: bytes = bytes(32)
    count: int = 0
    progress: Verification | None = None
    state_hash: bytes = bytes(32)
    chunks: list[list[Effect]] = field(default_factory=list)
    applied: set[int] = field(default_factory=set)
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A leaf of the committed book with its proof."""

    index: int
    trader: str
    order_hash: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """An omitted order's claim against the operator's bond; `signer`: who signed the order."""

    order: Order
    signer: str
    claimed_at: int
    closed: bool = False


@dataclass(slots=True)
class Exchange:
    address: str
    chain_id: int
    authority: Authority
    credentials: CredentialRegistry
    ledger: Ledger = field(init=False)
    """Set once both exist: each knows the other."""
    delegations: Delegations = field(init=False)
    """Likewise."""
    tokenised: dict[str, TokenisedProducts] = field(default_factory=dict)
    """By address: what markets of tokens name as their capacity source."""
    markets: list[MarketParams] = field(default_factory=list)
    rounds: dict[int, list[Round]] = field(default_factory=dict)
    claims: dict[bytes, Claim] = field(default_factory=dict)
    published: set[int] = field(default_factory=set)
    """Markets whose network was published."""

    @property
    def domain(self) -> Domain:
        return Domain(self.chain_id, self.address)

    # Where a round stands

    def market(self, market: int) -> MarketParams:
        if not 1 <= market <= len(self.markets):
            raise UnknownMarket(f"there are {len(self.markets)} markets, no {market}")
        return self.markets[market - 1]

    @property
    def market_count(self) -> int:
        return len(self.markets)

    def last_round(self, market: int) -> int:
        return len(self.rounds.get(market, []))

    def last_gate(self, market: int) -> int:
        """When the last round's gate is, seconds; 0 without a round."""
        last = self.last_round(market)
        return self.round(market, last).gate_at if last else 0

    def round(self, market: int, number: int) -> Round:
        """The round's record. Raises WrongStatus when there is none."""
        if not 1 <= number <= self.last_round(market):
            raise WrongStatus(f"market {market} has no round {number}")
        return self.rounds[market][number - 1]

    def status(self, market: int, number: int, *, now: int) -> Status:
        if not 1 <= number <= self.last_round(market):
            return Status.NONE
        record, params = self.round(market, number), self.market(market)
        overdue = (record.status is Status.OPEN and now > record.gate_at + params.gate_grace) or (
            record.status is Status.GATED and now >= record.gate_at + params.settle_window
        )
        return Status.VOID if overdue else record.status

    def is_over(self, market: int, number: int, *, now: int) -> bool:
        """Whether the round itself is settled or void."""
        return self.status(market, number, now=now) in (Status.SETTLED, Status.VOID)

    def is_terminal(self, market: int, number: int, *, now: int) -> bool:
        """Whether the round and every one before it are settled or void.

        Opening round n needs round n - 2 terminal, so asking for two rounds covers all.
        """
        return all(self.is_over(market, n, now=now) for n in (number, number - 1) if n >= 1)

    def is_frozen(self, market: int, *, now: int) -> bool:
        """Whether some round lies between its gate and its end."""
        last = self.last_round(market)
        return any(
            now >= self.round(market, n).gate_at and not self.is_terminal(market, n, now=now)
            for n in (last, last - 1)
            if n >= 1
        )

    def effective_round(self, market: int, *, now: int) -> int:
        """The first round that a change made now affects."""
        last = self.last_round(market)
        return last if last and now < self.round(market, last).gate_at else last + 1

    def period_rounds(self, market: int, period: int) -> list[int]:
        """Numbers of the rounds whose slots lie in the period."""
        period_slots = self.market(market).period_slots
        return [
            number
            for number, record in enumerate(self.rounds.get(market, []), start=1)
            if record.first_slot // period_slots == period
        ]

    def grid(self, market: int, number: int) -> ProductGrid:
        params, record = self.market(market), self.round(market, number)
        return ProductGrid(params.carriers, params.zones, record.first_slot, record.slots)

    # From opening to gate

    def create_market(self, params: MarketParams, *, sender: str) -> int:
        self.authority.require("MARKET_ADMIN", sender)
        params.check()
        self.markets.append(params)
        return len(self.markets)

    def publish_network(self, market: int, description: bytes) -> None:
        """Publish what the market's network is, by anyone; again is harmless."""
        if keccak(description) != self.market(market).network_hash:
            raise NetworkMismatch(f"market {market} was created with another network, or none")
        self.published.add(market)

    def is_network_published(self, market: int) -> bool:
        return market in self.published

    def open_round(
        self, market: int, gate_at: int, first_slot: int, slots: int, *, sender: str, now: int
    ) -> int:
        params = self._require_operator(market, sender)
        if params.has_network and market not in self.published:
            raise NetworkNotPublished(f"market {market}")
        if self.last_round(market) >= MAX_ROUNDS:
            raise TooManyRounds(f"{MAX_ROUNDS} rounds are all that fit 24 bits")
        if not now < gate_at <= first_slot * params.slot_seconds:
            raise InvalidGate(f"gate at {gate_at}, now {now}, first slot {first_slot}")
        last_slot = first_slot + slots - 1
        if (
            slots == 0
            or last_slot >= 2**32
            or last_slot // params.period_slots != first_slot // params.period_slots
        ):
            raise InvalidSlots(f"{slots} slots from {first_slot}")
        if params.tokenised and slots != 1:
            raise InvalidSlots(f"{slots} slots; a round of tokens trades one class")
        last = self.last_round(market)
        if last:
            last_gate = self.round(market, last).gate_at
            over = (
                self.is_terminal(market, last, now=now)
                or gate_at >= last_gate + params.settle_window
            )
            if now < last_gate or not over or not self.is_terminal(market, last - 1, now=now):
                raise RoundNotClosed(f"round {last}")
        period = first_slot // params.period_slots
        if len(self.period_rounds(market, period)) >= MAX_PERIOD_ROUNDS:
            raise TooManyRounds(f"period {period} has {MAX_PERIOD_ROUNDS} rounds")
        self.rounds.setdefault(market, []).append(Round(gate_at, first_slot, slots))
        return last + 1

    def submit_order(self, order: Order, signature: bytes, *, now: int) -> None:
        """Force an order into the book."""
        record = self._require_status(order.market, order.round, Status.OPEN, now=now)
        if now >= record.gate_at:
            raise OutsideWindow(f"the gate was at {record.gate_at}")
        self._require_well_formed(order)
        known_as, _ = self._genuine(order, signature)
        if known_as in record.forced:
            raise AlreadyForced(known_as.hex())
        if len(record.forced) == MAX_FORCED:
            raise TooManyForced(f"round {order.round}")
        record.forced.add(known_as)

    def close_gate(
        self, market: int, number: int, book_root: bytes, count: int, *, sender: str, now: int
    ) -> None:
        self._require_operator(market, sender)
        record = self._require_status(market, number, Status.OPEN, now=now)
        if now < record.gate_at:
            raise OutsideWindow(f"the gate is at {record.gate_at}")
        if not self.is_terminal(market, number - 1, now=now):
            raise RoundNotClosed(f"round {number - 1}")
        if (count == 0) != (not any(book_root)) or count < len(record.forced):
            raise InvalidCommitment(f"{count} orders, {len(record.forced)} of them forced")
        record.status, record.count, record.book_root = Status.GATED, count, book_root

    def void_round(self, market: int, number: int, *, now: int) -> None:
        """Record that an overdue round is void."""
        record = self._require_status(market, number, Status.VOID, now=now)
        if record.status is Status.VOID:
            raise WrongStatus(f"round {number} is recorded as void")
        record.status = Status.VOID

    # Settlement

    def settle(
        self, market: int, number: int, results: bytes, orders: bytes, *, sender: str, now: int
    ) -> Outcome:
        """The whole round at once. Raises what `Verification` raises."""
        self._require_operator(market, sender)
        record = self._require_status(market, number, Status.GATED, now=now)
        if record.chunks:
            raise ChunksStarted(f"round {number}")
        rules = self._rules(market, number)
        verification = Verification.begin(results, rules)
        effects = verification.read(rules, orders)
        outcome = verification.finish(rules, record.book_root, record.count)
        record.outcome, record.status = outcome, Status.SETTLED
        self._apply(market, number, effects, outcome.dust)
        return outcome

    def verify_chunk(
        self,
        market: int,
        number: int,
        results: bytes,
        state: bytes,
        orders: bytes,
        *,
        sender: str,
        now: int,
    ) -> tuple[bytes, bytes]:
        """The next part of a round. Returns the state to continue from, and the chunk's effects."""
        self._require_operator(market, sender)
        record = self._require_status(market, number, Status.GATED, now=now)
        if state if record.progress is None else keccak(state) != record.state_hash:
            raise StateMismatch(f"round {number}")
        rules = self._rules(market, number)
        if record.progress is None:
            verification = Verification.begin(results, rules)
        else:
            verification = deepcopy(record.progress)
            verification.require_results(results, rules)
        read_before = verification.orders_read
        effects = verification.read(rules, orders)
        if verification.orders_read == read_before and record.count:
            raise MalformedBatch("a chunk without an order")
        most = MAX_TOKENISED_CHUNK_TRADERS if rules.tokenised else MAX_CHUNK_TRADERS
        if len(effects) > most:
            raise ChunkTooLarge(f"{len(effects)} traders of at most {most}")
        if verification.orders_read == record.count:
            record.outcome = verification.finish(rules, record.book_root, record.count)
            record.status = Status.VERIFIED
        record.progress = verification
        record.chunks.append(effects)
        next_state = verification.to_bytes()
        record.state_hash = keccak(next_state)
        return next_state, encode_effects(effects, tokenised=rules.tokenised)

    def apply_chunk(
        self, market: int, number: int, chunk: int, effects: bytes, *, now: int
    ) -> None:
        """Move the balances of one chunk; anyone, in any order, each once."""
        record = self._require_status(market, number, Status.VERIFIED, now=now)
        tokenised = self.market(market).tokenised
        if (
            chunk in record.applied
            or not 0 <= chunk < len(record.chunks)
            or encode_effects(record.chunks[chunk], tokenised=tokenised) != effects
        ):
            raise EffectsMismatch(f"chunk {chunk}")
        last = len(record.applied) + 1 == len(record.chunks)
        dust = record.outcome.dust if last and record.outcome else 0
        record.applied.add(chunk)
        if last:
            record.status = Status.SETTLED
        self._apply(market, number, record.chunks[chunk], dust)

    def _apply(self, market: int, number: int, effects: list[Effect], dust: int) -> None:
        params = self.market(market)
        if not params.tokenised:
            self.ledger.apply_effects(market, effects, dust, sender=self.address)
            return
        self.ledger.apply_delivered(market, effects, dust, sender=self.address)
        slot = self.round(market, number).first_slot
        source = self.tokenised[params.capacity_source]
        source.deliver(market, number, slot, effects, sender=self.address)

    # Omission

    def claim_omission(
        self,
        order: Order,
        signature: bytes,
        received_at: int,
        receipt_signature: bytes,
        left: Neighbour | None,
        right: Neighbour | None,
        *,
        now: int,
    ) -> bytes:
        """Claim that a receipted order is not in the book. Returns the order's id, the claim's."""
        record = self._require_status(order.market, order.round, Status.SETTLED, now=now)
        self._require_well_formed(order)
        known_as, signer = self._genuine(order, signature)
        if known_as in self.claims:
            raise ClaimExists(known_as.hex())
        if received_at >= record.gate_at:
            raise ReceiptTooLate(f"received at {received_at}, the gate was at {record.gate_at}")
        receipt = Receipt(order.market, order.round, known_as, received_at)
        operator = self.market(order.market).operator
        self._require_signer(receipt.digest(self.domain), receipt_signature, {operator})
        self._require_absent(record, (order.trader, known_as), left, right)
        self.claims[known_as] = Claim(order, signer, now)
        return known_as

    def rebut_omission(self, claim_id: bytes, cancellation_signature: bytes, *, now: int) -> None:
        claim = self._open_claim(claim_id)
        order = claim.order
        if now > claim.claimed_at + self.market(order.market).challenge_window:
            raise ChallengeOver(f"claimed at {claim.claimed_at}")
        cancellation = Cancellation(order.market, order.round, claim_id)
        signers = {order.trader, claim.signer}
        self._require_signer(cancellation.digest(self.domain), cancellation_signature, signers)
        self.claims[claim_id] = replace(claim, closed=True)

    def pay_omission(self, order: Order, signer: str, prices: bytes, *, now: int) -> int:
        """Pay the omitted order's surplus out of the operator's bond; returns what was paid."""
        known_as = order_id(order_hash(self.domain, order), order, signer)
        claim = self._open_claim(known_as)
        params, record = self.market(order.market), self.round(order.market, order.round)
        if now <= claim.claimed_at + params.challenge_window:
            raise ChallengeOpen(f"until {claim.claimed_at + params.challenge_window}")
        if record.outcome is None or keccak(prices) != record.outcome.prices_hash:
            raise PricesMismatch(f"round {order.round}")
        grid = self.grid(order.market, order.round)
        surplus = order.limit * SCALE
        for leg in order.legs:
            at = grid.index(leg.product) * 8
            price = int.from_bytes(prices[at : at + 8], "big", signed=True)
            surplus -= leg.coefficient * price
        owed = max(0, surplus) * order.max_units // SCALED_PER_MICRO
        self.claims[known_as] = replace(claim, closed=True)
        return self.ledger.pay_from_bond(
            order.market, params.operator, order.trader, owed, sender=self.address
        )

    # Parts

    def _rules(self, market: int, number: int) -> RoundRules:
        params, record = self.market(market), self.round(market, number)

        def facts_of(trader: str) -> Facts:
            word = self.ledger.account(market, trader)
            return Facts(
                epoch=word.epoch_for(number),
                eligible=not any(params.role)
                or self.credentials.standing(trader, params.role, record.gate_at),
                margin=self.ledger.available(market, number, trader),
                capacity_wh=self._capacity_wh(market, number, trader),
                session=self.delegations.session_of(market, trader, number),
            )

        return RoundRules(
            domain=self.domain,
            market=market,
            round=number,
            gate_at=record.gate_at,
            grid=self.grid(market, number),
            price_cap=params.price_cap,
            imbalance_cap=params.imbalance_cap,
            gap_floor=params.gap_floor,
            gap_cap=params.gap_cap,
            tokenised=params.tokenised,
            facts_of=facts_of,
            is_named=lambda trader, signer: self.delegations.is_named(market, trader, signer),
            forced=frozenset(record.forced),
            network=params.network,
            open_carriers=params.open_carriers,
        )

    def _capacity_wh(self, market: int, number: int, trader: str) -> int | None:
        """What the trader may sell in the round; None: the market does not bound it."""
        params = self.market(market)
        if not params.bounds_capacity:
            return None
        if params.tokenised:
            slot = self.round(market, number).first_slot
            return self.tokenised[params.capacity_source].sellable(market, number, slot, trader)
        return self.ledger.account(market, trader).capacity * params.capacity_unit_wh

    def _require_operator(self, market: int, sender: str) -> MarketParams:
        if not 1 <= market <= len(self.markets) or self.market(market).operator != sender:
            raise NotOperator(f"{sender} does not operate market {market}")
        return self.market(market)

    def _require_status(self, market: int, number: int, wanted: Status, *, now: int) -> Round:
        status = self.status(market, number, now=now)
        if status is not wanted:
            raise WrongStatus(f"round {number} is {status.name}, not {wanted.name}")
        return self.round(market, number)

    def _require_well_formed(self, order: Order) -> None:
        grid, params = self.grid(order.market, order.round), self.market(order.market)
        rules = params.rules
        try:
            check_well_formed(
                order,
                grid,
                rules.price_cap,
                takes_coupled=rules.takes_coupled,
                open_carriers=rules.open_carriers,
                network=params.network,
            )
        except OrderError as error:
            raise MalformedOrder(str(error)) from error

    def _genuine(self, order: Order, signature: bytes) -> tuple[bytes, str]:
        """The order's id and who signed it: its trader, or a delegate that it ever named."""
        digest = order_hash(self.domain, order)
        signer = self._signer(digest, signature)
        if signer != order.trader and not self.delegations.is_named(
            order.market, order.trader, signer
        ):
            raise InvalidSignature(f"signed by {signer}, not for {order.trader}")
        return order_id(digest, order, signer), signer

    @staticmethod
    def _signer(digest: bytes, signature: bytes) -> str:
        try:
            return recover(digest, signature)
        except SignatureError as error:
            raise InvalidSignature(str(error)) from error

    def _require_signer(self, digest: bytes, signature: bytes, signers: set[str]) -> None:
        signer = self._signer(digest, signature)
        if signer not in signers:
            raise InvalidSignature(f"signed by {signer}, not {' or '.join(sorted(signers))}")

    @staticmethod
    def _require_absent(
        record: Round,
        place: tuple[str, bytes],
        left: Neighbour | None,
        right: Neighbour | None,
    ) -> None:
        """Adjacent leaves of the book between which `place` would lie; None: an end of it."""
        for neighbour in (left, right):
            if neighbour is None:
                continue
            leaf = keccak(bytes.fromhex(neighbour.trader[2:]) + neighbour.order_hash)
            if not merkle.verify(
                record.book_root, record.count, neighbour.index, leaf, neighbour.proof
            ):
                raise WrongNeighbours(f"no such leaf at {neighbour.index}")
        after_left = left.index + 1 if left else 0
        before_right = right.index if right else record.count
        here = (int(place[0], 16), place[1])
        if (
            after_left != before_right
            or (left and (int(left.trader, 16), left.order_hash) >= here)
            or (right and here >= (int(right.trader, 16), right.order_hash))
        ):
            raise WrongNeighbours("the leaves do not enclose the order")

    def _open_claim(self, claim_id: bytes) -> Claim:
        claim = self.claims.get(claim_id)
        if claim is None or claim.closed:
            raise NoOpenClaim(claim_id.hex())
        return claim
