"""One character of anything signed, changed: it is refused, or it never was the same thing.

Encodings that can be written in two ways (padding, leftover bits, whitespace, a second member of
one name, another case) are ways to change a thing without breaking its signature: each is refused.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from Crypto.PublicKey import ECC
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity import siwe
from identity.did import KeyMethod, Resolver
from identity.did.multibase import base58_encode
from identity.errors import CredentialError, IdentityError
from identity.signature import CURVE_ORDER
from identity.siwe import SignInMessage
from identity.verifiable import jose, jws, sd_jwt
from identity.verifiable.keys import VerificationKey, key_of
from identity.verifiable.presentation import verify_presentation
from identity.verifiable.status_list import LEAST_BITS, MOST_BITS, StatusList
from identity.verifiable.verifier import check_shown
from tests.identity.verifiable.world import (
    CHAIN,
    ED_DID,
    ED_ISSUER,
    HOLDER,
    ISSUER,
    KIND,
    LIST_URL,
    NOW,
    OTHER,
    World,
    by_jwt,
    by_proof,
    credential,
    iso,
)

WORLD = World()
ENTRY = WORLD.publish([3])
AUDIENCE, NONCE = "https://market.example", "nonce-1"


@dataclass(frozen=True)
class Secured:
    """Something signed, as text, and what raises where it does not hold."""

    text: str
    check: Callable[[str], object]


def presented(text: str) -> object:
    return verify_presentation(
        WORLD.verifier, text, audience=AUDIENCE, take_nonce=lambda nonce: nonce == NONCE
    )


def shown(text: str) -> object:
    return check_shown(WORLD.verifier, text, audience=AUDIENCE, nonce=NONCE)


def document(text: str) -> object:
    return WORLD.verifier.credential(jws.read_object(text.encode(), "the credential"))


def listed(text: str) -> None:
    World(lists={LIST_URL: text}).verifier.check_status(
        credential(credentialStatus=ENTRY.document()), ISSUER.did
    )


MESSAGE = SignInMessage(
    domain="market.example",
    address=HOLDER.signer.address,
    statement="Sign in.",
    uri="https://market.example",
    chain_id=CHAIN,
    nonce="12345678",
    issued_at=iso(NOW),
    expiration_time=iso(NOW + 300),
    resources=("https://market.example/terms",),
)
SIGNED_IN = HOLDER.signer.sign_text(MESSAGE.text())


def signed_in(text: str) -> object:
    message = siwe.parse(text)
    return siwe.verify(
        message,
        SIGNED_IN,
        now=siwe.parse_time(iso(NOW)),
        domain=message.domain,
        nonce=message.nonce,
        chain_id=message.chain_id,
    )


def compact_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


WHOLE = sd_jwt.issue(
    {
        "iss": ISSUER.did,
        "vct": KIND,
        "exp": NOW + 60,
        "cnf": {"kid": HOLDER.key.verification_method},
        "role": "prosumer",
        "zone": 4,
        "name": "Möbius",
    },
    {"role", "zone", "name"},
    ISSUER.key,
    decoys=1,
)
THINGS = {
    "a JWT of an address": Secured(by_jwt(), WORLD.verifier.credential),
    "a JWT of Ed25519": Secured(
        jose.secure(credential(issuer=ED_DID), ED_ISSUER), WORLD.verifier.credential
    ),
    "a document with a proof": Secured(compact_json(by_proof()), document),
    "a presentation": Secured(
        jose.present(
            [by_jwt()], HOLDER.did, HOLDER.key, audience=AUDIENCE, nonce=NONCE, issued_at=NOW
        ),
        presented,
    ),
    "a token with disclosures": Secured(
        str(
            sd_jwt.bind(
                sd_jwt.select(WHOLE, {"role", "name"}),
                HOLDER.key,
                audience=AUDIENCE,
                nonce=NONCE,
                issued_at=NOW,
            )
        ),
        shown,
    ),
    "a status list": Secured(str(WORLD.lists[LIST_URL]), listed),
    "a sign-in message": Secured(MESSAGE.text(), signed_in),
}


@pytest.mark.parametrize("name", THINGS)
def test_the_thing_itself_holds(name):
    THINGS[name].check(THINGS[name].text)


def refused(thing: Secured, changed: str) -> None:
    with pytest.raises(IdentityError):
        thing.check(changed)


@pytest.mark.parametrize("name", THINGS)
@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_a_changed_character_is_refused(name, data):
    thing = THINGS[name]
    at = data.draw(st.integers(0, len(thing.text) - 1), label="at")
    bit = data.draw(st.integers(0, 6), label="bit")
    other = chr(ord(thing.text[at]) ^ 1 << bit)
    refused(thing, thing.text[:at] + other + thing.text[at + 1 :])


@pytest.mark.parametrize("name", THINGS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_a_character_more_or_less_is_refused(name, data):
    thing = THINGS[name]
    at = data.draw(st.integers(0, len(thing.text) - 1), label="at")
    extra = data.draw(st.sampled_from([*"A=~. \n\t\0_-1", thing.text[at]]), label="extra")
    refused(thing, thing.text[:at] + thing.text[at + 1 :])
    longer = thing.text[:at] + extra + thing.text[at:]
    if thing.text.startswith("{") and extra in " \n\t" and _between_members(thing.text, at):
        return  # whitespace between members of a document is no part of what it says
    refused(thing, longer)


def _between_members(text: str, at: int) -> bool:
    return text[:at].replace('\\"', "").count('"') % 2 == 0


@pytest.mark.parametrize(
    "name", [name for name in THINGS if "." in THINGS[name].text.split("{")[0]]
)
def test_every_last_character_of_every_part_has_one_way_to_be_written(name):
    """Base64 leaves two or four bits over at the end of a part: they must be 0."""
    thing = THINGS[name]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    ends = [at - 1 for at, character in enumerate(thing.text) if character in ".~"]
    for at in [*ends, len(thing.text) - 1]:
        for other in alphabet.replace(thing.text[at], ""):
            refused(thing, thing.text[:at] + other + thing.text[at + 1 :])


def header_of(token: str) -> dict[str, Any]:
    return jws.parse(token).header


def resigned(change: dict[str, Any], *, payload: Any = None, key: Any = None) -> str:
    """A token of the issuer's with another header, signed over it."""
    key = key or ISSUER.key
    header = {"alg": key.algorithm.value, "kid": key.verification_method, "typ": "vc+jwt"} | change
    said = credential() if payload is None else payload
    raw = said if isinstance(said, bytes) else json.dumps(said).encode()
    signing_input = f"{jws.encode(json.dumps(header).encode())}.{jws.encode(raw)}"
    return f"{signing_input}.{jws.encode(key.sign(signing_input.encode()))}"


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS256"},
        {"alg": "ES256"},
        {"alg": "EdDSA"},
        {"alg": "es256k"},
        {"alg": ["ES256K"]},
        {"alg": None},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False},
        {"b64": True},
        {"jku": "https://evil.example/keys"},
        {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}},
        {"x5c": ["MII="]},
        {"x5u": "https://evil.example/cert"},
        {"zip": "DEF"},
        {"enc": "A256GCM"},
        {"kid": OTHER.key.verification_method},
        {"kid": f"{ISSUER.did}#delegate-1"},
        {"kid": f"{ISSUER.did}?versionTime=2020-01-01T00:00:00Z#controller"},
        {"kid": f"{ISSUER.did}/#controller"},
        {"kid": f"{ISSUER.did}#controller#controller"},
        {"kid": ISSUER.did},
        {"kid": "#controller"},
        {"kid": ""},
        {"kid": 1},
        {"kid": None},
        {"typ": "JWT"},
        {"typ": "application/vc+jwt"},
        {"typ": "vp+jwt"},
        {"typ": None},
    ],
)
def test_a_header_that_asks_for_something_else_is_refused_though_it_is_signed(change):
    assert WORLD.verifier.credential(resigned({}))
    with pytest.raises(CredentialError):
        WORLD.verifier.credential(resigned(change))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"role":"a","role":"b"}',
        b'{"credentialSubject":{"id":"did:example:1","id":"did:example:2"}}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1}{"b":2}',
        b'{"a":1} x',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":"\xff"}',
        b'{"a":01}',
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":' + b"9" * 5_000 + b"}",
        b'{"a":' + b"[" * 3_000 + b"]" * 3_000 + b"}",
        b'["a"]',
        b'"a"',
        b"null",
        b"",
        '{"a":1}'.encode("utf-16"),
    ],
    ids=range(20),
)
def test_json_that_two_readers_would_read_differently_is_refused(raw):
    with pytest.raises(CredentialError):
        jws.read_object(raw, "the payload")


def test_text_is_compared_byte_by_byte_and_never_normalised():
    """The same letters, composed and decomposed, are two names."""
    composed, decomposed = "M\u00f6bius", "Mo\u0308bius"
    first, second = (
        jws.read_object(json.dumps({"name": name}).encode(), "x") for name in (composed, decomposed)
    )
    assert first != second
    assert sd_jwt.disclose("name", composed, "s").digest != (
        sd_jwt.disclose("name", decomposed, "s").digest
    )


# -- times and names that a JWT states beside the document -------------------------------------


@pytest.mark.parametrize(
    "extra",
    [
        {"exp": NOW - 60},
        {"nbf": NOW + 61},
        {"exp": None},
        {"nbf": None},
        {"exp": str(NOW + 60)},
        {"exp": True},
        {"exp": 1e30},
        {"sub": OTHER.did},
        {"sub": None},
        {"jti": "urn:uuid:1"},
        {"iss": OTHER.did},
    ],
)
def test_a_jwt_whose_claims_contradict_its_document_or_its_time_is_refused(extra):
    assert WORLD.verifier.credential(resigned({}, payload=credential() | {"exp": NOW + 60}))
    with pytest.raises(CredentialError):
        WORLD.verifier.credential(resigned({}, payload=credential() | extra))


@pytest.mark.parametrize("extra", [{"exp": None}, {"nbf": None}, {"exp": "1"}, {"nbf": NOW + 61}])
def test_a_token_with_disclosures_with_a_strange_time_is_refused(extra):
    claims = {"iss": ISSUER.did, "vct": KIND, "cnf": {"kid": HOLDER.key.verification_method}}
    whole = sd_jwt.issue(claims | extra, (), ISSUER.key)
    bound = sd_jwt.bind(whole, HOLDER.key, audience=AUDIENCE, nonce=NONCE, issued_at=NOW)
    with pytest.raises(CredentialError):
        shown(str(bound))


# -- disclosures -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b'["salt","zone",{"a":1,"a":2}]',
        b'["salt","zone",NaN]',
        b'["salt","zone","\\ud800"]',
        b'["salt","zone",4] ',
        b'["salt","zone",4]x',
        b'["salt","zone",4,5]',
        b'["salt"]',
        b"[1,2,3]",
        b'{"salt":1}',
    ],
)
def test_a_disclosure_that_two_readers_would_read_differently_is_refused(raw):
    if raw.endswith(b" "):
        # Whitespace inside is part of the digest: it is another disclosure, which nobody signed.
        with pytest.raises(CredentialError, match="belongs to no digest"):
            sd_jwt.reveal({}, sd_jwt.parse(f"a.b.c~{jws.encode(raw)}~").disclosures)
        return
    with pytest.raises(CredentialError):
        sd_jwt.parse(f"a.b.c~{jws.encode(raw)}~")


def test_claims_that_lie_too_deep_in_each_other_are_refused():
    deep: Any = 1
    for _ in range(600):
        deep = {"a": deep}
    with pytest.raises(CredentialError, match="too deeply"):
        sd_jwt.reveal(deep, ())


# -- status lists ------------------------------------------------------------------------------

GOOD = StatusList()
PACKED = gzip.compress(bytes(LEAST_BITS // 8), mtime=0)


def encoded(packed: bytes) -> str:
    return "u" + base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "text",
    [
        GOOD.encoded() + "=",
        GOOD.encoded() + "==",
        GOOD.encoded() + "\n",
        " " + GOOD.encoded(),
        GOOD.encoded()[1:],
        "z" + base58_encode(PACKED),
        "m" + base64.b64encode(PACKED).decode(),
        "u" + base64.b64encode(gzip.compress(b"\xfb\xff" * (LEAST_BITS // 16))).decode(),
        encoded(PACKED + b"\0"),
        encoded(PACKED + gzip.compress(b"")),
        encoded(PACKED + PACKED),
        encoded(PACKED[:-1]),
        encoded(PACKED[:-8] + bytes(8)),  # another checksum
        encoded(zlib.compress(bytes(LEAST_BITS // 8))),
        encoded(bytes(LEAST_BITS // 8)),
        encoded(gzip.compress(bytes(LEAST_BITS // 8 - 1))),
        encoded(gzip.compress(bytes(MOST_BITS // 8 + 1))),
        encoded(b""),
        "u",
        "",
    ],
    ids=range(20),
)
def test_a_status_list_has_one_encoding(text):
    assert StatusList.decoded(GOOD.encoded()).encoded() == GOOD.encoded()
    with pytest.raises(CredentialError):
        StatusList.decoded(text)


def test_the_bits_left_over_at_the_end_of_a_status_list_are_zero():
    text = next(
        encoded(gzip.compress(bytes(LEAST_BITS // 8) + bytes(8 * extra), mtime=0))
        for extra in range(64)
        if len(gzip.compress(bytes(LEAST_BITS // 8) + bytes(8 * extra), mtime=0)) % 3
    )
    StatusList.decoded(text)
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(text[-1])
    other = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last + 1]
    with pytest.raises(CredentialError, match="left over"):
        StatusList.decoded(text[:-1] + other)


# -- keys --------------------------------------------------------------------------------------

SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
]
"""The points of an order below 9 (libsodium's list of refused keys)."""
TWO_WAYS = [
    "0100000000000000000000000000000000000000000000000000000000000080",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


@pytest.mark.parametrize("point", [*SMALL_ORDER, *TWO_WAYS])
def test_a_key_under_which_one_signature_holds_for_every_message_is_no_key(point):
    raw = bytes.fromhex(point)
    method = "z" + base58_encode(b"\xed\x01" + raw)
    forms: list[dict[str, Any]] = [
        {"publicKeyMultibase": method},
        {"publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": jws.encode(raw)}},
        {"publicKeyHex": point},
        {"publicKeyBase64": base64.b64encode(raw).decode()},
        {"publicKeyBase58": base58_encode(raw)},
    ]
    for form in forms:
        with pytest.raises(CredentialError):
            key_of({"id": "#1", "type": "Ed25519VerificationKey2018"} | form)
    assert Resolver({"key": KeyMethod()}).resolve(f"did:key:{method}").error == "invalidDid"


X, Y = (
    value.to_bytes(32, "big")
    for value in (
        0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
        0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
    )
)
JWK = {"kty": "EC", "crv": "secp256k1", "x": jws.encode(X), "y": jws.encode(Y)}
ACCOUNT = f"eip155:1:{ISSUER.signer.address}"


def test_a_published_key_is_read():
    assert key_of({"id": "#1", "publicKeyJwk": JWK | {"use": "sig", "alg": "ES256K"}}).secp256k1
    assert key_of({"id": "#1", "blockchainAccountId": ACCOUNT}).address == ISSUER.signer.address


@pytest.mark.parametrize(
    "change",
    [
        {"x": jws.encode(X) + "="},
        {"x": jws.encode(X[:31]), "y": jws.encode(X[31:] + Y)},  # the same 64 bytes, parted anew
        {"x": jws.encode(b"\0" + X)},
        {"y": jws.encode(X)},
        {"x": base64.b64encode(b"\xff" * 32).decode().rstrip("=")},
        {"crv": "P-256"},
        {"kty": "OKP"},
        {"kty": "oct"},
        {"use": "enc"},
        {"key_ops": ["deriveKey"]},
        {"alg": "ES256"},
        {"alg": "none"},
        {"d": jws.encode(X)},
        {"x": 1},
        {"x": None},
    ],
)
def test_a_published_key_of_another_curve_or_use_or_way_of_writing_is_refused(change):
    with pytest.raises(CredentialError):
        key_of({"id": "#1", "type": "JsonWebKey", "publicKeyJwk": JWK | change})


@pytest.mark.parametrize(
    "method",
    [
        {},
        {"publicKeyMultibase": 5},
        {"publicKeyMultibase": ["z"]},
        {"publicKeyJwk": "kty"},
        {"publicKeyJwk": ["kty"]},
        {"publicKeyJwk": None},
        {"blockchainAccountId": "nothing"},
        {"blockchainAccountId": 7},
        {"blockchainAccountId": ISSUER.signer.address},
        {"blockchainAccountId": ACCOUNT.lower()},
        {"blockchainAccountId": ACCOUNT.replace("eip155", "bip122")},
        {"blockchainAccountId": ACCOUNT.replace(":1:", ":01:")},
        {"blockchainAccountId": ACCOUNT + "\n"},
        {"blockchainAccountId": ISSUER.signer.address + "@eip155:1"},  # as of before CAIP-10
        {"type": "Ed25519VerificationKey2018", "publicKeyHex": 5},
        {"type": "Ed25519VerificationKey2018", "publicKeyHex": "aA" * 32},
        {"type": "Ed25519VerificationKey2018", "publicKeyHex": "aa " * 32},
        {"type": "Ed25519VerificationKey2018", "publicKeyBase58": ["1"]},
        {"type": "EcdsaSecp256k1VerificationKey2019", "publicKeyHex": "02" + "ff" * 32},
        {"type": "RsaVerificationKey2018", "publicKeyHex": "00"},
    ],
)
def test_a_method_that_holds_no_key_is_refused_in_the_same_way(method):
    with pytest.raises(CredentialError):
        key_of({"id": "#1", "type": "Multikey"} | method)


def test_a_point_that_is_not_on_p_256_is_no_key():
    def resolves(raw: bytes) -> bool:
        name = "did:key:z" + base58_encode(b"\x80\x24" + raw)
        return Resolver({"key": KeyMethod()}).resolve(name).document is not None

    good = ECC.generate(curve="P-256").public_key().export_key(format="SEC1", compress=True)
    assert resolves(good)
    assert not resolves(b"\x04" + good[1:])
    assert not resolves(good[:1] + (2**256 - 1).to_bytes(32, "big"))
    assert not all(resolves(good[:1] + bytes([n]) * 32) for n in range(16))


# -- signatures --------------------------------------------------------------------------------

SIGNATURE = ISSUER.key.sign(b"message")
OF_ADDRESS = VerificationKey(address=ISSUER.signer.address)

OF_ED = VerificationKey(ed25519=ED_ISSUER.public_key)


def point_of(signer: Any) -> VerificationKey:
    raw = signer.public_key
    return VerificationKey(secp256k1=bytes([2 + raw[64] % 2]) + raw[1:33])


@given(st.integers(0, 511))
def test_every_flipped_bit_of_a_signature_breaks_it(bit):
    for key, signature in (
        (OF_ADDRESS, SIGNATURE),
        (point_of(ISSUER.signer), SIGNATURE),
        (OF_ED, ED_ISSUER.sign(b"message")),
    ):
        key.check(b"message", signature)
        flipped = int.from_bytes(signature, "big") ^ 1 << bit
        with pytest.raises(CredentialError):
            key.check(b"message", flipped.to_bytes(64, "big"))


def test_numbers_that_are_no_signature_are_refused():
    r, s = SIGNATURE[:32], int.from_bytes(SIGNATURE[32:], "big")
    zero, order = bytes(32), CURVE_ORDER.to_bytes(32, "big")
    for key in (OF_ADDRESS, point_of(ISSUER.signer)):
        for changed in (
            zero + zero,
            r + zero,
            zero + SIGNATURE[32:],
            r + order,
            order + SIGNATURE[32:],
            r + (CURVE_ORDER - s).to_bytes(32, "big"),  # the other signature of the same message
            b"\xff" * 64,
            SIGNATURE + b"\0",
            SIGNATURE[:63],
            b"",
        ):
            with pytest.raises(CredentialError):
                key.check(b"message", changed)
    for changed in (bytes(64), b"\x01" + bytes(63), b"\xff" * 64):
        with pytest.raises(CredentialError):
            OF_ED.check(b"message", changed)


def test_an_ed25519_signature_is_none_of_an_address_and_the_other_way_round():
    with pytest.raises(CredentialError):
        OF_ADDRESS.check(b"message", ED_ISSUER.sign(b"message"))
    with pytest.raises(CredentialError):
        OF_ED.check(b"message", SIGNATURE)
