"""Everything the ledger and the registries hold, rebuilt from the chain's history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from market.book import Book
from market.certificate import Certificate
from market.eligibility import TraderFacts
from market.order import Domain
from market.outcome import Clearing
from market.product import ProductGrid
from market.reference.account import AccountWord
from market.reference.identity import Grant
from market.reference.ledger import Exit
from market.reference.meters import Device, Reading
from market.reference.params import MarketParams
from market.settlement import Settlement, SubmittedOrder
from wattproof.audit.certificates_state import CONTRACT as CERTIFICATES
from wattproof.audit.certificates_state import Certificates
from wattproof.audit.claims_state import Credits, DemandResponse, Deviations
from wattproof.audit.delegations_state import Delegations
from wattproof.audit.double_entry import DoubleEntry
from wattproof.audit.quotas_state import Quotas

Amounts = defaultdict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Proof:
    """A settled round, derived again from its call data and the facts at its gate."""

    book: Book
    facts: dict[str, TraderFacts]
    maxima: tuple[int, ...]
    clearing: Clearing
    certificate: Certificate
    settlement: Settlement


@dataclass(slots=True)
class Chunk:
    """One verified chunk: how far it reaches in the book, and whether it was applied."""

    stop: int
    effects_hash: bytes
    applied: bool = False


@dataclass(slots=True)
class RoundState:
    """A round as its events tell it. ``status``: Open, Gated, Verified, Settled or Void."""

    gate_at: int
    first_slot: int
    slots: int
    status: str = "Open"
    forced: set[bytes] = field(default_factory=set)
    book_root: bytes = bytes(32)
    count: int = 0
    results: bytes | None = None
    submitted: list[SubmittedOrder] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    proof: Proof | None = None
    transactions: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Closure:
    """A closed position, micro-units; a negative charge was paid to the account."""

    lock: int
    charge: int


@dataclass(frozen=True, slots=True)
class Passport:
    """A battery's attested capacity."""

    owner: str
    capacity_wh: int
    soh_bp: int
    cycles_per_day_milli: int
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """An account in an administrative role, as OpenZeppelin's AccessManager keeps it; seconds.

    A grant counts from ``since`` on. What its calls wait is ``delay`` from ``delay_from`` on, and
    ``delay_before`` until then.
    """

    since: int
    delay: int
    delay_before: int = 0
    delay_from: int = 0

    def delay_at(self, now: int) -> int:
        return self.delay if self.delay_from <= now else self.delay_before

    def standing(self, now: int) -> tuple[bool, int]:
        """What ``hasRole`` must say."""
        return self.since <= now, self.delay_at(now)

    def access(self, now: int) -> tuple[int, int, int, int]:
        """What ``getAccess`` must say: since, delay now, the delay to come and when (0: none)."""
        changes = self.delay_from > now
        to_come = (self.delay, self.delay_from) if changes else (0, 0)
        return self.since, self.delay_at(now), *to_come


@dataclass(slots=True)
class Offer:
    """Tokens offered for sale; ``recall_round`` 0: none is recalled."""

    offered: int = 0
    recalled: int = 0
    recall_round: int = 0

    def sellable(self, number: int) -> int:
        """What backs orders of a round."""
        if self.recall_round == 0 or number < self.recall_round:
            return self.offered
        return self.offered - min(self.recalled, self.offered)


@dataclass(slots=True)
class State:
    """Balances in micro-units, by the keys the contracts use."""

    domain: Domain
    ledger: str
    contracts: Mapping[str, str] = field(default_factory=dict)
    """Names of the deployment's contracts by address."""
    tokens: Amounts = field(default_factory=lambda: defaultdict(int))
    supply: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    free: Amounts = field(default_factory=lambda: defaultdict(int))
    words: defaultdict[tuple[int, str], AccountWord] = field(
        default_factory=lambda: defaultdict(AccountWord)
    )
    exits: dict[tuple[int, str], Exit] = field(default_factory=dict)
    bonds: defaultdict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    bond_exits: dict[tuple[int, str], Exit] = field(default_factory=dict)
    dust: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    deposited: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    authority: dict[tuple[int, str], Member] = field(default_factory=dict)
    restricted: dict[tuple[str, bytes], int] = field(default_factory=dict)
    """Role by contract and function selector."""
    owners: dict[str, str] = field(default_factory=dict)
    deactivated: dict[str, int] = field(default_factory=dict)
    accredited: dict[tuple[str, bytes], int] = field(default_factory=dict)
    accreditation_ended: dict[tuple[str, bytes], int] = field(default_factory=dict)
    grants: dict[tuple[str, bytes], Grant] = field(default_factory=dict)
    credentials: dict[bytes, tuple[str, bytes]] = field(default_factory=dict)
    passports: dict[bytes, Passport] = field(default_factory=dict)

    markets: dict[int, MarketParams] = field(default_factory=dict)
    networks: dict[int, bytes] = field(default_factory=dict)
    rounds: dict[tuple[int, int], RoundState] = field(default_factory=dict)

    devices: dict[str, Device] = field(default_factory=dict)
    device_of: dict[tuple[int, str, int], str] = field(default_factory=dict)
    readings: dict[tuple[str, int], Reading] = field(default_factory=dict)
    values: dict[tuple[str, int], bytes] = field(default_factory=dict)
    coverage: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    closures: dict[tuple[int, int, str], Closure] = field(default_factory=dict)

    offers: defaultdict[tuple[int, int, str], Offer] = field(
        default_factory=lambda: defaultdict(Offer)
    )
    """Tokens for sale, by market, slot and account."""
    deviations: Deviations = field(default_factory=Deviations)
    credits: Credits = field(default_factory=Credits)
    demand_response: DemandResponse = field(default_factory=DemandResponse)
    certificates: Certificates = field(default_factory=Certificates)
    quotas: Quotas = field(default_factory=Quotas)
    delegations: Delegations = field(default_factory=Delegations)
    entries: DoubleEntry = field(default_factory=DoubleEntry)

    # What the rules ask of it

    def available(self, market: int, round_number: int, account: str) -> int:
        """Margin that backs the account's orders in a round."""
        word = self.words[market, account]
        if word.exit_round == 0 or round_number < word.exit_round:
            return word.margin
        return max(0, word.margin - self.exits[market, account].amount)

    def standing(self, subject: str, role: bytes, at: int) -> bool:
        """Whether a role stood at a second."""
        grant = self.grants.get((subject, role))
        if grant is None:
            return False
        ends = (
            grant.expires_at,
            grant.revoked_at,
            self.accreditation_ended.get((grant.issuer, role), 0),
            self.deactivated.get(subject, 0),
        )
        return grant.valid_from <= at < min(end for end in ends if end)

    def facts(
        self, market: int, number: int, account: str, *, delegating: bool = False
    ) -> TraderFacts:
        """What the chain says of a trader at a round's gate; unchanged until the round ends.

        `delegating`: whether somebody signed for it, so that its session matters.
        """
        params, word = self.markets[market], self.words[market, account]
        gate_at = self.rounds[market, number].gate_at
        return TraderFacts(
            margin_micro=self.available(market, number, account),
            epoch=word.epoch_for(number),
            eligible=not any(params.role) or self.standing(account, params.role, gate_at),
            capacity_wh=self._capacity_wh(market, number, account),
            session=self.delegations.session_of(market, account, number) if delegating else None,
            gate_at=gate_at,
        )

    def _capacity_wh(self, market: int, number: int, account: str) -> int | None:
        """What the account may sell in a round; None: no bound."""
        params = self.markets[market]
        if params.tokenised:
            slot = self.rounds[market, number].first_slot
            return self.offers[market, slot, account].sellable(number)
        if params.bounds_capacity:
            return self.words[market, account].capacity * params.capacity_unit_wh
        return None

    def effective_round(self, market: int, now: int) -> int:
        """The round from which a change that is made now counts."""
        last = max((number for (at, number) in self.rounds if at == market), default=0)
        return last if last and now < self.rounds[market, last].gate_at else last + 1

    def sells_certificates(self, market: int) -> bool:
        """Whether a market trades green certificates: its capacity source says whose tokens."""
        return self.markets[market].tokenised and self.source_of(market) == CERTIFICATES

    def source_of(self, market: int) -> str:
        """Name of the contract that bounds what may be sold in a market; empty: none of ours."""
        return self.contracts.get(self.markets[market].capacity_source, "")

    def grid(self, market: int, number: int) -> ProductGrid:
        """The products of a round."""
        params, record = self.markets[market], self.rounds[market, number]
        return ProductGrid(params.carriers, params.zones, record.first_slot, record.slots)

    def held(self, asset: str) -> int:
        """What the books say the ledger holds: the sum that must equal its tokens, exactly."""
        mine = {number for number, params in self.markets.items() if params.asset == asset}
        return (
            sum(amount for (a, _), amount in self.free.items() if a == asset)
            + sum(w.margin + w.locked for (m, _), w in self.words.items() if m in mine)
            + sum(amount for (m, _), amount in self.bonds.items() if m in mine)
            + self.dust[asset]
        )
