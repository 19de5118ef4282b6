"""did:key. The examples are those of the specification of the method."""

from __future__ import annotations

import pytest

from identity.did import KeyMethod, Resolver, Wanted
from identity.did.key import ED25519, P256, SECP256K1, did_of
from identity.errors import DidError

RESOLVER = Resolver({"key": KeyMethod()})
PUBLISHED = {
    "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp": (
        ED25519,
        "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",
    ),
    "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme": (
        SECP256K1,
        "03874c15c7fda20e539c6e5ba573c139884c351188799f5458b4b41f7924f235cd",
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_key_is_read_and_written(name):
    codec, key = PUBLISHED[name]
    assert did_of(codec, bytes.fromhex(key)) == name
    document = RESOLVER.resolve(name).document
    assert document is not None
    (method,) = document["verificationMethod"]
    assert method == {
        "id": f"{name}#{name[8:]}",
        "type": "Multikey",
        "controller": name,
        "publicKeyMultibase": name[8:],
    }
    assert document["assertionMethod"] == document["authentication"] == [method["id"]]


def test_the_key_itself_is_dereferenced():
    name = next(iter(PUBLISHED))
    part = RESOLVER.dereference(f"{name}#{name[8:]}")
    assert part.content is not None
    assert part.content["publicKeyMultibase"] == name[8:]


@pytest.mark.parametrize(
    "identifier",
    [
        "z",
        "m6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
        "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooW",
        "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDoo0l",
        "z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc",  # X25519 signs nothing
        "z" + "1" * 2_000,
    ],
)
def test_what_is_no_signing_key_is_invalid(identifier):
    shown = RESOLVER.resolve(f"did:key:{identifier}")
    assert shown.error == "invalidDid"
    assert shown.document is None


def test_a_key_has_no_past():
    shown = RESOLVER.resolve(next(iter(PUBLISHED)), wanted=Wanted(version_id="1"))
    assert shown.error == "notFound"


@pytest.mark.parametrize(
    ("codec", "key"),
    [
        (ED25519, b"\x01" * 31),
        (SECP256K1, b"\x05" + b"\x01" * 32),
        (SECP256K1, b"\x02" + b"\xff" * 32),
        (P256, b"\x04" + b"\x01" * 32),
        (0x1205, b"\x01" * 32),
    ],
)
def test_no_identifier_is_made_of_what_is_no_key(codec, key):
    with pytest.raises(DidError):
        did_of(codec, key)
