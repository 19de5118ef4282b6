"""SD-JWT. The disclosure and its digest are those of RFC 9901, section 4.2.1 and 4.2.3."""

from __future__ import annotations

import json

import pytest

from identity.errors import CredentialError
from identity.verifiable import jws, sd_jwt
from identity.verifiable.keys import Ed25519Key, VerificationKey
from identity.verifiable.sd_jwt import SdJwt, bind, disclose, issue, parse, reveal, select

ISSUER = Ed25519Key(b"\x01" * 32)
HOLDER = Ed25519Key(b"\x02" * 32)
CLAIMS = {
    "iss": "did:example:issuer",
    "vct": "urn:wattproof:participant",
    "cnf": {"kid": HOLDER.verification_method},
    "role": "prosumer",
    "zone": 4,
    "name": "Ada",
    "birthdate": "1815-12-10",
}
HIDDEN = ("role", "zone", "name", "birthdate")


def payload_of(token):
    parsed = jws.parse(token.token)
    parsed.check(VerificationKey(ed25519=ISSUER.public_key), sd_jwt.TYPE)
    return parsed.payload


def shown(token):
    return reveal(payload_of(token), token.disclosures)


def test_the_published_disclosure_has_the_published_digest():
    text = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    (disclosure,) = parse(f"e30.e30.~{text}~").disclosures
    assert (disclosure.name, disclosure.value) == ("family_name", "Möbius")
    assert disclosure.digest == "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"
    assert disclose("family_name", "Möbius", "_26bc4LT-ac6q2KI6cBW5es").text == text


def test_a_holder_shows_what_she_wants_and_nothing_else():
    whole = issue(CLAIMS, HIDDEN, ISSUER, decoys=3)
    some = parse(str(select(whole, {"role", "zone"})))
    claims = shown(some)
    assert claims == {k: CLAIMS[k] for k in ("iss", "vct", "cnf", "role", "zone")}
    assert "Ada" not in str(some)
    assert len(payload_of(some)["_sd"]) == len(HIDDEN) + 3
    assert shown(whole) == CLAIMS


def test_two_tokens_of_the_same_claims_have_no_digest_in_common():
    digests = [set(payload_of(issue(CLAIMS, HIDDEN, ISSUER))["_sd"]) for _ in range(2)]
    assert not digests[0] & digests[1]


def test_a_binding_is_for_one_verifier_one_nonce_and_these_disclosures():
    some = select(issue(CLAIMS, HIDDEN, ISSUER), {"zone"})
    bound = parse(str(bind(some, HOLDER, audience="market", nonce="n-1", issued_at=10)))
    parsed = jws.parse(bound.binding or "")
    parsed.check(VerificationKey(ed25519=HOLDER.public_key), sd_jwt.BINDING_TYPE)
    assert parsed.payload == {"iat": 10, "aud": "market", "nonce": "n-1", "sd_hash": bound.digest}
    fewer = SdJwt(bound.token, (), bound.binding)
    assert fewer.digest != parsed.payload["sd_hash"]


@pytest.mark.parametrize("name", sorted(sd_jwt.ALWAYS_SHOWN & set(CLAIMS)))
def test_what_a_verifier_needs_cannot_be_hidden(name):
    with pytest.raises(CredentialError, match="cannot be hidden"):
        issue(CLAIMS, [name], ISSUER)


def test_only_claims_that_exist_are_hidden_or_selected():
    with pytest.raises(CredentialError, match="no claim"):
        issue(CLAIMS, ["colour"], ISSUER)
    with pytest.raises(CredentialError, match="no hidden claim colour"):
        select(issue(CLAIMS, HIDDEN, ISSUER), {"colour"})


def encoded(*value):
    return jws.encode(json.dumps(list(value)).encode())


def test_an_altered_disclosure_is_refused():
    some = select(issue(CLAIMS, HIDDEN, ISSUER), {"zone"})
    salt = json.loads(jws.decode(some.disclosures[0].text))[0]
    altered = parse(f"{some.token}~{encoded(salt, 'zone', 5)}~")
    with pytest.raises(CredentialError, match="belongs to no digest"):
        shown(altered)


def test_a_disclosure_of_another_credential_is_refused():
    mine, yours = (issue(CLAIMS, HIDDEN, ISSUER) for _ in range(2))
    with pytest.raises(CredentialError, match="belongs to no digest"):
        shown(SdJwt(mine.token, yours.disclosures))


def test_a_duplicated_disclosure_is_refused():
    some = select(issue(CLAIMS, HIDDEN, ISSUER), {"zone"})
    text = some.disclosures[0].text
    with pytest.raises(CredentialError, match="twice"):
        parse(f"{some.token}~{text}~{text}~")


def claims_with(disclosed, **payload):
    """A payload that asks for the digests of hand-made disclosures."""
    parts = parse("e30.e30.~" + "".join(f"{text}~" for text in disclosed)).disclosures
    return reveal({"_sd": [part.digest for part in parts], **payload}, parts)


@pytest.mark.parametrize("name", ["_sd", "...", "iss", "exp", "cnf", "vct", "_sd_alg"])
def test_a_reserved_claim_is_never_disclosed(name):
    with pytest.raises(CredentialError, match="cannot be disclosed"):
        claims_with([encoded("salt", name, "x")])


def test_a_disclosure_never_replaces_a_claim_that_was_signed_openly():
    with pytest.raises(CredentialError, match="cannot be disclosed"):
        claims_with([encoded("salt", "zone", 5)], zone=4)


def test_two_disclosures_of_one_name_are_refused():
    with pytest.raises(CredentialError, match="cannot be disclosed"):
        claims_with([encoded("a", "zone", 5), encoded("b", "zone", 4)])


def test_a_list_element_is_not_disclosed_as_a_claim_nor_a_claim_as_an_element():
    with pytest.raises(CredentialError):
        claims_with([encoded("salt", "value")])
    part = disclose("zone", 4)
    with pytest.raises(CredentialError, match="in the place of"):
        reveal({"zones": [{"...": part.digest}]}, [part])


def test_hidden_elements_and_nested_claims_are_revealed():
    (element,) = parse(f"e30.e30.~{encoded('s', 'DE')}~").disclosures
    inner = disclose("street", "x")
    outer = disclose("address", {"_sd": [inner.digest], "city": "y"})
    payload = {"_sd": [outer.digest], "countries": ["FR", {"...": element.digest}]}
    assert reveal(payload, [element, inner, outer]) == {
        "address": {"city": "y", "street": "x"},
        "countries": ["FR", "DE"],
    }
    assert reveal(payload, []) == {"countries": ["FR"]}
    with pytest.raises(CredentialError, match="belongs to no digest"):
        reveal(payload, [inner])


@pytest.mark.parametrize(
    "payload",
    [
        {"_sd_alg": "md5"},
        {"_sd": "text"},
        {"_sd": [1]},
        {"_sd": ["a", "a"]},
        {"x": [{"...": "a", "b": 1}]},
        {"x": [{"...": "a"}], "_sd": ["a"]},
        {"...": "a"},
    ],
)
def test_malformed_digests_are_refused(payload):
    with pytest.raises(CredentialError):
        reveal(payload, [])


@pytest.mark.parametrize(
    "text",
    [
        "e30.e30.",
        "e30.e30.~!~",
        "e30.e30.~e30~",
        f"e30.e30.~{encoded('s')}~",
        f"e30.e30.~{encoded('s', 'n', 1, 2)}~",
        f"e30.e30.~{encoded(1, 'n', 1)}~",
        f"e30.e30.~{encoded('s', 2, 1)}~",
        "e30.e30.~~",
        "e30.e30.~" + "".join(f"{encoded('s', str(i), 1)}~" for i in range(257)),
    ],
)
def test_what_is_no_disclosure_is_refused(text):
    with pytest.raises(CredentialError):
        parse(text)
