"""The same on the database that several processes share."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlmodel import select

from tests.platform.credentials.parties import CLAIMS, ZONE
from wattproof.credentials import issuing, presenting, revoking, status_lists
from wattproof.credentials.checks import Check
from wattproof.credentials.models import IssuedRow, PresentationRow
from wattproof.credentials.verification import examine
from wattproof.errors import RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.gateway.models import OutboxRow


@pytest.fixture
def used(platform, postgres):
    return replace(platform, engine=postgres)


@pytest.fixture
def holder(new_party):
    return new_party()


@pytest.fixture
def issued(used, holder):
    with used.transaction() as session:
        return issuing.issue_role(used, session, holder.address, "prosumer", CLAIMS)


def failing(used, secured):
    return {found.check for found in examine(used, secured).report.found() if found.why}


def test_a_credential_is_issued_once_shown_and_revoked(used, holder, issued):
    with used.transaction() as session:
        assert issuing.issue_role(used, session, holder.address, "prosumer") == issued
        assert issuing.status(session, issued, holder.now) == "pending"
        asked = presenting.Asked(("participant",), ("zone",), "", to_market=True)
        row = presenting.ask(used, session, holder.address, asked)
        request = {"audience": row.audience, "nonce": row.nonce}
    assert examine(used, issued.jwt).report.holds
    shown = holder.shown(issued.sd_jwt, request, "zone")
    learnt = presenting.present(used, shown)
    with used.transaction() as session:
        session.add_all(learnt)
    with pytest.raises(RefusedError):
        presenting.present(used, shown)
    with used.transaction() as session:
        seen = presenting.learnt_by(session, holder.address, operator=False, after=None, limit=10)
        assert [row.claims for row in seen] == [{"zone": ZONE}]
        assert len(session.exec(select(PresentationRow)).all()) == 1
        revoking.revoke(used, session, issued.credential_hash)
    assert Check.STATUS in failing(used, issued.jwt)
    with used.transaction() as session:
        keys = [row.key for row in session.exec(select(OutboxRow)).all()]
        assert f"revoke:{issued.credential_hash[2:]}" in keys
        name = status_lists.ListName(
            used.keys.address(Role.ISSUER), "revocation", issued.status_number
        )
        assert status_lists.published(used, session, name).entries == 1


def test_a_grant_that_the_chain_refused_is_marked(used, issued):
    with used.transaction() as session:
        assert revoking.follow_chain(used, session) == 0
        row = outbox.find(session, f"grant:{issued.credential_hash[2:]}")
        assert row is not None
        row.status = outbox.REFUSED
        session.add(row)
    with used.transaction() as session:
        assert revoking.follow_chain(used, session) == 1
        assert session.get_one(IssuedRow, issued.credential_hash).revoked_at is not None
        assert revoking.follow_chain(used, session) == 0
    assert Check.STATUS in failing(used, issued.jwt)


def test_an_independent_issuers_list_is_hosted(used, new_issuer):
    issuer = new_issuer()
    with used.transaction() as session:
        allotted = status_lists.allot(used, session, issuer.address)
        name = status_lists.ListName(issuer.address, "revocation", allotted.number)
        token = issuer.signed_list(allotted.entry.list_url, [allotted.entry.index])
        status_lists.host(used, session, name, token)
    with used.transaction() as session:
        assert status_lists.published(used, session, name).token == token
        assert status_lists.at(session, allotted.entry.list_url) == name
