"""A real exchange with two markets, and its delegations."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from eth_account import Account

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
NOBODY = "0x" + "00" * 20
PERIOD_SECONDS = 96 * 900
SESSION_FIELDS = (
    ("delegate", "address"),
    ("until", "uint40"),
    ("buyWh", "uint64"),
    ("sellWh", "uint64"),
    ("maxPrice", "int64"),
    ("minPrice", "int64"),
)
LAST_FIELDS = (("nonce", "uint256"), ("deadline", "uint256"))
TYPES = {
    "Authorisation": (
        ("principal", "address"),
        ("market", "uint32"),
        *SESSION_FIELDS,
        *LAST_FIELDS,
    ),
    "Revocation": (("principal", "address"), ("market", "uint32"), *LAST_FIELDS),
}


@pytest.fixture(scope="session")
def exchange(accounts, chain, manager, credentials, deploy, give_role):
    admin = accounts[0]
    address_of = chain.provider.network.ecosystem.get_deployment_address
    exchange_address, delegations_address = (
        address_of(admin.address, admin.nonce + offset) for offset in (1, 2)
    )
    ledger = deploy("Ledger", exchange_address, accounts[9])
    exchange = deploy("Exchange", manager, ledger, credentials, delegations_address)
    deploy("Delegations", exchange)
    give_role(61, admin, exchange, "createMarket")
    return exchange


@pytest.fixture(scope="session")
def delegations(exchange, connect):
    return connect("Delegations", exchange.delegations())


@pytest.fixture(scope="session")
def operator(accounts):
    return accounts[8]


@pytest.fixture(scope="session")
def alice(accounts):
    return accounts[1]


@pytest.fixture(scope="session")
def bob(accounts):
    return accounts[2]


@pytest.fixture(scope="session")
def market(exchange, accounts, operator):
    """The first of two markets."""
    params = (
        operator.address,
        accounts[7].address,
        bytes(32),
        NOBODY,
        0,
        1,
        1,
        900,
        96,
        10**9,
        10**8,
        500,
        500,
        300,
        3_600,
        86_400,
        604_800,
        86_400,
        0,
        0,
        accounts[6].address,
        NOBODY,
        0,
        bytes(32),
    )
    for _ in range(2):
        exchange.createMarket(params, sender=accounts[0])
    return exchange.marketCount() - 1


@pytest.fixture
def open_round(exchange, market, operator, clock):
    """`open_round(number, gate_at)`: the market's next round, which has that number."""

    def opened(number: int, gate_at: int) -> None:
        first_slot = (gate_at // PERIOD_SECONDS + 1) * 96
        exchange.openRound(market, gate_at, first_slot, 1, sender=operator)
        assert exchange.lastRound(market) == number

    return opened


@pytest.fixture
def session(clock):
    """`session(delegate, **changes)` as the contract takes it."""

    def made(delegate, **changes):
        values = {
            "delegate": getattr(delegate, "address", delegate),
            "until": clock.now + 30 * 86_400,
            "buyWh": 5_000,
            "sellWh": 7_000,
            "maxPrice": 300_000_000,
            "minPrice": -100_000_000,
        }
        return tuple((values | changes).values())

    return made


@dataclass(frozen=True)
class Signer:
    """Somebody with a key and no coin: others bring what it signs."""

    key: bytes
    delegations: object
    chain_id: int

    @property
    def address(self) -> str:
        return Account.from_key(self.key).address

    def sign(self, kind: str, *values, deadline, nonce=None, chain_id=None, contract=None, **over):
        """Compact signature of the change; every part can be another."""
        if nonce is None:
            nonce = self.delegations.call_view_method("nonce", self.address)
        fields = TYPES[kind]
        principal = over.get("principal", self.address)
        signed = Account.sign_typed_data(
            self.key,
            {
                "name": over.get("name", "Wattproof"),
                "version": "1",
                "chainId": chain_id or self.chain_id,
                "verifyingContract": contract or self.delegations.address,
            },
            {kind: [{"name": name, "type": of} for name, of in fields]},
            dict(
                zip(
                    (name for name, _ in fields),
                    (principal, *values, nonce, deadline),
                    strict=True,
                )
            ),
        )
        return compact(signed.v, signed.r, signed.s)


def compact(v: int, r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + (s | (v - 27) << 255).to_bytes(32, "big")


@pytest.fixture(scope="session")
def key_holder(delegations, chain):
    return Signer(b"\x51" * 32, delegations, chain.chain_id)


@pytest.fixture
def change(request, delegations, market, session, key_holder, bob, alice):
    """`change(kind)`: a signed change of the key holder: what is signed, and how it is brought."""

    def of(kind: str, current=None):
        if kind == "Authorisation":
            wanted = current or session(bob)
            signed = (market, *wanted)
            brought = (market, wanted)
            function = delegations.authoriseSigned
        else:
            signed = brought = (market,)
            function = delegations.revokeSigned

        def bring(signature, deadline, principal=key_holder.address, values=brought):
            return function(principal, *values, deadline, signature, sender=alice)

        return SimpleNamespace(kind=kind, signed=signed, brought=brought, bring=bring)

    return of


@pytest.fixture(scope="session")
def malleate():
    """The other signature of the same message by the same key."""

    def other(signature: bytes) -> bytes:
        packed = int.from_bytes(signature[32:], "big")
        parity, s = packed >> 255, packed & (2**255 - 1)
        flipped = CURVE_ORDER - s
        return signature[:32] + (flipped | (1 - parity) << 255).to_bytes(32, "big")

    return other
