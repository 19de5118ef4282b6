"""Tokens that strangers send to our contracts spoil no audit, and hide no theft."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

from tests.platform.flexible_mall import DAY, Mall, MallTemplate, open_copy
from wattproof import audit
from wattproof.audit.findings import Gift, Report
from wattproof.audit.history import History
from wattproof.audit.replay import rebuild

BOOKING = ("Ledger", "EnergyCredits", "DemandResponse", "QuotaRegistry")
GIVEN = dict(zip((*BOOKING, "Exchange"), (1, 2, 3, 4, 5), strict=True))
SIZE = 7


@pytest.fixture
def mall(mall_template: MallTemplate, tmp_path: Path) -> Iterator[Mall]:
    """Money is booked in the ledger, a series and a programme; some has left again."""
    for opened in open_copy(mall_template, tmp_path / "data"):
        token = opened.platform.chain.address("SettlementToken")
        opened.send(opened.account, "Ledger", "deposit", token, 1_000, opened.address)
        opened.send(opened.account, "Ledger", "withdraw", token, 400, opened.other.address)
        series = opened.open_series((opened.today + 40) * DAY)
        opened.send(opened.owner, "EnergyCredits", "defund", series, 30, opened.other.address)
        programme = opened.create_programme()
        opened.send(opened.owner, "DemandResponse", "defund", programme, 40)
        yield opened


def _replay(mall: Mall) -> Report:
    platform = mall.platform
    return audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)


def _give(mall: Mall, contract: str, amount: int) -> Gift:
    """What a stranger needs for it: a transfer."""
    chain, sender = mall.platform.chain, mall.other
    mall.send(sender, "SettlementToken", "transfer", chain.address(contract), amount)
    last = [
        event
        for event in chain.events(mall.platform.deployment.first_block, chain.head().number)
        if (event.contract, event.name) == ("SettlementToken", "Transfer")
    ][-1]
    return Gift(contract, str(sender.address), amount, last.transaction_hash)


def test_nothing_is_given_where_everything_is_booked(mall: Mall) -> None:
    report = _replay(mall)
    assert (report.findings, report.gifts) == ([], [])


def test_a_gift_to_each_contract_is_listed_and_spoils_nothing(mall: Mall) -> None:
    gifts = [_give(mall, contract, amount) for contract, amount in GIVEN.items()]
    report = _replay(mall)
    assert report.findings == []
    assert report.gifts == gifts
    assert report.given == GIVEN
    told = report.to_json()
    assert told["equal"] is True
    assert told["givenMicro"] == {name: str(amount) for name, amount in GIVEN.items()}
    assert told["gifts"][0] == {
        "contract": "Ledger",
        "from": mall.other.address,
        "amountMicro": "1",
        "transaction": gifts[0].transaction,
    }


def test_money_withdrawn_to_the_ledger_itself_is_a_gift(mall: Mall) -> None:
    chain = mall.platform.chain
    token, ledger = chain.address("SettlementToken"), chain.address("Ledger")
    mall.send(mall.account, "Ledger", "withdraw", token, 5, ledger)
    report = _replay(mall)
    assert report.findings == []
    assert [(gift.contract, gift.sender, gift.amount) for gift in report.gifts] == [
        ("Ledger", ledger, 5)
    ]


@pytest.mark.parametrize("contract", BOOKING)
def test_a_gift_hides_no_missing_tokens_of_the_same_size(mall: Mall, contract: str) -> None:
    """The tokens are taken out of the node's storage, and no event tells it."""
    _give(mall, contract, SIZE)
    chain = mall.platform.chain
    token, holder = chain.address("SettlementToken"), chain.address(contract)
    held = int(chain.call("SettlementToken", "balanceOf", holder))
    # OpenZeppelin's ERC20 keeps its balances in the first slot.
    place = "0x" + keccak(encode(["address", "uint256"], [holder, 0])).hex()
    assert int(chain.request("eth_getStorageAt", token, place, "latest"), 16) == held
    left = "0x" + (held - SIZE).to_bytes(32, "big").hex()
    chain.request("anvil_setStorageAt", token, place, left)
    chain.request("evm_mine")
    report = audit.replay(chain.rpc_url, mall.platform.deployment)
    assert [(f.place, f.key, f.detail) for f in report.findings] == [
        ("SettlementToken.balanceOf", holder, f"is {held - SIZE}, must be {held}")
    ]


@pytest.mark.parametrize("contract", BOOKING)
def test_a_gift_hides_no_tokens_that_leave_without_a_booking(mall: Mall, contract: str) -> None:
    """The contract itself is made to send them, as one with a hole would."""
    gift = _give(mall, contract, SIZE)
    chain, thief = mall.platform.chain, Account.create().address
    holder = chain.address(contract)
    chain.request("anvil_setBalance", holder, hex(10**18))
    chain.request("anvil_impersonateAccount", holder)
    call = {
        "from": holder,
        "to": chain.address("SettlementToken"),
        "data": chain.encode("SettlementToken", "transfer", thief, SIZE),
    }
    stolen = chain.request("eth_sendTransaction", call)
    chain.request("anvil_stopImpersonatingAccount", holder)
    chain.request("evm_mine")
    report = audit.replay(chain.rpc_url, mall.platform.deployment)
    assert report.gifts == [gift]
    assert [(f.place, f.key) for f in report.findings] == [
        (contract, thief),
        (contract, "tokens held"),
    ]
    assert report.findings[0].what == f"tokens sent in transaction {stolen}"


def test_a_gift_stands_for_no_booking_whose_tokens_never_came(mall: Mall) -> None:
    """The deposit's transfer is left out of the history; as much was given by the same account."""
    chain, depositor = mall.platform.chain, mall.address
    token, book = chain.address("SettlementToken"), chain.address("Ledger")
    mall.send(mall.account, "SettlementToken", "transfer", book, SIZE)
    mall.send(mall.account, "Ledger", "deposit", token, SIZE, depositor)
    history = History(chain.rpc_url, mall.platform.deployment)
    deposit = [e.event for e in history.entries() if e.event.name == "Deposited"][-1]
    history._read = [
        entry
        for entry in history.entries()
        if (entry.event.name, entry.event.transaction_hash)
        != ("Transfer", deposit.transaction_hash)
    ]
    _, report = rebuild(history)
    assert [(f.place, f.key, f.what, f.detail) for f in report.findings] == [
        (
            "Ledger",
            depositor,
            f"tokens received in transaction {deposit.transaction_hash}",
            f"is {SIZE}, must be 0",
        )
    ]
