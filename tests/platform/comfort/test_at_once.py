"""Two phones, and one phone twice, at the same moment: on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import cast

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from wattproof.api.routes import comfort as routes
from wattproof.comfort import service
from wattproof.comfort.models import CastVoteRow, VenueRow
from wattproof.runtime import Platform
from wattproof.store.engine import make_engine
from wattproof.store.migrate import upgrade

POSTGRES = os.environ.get(
    "WATTPROOF_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres"
)
OWNER = "0x" + "11" * 20
AT_ONCE = 6


@pytest.fixture(params=["sqlite", "postgresql"])
def building(request: pytest.FixtureRequest, platform: Platform) -> Iterator[Platform]:
    """A platform on a database that several processes share."""
    if request.param == "sqlite":
        yield platform
        return
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
    yield replace(platform, engine=engine)
    engine.dispose()
    with autocommit.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    server.dispose()


def _open_venue(platform: Platform) -> tuple[int, str]:
    with platform.transaction() as session:
        row = service.create_venue(
            platform, session, OWNER, name="Harbour Mall", zones=["atrium", "shops"]
        )
        return cast(int, row.id), row.link


def _vote_together(platform: Platform, link: str, voters: list[str]) -> None:
    start = Barrier(len(voters))

    def cast_vote(number: int, voter: str) -> None:
        start.wait()
        ballot = routes.Vote(zone=0, sensation=number % 4, voter=voter)
        routes.cast(link, ballot, platform)

    with ThreadPoolExecutor(len(voters)) as pool:
        list(pool.map(cast_vote, range(len(voters)), voters))


def _counts(platform: Platform, venue: int) -> list[int]:
    with platform.transaction() as session:
        tallies = service.tallies(session, venue, since_hour=0, until_hour=2**31 - 1)
    return [sum(tally.counts) for tally in tallies]


def test_phones_that_vote_at_the_same_moment_all_count(building: Platform) -> None:
    venue, link = _open_venue(building)
    _vote_together(building, link, [f"{number:032x}" for number in range(AT_ONCE)])
    assert _counts(building, venue) == [AT_ONCE]


def test_a_phone_that_votes_many_times_at_the_same_moment_counts_once(building: Platform) -> None:
    venue, link = _open_venue(building)
    _vote_together(building, link, ["5f" * 16] * AT_ONCE)
    assert _counts(building, venue) == [1]


def test_nothing_is_stored_that_says_who_voted(building: Platform) -> None:
    venue, link = _open_venue(building)
    voter = "5f" * 16
    _vote_together(building, link, [voter])
    with building.transaction() as session:
        (row,) = session.exec(select(CastVoteRow).where(CastVoteRow.venue == venue)).all()
    columns = {column["name"] for column in inspect(building.engine).get_columns("comfort_vote")}
    assert columns == {"id", "venue", "hour", "zone", "voter", "sensation"}
    assert voter not in row.voter
    assert len(row.voter) == 64


def test_another_link_leaves_the_votes_already_cast_as_they_are(building: Platform) -> None:
    venue, link = _open_venue(building)
    _vote_together(building, link, ["5f" * 16])
    with building.transaction() as session:
        service.renew_link(session, OWNER, venue)
    with building.transaction() as session:
        row = session.get(VenueRow, venue)
        assert row is not None
        assert (row.link != link, row.zones) == (True, ["atrium", "shops"])
    assert _counts(building, venue) == [1]
