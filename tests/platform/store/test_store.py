from __future__ import annotations

import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given, settings, strategies
from sqlalchemy import Column, Engine, MetaData, Table, insert, select

from wattproof.store import metadata
from wattproof.store.engine import make_engine, transaction
from wattproof.store.migrate import upgrade
from wattproof.store.models import InstallationRow
from wattproof.store.types import BigInt, DecimalText


def _engine(tmp_path: Path) -> Engine:
    engine = make_engine(f"sqlite:///{tmp_path / 'a' / 'wattproof.db'}")
    upgrade(engine)
    return engine


def test_the_migrations_make_exactly_the_models_tables(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    with engine.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), metadata.load())
    engine.dispose()
    assert difference == []


def test_upgrading_twice_changes_nothing(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    upgrade(engine)
    engine.dispose()


def test_many_writers_wait_for_each_other_instead_of_failing(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    with transaction(engine) as session:
        session.add(_installation(0))
    errors: list[Exception] = []

    def count() -> None:
        try:
            for _ in range(20):
                with transaction(engine) as session:
                    row = session.get_one(InstallationRow, 1)
                    row.created_at += 1
                    session.add(row)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with transaction(engine) as session:
        assert session.get_one(InstallationRow, 1).created_at == 80
    engine.dispose()


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    with pytest.raises(RuntimeError):
        _add_and_fail(engine)
    with transaction(engine) as session:
        assert session.get(InstallationRow, 1) is None
    engine.dispose()


def _add_and_fail(engine: Engine) -> None:
    with transaction(engine) as session:
        session.add(_installation(1))
        raise RuntimeError


def _installation(created_at: int) -> InstallationRow:
    return InstallationRow(
        chain_id=1,
        genesis_hash="0x",
        deployment_block=1,
        deployment_block_hash="0x",
        addresses={},
        created_at=created_at,
    )


@settings(deadline=None, max_examples=50)
@given(
    strategies.integers(-(2**63), 2**63 - 1),
    strategies.integers(-(2**255), 2**256 - 1),
)
def test_integers_of_the_protocol_are_stored_exactly(small: int, large: int) -> None:
    engine = make_engine("sqlite://")
    table = Table("numbers", MetaData(), Column("small", BigInt), Column("large", DecimalText))
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(insert(table).values(small=small, large=large))
        assert connection.execute(select(table)).one() == (small, large)
    engine.dispose()
