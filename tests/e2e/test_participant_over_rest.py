"""Two people take part with docs/participant.py alone: one sells, one buys, both withdraw."""

from __future__ import annotations

import ast
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import uvicorn
from sqlmodel import col, select

from devnet import AnvilNode, NodeOptions
from wattproof.api.app import create_app
from wattproof.cli.schedule import RoundSchedule, set_up_markets
from wattproof.orders.models import OrderRow
from wattproof.profiles import open_platform
from wattproof.rounds import service as rounds
from wattproof.settings import Settings
from wattproof.tasks.local import LocalRunner

SCRIPT = Path(__file__).parents[2] / "docs" / "participant.py"


@pytest.fixture
def served(tmp_path):
    """An installation that runs by itself, as `wattproof up` does, with the installed markets."""
    with AnvilNode(NodeOptions(chain_id=31_341)) as node:
        settings = Settings(data_dir=tmp_path, rpc_url=node.url, port=0, tick_s=0.05)
        with open_platform(settings) as platform:
            set_up_markets(platform)
            config = uvicorn.Config(
                create_app(platform=platform), port=0, log_level="error", ws="none"
            )
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, daemon=True)
            thread.start()
            while not server.started:
                time.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            with LocalRunner(platform), RoundSchedule(platform, 900):
                yield platform, f"http://127.0.0.1:{port}"
            server.should_exit = True
            thread.join()


def take_part(url, side, price):
    command = [sys.executable, SCRIPT, "--url", url, "--side", side]
    return subprocess.Popen(
        [*command, "--price-nano-per-kwh", str(price)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def orders(platform):
    """Those of the market that the two trade in; a market with a network has the network's too."""
    with platform.transaction() as session:
        kept = select(OrderRow).where(
            col(OrderRow.market) == 1, col(OrderRow.cancelled_at).is_(None)
        )
        return session.exec(kept).all()


def cancelled(platform):
    with platform.transaction() as session:
        return session.exec(select(OrderRow).where(col(OrderRow.cancelled_at).is_not(None))).all()


def test_the_script_needs_eth_account_and_httpx_alone():
    tree = ast.parse(SCRIPT.read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"eth_account", "httpx"}


def test_two_participants_trade_and_withdraw_over_rest(served):
    platform, url = served
    people = [take_part(url, "buy", 300_000_000), take_part(url, "sell", 200_000_000)]
    give_up = time.monotonic() + 120
    while len(cancelled(platform)) < 2 and time.monotonic() < give_up:
        assert all(person.poll() is None for person in people), [p.communicate() for p in people]
        time.sleep(0.1)
    gate_at = rounds_gate(platform)
    platform.clock.advance_to(gate_at + 1)
    told = [person.communicate(timeout=120) for person in people]
    assert [person.returncode for person in people] == [0, 0], told
    buyer, seller = (out for out, _ in told)
    assert "order is                 settled" in buyer
    assert "filled                   2000 Wh for 0.5 WSU" in buyer
    assert "filled                   2000 Wh for -0.5 WSU" in seller
    assert "second order             cancelled" in buyer
    assert "in the wallet            40.0 WSU" in buyer
    bought, sold = sorted(orders(platform), key=lambda row: -row.payment_micro)
    assert (bought.fill, sold.fill) == (2_000, 2_000)
    assert (bought.payment_micro, sold.payment_micro) == (500_000, -500_000)


def rounds_gate(platform):
    with platform.transaction() as session:
        return rounds.list_rounds(session, 1)[0].gate_at
