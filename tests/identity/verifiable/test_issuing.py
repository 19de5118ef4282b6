"""Issuing credentials of a kind, in every form, and what the chain holds of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from coincurve import PrivateKey

from identity.errors import CredentialError
from identity.signature import HALF_ORDER
from identity.signer import LocalSigner
from identity.verifiable import jws, sd_jwt
from identity.verifiable.issuing import (
    Draft,
    as_document,
    as_jwt,
    as_token,
    content_hash,
    own_method,
)
from identity.verifiable.keys import EthereumKey
from identity.verifiable.kinds import KINDS
from identity.verifiable.received import Form, read
from identity.verifiable.status_list import StatusEntry
from identity.verifiable.verifier import Verifier, check_shown
from tests.identity.verifiable.world import ED_DID, ED_ISSUER, HOLDER, ISSUER, NOW, OTHER, World

EV_OWNER = KINDS["ev_owner"]
CLAIMS = {"role": "ev_owner", "zone": "10Y1001A1001A82H", "battery_capacity_wh": 58_000}
DAY = 86_400


def draft(**changes):
    said: dict[str, Any] = {
        "kind": EV_OWNER,
        "issuer": ISSUER.did,
        "subject": HOLDER.did,
        "claims": CLAIMS,
        "valid_from": NOW,
        "valid_until": NOW + 30 * DAY,
    }
    return Draft(**(said | changes))


def verifier(world=None):
    """Who accepts whatever kind an accredited issuer issues."""
    world = world or World()
    resolver = world.verifier.resolver
    return Verifier(
        resolver, lambda issuer, _: issuer in world.accredited, world.lists.get, world.now
    )


def test_a_credential_is_issued_as_a_jwt_and_verifies():
    world = World()
    entry = world.publish([])
    token = as_jwt(draft(statuses=(entry,)), ISSUER.key, now=NOW)
    credential = verifier(world).credential(token)
    assert credential.types == {"VerifiableCredential", "EvOwnerCredential"}
    assert (credential.subject, credential.claims) == (HOLDER.did, CLAIMS)
    assert credential.document["credentialSchema"]["id"] == "urn:wattproof:schema:ev_owner:1"


def test_a_credential_is_issued_with_a_proof_of_its_own_and_verifies():
    document = as_document(draft(issuer=ED_DID), ED_ISSUER, now=NOW)
    assert document["proof"]["cryptosuite"] == "eddsa-jcs-2022"
    assert verifier().credential(document).claims == CLAIMS


def test_a_holder_shows_the_zone_and_the_role_and_nothing_else():
    whole = as_token(draft(), ISSUER.key, now=NOW)
    shown = sd_jwt.bind(
        sd_jwt.select(whole, ["zone"]), HOLDER.key, audience="market", nonce="n", issued_at=NOW
    )
    learnt = check_shown(verifier(), str(shown), audience="market", nonce="n")
    assert learnt.kind == "urn:wattproof:credential:ev_owner"
    assert learnt.holder == HOLDER.did
    assert {name: learnt.claims[name] for name in learnt.claims if name in EV_OWNER.claims} == {
        "role": "ev_owner",
        "zone": CLAIMS["zone"],
    }
    assert "58000" not in str(shown)


def test_how_much_is_kept_back_cannot_be_counted():
    little = draft(claims={"role": "ev_owner", "zone": CLAIMS["zone"]})
    for said in (little, draft()):
        payload = jws.parse(as_token(said, ISSUER.key, now=NOW).token).payload
        assert len(payload["_sd"]) == len(EV_OWNER.hidden)
        assert payload["role"] == "ev_owner"


def test_a_subject_is_hidden_where_another_key_presents_the_credential():
    bound = as_token(draft(), ISSUER.key, holder_key=ED_ISSUER.verification_method, now=NOW)
    assert HOLDER.did not in json.dumps(jws.parse(bound.token).payload)
    received = read(str(bound))
    assert (received.subject, received.holder) == (HOLDER.did, ED_DID)
    alone = read(str(as_token(draft(), ISSUER.key, now=NOW)))
    assert (alone.subject, alone.holder) == (HOLDER.did, HOLDER.did)
    assert "sub" not in alone.can_hide


@dataclass
class KeyService:
    """A key that somebody else keeps: it signs digests and does nothing else."""

    secret: bytes

    @property
    def address(self) -> str:
        return LocalSigner(self.secret).address

    def sign_digest(self, digest: bytes) -> bytes:
        assert len(digest) == 32
        signature = PrivateKey(self.secret).sign_recoverable(digest, hasher=None)
        parity = (signature[64] << 255 | int.from_bytes(signature[32:64], "big")).to_bytes(32)
        return signature[:32] + parity


def test_an_issuer_needs_nothing_but_something_that_signs_digests():
    key = EthereumKey(KeyService(b"\x11" * 32), f"{ISSUER.did}#controller")
    for number in range(32):
        token = as_jwt(replace(draft(), id=f"urn:example:{number}"), key, now=NOW)
        signature = jws.parse(token).signature
        assert int.from_bytes(signature[32:], "big") <= HALF_ORDER
        assert verifier().credential(token).subject == HOLDER.did


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"claims": CLAIMS | {"vin": "x"}}, "vin: no claim of this kind"),
        ({"claims": CLAIMS | {"battery_capacity_wh": -1}}, "at least 1"),
        ({"claims": CLAIMS | {"battery_capacity_wh": 58_000.0}}, "no canonical form"),
        ({"claims": CLAIMS | {"id": OTHER.did}}, "id: no claim of its own"),
        ({"claims": {"role": "ev_owner"}}, "zone is missing"),
        ({"subject": "Ada"}, "subject: 'Ada' is not a DID"),
        ({"subject": f"{HOLDER.did}#controller"}, "subject: .* is not a DID alone"),
        ({"issuer": "https://issuer.example"}, "issuer: "),
        ({"valid_until": NOW}, "ends after it begins"),
        ({"valid_from": -1}, "ends after it begins"),
        ({"valid_until": 1 << 32}, "before the year 2106"),
        ({"valid_until": NOW + 11 * 366 * DAY}, "ten years at most"),
    ],
)
def test_what_does_not_fit_is_never_drafted(changes, said):
    with pytest.raises(CredentialError, match=said):
        draft(**changes)


@pytest.mark.parametrize("form", [as_jwt, as_token])
def test_nobody_issues_in_the_name_of_somebody_else(form):
    with pytest.raises(CredentialError, match="an issuer signs with its own"):
        form(draft(), OTHER.key, now=NOW)
    with pytest.raises(CredentialError, match="an issuer signs with its own"):
        as_document(draft(), ED_ISSUER, now=NOW)


def test_a_key_that_only_says_it_is_the_issuers_convinces_nobody():
    pretended = EthereumKey(OTHER.signer, f"{ISSUER.did}#controller")
    token = as_jwt(draft(), pretended, now=NOW)
    with pytest.raises(CredentialError, match="another key signed it"):
        verifier().credential(token)


@pytest.mark.parametrize("form", [as_jwt, as_token])
def test_what_has_expired_is_not_issued(form):
    with pytest.raises(CredentialError, match="expired before it is issued"):
        form(draft(), ISSUER.key, now=NOW + 30 * DAY)


def test_an_ethereum_key_makes_no_eddsa_proof():
    with pytest.raises(CredentialError, match="needs an Ed25519 key"):
        as_document(draft(), ISSUER.key, now=NOW)


def test_the_holders_key_is_told_of_identifiers_that_say_it():
    assert own_method(HOLDER.did) == f"{HOLDER.did}#controller"
    assert own_method(ED_DID) == ED_ISSUER.verification_method
    with pytest.raises(CredentialError, match="name the holder's key"):
        own_method("did:web:ada.example")
    with pytest.raises(CredentialError, match="not a DID"):
        own_method("Ada")


def test_the_chain_holds_the_same_hash_whatever_is_shown_and_another_for_every_credential():
    whole = as_token(draft(), ISSUER.key, now=NOW)
    shown = sd_jwt.bind(
        sd_jwt.select(whole, ["zone"]), HOLDER.key, audience="a", nonce="n", issued_at=NOW
    )
    assert content_hash(str(whole)) == content_hash(str(shown))
    said = draft()
    assert content_hash(as_jwt(said, ISSUER.key, now=NOW)) == content_hash(said.document())
    ed = draft(issuer=ED_DID)
    assert content_hash(as_document(ed, ED_ISSUER, now=NOW)) == content_hash(ed.document())
    again = {content_hash(draft().document()) for _ in range(8)}
    again |= {content_hash(str(as_token(said, ISSUER.key, now=NOW))) for _ in range(8)}
    assert len(again) == 16


def test_every_form_is_read_back_as_it_was_issued():
    entry = StatusEntry("https://issuer.example/status/1", 7)
    ed = draft(issuer=ED_DID, statuses=(entry,))
    forms = {
        Form.JWT: as_jwt(ed, ED_ISSUER, now=NOW),
        Form.TOKEN: str(as_token(ed, ED_ISSUER, now=NOW)),
        Form.DOCUMENT: json.dumps(as_document(ed, ED_ISSUER, now=NOW)),
    }
    for form, text in forms.items():
        received = read(f"\n{text}\n")
        assert received.form is form
        assert (received.kind, received.issuer, received.claims) == (EV_OWNER, ED_DID, CLAIMS)
        assert (received.subject, received.holder) == (HOLDER.did, HOLDER.did)
        assert (received.valid_from, received.valid_until) == (NOW, NOW + 30 * DAY)
        assert received.statuses == (entry,)
        assert received.can_hide == (
            {"zone", "battery_capacity_wh"} if form is Form.TOKEN else frozenset()
        )
        assert read(received.text()) == received


@pytest.mark.parametrize(
    "text",
    ["", "hello", "{}", '{"type": 1', "a.b.c", "a.b.c~", "~", '{"a": 1, "a": 2}', "[]", "🙂"],
)
def test_what_is_no_credential_is_refused(text):
    with pytest.raises(CredentialError):
        read(text)


def test_a_credential_of_a_kind_that_nobody_knows_here_is_refused():
    token = jws.sign(
        {"iss": ISSUER.did, "vct": "urn:other", "cnf": {"kid": "x"}}, ISSUER.key, typ="t"
    )
    with pytest.raises(CredentialError, match="not the type of one kind"):
        read(f"{token}~")
    token = jws.sign({"iss": ISSUER.did, "vct": EV_OWNER.vct}, ISSUER.key, typ="t")
    with pytest.raises(CredentialError, match="no holder's key"):
        read(f"{token}~")
