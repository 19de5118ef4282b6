"""Credentials of independent issuers, and everything that can be wrong with them."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from identity import did
from identity.roles import role_id
from identity.signer import LocalSigner
from identity.verifiable import data_integrity, jose, jws, sd_jwt
from identity.verifiable.issuing import Draft, as_jwt, as_token, content_hash
from identity.verifiable.keys import Ed25519Key, EthereumKey
from identity.verifiable.kinds import KINDS
from identity.verifiable.model import date_time
from identity.verifiable.status_list import StatusEntry
from tests.platform.credentials.parties import CLAIMS, YEAR, everything, failing, verified

HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
ORDER = 2 * HALF + 1


@pytest.fixture(scope="module")
def holder(new_party):
    return new_party()


@pytest.fixture(scope="module")
def issuer(new_party, admin):
    """Accredited for prosumers, with a published list in which nothing is revoked."""
    made = new_party()
    admin("accredit", made.address, role_id("prosumer"))
    return made


@pytest.fixture(scope="module")
def entry(issuer):
    given = issuer.entry()
    assert issuer.publish(given.list_url).status_code == 200
    return given


@pytest.fixture
def draft(issuer, holder, entry):
    return issuer.draft(holder, entry)


@pytest.fixture
def document(draft):
    return draft.document()


def grant(issuer, holder, credential, role="prosumer"):
    issuer.send(
        "CredentialRegistry",
        "grant",
        content_hash(credential),
        holder.address,
        role_id(role),
        issuer.now + YEAR,
    )


def outcome(said, check):
    return next(each["outcome"] for each in said["checks"] if each["check"] == check)


# -- what holds ------------------------------------------------------------------------------------


def test_a_credential_of_an_independent_issuer_holds_in_every_form(client, issuer, draft):
    for secured in (issuer.jwt(draft), issuer.token(draft)):
        said = verified(client, secured)
        assert said["holds"], said
        assert said["issuer"] == issuer.did


def test_a_document_with_a_proof_of_an_ed25519_key_in_the_issuers_did_document_holds(
    client, new_issuer, holder
):
    issuer = new_issuer()
    key = Ed25519Key(b"\x55" * 32)
    name = b"did/pub/Ed25519/veriKey/hex".ljust(32, b"\0")
    issuer.send("DidRegistry", "setAttribute", issuer.address, name, key.public_key, YEAR)
    entry = issuer.entry()
    assert issuer.publish(entry.list_url).status_code == 200
    named = Ed25519Key(b"\x55" * 32, f"{issuer.did}#delegate-1")
    document = data_integrity.add_proof(
        issuer.draft(holder, entry).document(), named, created=date_time(issuer.now)
    )
    assert verified(client, document)["holds"]
    document["credentialSubject"]["zone"] = "10YFR-RTE------C"
    assert failing(client, document) == {"signature"}


def test_nothing_of_what_is_verified_is_kept(client, platform, issuer, draft):
    secured = issuer.jwt(draft)
    before = everything(platform)
    assert verified(client, secured)["holds"]
    assert everything(platform) == before


def test_a_credential_without_a_status_list_must_stand_on_the_chain(client, new_issuer, new_party):
    issuer, holder = new_issuer(), new_party()
    secured = issuer.jwt(issuer.draft(holder))
    assert failing(client, secured) == {"status"}
    grant(issuer, holder, secured)
    assert verified(client, secured)["holds"]


# -- form and signature ----------------------------------------------------------------------------


def with_header(token, **changes):
    header, payload, signature = token.split(".")
    said = json.loads(jws.decode(header)) | changes
    said = {name: value for name, value in said.items() if value is not None}
    return f"{jws.encode(json.dumps(said).encode())}.{payload}.{signature}"


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "HS256", "ES256", "EdDSA", "RS256", "", None]
)
def test_the_key_decides_the_algorithm_not_the_header(client, issuer, draft, algorithm):
    assert failing(client, with_header(issuer.jwt(draft), alg=algorithm)) == {"signature"}


def test_a_token_without_a_signature_fails(client, issuer, draft):
    header, payload, _ = with_header(issuer.jwt(draft), alg="none").split(".")
    assert failing(client, f"{header}.{payload}.") == {"signature"}


def test_a_mac_under_the_public_key_is_no_signature(client, issuer, draft):
    signed = with_header(issuer.jwt(draft), alg="HS256").rpartition(".")[0]
    public = bytes(issuer.wallet.account._key_obj.public_key.to_bytes())
    mac = hmac.new(public, signed.encode(), hashlib.sha512).digest()
    assert failing(client, f"{signed}.{jws.encode(mac)}") == {"signature"}


@pytest.mark.parametrize(
    "member",
    [
        {"crit": ["exp"]},
        {"jwk": {"kty": "EC"}},
        {"jku": "https://issuer.example/keys"},
        {"x5c": []},
        {"b64": False},
    ],
)
def test_a_header_that_brings_its_own_key_or_rules_is_not_read(client, issuer, draft, member):
    assert failing(client, with_header(issuer.jwt(draft), **member)) == {"form"}


@pytest.mark.parametrize("typ", ["JWT", "vp+jwt", "dc+sd-jwt", "kb+jwt", None])
def test_a_token_of_another_type_is_no_credential(client, issuer, draft, typ):
    header = {} if typ is None else {"typ": typ}
    signed = jws.sign(draft.document(), issuer.key, **({"typ": "x"} | header))
    assert "signature" in failing(client, signed)


def test_keys_of_another_curve_are_read_of_nobody(client, draft):
    p256 = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"
    document = draft.document() | {"issuer": p256}
    signed = jws.encode(json.dumps({"alg": "ES256", "typ": "vc+jwt", "kid": p256 + "#k"}).encode())
    body = jws.encode(json.dumps(document).encode())
    found = failing(client, f"{signed}.{body}.{jws.encode(bytes(64))}")
    assert {"issuer_key", "accreditation"} <= found


def test_a_changed_payload_fails(client, issuer, document):
    token = jose.secure(document, issuer.key)
    header, payload, signature = token.split(".")
    said = json.loads(jws.decode(payload))
    said["credentialSubject"]["role"] = "supplier"
    body = jws.encode(json.dumps(said).encode())
    assert {"signature", "accreditation"} <= failing(client, f"{header}.{body}.{signature}")


def test_a_malleated_signature_fails(client, issuer, draft):
    head, _, signature = issuer.jwt(draft).rpartition(".")
    raw = jws.decode(signature)
    flipped = ORDER - int.from_bytes(raw[32:], "big")
    twin = raw[:32] + flipped.to_bytes(32, "big")
    assert failing(client, f"{head}.{jws.encode(twin)}") == {"signature"}


def test_another_key_than_the_issuers_fails(client, issuer, holder, draft):
    foreign = replace(draft, issuer=issuer.did)
    key = EthereumKey(LocalSigner(b"\x77" * 32), f"{issuer.did}#controller")
    assert failing(client, as_jwt(foreign, key, now=issuer.now)) == {"signature"}
    borrowed = EthereumKey(holder.key._signer, f"{holder.did}#controller")
    assert failing(client, jose.secure(draft.document(), borrowed)) == {"issuer_key"}


@pytest.mark.parametrize(
    "contexts",
    [
        ["https://www.w3.org/ns/credentials/v2", "https://evil.example/role-means-regulator"],
        ["https://evil.example/first", "https://www.w3.org/ns/credentials/v2"],
        ["https://www.w3.org/ns/credentials/v2", {"role": "https://evil.example/role"}],
        ["https://www.w3.org/2018/credentials/v1"],
        [],
        "https://www.w3.org/ns/credentials/v2",
    ],
)
def test_a_context_that_nobody_knows_is_refused(client, issuer, document, contexts):
    assert failing(client, jose.secure(document | {"@context": contexts}, issuer.key)) == {"form"}


@pytest.mark.parametrize(
    "changes",
    [
        {"type": ["VerifiableCredential"]},
        {"type": ["VerifiableCredential", "ParticipantCredential", "RegulatorCredential"]},
        {"type": ["ParticipantCredential"]},
        {"credentialSubject": []},
        {"issuer": "somebody"},
        {"issuer": {"name": "somebody"}},
        {"vc": {"type": "x"}},
        {"iss": "did:ethr:0x1:0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"},
        {"validFrom": "yesterday"},
        {"credentialStatus": {"type": "RevocationList2020Status"}},
        {"fraction": 0.5},
        {"id": "\ud800:x"},
        {"type": ["VerifiableCredential", "\ud800"]},
    ],
)
def test_what_is_no_credential_of_one_kind_has_no_form(client, issuer, document, changes):
    signed = jws.sign({}, issuer.key, typ="vc+jwt").split(".")[0]
    body = jws.encode(json.dumps(document | changes).encode())
    token = f"{signed}.{body}.{jws.encode(bytes(64))}"
    assert "form" in failing(client, token)


@pytest.mark.parametrize(
    "text", ["", "~", "{}", "{", "a.b.c", "a.b.c~", "....", "\ud800", "{\ud800}", "~" * 300, "\0"]
)
def test_nonsense_has_no_form(client, text):
    answer = client.post(
        "/credentials/verify",
        content=json.dumps({"credential": text}),
        headers={"Content-Type": "application/json"},
    )
    if answer.status_code == 422:
        return
    assert answer.status_code == 200, answer.text
    assert answer.json()["checks"][0]["outcome"] == "fails"


def test_a_member_that_stands_twice_is_not_read(client, issuer, document):
    text = json.dumps(document)
    twice = text[:-1] + ', "issuer": "did:ethr:0x1:0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"}'
    head = jws.sign(document, issuer.key, typ="vc+jwt").split(".")[0]
    assert failing(client, f"{head}.{jws.encode(twice.encode())}.AAAA") == {"form"}


@pytest.mark.parametrize("depth", [200, 480, 900, 5_000, 50_000])
def test_json_that_is_nested_deeply_does_no_harm(client, issuer, document, depth):
    deep = "[" * depth + "]" * depth
    text = json.dumps(document)[:-1] + f', "more": {deep}}}'
    head = jws.sign(document, issuer.key, typ="vc+jwt").split(".")[0]
    assert not verified(client, f"{head}.{jws.encode(text.encode())}.AAAA")["holds"]
    salted = jws.encode(f'["salt", "zone", {deep}]'.encode())
    shown = f"{head}.{jws.encode(text.encode())}.AAAA~{salted}~"
    assert not verified(client, shown)["holds"]
    answer = client.post(
        "/credentials/verify",
        content=f'{{"credential": {text}}}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code in (200, 422)


def test_a_huge_token_is_refused_before_it_is_read(client):
    assert client.post("/credentials/verify", json={"credential": "a" * 500_000}).status_code == 422
    assert (
        client.post("/credentials/verify", json={"credential": "a" * 1_100_000}).status_code == 413
    )
    many = "a.b.c~" + "x~" * 100_000
    assert failing(client, many) == {"form"}


# -- disclosures -----------------------------------------------------------------------------------


def test_a_disclosure_that_was_changed_added_or_doubled_is_refused(client, issuer, draft):
    whole = sd_jwt.parse(issuer.token(draft))
    zone = next(each for each in whole.disclosures if each.name == "zone")
    other = sd_jwt.disclose("zone", "10YFR-RTE------C", json.loads(jws.decode(zone.text))[0])
    assert failing(client, f"{whole.token}~{other.text}~") == {"form"}
    added = sd_jwt.disclose("legal_name", "Bigger Bakery")
    assert failing(client, f"{whole.token}~{added.text}~") == {"form"}
    assert failing(client, f"{whole.token}~{zone.text}~{zone.text}~") == {"form"}
    role = sd_jwt.disclose("role", "regulator")
    assert failing(client, f"{whole.token}~{role.text}~") == {"form"}


# -- schema, time ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "subject",
    [
        {"zone": "10YDE-VE-------3"},
        {"zone": 4},
        {"admin": True},
        {"connection_capacity_w": -1},
        {"legal_name": "x" * 121},
        {"legal_name": ["a", "b"]},
    ],
)
def test_claims_that_the_schema_does_not_know_fail(client, issuer, document, subject):
    document["credentialSubject"] |= subject
    assert failing(client, jose.secure(document, issuer.key)) == {"schema"}


def test_a_credential_about_nobody_fails(client, issuer, document):
    del document["credentialSubject"]["id"]
    assert failing(client, jose.secure(document, issuer.key)) == {"schema", "accreditation"}


def test_another_schema_than_the_kinds_own_fails(client, issuer, document):
    changed = {"credentialSchema": {"id": "https://evil.example/any", "type": "JsonSchema"}}
    assert failing(client, jose.secure(document | changed, issuer.key)) == {"schema"}


@pytest.mark.parametrize(
    ("starts", "ends", "holds"),
    [
        (50, 1_000, True),
        (120, 1_000, False),
        (-1_000, -30, True),
        (-1_000, -120, False),
    ],
)
def test_clocks_may_differ_by_a_minute(client, issuer, draft, starts, ends, holds):
    now = issuer.now
    made = replace(draft, valid_from=now + starts, valid_until=now + ends)
    for secured in (
        as_jwt(made, issuer.key, now=now - 2_000),
        str(as_token(made, issuer.key, now=now - 2_000)),
    ):
        assert failing(client, secured) == (set() if holds else {"time"})


# -- issuer ----------------------------------------------------------------------------------------


def test_an_issuer_without_accreditation_counts_for_nothing(client, new_party, holder):
    stranger = new_party()
    assert "accreditation" in failing(client, stranger.jwt(stranger.draft(holder)))


def test_an_accreditation_for_another_role_does_not_help(client, issuer, holder, entry):
    claims = {**CLAIMS, "role": "supplier"}
    secured = issuer.jwt(issuer.draft(holder, entry, claims=claims))
    assert failing(client, secured) == {"accreditation"}


def test_a_credential_that_its_subject_signed_itself_is_refused(client, issuer, entry):
    assert failing(client, issuer.jwt(issuer.draft(issuer, entry))) == {"accreditation"}


def test_a_did_key_is_accredited_for_nothing(client, holder, issuer):
    key = Ed25519Key(b"\x44" * 32)
    name = key.verification_method.partition("#")[0]
    made = Draft(KINDS["participant"], name, holder.did, CLAIMS, issuer.now - 9, issuer.now + YEAR)
    assert "accreditation" in failing(client, as_jwt(made, key, now=issuer.now))


def test_an_issuer_of_another_chain_is_none_of_ours(client, issuer, holder):
    name = str(did.of(issuer.address, 5))
    key = EthereumKey(issuer.key._signer, f"{name}#controller")
    made = issuer.draft(holder, issuer=name)
    found = failing(client, as_jwt(made, key, now=issuer.now))
    assert {"issuer_key", "accreditation"} <= found


def test_an_accreditation_that_was_removed_ends_what_rests_on_it(
    client, admin, new_issuer, new_party
):
    issuer, holder = new_issuer(), new_party()
    entry = issuer.entry()
    assert issuer.publish(entry.list_url).status_code == 200
    secured = issuer.jwt(issuer.draft(holder, entry))
    grant(issuer, holder, secured)
    assert verified(client, secured)["holds"]
    admin("removeAccreditation", issuer.address, role_id("prosumer"))
    assert failing(client, secured) == {"accreditation", "grant"}
    body = {"role": "prosumer"}
    refused = issuer.wallet.post("/status-lists/entries", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_accredited")


def test_a_deactivated_issuer_speaks_for_nothing_any_more(client, new_issuer, new_party):
    issuer, holder = new_issuer(), new_party()
    entry = issuer.entry()
    assert issuer.publish(entry.list_url).status_code == 200
    secured = issuer.jwt(issuer.draft(holder, entry))
    grant(issuer, holder, secured)
    issuer.send("DidRegistry", "changeOwner", issuer.address, "0x" + "00" * 20)
    assert {"issuer_key", "status"} <= failing(client, secured)


# -- keys that were rotated ------------------------------------------------------------------------


def rotate(issuer, new_party):
    """Somebody new controls the issuer's DID; signs for it as it did before."""
    successor = new_party()
    issuer.send("DidRegistry", "changeOwner", issuer.address, successor.address)
    return EthereumKey(successor.key._signer, f"{issuer.did}#controller")


def test_a_key_rotated_before_signing_speaks_for_nothing(client, new_issuer, new_party):
    issuer, holder = new_issuer(), new_party()
    entry = issuer.entry()
    key = rotate(issuer, new_party)
    assert issuer.publish(entry.list_url, key=key).status_code == 200
    old = issuer.jwt(issuer.draft(holder, entry))
    assert failing(client, old) == {"signature"}
    grant(issuer, holder, old)  # a stolen key puts its work on the chain, too late
    assert failing(client, old) == {"signature"}
    assert verified(client, as_jwt(issuer.draft(holder, entry), key, now=issuer.now))["holds"]


def test_a_key_rotated_after_signing_speaks_for_what_was_on_the_chain(
    client, new_issuer, new_party
):
    issuer, holder, other = new_issuer(), new_party(), new_party()
    entry, unanchored = issuer.entry(), issuer.entry()
    anchored = issuer.jwt(issuer.draft(holder, entry))
    loose = issuer.jwt(issuer.draft(other, unanchored))
    grant(issuer, holder, anchored)
    key = rotate(issuer, new_party)
    assert issuer.publish(entry.list_url, key=key).status_code == 200
    said = verified(client, anchored)
    assert said["holds"], said
    assert failing(client, loose) == {"signature"}


# -- status ----------------------------------------------------------------------------------------


def test_a_revoked_credential_fails(client, new_issuer, holder):
    issuer = new_issuer()
    entry, other = issuer.entry(), issuer.entry()
    assert issuer.publish(entry.list_url, [entry.index]).status_code == 200
    assert failing(client, issuer.jwt(issuer.draft(holder, entry))) == {"status"}
    assert failing(client, issuer.token(issuer.draft(holder, entry))) == {"status"}
    assert verified(client, issuer.jwt(issuer.draft(holder, other)))["holds"]


def test_a_list_that_nobody_published_fails(client, new_issuer, holder):
    issuer = new_issuer()
    assert failing(client, issuer.jwt(issuer.draft(holder, issuer.entry()))) == {"status"}


def test_a_list_elsewhere_cannot_be_had(client, issuer, holder):
    away = StatusEntry("https://issuer.example/status/1", 7)
    assert failing(client, issuer.jwt(issuer.draft(holder, away))) == {"status"}


def test_an_index_outside_the_list_fails(client, issuer, holder, entry):
    beyond = replace(entry, index=131_072)
    assert failing(client, issuer.jwt(issuer.draft(holder, beyond))) == {"status"}


def test_a_list_of_another_purpose_fails(client, issuer, holder, entry):
    other = replace(entry, purpose="suspension")
    assert failing(client, issuer.jwt(issuer.draft(holder, other))) == {"status"}


def test_another_issuers_list_fails(client, new_issuer, holder, entry):
    second = new_issuer()
    assert failing(client, second.jwt(second.draft(holder, entry))) == {"status"}


def test_one_bad_list_of_two_is_enough(client, issuer, holder, entry):
    suspended = issuer.entry(purpose="suspension")
    path = suspended.list_url
    assert issuer.publish(path, [suspended.index], purpose="suspension").status_code == 200
    assert failing(client, issuer.jwt(issuer.draft(holder, entry, suspended))) == {"status"}


def test_a_suspension_can_be_lifted(client, platform, new_issuer, holder):
    issuer = new_issuer()
    entry = issuer.entry(purpose="suspension")
    assert issuer.publish(entry.list_url, [entry.index], purpose="suspension").status_code == 200
    secured = issuer.jwt(issuer.draft(holder, entry))
    assert failing(client, secured) == {"status"}
    platform.clock.advance_to(issuer.now + 10)
    assert issuer.publish(entry.list_url, purpose="suspension").status_code == 200
    assert verified(client, secured)["holds"]


# -- the chain's own word --------------------------------------------------------------------------


def test_a_credential_that_is_on_the_chain_for_another_subject_fails(
    client, issuer, new_party, entry
):
    holder, other = new_party(), new_party()
    secured = issuer.jwt(issuer.draft(holder, entry))
    grant(issuer, other, secured)
    assert failing(client, secured) == {"grant"}


def test_what_its_issuer_ended_on_the_chain_fails_whatever_the_list_says(
    client, issuer, new_party, entry
):
    holder = new_party()
    secured = issuer.jwt(issuer.draft(holder, entry))
    token = issuer.token(issuer.draft(holder, entry))
    grant(issuer, holder, secured)
    assert verified(client, token)["holds"]
    issuer.send("CredentialRegistry", "revoke", content_hash(secured))
    assert failing(client, secured) == {"grant"}
    assert failing(client, token) == {"grant"}


def test_a_list_that_is_over_fails(client, platform, new_issuer, holder):
    issuer = new_issuer()
    entry = issuer.entry()
    assert issuer.publish(entry.list_url).status_code == 200
    secured = issuer.jwt(issuer.draft(holder, entry))
    assert verified(client, secured)["holds"]
    platform.clock.advance_to(issuer.now + 2 * 86_400)
    assert failing(client, secured) == {"status"}
    assert issuer.publish(entry.list_url).status_code == 200
    assert verified(client, secured)["holds"]
