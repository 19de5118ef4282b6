"""Databases that several processes share."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from wattproof.certificates.models import BatchRow, CertifiedDeviceRow, PlaceRow
from wattproof.indexer.models import BlockRow, EventRow
from wattproof.meters.models import ClosureRow, DeviceRow, ReadingRow
from wattproof.orders.models import OrderRow
from wattproof.quotas.models import ObligationRow, ReportRow
from wattproof.rounds.models import MarketRow, RoundRow
from wattproof.runtime import Platform
from wattproof.store.engine import make_engine, transaction
from wattproof.store.migrate import upgrade

POSTGRES = os.environ.get(
    "WATTPROOF_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres"
)
_COPIED = (
    MarketRow,
    RoundRow,
    OrderRow,
    BlockRow,
    EventRow,
    DeviceRow,
    ReadingRow,
    ClosureRow,
    CertifiedDeviceRow,
    BatchRow,
    PlaceRow,
    ObligationRow,
    ReportRow,
)


@pytest.fixture
def postgres() -> Iterator[Engine]:
    """An empty database of the test's own on PostgreSQL."""
    name = f"wattproof_test_{uuid.uuid4().hex[:12]}"
    url = make_url(POSTGRES).set(drivername="postgresql+psycopg")
    server = make_engine(url.render_as_string(hide_password=False))
    autocommit = server.execution_options(isolation_level="AUTOCOMMIT")
    try:
        with autocommit.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError as error:
        server.dispose()
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"PostgreSQL does not answer at {POSTGRES}: {error}")
    engine = make_engine(url.set(database=name).render_as_string(hide_password=False))
    upgrade(engine)
    yield engine
    engine.dispose()
    with autocommit.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    server.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database of the test's own, of each kind."""
    if request.param == "postgresql":
        yield request.getfixturevalue("postgres")
        return
    made = make_engine(f"sqlite:///{tmp_path / 'wattproof.db'}")
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_engine(request: pytest.FixtureRequest) -> Callable[[Platform], Engine]:
    """The platform's own database, or a copy of what upkeep reads on PostgreSQL."""
    if request.param == "sqlite":
        return lambda platform: platform.engine
    engine: Engine = request.getfixturevalue("postgres")

    def copy(platform: Platform) -> Engine:
        for model in _COPIED:
            with platform.transaction() as session:
                rows = [row.model_dump() for row in session.exec(select(model)).all()]
            with transaction(engine) as session:
                session.add_all(model(**row) for row in rows)
        return engine

    return copy
