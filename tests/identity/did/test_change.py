from __future__ import annotations

import pytest
from coincurve import PrivateKey
from eth_account import Account

from identity.did.attribute import (
    KeyAttribute,
    ServiceAttribute,
    name_text,
    name_word,
    read_attribute,
)
from identity.did.change import (
    VALIDITY_SECONDS_MAX,
    AddDelegate,
    ChangeController,
    RevokeAttribute,
    RevokeDelegate,
    SetAttribute,
    adding,
    deactivation,
    own_call,
    revoking,
)
from identity.did.ethr import ZERO_ADDRESS
from identity.errors import DidError

ME = str(Account.from_key(b"\x0e" * 32).address)
FRIEND = str(Account.from_key(b"\x0f" * 32).address)
DAY = 86_400
POINT = PrivateKey(b"\x07" * 32).public_key.format()
ED25519 = bytes(range(32))


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        (KeyAttribute("Secp256k1", "veriKey", POINT), "did/pub/Secp256k1/veriKey/hex"),
        (
            KeyAttribute("Secp256k1", "sigAuth", POINT, "base58"),
            "did/pub/Secp256k1/sigAuth/base58",
        ),
        (KeyAttribute("Ed25519", "sigAuth", ED25519, "base64"), "did/pub/Ed25519/sigAuth/base64"),
        (KeyAttribute("X25519", "enc", ED25519), "did/pub/X25519/enc/hex"),
        (ServiceAttribute("Readings", "https://meter.example/a"), "did/svc/Readings"),
    ],
)
def test_an_attribute_has_the_name_that_resolvers_know_and_is_read_again(attribute, name):
    change = adding(ME, attribute, DAY)
    assert name_text(change.name) == name
    assert len(change.name) == 32
    assert read_attribute(change.name, change.value) == attribute
    assert revoking(ME, attribute) == RevokeAttribute(ME, change.name, change.value)


def test_a_change_gives_the_registrys_own_call():
    assert own_call(AddDelegate(ME, "veriKey", FRIEND, DAY)) == (
        "addDelegate",
        (ME, b"veriKey".ljust(32, b"\0"), FRIEND, DAY),
    )
    assert own_call(deactivation(ME)) == ("changeOwner", (ME, ZERO_ADDRESS))
    assert deactivation(ME).deactivates
    assert not ChangeController(ME, FRIEND).deactivates


@pytest.mark.parametrize(
    "attribute",
    [
        KeyAttribute("RSA", "veriKey", b"\1" * 32),
        KeyAttribute("Ed25519", "enc", ED25519),
        KeyAttribute("X25519", "sigAuth", ED25519),
        KeyAttribute("Ed25519", "veriKey", ED25519[:31]),
        KeyAttribute("Ed25519", "veriKey", ED25519, "pem"),
        KeyAttribute("Ed25519", "veriKey", b"\1" + bytes(31)),  # anybody signs for it
        KeyAttribute("Secp256k1", "veriKey", b"\2" + b"\xff" * 32),
        KeyAttribute("Secp256k1", "veriKey", ED25519),
        ServiceAttribute("", "https://meter.example"),
        ServiceAttribute("two words", "https://meter.example"),
        ServiceAttribute("Zähler", "https://meter.example"),
        ServiceAttribute("a/b", "https://meter.example"),
        ServiceAttribute("M" * 25, "https://meter.example"),
        ServiceAttribute("Meter", ""),
        ServiceAttribute("Meter", "meter.example"),
        ServiceAttribute("Meter", "https://meter.example/\n"),
        ServiceAttribute("Meter", "https://meter.example/\x1b[31m"),
        ServiceAttribute("Meter", "https://meter.example/\u202e"),
        ServiceAttribute("Meter", "https://meter.example/a b"),
        ServiceAttribute("Meter", "https://zähler.example"),
        ServiceAttribute("Meter", "https://meter.example/\0"),
        ServiceAttribute("Meter", "https://meter.example/" + "a" * 1_024),
        ServiceAttribute("Meter", "javascript:alert(1)"),
        ServiceAttribute("Meter", "data:text/html,x"),
        ServiceAttribute("Meter", "HTTPS://meter.example"),
    ],
)
def test_an_attribute_that_no_reader_could_use_is_not_made(attribute):
    with pytest.raises(DidError):
        adding(ME, attribute, DAY)


@pytest.mark.parametrize("validity_s", [0, -1, VALIDITY_SECONDS_MAX + 1, 2**256])
def test_a_validity_that_is_none_is_refused(validity_s):
    with pytest.raises(DidError, match="validity"):
        AddDelegate(ME, "veriKey", FRIEND, validity_s)
    with pytest.raises(DidError, match="validity"):
        adding(ME, ServiceAttribute("Meter", "https://meter.example"), validity_s)


def test_a_delegate_signs_and_is_never_encrypted_to():
    with pytest.raises(DidError, match="X25519"):
        AddDelegate(ME, "enc", FRIEND, DAY)
    with pytest.raises(DidError, match="nobody"):
        AddDelegate(ME, "veriKey", ZERO_ADDRESS, DAY)
    assert RevokeDelegate(ME, "enc", FRIEND).values[0] == b"enc".ljust(32, b"\0")


@pytest.mark.parametrize("name", ["", "x" * 33, "ü" * 17, "a\0b", "\ud800"])
def test_a_name_is_up_to_32_bytes_of_utf8_without_zeros(name):
    with pytest.raises(DidError):
        name_word(name)


def test_a_name_may_be_any_text_that_fits():
    assert name_text(name_word("ü" * 16)) == "ü" * 16


@pytest.mark.parametrize(
    "name",
    [b"\xff" * 32, b"\0" * 32, b"a\0b".ljust(32, b"\0"), b"short", b"did/pub/".ljust(32, b"\0")],
)
def test_bytes_that_are_no_name_are_not_set(name):
    with pytest.raises(DidError):
        SetAttribute(ME, name, b"", DAY)


def test_what_others_set_can_be_revoked_whatever_it_is():
    assert RevokeAttribute(ME, b"\xff" * 32, b"\xfe").values == (b"\xff" * 32, b"\xfe")
    with pytest.raises(DidError, match="at most"):
        RevokeAttribute(ME, b"\xff" * 32, bytes(1_025))


def test_a_name_of_a_resolver_is_held_to_its_meaning_and_another_is_free():
    assert SetAttribute(ME, name_word("colour"), b"\xff", DAY).value == b"\xff"
    with pytest.raises(DidError, match="32 bytes"):
        SetAttribute(ME, name_word("did/pub/Ed25519/veriKey/hex"), b"\xff", DAY)
    with pytest.raises(DidError, match="means nothing"):
        SetAttribute(ME, name_word("did/svc/Meter"), b"\xff", DAY)


@pytest.mark.parametrize(
    "address", [ME.lower(), ME[:-1], "0x" + "g" * 40, "", ME[:2] + ME[2:].swapcase()]
)
def test_an_address_without_its_checksum_is_refused(address):
    for make in (deactivation, lambda who: ChangeController(ME, who)):
        with pytest.raises(DidError, match="checksum"):
            make(address)
