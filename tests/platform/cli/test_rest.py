"""A command's own session: renewed when it outlasts its token, ended with the command."""

from __future__ import annotations

import pytest
from eth_account import Account
from sqlmodel import select

from identity.signer import LocalSigner
from wattproof.auth.models import FamilyRow, SessionRow
from wattproof.cli.rest import signed_in
from wattproof.errors import RefusedError


@pytest.fixture
def enter(url, tmp_path):
    """Signs in with a new key file."""
    secret, key = tmp_path / "passphrase", tmp_path / "key.json"
    secret.write_text("correct horse battery staple")
    secret.chmod(0o600)
    LocalSigner(bytes(Account.create().key)).save(
        key, "correct horse battery staple", work_factor=2
    )
    return lambda: signed_in(url, None, key, secret, ["participant"])


def let_tokens_expire(platform):
    with platform.transaction() as session:
        for row in session.exec(select(SessionRow)):
            row.expires_at = 1
            session.add(row)


def test_a_command_that_outlasts_its_token_goes_on(platform, enter):
    with enter() as client:
        let_tokens_expire(platform)
        assert client.get("/auth/session")["address"] == client.signer.address
        let_tokens_expire(platform)
        assert client.get("/auth/session")["address"] == client.signer.address


def test_a_command_leaves_no_session_behind(platform, enter):
    with enter() as client:
        client.get("/auth/session")
    with platform.transaction() as session:
        assert session.exec(select(SessionRow)).all() == []
        assert session.exec(select(FamilyRow)).all() == []


def test_a_session_that_was_ended_elsewhere_is_not_renewed(platform, enter):
    with enter() as client:
        with platform.transaction() as session:
            for row in [*session.exec(select(SessionRow)), *session.exec(select(FamilyRow))]:
                session.delete(row)
        with pytest.raises(RefusedError, match="session has ended"):
            client.get("/auth/session")
