"""A whole settlement under real Celery workers, Redis and PostgreSQL."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from eth_account import Account
from psycopg import sql
from sqlalchemy.engine import make_url

from devnet import AnvilNode, accounts
from devnet.deploy import deploy
from wattproof.accounts import service as ledger
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.orders import service as orders
from wattproof.profiles import open_platform
from wattproof.rounds.facts import get_round
from wattproof.runtime import Platform
from wattproof.settings import Settings

POSTGRES = os.environ.get(
    "WATTPROOF_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres"
)
REDIS = os.environ.get("WATTPROOF_TEST_REDIS", "redis://127.0.0.1:6379/0")
PRICE = 100_000_000
WAIT_S = 60.0


def _missing(service: str, error: Exception) -> None:
    message = f"{service} is not reachable: {error}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{message} (never skipped where CI=true)")
    pytest.skip(message)


@pytest.fixture
def database() -> Iterator[str]:
    """A PostgreSQL database of the test's own."""
    name = f"wattproof_test_{os.getpid()}_{secrets.token_hex(4)}"
    try:
        server = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        _missing("PostgreSQL", error)
        raise
    with server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = make_url(POSTGRES).set(drivername="postgresql+psycopg", database=name)
        try:
            yield url.render_as_string(hide_password=False)
        finally:
            server.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


@pytest.fixture
def broker_prefix() -> Iterator[str]:
    """A name space of the test's own in Redis."""
    client = redis.Redis.from_url(REDIS, socket_timeout=3)
    try:
        client.ping()
    except redis.RedisError as error:
        _missing("Redis", error)
    prefix = f"wattproof-test-{secrets.token_hex(4)}:"
    yield prefix
    _flush(prefix)
    client.close()


def _flush(prefix: str) -> int:
    client = redis.Redis.from_url(REDIS, socket_timeout=3)
    keys = list(client.scan_iter(f"{prefix}*"))
    if keys:
        client.delete(*keys)
    client.close()
    return len(keys)


@pytest.fixture
def scaled(
    tmp_path: Path, node: AnvilNode, database: str, broker_prefix: str
) -> tuple[Settings, dict[str, str]]:
    """Settings of the scaled profile, and the environment that gives them to the workers."""
    keys = tmp_path / "keys"
    keys.mkdir()
    passphrase = tmp_path / "passphrase"
    _write_private(passphrase, "correct horse")
    for index, role in enumerate((Role.ADMIN, Role.OPERATOR, Role.BALANCING, Role.ISSUER)):
        encrypted = Account.encrypt(
            accounts.account(index).key, "correct horse", kdf="pbkdf2", iterations=1_000
        )
        _write_private(keys / f"{role}.json", json.dumps(encrypted))
    deployment = tmp_path / "deployment.json"
    deploy(node.url, bytes(accounts.account(accounts.DEPLOYER).key)).write(deployment)
    environment = {
        "WATTPROOF_PROFILE": "scaled",
        "WATTPROOF_DATABASE_URL": database,
        "WATTPROOF_RPC_URL": node.url,
        "WATTPROOF_REDIS_URL": REDIS,
        "WATTPROOF_REDIS_PREFIX": broker_prefix,
        "WATTPROOF_KEYSTORE_DIR": str(keys),
        "WATTPROOF_KEYSTORE_PASSPHRASE_FILE": str(passphrase),
        "WATTPROOF_DEPLOYMENT_FILE": str(deployment),
        "WATTPROOF_CHAIN_TIME": "true",
    }
    fields = {key.removeprefix("WATTPROOF_").lower(): value for key, value in environment.items()}
    return Settings.model_validate(fields), environment


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def workers(scaled: tuple[Settings, dict[str, str]], tmp_path: Path) -> Iterator[int]:
    """A worker with two processes, and the schedule in a process beside it."""
    _, environment = scaled
    celery = [sys.executable, "-m", "celery", "-A", "wattproof.tasks.celery_app"]
    with (tmp_path / "workers.log").open("wb") as log:
        started = [
            subprocess.Popen(
                [*celery, *arguments, "--loglevel", "WARNING"],
                env={**os.environ, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            for arguments in (
                ("worker", "--concurrency", "2"),
                ("beat", "--schedule", str(tmp_path / "beat")),
            )
        ]
    try:
        yield started[0].pid
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        print((tmp_path / "workers.log").read_text(errors="replace")[-4_000:])


def _children(pid: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    )
    return [int(line) for line in listed.stdout.split()]


def _wait(what: str, done: Callable[[], bool]) -> None:
    give_up = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < give_up, f"{what} did not happen in {WAIT_S:.0f} s"
        time.sleep(0.1)


def _mined(platform: Platform, *keys: str) -> bool:
    with platform.transaction() as session:
        rows = [outbox.find(session, key) for key in keys]
    failed = [row.error for row in rows if row is not None and row.status in outbox.FAILED]
    assert not failed
    return all(row is not None and row.status == outbox.MINED for row in rows)


def test_the_settlement_flow_runs_under_celery_though_a_worker_is_killed_and_redis_flushed(
    scaled: tuple[Settings, dict[str, str]],
    workers: int,
    broker_prefix: str,
    new_desk: Callable[[Platform], Any],
) -> None:
    settings, _ = scaled
    with open_platform(settings) as platform:
        desk = new_desk(platform)  # ticks in this process beside the workers
        number = desk.open_round()
        bought = desk.buy(0, number, 0, 5_000, 3 * PRICE)
        desk.sell(1, number, 0, 3_000, PRICE)

        def state() -> str:
            with platform.transaction() as session:
                return str(get_round(session, desk.market, number).state)

        with platform.transaction() as session:
            ledger.mint(platform, session, str(desk.traders[0].address), 1, key="alive")
        _wait("a worker's first write", lambda: _mined(platform, "mint:alive"))
        os.kill(_children(workers)[0], signal.SIGKILL)
        _flush(broker_prefix)
        desk.close_gate(number)
        _wait("confirmation", lambda: state() == "confirmed")
        with platform.transaction() as session:
            life = orders.life(session, "0x" + bought.order_hash.hex())
            balance = ledger.balances(session, str(desk.traders[0].address)).markets[0]
        assert (life.state, life.fill_units, life.payment_micro) == ("settled", 3_000, 900_000)
        assert balance.locked_micro == 3_000_000
        events = platform.chain.events(0, platform.chain.head().number)
        assert [e.name for e in events].count("RoundSettled") == 1
        # The indexer confirms a round from the chain; the writer sees its receipt in its own time.
        written = (f"gate:{desk.market}:{number}", f"settle:{desk.market}:{number}")
        _wait("the receipts of both writes", lambda: _mined(platform, *written))
