"""One key, one effect, one answer: also when the same request comes many times at once."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any, cast

import pytest
from pydantic import BaseModel
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, select

from wattproof.api.idempotency import Writer
from wattproof.api.models import IdempotencyRow
from wattproof.auth.models import NonceRow
from wattproof.auth.scopes import Principal
from wattproof.errors import InvalidError, RefusedError
from wattproof.store.engine import make_engine, transaction
from wattproof.store.migrate import upgrade

POSTGRES = os.environ.get(
    "WATTPROOF_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres"
)
CALLER = Principal("0x" + "11" * 20, frozenset(), 0)
AT_ONCE = 6


class Answer(BaseModel):
    number: int


@dataclass
class Database:
    """What a writer needs of a platform."""

    engine: Engine

    def transaction(self) -> Any:
        return transaction(self.engine)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Database]:
    """A migrated database of the test's own."""
    if request.param == "sqlite":
        engine = make_engine(f"sqlite:///{tmp_path / 'test.db'}")
        upgrade(engine)
        yield Database(engine)
        engine.dispose()
        return
    name = f"wattproof_test_{uuid.uuid4().hex[:12]}"
    server = make_engine(str(make_url(POSTGRES).set(drivername="postgresql+psycopg")))
    autocommit = server.execution_options(isolation_level="AUTOCOMMIT")
    try:
        with autocommit.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"PostgreSQL does not answer at {POSTGRES}: {error}")
    url = make_url(POSTGRES).set(drivername="postgresql+psycopg", database=name)
    engine = make_engine(url.render_as_string(hide_password=False))
    upgrade(engine)
    yield Database(engine)
    engine.dispose()
    with autocommit.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    server.dispose()


def writer(database: Database, key: str | None = "k", fingerprint: str = "f") -> Writer:
    return Writer(cast(Any, database), CALLER, fingerprint, key)


def effects(database: Database) -> int:
    with database.transaction() as session:
        return len(session.exec(select(NonceRow)).all())


def change(session: Session) -> Answer:
    """A change whose effects can be counted."""
    number = len(session.exec(select(NonceRow)).all())
    session.add(NonceRow(nonce=uuid.uuid4().hex, address="0x", expires_at=1))
    return Answer(number=number)


def test_requests_at_once_under_one_key_have_one_effect_and_one_answer(database):
    barrier = Barrier(AT_ONCE)

    def request(_: int) -> bytes:
        barrier.wait()
        return bytes(writer(database).once(change, status=201).body)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = set(pool.map(request, range(AT_ONCE)))
    assert answers == {b'{"number":0}'}
    assert effects(database) == 1


def test_without_a_key_every_request_has_its_effect(database):
    for _ in range(3):
        writer(database, key=None).once(change)
    assert effects(database) == 3


def test_the_same_key_with_another_request_is_refused(database):
    writer(database).once(change)
    with pytest.raises(InvalidError) as refused:
        writer(database, fingerprint="g").once(change)
    assert refused.value.code == "idempotency_key_reused"
    assert effects(database) == 1


def test_a_refused_change_leaves_nothing_and_may_be_tried_again(database):
    def refuse(session: Session) -> Answer:
        change(session)
        session.flush()
        raise RefusedError("no")

    with pytest.raises(RefusedError):
        writer(database).once(refuse)
    assert effects(database) == 0
    with database.transaction() as session:
        assert session.exec(select(IdempotencyRow)).all() == []
    assert writer(database).once(change, status=201).status_code == 201
