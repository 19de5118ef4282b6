from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import CredentialError
from identity.signature import CURVE_ORDER
from identity.signer import LocalSigner
from identity.verifiable import jws
from identity.verifiable.keys import Ed25519Key, EthereumKey, VerificationKey, key_of

SIGNER = LocalSigner(b"\x07" * 32)
WALLET = EthereumKey(SIGNER, "did:ethr:0x7a69:0xabc#controller")
ED = Ed25519Key(b"\x05" * 32)
ADDRESS = VerificationKey(address=SIGNER.address)
ED_PUBLIC = VerificationKey(ed25519=ED.public_key)
PAYLOAD = {"iss": "somebody", "n": 1}


def token(key=ED, typ="vc+jwt", **header):
    return jws.sign(PAYLOAD, key, typ=typ, **header)


def forged(header, payload=None, signature=b"\0" * 64):
    parts = [json.dumps(header).encode(), json.dumps(payload or PAYLOAD).encode(), signature]
    return ".".join(jws.encode(part) for part in parts)


@pytest.mark.parametrize(("key", "public"), [(ED, ED_PUBLIC), (WALLET, ADDRESS)])
def test_what_was_signed_is_read_and_holds(key, public):
    parsed = jws.parse(token(key))
    parsed.check(public, "vc+jwt")
    assert parsed.payload == PAYLOAD
    assert parsed.key_id == key.verification_method


def test_the_vector_of_rfc_8037_holds():
    """RFC 8037, appendix A.4."""
    public = key_of(
        {
            "id": "#k",
            "type": "JsonWebKey",
            "publicKeyJwk": {
                "kty": "OKP",
                "crv": "Ed25519",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            },
        }
    )
    signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    signature = (
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )
    public.check(signed, jws.decode(signature))
    with pytest.raises(CredentialError):
        public.check(signed + b".", jws.decode(signature))


@pytest.mark.parametrize(
    ("key", "public"),
    [
        (ED, ADDRESS),
        (WALLET, ED_PUBLIC),
        (Ed25519Key(b"\x06" * 32), ED_PUBLIC),
        (EthereumKey(LocalSigner(b"\x08" * 32), "x"), ADDRESS),
    ],
)
def test_another_key_or_another_kind_of_key_is_refused(key, public):
    with pytest.raises(CredentialError):
        jws.parse(token(key)).check(public, "vc+jwt")


@pytest.mark.parametrize("algorithm", ["none", "None", "", None, "HS256", "ES256", "ES256K", 7])
def test_the_key_decides_the_algorithm_and_never_the_header(algorithm):
    parsed = jws.parse(forged({"alg": algorithm, "kid": "k", "typ": "vc+jwt"}, signature=b""))
    with pytest.raises(CredentialError, match="the header says"):
        parsed.check(ED_PUBLIC, "vc+jwt")


def test_a_public_key_is_no_secret_to_sign_with():
    import hashlib
    import hmac

    unsigned = forged({"alg": "HS256", "kid": "k", "typ": "vc+jwt"}).rsplit(".", 1)[0]
    tag = hmac.new(ED.public_key, unsigned.encode(), hashlib.sha256).digest()
    parsed = jws.parse(f"{unsigned}.{jws.encode(tag)}")
    with pytest.raises(CredentialError):
        parsed.check(ED_PUBLIC, "vc+jwt")


def test_a_token_of_one_type_does_not_pass_as_another():
    with pytest.raises(CredentialError, match="not a 'vp"):
        jws.parse(token()).check(ED_PUBLIC, "vp+jwt")


def test_a_malleated_signature_is_refused():
    parsed = jws.parse(token(WALLET))
    s = int.from_bytes(parsed.signature[32:], "big")
    other = parsed.signature[:32] + (CURVE_ORDER - s).to_bytes(32, "big")
    with pytest.raises(CredentialError, match="above half"):
        ADDRESS.check(parsed.signing_input, other)


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_a_signature_of_another_length_is_refused(length):
    for key in (ED_PUBLIC, ADDRESS):
        with pytest.raises(CredentialError, match="64 bytes"):
            key.check(b"x", b"\1" * length)


@pytest.mark.parametrize("name", ["crit", "b64", "jwk", "jku", "x5u", "x5c", "zip"])
def test_a_header_that_brings_its_own_key_or_rules_is_refused(name):
    with pytest.raises(CredentialError, match=name):
        jws.parse(token(**{name: ["x"]}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        "a.b.c.d",
        "....",
        "!!.e30.",
        "e30=.e30.",
        "e31.e30.",
        "W10.e30.",
        "e30.W10.",
        "e30.eyJhIjoxLCJhIjoyfQ.",
        "e30.eyJhIjpOYU59.",
        "e30." + base64.urlsafe_b64encode(b"[" * 90_000).decode().rstrip("=") + ".",
        "a" * (jws.LONGEST + 1),
    ],
)
def test_what_is_no_token_is_refused(text):
    with pytest.raises(CredentialError):
        jws.parse(text)


@given(st.binary(max_size=80))
def test_base64url_has_one_text_for_one_value(value):
    assert jws.decode(jws.encode(value)) == value


@given(st.text("AB_-9z", max_size=9))
def test_no_text_is_read_that_would_not_be_written(text):
    try:
        value = jws.decode(text)
    except CredentialError:
        return
    assert jws.encode(value) == text


def jwk(**members):
    return {"type": "JsonWebKey", "publicKeyJwk": members}


@pytest.mark.parametrize(
    "method",
    [
        {
            "type": "Multikey",
            "publicKeyMultibase": "z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc",
        },
        jwk(kty="OKP", crv="X25519", x="AA"),
        jwk(kty="EC", crv="P-256", x="AA", y="AA"),
        jwk(kty="EC", crv="secp256k1", x="AA", y="AA"),
        jwk(kty="OKP", crv="Ed25519", x="AA", d="AA"),
        {"type": "RSAVerificationKey2018", "publicKeyHex": "00"},
        {"type": "Ed25519VerificationKey2018", "publicKeyBase58": "0"},
        {"type": "EcdsaSecp256k1VerificationKey2019", "publicKeyHex": "02" + "ff" * 32},
        {"type": "x", "blockchainAccountId": "eip155:1:0xabc"},
        {"type": "x"},
        {},
    ],
)
def test_a_method_without_a_signing_key_is_refused(method):
    with pytest.raises(CredentialError):
        key_of({"id": "#k", **method})
