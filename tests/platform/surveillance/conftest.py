"""A market on a real node with planted cases: a pivotal seller, a wash pair, and innocents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from eth_account import Account

from devnet import AnvilNode, NodeOptions
from tests.platform.noon import NOON
from wattproof.gateway import outbox
from wattproof.profiles import open_platform
from wattproof.rounds.facts import get_round
from wattproof.settings import Settings
from wattproof.surveillance import Files, Selection, SurveillanceDocument, survey_chain
from wattproof.tasks.flow import run_until_idle

CENT = 10_000_000
BIG, WASH_SELLER, WASH_BUYER, PAYER, PAID, SMALL = range(6)
GATEWAY = str(Account.from_key("0x" + "43" * 32).address)
OWNER = str(Account.from_key("0x" + "42" * 32).address)


@dataclass
class Watched:
    """The desk after its rounds, and short ways to look at it."""

    desk: Any
    rounds: tuple[int, ...]
    void: int

    def address(self, trader: int) -> str:
        return str(self.desk.traders[trader].address)

    def survey(self, **options: Any) -> SurveillanceDocument:
        platform = self.desk.platform
        selection, files = options.pop("selection", Selection()), options.pop("files", Files())
        return survey_chain(
            platform.chain.rpc_url,
            platform.deployment,
            selection=selection,
            files=files,
            **options,
        )


SESSION = {
    "delegate": GATEWAY,
    "until": NOON + 86_400,
    "buyWh": 1_000,
    "sellWh": 1_000,
    "maxPrice": 0,
    "minPrice": 0,
}


def send(desk: Any, trader: int, contract: str, function: str, *arguments: Any) -> None:
    """A transaction of a trader's own."""
    platform = desk.platform
    key = f"{contract}.{function}:{trader}"
    with platform.transaction() as session:
        outbox.call(
            session,
            platform.chain,
            contract,
            function,
            *arguments,
            key=key,
            signer=str(desk.traders[trader].address),
        )
    run_until_idle(platform)
    with platform.transaction() as session:
        row = outbox.find(session, key)
        assert row is not None
        assert row.status == outbox.MINED, row.error


def trade(desk: Any) -> int:
    """Nobody but the big one can serve the demand of the payer; the pair meets itself."""
    number = desk.open_round()
    desk.sell(BIG, number, 0, 9_000, 30 * CENT)
    desk.sell(SMALL, number, 0, 500, 10 * CENT)
    desk.buy(PAYER, number, 0, 8_000, 50 * CENT)
    desk.sell(WASH_SELLER, number, 0, 1_000, 5 * CENT)
    desk.buy(WASH_BUYER, number, 0, 1_000, 60 * CENT)
    # One bought and one sold product of two who have nothing to do with each other.
    desk.sell(PAID, number, 1, 2_000, 10 * CENT)
    desk.sell(SMALL, number, 1, 2_000, 10 * CENT)
    desk.buy(PAYER, number, 1, 2_000, 20 * CENT)
    desk.close_gate(number)
    run_until_idle(desk.platform)
    return int(number)


def voided(desk: Any) -> int:
    """A round that nobody settles: it is void, whatever was bid in it."""
    number = desk.open_round()
    desk.sell(PAID, number, 0, 1_000, CENT)
    desk.buy(PAID, number, 0, 1_000, 90 * CENT)
    with desk.platform.transaction() as session:
        gate_at = get_round(session, desk.market, number).gate_at
    desk.move_to(gate_at + 4_000)
    run_until_idle(desk.platform)
    with desk.platform.transaction() as session:
        assert get_round(session, desk.market, number).state == "void"
    return int(number)


@pytest.fixture(scope="package")
def watched(new_desk: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Three settled rounds and a void one."""
    with AnvilNode(NodeOptions(chain_id=31_344, genesis_timestamp=NOON)) as node:
        settings = Settings(data_dir=tmp_path_factory.mktemp("data"), rpc_url=node.url)
        with open_platform(settings) as opened:
            desk = new_desk(opened, 6)
            for trader in (WASH_SELLER, WASH_BUYER):
                address = str(desk.traders[trader].address)
                send(desk, trader, "DidRegistry", "changeOwner", address, OWNER)
                send(desk, trader, "Delegations", "authorise", desk.market, SESSION)
            paid = str(desk.traders[PAID].address)
            token = opened.chain.address("SettlementToken")
            send(desk, PAYER, "Ledger", "withdraw", token, 5_000, str(desk.traders[PAYER].address))
            send(desk, PAYER, "SettlementToken", "transfer", paid, 5_000)
            rounds = tuple(trade(desk) for _ in range(3))
            yield Watched(desk, rounds, voided(desk))
