"""A market of tokens on a real node: offered, ordered, settled and delivered at once."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, cast

import pytest
from eth_utils.address import to_checksum_address

import contracts
from market.order import Leg, Order, sign_order
from market.rules import MarketRules
from tests.platform.conftest import MARGIN, ONE, Desk
from wattproof.accounts import service as ledger
from wattproof.errors import RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.abi import Interface
from wattproof.orders import service as orders
from wattproof.rounds import service as rounds
from wattproof.rounds.facts import get_round
from wattproof.tasks.flow import run_until_idle

TOKENS = "test/OpenTokens"
DAY = 86_400
PRICE = 100_000_000
RULES = MarketRules(
    carriers=1,
    zones=1,
    slot_seconds=DAY,
    period_slots=1,
    price_cap=4_000_000_000,
    imbalance_cap=0,
    shortfall_bp=0,
    surplus_bp=0,
    gap_floor_micro=0,
    gap_cap_micro=0,
    tokenised=True,
)


class TokenDesk:
    """Traders of the template, with margin in a market of tokens."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.platform = desk, desk.platform
        self._deploy_tokens()
        with self.platform.transaction() as session:
            rounds.create_market(self.platform, session, "tokens", RULES, capacity_source=TOKENS)
        run_until_idle(self.platform)
        with self.platform.transaction() as session:
            market = rounds.market_named(session, "tokens")
            assert market is not None
            self.market = market.market
            for trader in desk.traders:
                ledger.ledger_call(
                    self.platform,
                    session,
                    str(trader.address),
                    "addMargin",
                    self.market,
                    MARGIN,
                    key="tokens",
                )
        run_until_idle(self.platform)
        self.slot = desk.now() // DAY + 1
        self.number = self._open_round()

    def _deploy_tokens(self) -> None:
        """Beside the deployment, under a name of its own."""
        chain = self.platform.chain
        artifact = contracts.load(TOKENS)
        deployer = "0x" + "d0" * 20
        chain.request("anvil_setBalance", deployer, hex(10**20))
        chain.request("anvil_impersonateAccount", deployer)
        data = artifact.bytecode + chain.address("Exchange")[2:].rjust(64, "0").lower()
        sent = {"from": deployer, "data": data, "gas": hex(5_000_000)}
        digest = chain.request("eth_sendTransaction", sent)
        address = self.desk.mined(digest)["contractAddress"]
        addresses = cast(MutableMapping[str, str], chain.deployment.addresses)
        addresses[TOKENS] = address
        chain.interfaces[TOKENS] = Interface(TOKENS, list(artifact.abi))
        chain.names[to_checksum_address(address)] = TOKENS

    def _open_round(self) -> int:
        with self.platform.transaction() as session:
            row = rounds.open_round(
                self.platform,
                session,
                self.market,
                gate_at=self.desk.now() + 100,
                first_slot=self.slot,
                slots=1,
            )
            number = row.number
        run_until_idle(self.platform)
        return number

    def call(self, trader: int, function: str, *arguments: Any) -> None:
        address = str(self.desk.traders[trader].address)
        with self.platform.transaction() as session:
            outbox.call(
                session,
                self.platform.chain,
                TOKENS,
                function,
                *arguments,
                key=f"{function}:{trader}",
                signer=address,
            )
        run_until_idle(self.platform)

    def offers(self, trader: int, amount: int) -> None:
        address = str(self.desk.traders[trader].address)
        self.call(trader, "mint", self.slot, address, amount)
        self.call(trader, "offer", self.market, self.slot, amount)

    def order(self, trader: int, units: int, price: int, salt: int = 0) -> None:
        """Buy units, or sell them where negative."""
        account = self.desk.traders[trader]
        with self.platform.transaction() as session:
            product = get_round(session, self.market, self.number).first_slot
            order = Order(
                market=self.market,
                round=self.number,
                legs=(Leg(product, ONE if units > 0 else -ONE),),
                max_units=abs(units),
                limit=price if units > 0 else -price,
                trader=str(account.address),
                epoch=0,
                salt=salt,
            )
            signature = sign_order(self.platform.domain, order, bytes(account.key))
            orders.submit(self.platform, session, order, signature)

    def close_gate(self) -> None:
        with self.platform.transaction() as session:
            gate_at = get_round(session, self.market, self.number).gate_at
        self.desk.move_to(gate_at)
        run_until_idle(self.platform)

    def state(self) -> str:
        with self.platform.transaction() as session:
            return str(get_round(session, self.market, self.number).state)

    def held(self, trader: int) -> int:
        address = self.desk.traders[trader].address
        return int(self.platform.chain.call(TOKENS, "balanceOf", self.slot, address))

    def offered(self, trader: int) -> int:
        address = self.desk.traders[trader].address
        view = self.platform.chain.call(TOKENS, "offerOf", self.market, self.slot, address)
        return int(view["offered"])

    def free(self, trader: int) -> tuple[int, int]:
        """Free balance as stored, and as the chain has it."""
        address = str(self.desk.traders[trader].address)
        asset = self.platform.chain.address("SettlementToken")
        with self.platform.transaction() as session:
            stored = ledger.balances(session, address).free_micro.get(asset, 0)
        return stored, int(self.platform.chain.call("Ledger", "free", asset, address))


@pytest.fixture
def tokens(desk: Desk) -> TokenDesk:
    return TokenDesk(desk)


def test_a_round_of_tokens_settles_and_is_over_without_meters(tokens: TokenDesk) -> None:
    tokens.offers(1, 3_000)
    before, _ = tokens.free(1)
    tokens.order(0, 5_000, 3 * PRICE)
    tokens.order(1, -3_000, PRICE)
    tokens.close_gate()
    assert tokens.state() == "closed"
    assert (tokens.held(0), tokens.offered(1)) == (3_000, 0)
    # 3,000 tokens of one Wh at 0.3 a kWh, paid out at once.
    assert tokens.free(1) == (before + 900_000, before + 900_000)


def test_selling_more_than_is_offered_is_refused_with_what_to_do(tokens: TokenDesk) -> None:
    tokens.offers(1, 1_000)
    tokens.order(1, -600, PRICE)
    with pytest.raises(RefusedError, match="offered for sale are 1000 Wh: offer what") as refused:
        tokens.order(1, -401, PRICE, salt=1)
    assert refused.value.code == "not_offered"
    tokens.order(1, -400, PRICE, salt=1)


def test_tokens_recalled_before_the_gate_do_not_stop_the_round(tokens: TokenDesk) -> None:
    tokens.offers(1, 1_000)
    tokens.offers(2, 1_000)
    tokens.order(1, -600, PRICE)
    tokens.order(2, -600, PRICE)
    tokens.order(0, 1_200, 3 * PRICE)
    tokens.call(1, "requestRecall", tokens.market, tokens.slot, 500)
    tokens.close_gate()
    assert tokens.state() == "closed"
    assert (tokens.held(0), tokens.offered(1), tokens.offered(2)) == (600, 1_000, 400)
    with tokens.platform.transaction() as session:
        why = [o.why for o in orders.list_orders(session, market=tokens.market) if not o.maximum]
    assert why == ["what was offered for sale did not cover it at the gate"]


def test_an_account_has_no_attested_capacity_where_tokens_are_offered(tokens: TokenDesk) -> None:
    with tokens.platform.transaction() as session:
        owner = str(tokens.desk.traders[0].address)
        balances = {m.market: m for m in ledger.balances(session, owner).markets}
    assert balances[tokens.market].capacity_wh is None
    assert balances[tokens.market].margin_micro == MARGIN


def test_a_big_round_of_tokens_settles_in_chunks(tokens: TokenDesk) -> None:
    settings = tokens.platform.settings.model_copy(update={"chunk_orders": 3})
    object.__setattr__(tokens.platform, "settings", settings)
    for trader in (1, 2, 3):
        tokens.offers(trader, 1_000)
    for salt in range(3):
        for trader in (1, 2, 3):
            tokens.order(trader, -300, PRICE, salt)
        tokens.order(0, 900, 3 * PRICE, salt)
    tokens.close_gate()
    assert tokens.state() == "closed"
    assert tokens.held(0) == 2_700
    assert [tokens.offered(trader) for trader in (1, 2, 3)] == [100, 100, 100]
    with tokens.platform.transaction() as session:
        assert get_round(session, tokens.market, tokens.number).chunks == 4
