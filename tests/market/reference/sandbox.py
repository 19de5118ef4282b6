"""The reference model alone: its contracts wired together, and one market."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eth_account import Account
from eth_utils.crypto import keccak

from market.reference import (
    Authority,
    CredentialRegistry,
    Delegations,
    Deviations,
    DidRegistry,
    Exchange,
    Imbalance,
    Ledger,
    MarketParams,
    MeterRegistry,
    SettlementToken,
)
from market.reference.token import ZERO_ADDRESS


def address(name: str) -> str:
    """Somebody's address."""
    return str(Account.from_key(keccak(text=name)).address)


EXCHANGE = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
"""The exchange for which the shared vectors are signed, on the chain of this number."""
CHAIN_ID = 31337
ADMIN, OPERATOR, BALANCING, ALICE = map(address, ("admin", "operator", "balancing", "alice"))
TOKEN, LEDGER, IMBALANCE, METERS, DEVIATIONS, DELEGATIONS = map(
    address, ("token", "ledger", "imbalance", "meters", "deviations", "delegations")
)


def market_params(**changes: Any) -> MarketParams:
    values: dict[str, Any] = {
        "operator": OPERATOR,
        "balancing": BALANCING,
        "role": bytes(32),
        "capacity_source": ZERO_ADDRESS,
        "capacity_unit_wh": 0,
        "carriers": 1,
        "zones": 1,
        "slot_seconds": 900,
        "period_slots": 4,
        "price_cap": 4_000_000_000,
        "imbalance_cap": 500_000_000,
        "shortfall_bp": 2_000,
        "surplus_bp": 1_000,
        "gate_grace": 300,
        "settle_window": 1_200,
        "exit_delay": 3_600,
        "bond_delay": 7_200,
        "challenge_window": 600,
        "gap_floor": 10,
        "gap_cap": 1_000_000,
        "asset": TOKEN,
    }
    return MarketParams(**(values | changes))


@dataclass(slots=True)
class Sandbox:
    """`now` in seconds is the time that its short cuts use."""

    now: int = 900_000
    authority: Authority = field(default_factory=Authority)
    exchange: Exchange = field(init=False)
    ledger: Ledger = field(init=False)
    token: SettlementToken = field(init=False)
    credentials: CredentialRegistry = field(init=False)
    meters: MeterRegistry = field(init=False)
    deviations: Deviations = field(init=False)
    imbalance: Imbalance = field(init=False)

    def __post_init__(self) -> None:
        for role in ("MINTER", "REGISTRAR", "MARKET_ADMIN", "METER_REGISTRAR", "METER_AUTHORITY"):
            self.authority.grant(role, ADMIN)
        self.credentials = CredentialRegistry(self.authority, DidRegistry())
        self.token = SettlementToken(TOKEN, self.authority)
        self.exchange = Exchange(EXCHANGE, CHAIN_ID, self.authority, self.credentials)
        self.ledger = Ledger(LEDGER, self.exchange, IMBALANCE, {TOKEN: self.token})
        self.exchange.ledger = self.ledger
        self.exchange.delegations = Delegations(DELEGATIONS, self.exchange)
        self.meters = MeterRegistry(METERS, self.authority, self.exchange)
        self.deviations = Deviations(DEVIATIONS, self.authority, self.exchange, self.meters)
        self.imbalance = Imbalance(
            IMBALANCE, self.exchange, self.ledger, self.meters, self.deviations
        )

    def create_market(self, **changes: Any) -> int:
        return self.exchange.create_market(market_params(**changes), sender=ADMIN)

    def fund(self, account: str, amount: int) -> None:
        self.token.mint(account, amount, sender=ADMIN)
        self.token.approve(LEDGER, amount, sender=account)
        self.ledger.deposit(TOKEN, amount, account, sender=account)

    def give_margin(self, market: int, account: str, amount: int) -> None:
        self.fund(account, amount)
        self.ledger.add_margin(market, amount, sender=account, now=self.now)

    def open_round(self, market: int, gate_in: int = 600) -> int:
        """A round of the next whole period, its gate in so many seconds."""
        params = self.exchange.market(market)
        gate_at = self.now + gate_in
        period_seconds = params.slot_seconds * params.period_slots
        first_slot = -(-gate_at // period_seconds) * params.period_slots
        return self.exchange.open_round(
            market, gate_at, first_slot, params.period_slots, sender=OPERATOR, now=self.now
        )

    def void_after_gate(self, market: int) -> None:
        """Let the open round pass its gate and go void."""
        number = self.exchange.last_round(market)
        gate_at = self.exchange.round(market, number).gate_at
        self.now = gate_at + self.exchange.market(market).gate_grace + 1
