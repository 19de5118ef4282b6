"""People act at the same moment, and processes die: on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from market.dispatch import Edit
from wattproof.dispatch import editing
from wattproof.dispatch.lifecycle import State
from wattproof.dispatch.models import DispatchRow, DispatchStepRow
from wattproof.dispatch.record import columns, steps_of
from wattproof.errors import ConflictError, WattproofError
from wattproof.rounds.models import MarketRow
from wattproof.store.engine import make_engine, transaction
from wattproof.store.migrate import upgrade

POSTGRES = os.environ.get(
    "WATTPROOF_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres"
)
DEAR = 40


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request, centre):
    """The centre on a database of the test's own."""
    if request.param == "sqlite":
        yield centre
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
    with centre.platform.transaction() as session:
        rows = [row.model_dump() for row in session.exec(select(MarketRow)).all()]
    with transaction(engine) as session:
        session.add_all(MarketRow(**row) for row in rows)
    centre.platform = replace(centre.platform, engine=engine)
    yield centre
    engine.dispose()
    with autocommit.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    server.dispose()


def test_an_editor_waits_for_the_one_before_and_is_told_what_that_one_did(shared):
    number = shared.propose()
    began, ended = threading.Event(), threading.Event()

    def second():
        began.set()
        try:
            shared.edit(number, Edit("ada", DEAR, 9_000), version=1, actor=shared.second)
        except ConflictError as error:
            return error
        finally:
            ended.set()
        return None

    with ThreadPoolExecutor(1) as pool:
        with shared.platform.transaction() as session:
            editing.edit(
                shared.platform,
                session,
                str(shared.dispatcher.address),
                number,
                1,
                fix=[Edit("ada", DEAR, 5_000)],
            )
            late = pool.submit(second)
            assert began.wait(5)
            assert not ended.wait(0.3)  # the first one has not committed yet
        refused = late.result(timeout=30)
    assert refused is not None
    assert "ada[40] = 5000 W" in refused.message
    assert shared.standing(number).edits == (Edit("ada", DEAR, 5_000),)


def test_of_many_editors_exactly_one_gets_through(shared):
    number = shared.propose()

    def attempt(value):
        try:
            shared.edit(number, Edit("ada", DEAR, value), version=1)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(attempt, range(1_000, 7_000, 1_000)))
    assert won.count(True) == 1
    assert shared.standing(number).edits[0].value_w == 1_000 * (won.index(True) + 1)


def test_of_two_proposals_for_one_place_one_is_refused(shared):
    def attempt(_):
        try:
            return shared.propose()
        except ConflictError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(attempt, range(4)))
    assert answers.count("plan_exists") == 3
    with shared.platform.transaction() as session:
        assert len(session.exec(select(DispatchRow)).all()) == 1


def test_whatever_people_do_at_once_the_record_stays_whole(shared):
    number = shared.propose()

    def act(seed):
        chance = random.Random(seed)
        done = 0
        for _ in range(6):
            action = chance.choice(
                [
                    lambda: shared.edit(number, Edit("ada", DEAR, chance.randrange(0, 9_000, 500))),
                    lambda: shared.solve(number),
                    lambda: shared.approve(number),
                    lambda: shared.approve(number, actor=shared.second),
                    lambda: shared.send(number),
                    lambda: shared.acknowledge(number),
                ]
            )
            try:
                action()
            except WattproofError:
                continue
            done += 1
        return done

    with ThreadPoolExecutor(4) as pool:
        taken = sum(pool.map(act, range(4)))
    standing = shared.standing(number)  # repeats every step and its hashes
    with shared.platform.transaction() as session:
        row = session.get(DispatchRow, number)
        steps = steps_of(session, number)
        assert {name: getattr(row, name) for name in columns(standing)} == columns(standing)
    revocations = sum(step.action == "revoke" for step in steps)
    assert len(steps) == 1 + taken + revocations
    assert taken > 0


DYING = """
import os, signal, sys
from pathlib import Path
from market.dispatch import Edit
from wattproof.dispatch import editing, planning
from wattproof.profiles import open_platform
from wattproof.settings import Settings

folder, url, actor, number, point = sys.argv[1:]
with open_platform(Settings(data_dir=Path(folder), rpc_url=url)) as platform:
    solution = planning.solve(platform, int(number), 1)
    if point == "solved":
        os.kill(os.getpid(), signal.SIGKILL)
    with platform.transaction() as session:
        planning.resolve(platform, session, actor, solution)
        if point == "stored":
            os.kill(os.getpid(), signal.SIGKILL)
    if point == "committed":
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("point", "version"), [("solved", 1), ("stored", 1), ("committed", 2)])
def test_a_process_that_is_killed_leaves_a_whole_step_or_none(centre, point, version):
    number = centre.propose()
    settings = centre.platform.settings
    done = subprocess.run(
        [
            *(sys.executable, "-c", DYING),
            *(str(settings.data_dir), settings.rpc_url, str(centre.dispatcher.address)),
            *(str(number), point),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    standing = centre.standing(number)
    assert standing.version == version
    with centre.platform.transaction() as session:
        assert len(session.exec(select(DispatchStepRow)).all()) == version
    # Whoever comes next goes on from there.
    assert centre.solve(number).version == version + 1
    assert centre.approve(number).state is State.APPROVED
