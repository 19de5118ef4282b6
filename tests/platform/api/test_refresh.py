"""Refresh tokens: each good once, a second use ends the session, bounded in time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from eth_account import Account
from sqlmodel import select

from identity.signer import LocalSigner
from wattproof.auth import sessions
from wattproof.auth.models import FamilyRow, RefreshRow, SessionRow
from wattproof.auth.scopes import Scope
from wattproof.auth.sessions import UnauthenticatedError
from wattproof.runtime import Platform

AT_ONCE = 6
NOW = 2_000_000_000


@pytest.fixture
def tokens(client):
    """The tokens of somebody who has just signed in."""
    account = Account.create()
    message = client.post("/auth/nonce", json={"address": account.address}).json()["message"]
    signature = LocalSigner(bytes(account.key)).sign_text(message)
    body = {"message": message, "signature": "0x" + signature.hex()}
    answer = client.post("/auth/sessions", json=body)
    assert answer.status_code == 201
    return answer.json()


def renew(client, tokens):
    return client.post("/auth/sessions/refresh", json={"refresh_token": tokens["refresh_token"]})


def works(client, tokens):
    headers = {"Authorization": f"Bearer {tokens['token']}"}
    return client.get("/auth/session", headers=headers).status_code == 200


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""

    class Clock:
        now = NOW

        def time(self):
            return float(self.now)

    standing = Clock()
    monkeypatch.setattr(sessions, "time", standing)
    return standing


def opened(platform, *scopes, now=NOW):
    with platform.transaction() as session:
        address = Account.create().address
        return sessions.open_session(
            session, address, scopes or (Scope.PARTICIPANT,), now, lasting=True
        )


def test_a_refresh_token_gives_new_tokens_for_the_same_caller(client, tokens):
    answer = renew(client, tokens)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    fresh = answer.json()
    assert fresh["address"] == tokens["address"]
    assert fresh["scopes"] == tokens["scopes"]
    assert works(client, fresh)
    assert renew(client, fresh).status_code == 201


def test_the_tokens_before_are_worth_nothing_afterwards(client, tokens):
    fresh = renew(client, tokens).json()
    assert fresh["token"] != tokens["token"]
    assert fresh["refresh_token"] != tokens["refresh_token"]
    assert not works(client, tokens)
    assert works(client, fresh)


def test_a_refresh_token_that_comes_twice_ends_the_newest_tokens_too(client, tokens):
    newer = renew(client, tokens).json()
    newest = renew(client, newer).json()
    again = renew(client, tokens)
    assert again.status_code == 401
    assert again.json()["code"] == "refresh_refused"
    assert not works(client, newest)
    assert renew(client, newest).status_code == 401


def test_another_session_of_the_same_wallet_goes_on(platform, clock):
    one = opened(platform)
    with platform.transaction() as session:
        other = sessions.open_session(
            session, one.principal.address, one.principal.scopes, NOW, lasting=True
        )
    sessions.refresh(platform, one.refresh_token)
    with pytest.raises(UnauthenticatedError, match="used before"):
        sessions.refresh(platform, one.refresh_token)
    assert sessions.session_principal(platform, other.token).address == one.principal.address
    assert other.refresh_token is not None
    assert sessions.refresh(platform, other.refresh_token).token


def test_signing_out_ends_what_could_renew_the_session(client, tokens):
    headers = {"Authorization": f"Bearer {tokens['token']}"}
    assert client.delete("/auth/session", headers=headers).status_code == 204
    assert not works(client, tokens)
    assert renew(client, tokens).status_code == 401


@pytest.mark.parametrize("token", ["x", "a" * 43, "\ud800"])
def test_an_unknown_refresh_token_is_refused(platform, token):
    with pytest.raises(UnauthenticatedError):
        sessions.refresh(platform, token)


def test_a_session_token_is_no_refresh_token_and_a_refresh_token_no_session_token(client, tokens):
    assert renew(client, {"refresh_token": tokens["token"]}).status_code == 401
    assert not works(client, {"token": tokens["refresh_token"]})
    assert works(client, tokens)


def test_refresh_tokens_are_not_stored(platform, tokens):
    with platform.transaction() as session:
        rows = [
            *session.exec(select(RefreshRow)),
            *session.exec(select(FamilyRow)),
            *session.exec(select(SessionRow)),
        ]
    assert rows
    for row in rows:
        assert tokens["refresh_token"] not in row.model_dump_json()


def test_a_refresh_token_waits_a_week_at_most(platform, clock):
    kept, left = opened(platform), opened(platform)
    assert left.refresh_expires_at == NOW + sessions.REFRESH_SECONDS
    clock.now = NOW + sessions.REFRESH_SECONDS - 1
    assert sessions.refresh(platform, kept.refresh_token).token
    clock.now += 1
    with pytest.raises(UnauthenticatedError, match="expired"):
        sessions.refresh(platform, left.refresh_token)


def test_a_session_ends_after_a_month_however_often_it_was_refreshed(platform, clock):
    current = opened(platform)
    end = NOW + sessions.FAMILY_SECONDS
    for now in (*range(NOW, end, sessions.REFRESH_SECONDS - 1), end - 1):
        clock.now = now
        current = sessions.refresh(platform, current.refresh_token)
    assert current.principal.expires_at == current.refresh_expires_at == end
    clock.now = end
    with pytest.raises(UnauthenticatedError):
        sessions.refresh(platform, current.refresh_token)
    with pytest.raises(UnauthenticatedError):
        sessions.session_principal(platform, current.token)


def test_what_is_over_is_forgotten_at_the_next_sign_in(platform, clock):
    old = opened(platform)
    sessions.refresh(platform, old.refresh_token)
    opened(platform, now=NOW + sessions.FAMILY_SECONDS)
    with platform.transaction() as session:
        assert session.get(RefreshRow, sessions.token_hash(old.refresh_token)) is None


def test_a_scope_whose_credential_is_gone_is_not_renewed(platform, clock):
    both = opened(platform, Scope.PARTICIPANT, Scope.REGULATOR)
    assert sessions.refresh(platform, both.refresh_token).principal.scopes == {Scope.PARTICIPANT}
    alone = opened(platform, Scope.REGULATOR)
    with pytest.raises(UnauthenticatedError, match="no longer holds"):
        sessions.refresh(platform, alone.refresh_token)
    with pytest.raises(UnauthenticatedError):
        sessions.session_principal(platform, alone.token)


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, platform: Platform) -> Iterator[Platform]:
    """A platform on each kind of database."""
    if request.param == "sqlite":
        yield platform
    else:
        yield replace(platform, engine=request.getfixturevalue("postgres"))


def test_of_requests_at_once_one_gets_tokens_and_the_session_ends(installation, clock):
    first = opened(installation)
    barrier = Barrier(AT_ONCE)

    def attempt(_):
        barrier.wait()
        try:
            return sessions.refresh(installation, first.refresh_token)
        except UnauthenticatedError:
            return None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(attempt, range(AT_ONCE)))
    (winner,) = [answer for answer in answers if answer is not None]
    with pytest.raises(UnauthenticatedError):
        sessions.session_principal(installation, winner.token)
    with pytest.raises(UnauthenticatedError):
        sessions.refresh(installation, winner.refresh_token)


def test_no_token_outlives_the_end_of_its_session(installation, clock):
    for _ in range(5):
        first = opened(installation)
        second = sessions.refresh(installation, first.refresh_token)
        barrier = Barrier(2)

        def attempt(token, barrier=barrier):
            barrier.wait()
            try:
                return sessions.refresh(installation, token)
            except UnauthenticatedError:
                return None

        with ThreadPoolExecutor(2) as pool:
            honest = pool.submit(attempt, second.refresh_token)
            stolen = pool.submit(attempt, first.refresh_token)
            assert stolen.result() is None
            third = honest.result()
        for left in (second, third):
            if left is not None:
                with pytest.raises(UnauthenticatedError):
                    sessions.session_principal(installation, left.token)
