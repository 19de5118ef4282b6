"""The network account at its terminal, and anybody who asks what the network is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from identity.canonical import canonical_json
from identity.signer import LocalSigner
from market.network import describe, network_hash
from tests.platform.networks.conftest import NETWORK
from tests.platform.serving import served
from wattproof.cli.main import app
from wattproof.errors import ConflictError, InvalidError


@pytest.fixture
def url(linked: Any) -> Iterator[str]:
    with served(linked.desk.platform) as address:
        yield address


@pytest.fixture
def command(linked: Any, url: str, tmp_path: Any) -> Callable[..., Any]:
    """Runs `wattproof network` with the key of a trader (or none); JSON, or text without --json."""
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse battery staple")
    secret.chmod(0o600)
    for place, trader in enumerate(linked.desk.traders):
        signer = LocalSigner(bytes(trader.key))
        signer.save(tmp_path / f"{place}.json", "correct horse battery staple", work_factor=2)

    def run(*arguments: Any, who: int | None = None, as_json: bool = True) -> Any:
        key = ["--key", tmp_path / f"{who}.json", "--passphrase-file", secret]
        words = ["network", "--url", url, *(key if who is not None else []), *arguments]
        done = CliRunner().invoke(app, [*map(str, words), *(["--json"] if as_json else [])])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout) if as_json else done.output

    return run


def test_anybody_sees_the_network_and_can_check_its_hash(
    linked: Any, command: Callable[..., Any], url: str
) -> None:
    shown = command("show", linked.market)
    assert shown == httpx.get(f"{url}/markets/{linked.market}/network").json()
    assert canonical_json(shown["network"]) == describe(NETWORK)
    assert shown["network_hash"] == "0x" + network_hash(describe(NETWORK)).hex()
    rules = httpx.get(f"{url}/markets/{linked.market}").json()["parameters"]
    assert rules["networkHash"] == shown["network_hash"]
    assert (shown["account"], shown["published"]) == (linked.owner.address, True)
    shown_text = command("show", linked.market, as_json=False)
    for word in ("cable", "20", "5 %", "0.975000 a slot"):
        assert word in shown_text
    assert httpx.get(f"{url}/markets/{linked.desk.market}/network").status_code == 404


def test_the_account_hands_in_its_orders_and_again_changes_nothing(
    linked: Any, command: Callable[..., Any]
) -> None:
    number = linked.open_round(slots=3)
    receipts = command("orders", linked.market, number, who=3)["receipts"]
    assert len(receipts) == 3
    again = command("orders", linked.market, number, who=3)["receipts"]
    assert again == receipts
    assert [r.order_hash.hex() for r in linked.hand_in(number)] == [
        receipt["order_hash"][2:] for receipt in receipts
    ]
    said = command("orders", linked.market, number, who=3, as_json=False)
    assert "3 orders of round" in said


def test_who_is_not_the_network_account_is_told_before_signing(
    linked: Any, command: Callable[..., Any]
) -> None:
    number = linked.open_round()
    with pytest.raises(InvalidError, match="the network account of market"):
        command("orders", linked.market, number, who=0)


def test_a_batch_is_taken_whole_or_not_at_all(linked: Any, command: Callable[..., Any]) -> None:
    number = linked.open_round(slots=8)
    with linked.desk.platform.engine.begin() as connection:
        connection.execute(text("UPDATE balance_market SET margin_micro = 7000000"))
    with pytest.raises(ConflictError, match="need 7800000 micro-units of margin"):
        command("orders", linked.market, number, who=3)
    with linked.desk.platform.engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM signed_order")).scalar_one() == 0
