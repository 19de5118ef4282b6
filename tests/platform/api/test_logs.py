"""Logs say what went wrong, not about whom: no name, key, token or link is in them."""

from __future__ import annotations

import io
import logging
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from tests.platform.api.conftest import sign_in
from wattproof.comfort.models import VenueRow
from wattproof.store.engine import transaction

NAME = "Xanthippe of Alopeke"
KEY_NAME = "charger behind the bakery"


@pytest.fixture
def log(capfd):
    """All that is logged or printed while the test runs; `read` gives it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    # The tests' own client runs in this process; what it logs is not the platform's.
    handler.addFilter(lambda record: not record.name.startswith(("httpx", "httpcore")))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)

    def read():
        printed = capfd.readouterr()
        return stream.getvalue() + printed.out + printed.err

    yield read
    root.removeHandler(handler)
    root.setLevel(level)


@contextmanager
def without_table(platform, name):
    with transaction(platform.engine) as session:
        session.execute(text(f"ALTER TABLE {name} RENAME TO gone"))
    try:
        yield
    finally:
        with transaction(platform.engine) as session:
            session.execute(text(f"ALTER TABLE gone RENAME TO {name}"))


def test_what_a_person_does_leaves_no_secret_and_no_name_in_the_log(
    platform, client, new_wallet, log
):
    wallet = new_wallet()
    tokens = [wallet.token, sign_in(client, wallet.account)]
    assert wallet.post("/participants", json={"name": NAME}).status_code == 201
    made = wallet.post("/auth/keys", json={"name": KEY_NAME, "scopes": ["participant"]}).json()
    assert client.get("/accounts/me", headers={"Authorization": "Bearer x"}).status_code == 401
    written = log()
    for secret in (*tokens, made["key"], NAME, KEY_NAME, bytes(wallet.account.key).hex()):
        assert secret not in written


def test_a_broken_database_is_logged_without_what_was_to_be_stored(platform, new_wallet, log):
    wallet = new_wallet()
    with without_table(platform, "participant"):
        answer = wallet.post("/participants", json={"name": NAME})
    assert answer.status_code == 503
    written = log()
    assert "POST /participants" in written  # it is in the log
    assert "no such table" in written
    for private in (NAME, wallet.address, wallet.token):
        assert private not in written


def test_a_link_to_vote_is_not_logged_when_its_page_fails(platform, client, log):
    link = "b" * 22
    with transaction(platform.engine) as session:
        row = VenueRow(owner="0x", name="mall", zones=["a"], link=link, salt="", created_at=0)
        session.add(row)
    with without_table(platform, "comfort_venue"):
        assert client.get(f"/vote/{link}/ballot").status_code == 503
    written = log()
    assert "GET /vote/{link}" in written
    assert link not in written
