"""A profile taken along: its holder shows what it wants, and nobody else shows it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from identity.errors import CredentialError
from identity.verifiable import sd_jwt
from identity.verifiable.verifier import ShownClaims, Verifier, check_shown
from tests.platform.credentials.conftest import (
    admin,
    client,
    new_issuer,
    new_party,
    new_wallet,
    platform,
    wallet,
)
from tests.platform.credentials.parties import Party
from wattproof.credentials.issuers import own_issuer
from wattproof.identities import service as identities
from wattproof.trust.token import LIFETIME_S, VCT
from wattproof.trust.track_record import is_whole

__all__ = ["admin", "client", "new_issuer", "new_party", "new_wallet", "platform", "wallet"]
AUDIENCE, NONCE = "https://lender.example", "n-1"


@pytest.fixture
def holder(new_party):
    return new_party()


@pytest.fixture
def token(holder) -> sd_jwt.SdJwt:
    answer = holder.wallet.post("/profiles/me/token")
    assert answer.status_code == 200, answer.text
    return sd_jwt.parse(answer.json()["token"])


def check(holder: Party, shown: sd_jwt.SdJwt, *, later: int = 0, by: Party | None = None) -> Any:
    """What a lender sees who trusts the platform's issuer for profiles."""
    platform, now = holder.platform, holder.now
    issuer = own_issuer(platform).did
    verifier = Verifier(
        identities.resolver(platform),
        lambda name, kinds: name == issuer and kinds == {VCT},
        lambda _: None,
        now + later,
    )
    key = (by or holder).key
    bound = sd_jwt.bind(shown, key, audience=AUDIENCE, nonce=NONCE, issued_at=now + later)
    found: ShownClaims = check_shown(verifier, str(bound), audience=AUDIENCE, nonce=NONCE)
    return found


def test_a_holder_shows_the_topics_that_it_wants(holder, token):
    found = check(holder, sd_jwt.select(token, ("history",)))
    assert (found.holder, found.kind) == (holder.did, VCT)
    assert found.claims["history"]["account"] == holder.address
    assert is_whole(json.loads(json.dumps(found.claims["history"])))
    assert "capacity" not in found.claims


def test_everything_can_be_kept_and_everything_shown(holder, token):
    topics = {"identity", "capacity", "metering", "green_production", "licence", "history"}
    assert not topics & set(check(holder, sd_jwt.select(token, ())).claims)
    assert topics <= set(check(holder, token).claims)


def test_nobody_else_shows_it(holder, token, new_party):
    with pytest.raises(CredentialError):
        check(holder, token, by=new_party())


def test_it_is_good_for_a_day(holder, token):
    with pytest.raises(CredentialError, match="expired"):
        check(holder, token, later=LIFETIME_S + 120)


def test_a_topic_that_was_embellished_belongs_to_no_digest(holder, token):
    whole = sd_jwt.select(token, ("capacity",))
    (kept,) = whole.disclosures
    better = sd_jwt.disclose("capacity", kept.value | {"state": "met", "independent": 9})
    with pytest.raises(CredentialError, match="altered"):
        check(holder, sd_jwt.SdJwt(whole.token, (better,)))


def test_it_is_no_credential_of_a_kind_and_gives_no_role(client, holder, token):
    answer = client.post("/credentials/verify", json={"credential": str(token)})
    assert answer.json()["holds"] is False
    put = holder.wallet.post("/profiles/me/credentials", json={"credential": str(token)})
    assert put.status_code == 422
