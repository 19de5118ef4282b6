"""One world twice: the compiled contracts in an EVM, and the reference model beside them.

`World.do` makes a call on both and fails where they differ: in what they refuse, in the name of the
refusal, in what they return. `World.check_state` compares everything they hold.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from dataclasses import astuple, dataclass, replace
from typing import Any

from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from market.order import Order, SignedOrder
from market.reference import (
    Authority,
    BatteryPassport,
    CredentialRegistry,
    Delegations,
    Deviations,
    DidRegistry,
    Exchange,
    Imbalance,
    Ledger,
    MarketParams,
    MeterRegistry,
    Revert,
    SettlementToken,
)
from market.reference.delegations import Session
from market.reference.exchange import Round
from market.reference.token import ZERO_ADDRESS
from tests.evm import chain
from tests.evm.chain import CHAIN_ID, Chain, Contract, EvmRevertError, contract_address

DAY = 86_400
SLOT_SECONDS = 900
PERIOD_SLOTS = 4
START = 1_000 * DAY
"""When a world begins, seconds; a whole period."""
ROLES = ("MINTER", "REGISTRAR", "MARKET_ADMIN", "METER_REGISTRAR", "METER_AUTHORITY", "ATTESTER")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a key."""

    name: str
    key: str
    address: str

    @classmethod
    def named(cls, name: str) -> Person:
        account = Account.from_key(keccak(text=name))
        return cls(name, "0x" + keccak(text=name).hex(), account.address)


DEPLOYER = Person.named("deployer")
ADMIN = Person.named("admin")
OPERATOR = Person.named("operator")
BALANCING = Person.named("balancing")
ISSUER = Person.named("issuer")
TRADERS = tuple(Person.named(f"trader {i}") for i in range(6))
DELEGATES = tuple(Person.named(f"delegate {i}") for i in range(3))
"""Keys without money that traders let sign for them."""
PEOPLE = (ADMIN, OPERATOR, BALANCING, ISSUER, *TRADERS)
BY_ADDRESS = {person.address: person for person in (*PEOPLE, *DELEGATES)}


def snake_case(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def order_tuple(order: Order) -> tuple[Any, ...]:
    """An order as the ABI takes it."""
    return (
        order.market,
        order.round,
        [(leg.product, leg.coefficient) for leg in order.legs],
        order.max_units,
        order.limit,
        order.trader,
        order.epoch,
        order.salt,
    )


class World:
    """The contracts and the model, deployed at the same addresses."""

    def __init__(self, now: int = START) -> None:
        self.chain = Chain(now)
        names = (
            "Authority",
            "SettlementToken",
            "DidRegistry",
            "CredentialRegistry",
            "Ledger",
            "Exchange",
            "Delegations",
            "MeterRegistry",
            "Deviations",
            "Imbalance",
            "BatteryPassport",
        )
        at = {name: contract_address(DEPLOYER.address, i) for i, name in enumerate(names)}
        arguments: dict[str, list[str]] = {
            "Authority": [ADMIN.address],
            "SettlementToken": [at["Authority"]],
            "DidRegistry": [],
            "CredentialRegistry": [at["Authority"], at["DidRegistry"]],
            "Ledger": [at["Exchange"], at["Imbalance"]],
            "Exchange": [
                at[name] for name in ("Authority", "Ledger", "CredentialRegistry", "Delegations")
            ],
            "Delegations": [at["Exchange"]],
            "MeterRegistry": [at["Authority"], at["Exchange"]],
            "Deviations": [at["Authority"], at["Exchange"], at["MeterRegistry"]],
            "Imbalance": [at["Exchange"], at["Ledger"], at["MeterRegistry"], at["Deviations"]],
            "BatteryPassport": [at["Authority"], at["CredentialRegistry"]],
        }
        self.contracts: dict[str, Contract] = {}
        for name in names:
            deployed = self.chain.deploy(DEPLOYER.address, name, arguments[name])
            assert deployed.address == at[name]
            self.contracts[name] = deployed

        authority = Authority()
        for role in ROLES:
            authority.grant(role, ADMIN.address)
        self.dids = DidRegistry()
        self.credentials = CredentialRegistry(authority, self.dids)
        self.token = SettlementToken(at["SettlementToken"], authority)
        self.exchange = Exchange(at["Exchange"], CHAIN_ID, authority, self.credentials)
        self.passports = BatteryPassport(
            at["BatteryPassport"], authority, self.credentials, lambda: self.now
        )
        self.ledger = Ledger(
            at["Ledger"],
            self.exchange,
            at["Imbalance"],
            tokens={self.token.address: self.token},
            capacity_sources={self.passports.address: self.passports},
        )
        self.exchange.ledger = self.ledger
        self.delegations = Delegations(at["Delegations"], self.exchange)
        self.exchange.delegations = self.delegations
        self.meters = MeterRegistry(at["MeterRegistry"], authority, self.exchange)
        self.deviations = Deviations(at["Deviations"], authority, self.exchange, self.meters)
        self.imbalance = Imbalance(
            at["Imbalance"], self.exchange, self.ledger, self.meters, self.deviations
        )
        self.models: dict[str, Any] = {
            "SettlementToken": self.token,
            "DidRegistry": self.dids,
            "CredentialRegistry": self.credentials,
            "Ledger": self.ledger,
            "Exchange": self.exchange,
            "Delegations": self.delegations,
            "MeterRegistry": self.meters,
            "Deviations": self.deviations,
            "Imbalance": self.imbalance,
            "BatteryPassport": self.passports,
        }
        self.donated = 0
        """Tokens that reached the ledger without a deposit (withdrawn to its own address)."""
        self.outcomes: Counter[tuple[str, str, str | None]] = Counter()
        """Calls made through `do`, by contract, function and refusal."""
        self.values: dict[tuple[str, int], bytes] = {}
        """Readings posted, by device and period."""
        self.standing_seen: dict[tuple[str, bytes, int], bool] = {}

    # Time and calls

    @property
    def now(self) -> int:
        return self.chain.now

    def wait(self, seconds: int) -> None:
        self.chain.now += seconds

    def do(
        self,
        contract: str,
        function: str,
        *arguments: Any,
        sender: Person,
        model_arguments: tuple[Any, ...] | None = None,
        same_refusal: bool = True,
    ) -> str | None:
        """Make a call on both. Returns the refusal's name, or None when it took effect.

        `model_arguments` where the model takes other types than the ABI; without `same_refusal`
        (call data that is no well-formed encoding of anything) only that both refuse is compared.
        """
        model = getattr(self.models[contract], snake_case(function))
        taken = inspect.signature(model).parameters
        keywords: dict[str, Any] = {}
        if "sender" in taken:
            keywords["sender"] = sender.address
        if "now" in taken:
            keywords["now"] = self.now
        refusal: str | None = None
        result: Any = None
        try:
            result = model(*(arguments if model_arguments is None else model_arguments), **keywords)
        except Revert as error:
            refusal = type(error).__name__
        refused: str | None = None
        returned: Any = ()
        try:
            returned = self.send(contract, function, *arguments, sender=sender)
        except EvmRevertError as error:
            refused = error.name
        same = refused == refusal if same_refusal else (refused is None) == (refusal is None)
        name = f"{contract}.{function}{arguments}"
        assert same, f"{name}: the contract says {refused}, the model {refusal}"
        self.outcomes[contract, function, refused] += 1
        if function == "post" and refused is None:
            self.values[arguments[0], arguments[2]] = arguments[3]
        if refused is None and returned != () and not isinstance(result, tuple | None):
            assert returned == result, (
                f"{name}: the contract returns {returned}, the model {result}"
            )
        return refused

    def must(self, contract: str, function: str, *arguments: Any, **how: Any) -> None:
        """`do`, of what takes effect."""
        refusal = self.do(contract, function, *arguments, **how)
        assert refusal is None, f"{contract}.{function}: {refusal}"

    def grant_role(
        self, contract: str, functions: tuple[str, ...], role: int, holders: tuple[str, ...]
    ) -> None:
        """From now on the contract's functions need the role, which the holders have."""
        authority = self.contracts["Authority"]
        selectors = [chain.functions(contract)[name].selector for name in functions]
        target = self.contracts[contract].address
        authority.call("setTargetFunctionRole", target, selectors, role, sender=ADMIN.address)
        for holder in holders:
            authority.call("grantRole", role, holder, 0, sender=ADMIN.address)

    def send(self, contract: str, function: str, *arguments: Any, sender: Person) -> Any:
        """A call of the contract alone. Raises EvmRevertError."""
        return self.contracts[contract].call(function, *arguments, sender=sender.address)

    def view(self, contract: str, function: str, *arguments: Any) -> Any:
        return self.contracts[contract].view(function, *arguments)

    # Short cuts to a world in which something can happen

    def create_market(self, **changes: Any) -> int:
        params = replace(market_params(self.token.address), **changes)
        created = self.exchange.market_count
        assert (
            self.do(
                "Exchange",
                "createMarket",
                astuple(params),
                sender=ADMIN,
                model_arguments=(params,),
            )
            is None
        )
        return created + 1

    def fund(self, person: Person, amount: int) -> None:
        """Mint and deposit micro-units."""
        token, ledger = self.token.address, self.ledger.address
        steps: list[tuple[str, str, tuple[Any, ...], Person]] = [
            ("SettlementToken", "mint", (person.address, amount), ADMIN),
            ("SettlementToken", "approve", (ledger, amount), person),
            ("Ledger", "deposit", (token, amount, person.address), person),
        ]
        for contract, function, arguments, sender in steps:
            assert self.do(contract, function, *arguments, sender=sender) is None

    def open_round(self, market: int, gate_in: int, slots: int = PERIOD_SLOTS) -> int:
        """Open a round that delivers in the first period after its gate."""
        gate_at = self.now + gate_in
        params = self.exchange.market(market)
        period_seconds = params.slot_seconds * params.period_slots
        first_slot = -(-gate_at // period_seconds) * params.period_slots
        refusal = self.do(
            "Exchange", "openRound", market, gate_at, first_slot, slots, sender=OPERATOR
        )
        assert refusal is None, refusal
        return self.exchange.last_round(market)

    def force(self, signed: SignedOrder) -> str | None:
        """Submit an order on-chain. Returns the refusal's name, if it is refused."""
        return self.do(
            "Exchange",
            "submitOrder",
            order_tuple(signed.order),
            signed.signature,
            sender=ADMIN,
            model_arguments=(signed.order, signed.signature),
        )

    def sign(self, person: Person, order: Order, delegate: Person | None = None) -> SignedOrder:
        """`delegate`: who signs in the person's stead."""
        if delegate is None:
            return SignedOrder.sign(self.exchange.domain, order, person.key)
        return SignedOrder.sign(
            self.exchange.domain, order, delegate.key, delegate=delegate.address
        )

    def authorise(self, principal: Person, market: int, session: Session) -> str | None:
        """Returns the refusal's name, if it is refused."""
        return self.do(
            "Delegations",
            "authorise",
            market,
            astuple(session),
            sender=principal,
            model_arguments=(market, session),
        )

    def session_of(self, market: int, principal: str, number: int) -> tuple[Any, ...]:
        """As the contract says it."""
        delegate, *bounds = self.view("Delegations", "sessionOf", market, principal, number)
        return (to_checksum_address(delegate), *bounds)

    # Comparing

    def check_state(self) -> None:
        """Everything that both hold is the same. Raises AssertionError naming what differs."""
        self._check_money()
        for market in range(1, self.exchange.market_count + 1):
            self._check_market(market)
        self._check_standing()

    def check_invariants(self) -> None:
        """What must hold whatever was called, in the contracts' own numbers."""
        asset, ledger = self.token.address, self.ledger.address
        markets = range(1, self.exchange.market_count + 1)
        held = sum(self.view("Ledger", "free", asset, p) for p in self.addresses)
        for market in markets:
            for address in self.addresses:
                word = self.view("Ledger", "word", market, address)
                held += (word & (2**64 - 1)) + (word >> 64 & (2**64 - 1))
                held += self.view("Ledger", "bondOf", market, address)
        held += self.view("Ledger", "dust", asset)
        assert held == self.view("Ledger", "totalDeposited", asset)
        tokens = self.view("SettlementToken", "balanceOf", ledger)
        assert tokens == held + self.donated, f"{tokens} tokens for {held} + {self.donated}"

    @property
    def addresses(self) -> list[str]:
        return [person.address for person in PEOPLE] + [self.ledger.address]

    def _check_money(self) -> None:
        asset = self.token.address
        self._same("totalSupply", self.token.total_supply, "SettlementToken", "totalSupply")
        self._same("dust", self.ledger.dust[asset], "Ledger", "dust", asset)
        total = self.ledger.total_deposited[asset]
        self._same("totalDeposited", total, "Ledger", "totalDeposited", asset)
        for who in self.addresses:
            balance = self.token.balances[who]
            self._same(f"tokens of {who}", balance, "SettlementToken", "balanceOf", who)
            free = self.ledger.free[asset, who]
            self._same(f"free of {who}", free, "Ledger", "free", asset, who)

    def _check_market(self, market: int) -> None:
        last = self.exchange.last_round(market)
        self._same("lastRound", last, "Exchange", "lastRound", market)
        frozen = self.exchange.is_frozen(market, now=self.now)
        self._same("isFrozen", frozen, "Exchange", "isFrozen", market)
        effective = self.exchange.effective_round(market, now=self.now)
        self._same("effectiveRound", effective, "Exchange", "effectiveRound", market)
        published = self.exchange.is_network_published(market)
        self._same("published", published, "Exchange", "isNetworkPublished", market)
        for number in range(max(1, last - 2), last + 1):
            self._check_round(market, number)
        for who in self.addresses:
            word = self.ledger.account(market, who).to_word()
            self._same(f"word of {who}", word, "Ledger", "word", market, who)
            leaving = self.ledger.exit_of(market, who)
            self._same(f"exit of {who}", astuple(leaving), "Ledger", "exitOf", market, who)
            bond = self.ledger.bonds[market, who]
            self._same(f"bond of {who}", bond, "Ledger", "bondOf", market, who)
            self._check_sessions(market, who, last)

    def _check_sessions(self, market: int, who: str, last: int) -> None:
        since = self.delegations.from_round_of(market, who)
        self._same(f"delegate's round of {who}", since, "Delegations", "fromRoundOf", market, who)
        for number in range(max(0, last - 1), last + 2):
            session = astuple(self.delegations.session_of(market, who, number))
            found = self.session_of(market, who, number)
            assert found == session, f"session of {who} in round {number}: {found} or {session}"
        for delegate in DELEGATES:
            trio = (market, who, delegate.address)
            named = self.delegations.is_named(*trio)
            self._same(f"{delegate.name} of {who}", named, "Delegations", "isNamed", *trio)
        nonce = self.delegations.nonce(who)
        self._same(f"nonce of {who}", nonce, "Delegations", "nonce", who)

    def _check_round(self, market: int, number: int) -> None:
        record: Round = self.exchange.round(market, number)
        done = record.outcome
        expected = (
            int(self.exchange.status(market, number, now=self.now)),
            record.gate_at,
            record.count,
            len(record.forced),
            record.first_slot,
            record.slots,
            record.book_root,
            done.positions_root if done else bytes(32),
            done.positions_count if done else 0,
            done.prices_hash if done else bytes(32),
            len(record.chunks),
            len(record.applied),
        )
        self._same(f"round {number}", expected, "Exchange", "roundOf", market, number)
        state_hash = record.state_hash
        self._same(f"state of {number}", state_hash, "Exchange", "stateHash", market, number)
        terminal = self.exchange.is_terminal(market, number, now=self.now)
        self._same(f"end of {number}", terminal, "Exchange", "isTerminal", market, number)

    def _check_standing(self) -> None:
        """Both say the same about now, and still the same about the past."""
        for subject, role in self.credentials.grants:
            stands = self.credentials.standing(subject, role, self.now - 1)
            self.standing_seen.setdefault((subject, role, self.now - 1), stands)
        horizon = self.now - DAY
        self.standing_seen = {k: v for k, v in self.standing_seen.items() if k[2] > horizon}
        for (subject, role, time), stood in self.standing_seen.items():
            assert self.credentials.standing(subject, role, time) == stood
            self._same("standing", stood, "CredentialRegistry", "standing", subject, role, time)

    def _same(self, what: str, expected: Any, contract: str, view: str, *arguments: Any) -> None:
        found = self.view(contract, view, *arguments)
        assert found == expected, f"{what}: the contract says {found}, the model {expected}"


def market_params(asset: str) -> MarketParams:
    """A market of one carrier with four quarter-hours a period, open to everybody."""
    return MarketParams(
        operator=OPERATOR.address,
        balancing=BALANCING.address,
        role=bytes(32),
        capacity_source=ZERO_ADDRESS,
        capacity_unit_wh=0,
        carriers=1,
        zones=1,
        slot_seconds=SLOT_SECONDS,
        period_slots=PERIOD_SLOTS,
        price_cap=4_000_000_000,
        imbalance_cap=499_999_937,
        shortfall_bp=2_000,
        surplus_bp=2_000,
        gate_grace=300,
        settle_window=1_200,
        exit_delay=3_600,
        bond_delay=7_200,
        challenge_window=600,
        gap_floor=10,
        gap_cap=1_000_000,
        asset=asset,
    )
