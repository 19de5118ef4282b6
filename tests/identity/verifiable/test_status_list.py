"""Bitstring Status List. The encoded list is the one that the recommendation shows, all zeros."""

from __future__ import annotations

import base64
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import CredentialError
from identity.verifiable.model import read_credential
from identity.verifiable.status_list import (
    LEAST_BITS,
    StatusEntry,
    StatusList,
    check_status,
    entries_of,
    list_credential,
)

URL = "https://issuer.example/status/3"
ISSUER = "did:example:issuer"
PUBLISHED = "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA"


def listed(bits=None, **changes):
    document = list_credential(
        URL,
        ISSUER,
        bits or StatusList(),
        purpose="revocation",
        valid_from="2026-01-01T00:00:00Z",
        valid_until="2026-01-02T00:00:00Z",
    )
    document["credentialSubject"] |= changes.pop("subject", {})
    return read_credential({k: v for k, v in (document | changes).items() if v is not None})


def test_the_published_list_says_that_nobody_is_revoked():
    bits = StatusList.decoded(PUBLISHED)
    assert len(bits) == LEAST_BITS
    assert not any(bits[index] for index in range(0, LEAST_BITS, 997))


@given(st.sets(st.integers(0, LEAST_BITS - 1), max_size=20))
def test_a_list_says_after_decoding_what_it_said_before(indices):
    bits = StatusList()
    bits.set(indices)
    again = StatusList.decoded(bits.encoded())
    assert {i for i in indices if again[i]} == indices
    assert again.encoded() == bits.encoded()
    assert sum(byte.bit_count() for byte in again._bits) == len(indices)


def test_the_first_bit_is_the_highest_of_the_first_byte():
    bits = StatusList()
    bits.set([0])
    raw = gzip.decompress(base64.urlsafe_b64decode(bits.encoded()[1:] + "=="))
    assert raw[0] == 0x80


def test_a_bit_is_set_and_taken_back_and_all_or_none():
    bits = StatusList()
    bits.set([5, 6])
    bits.set([5], False)
    assert (bits[5], bits[6]) == (False, True)
    with pytest.raises(CredentialError):
        bits.set([7, LEAST_BITS])
    assert not bits[7]


def packed(raw):
    return "u" + base64.urlsafe_b64encode(gzip.compress(raw, mtime=0)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "u",
        PUBLISHED[1:],
        "z" + PUBLISHED[1:],
        PUBLISHED[:-8],
        PUBLISHED + "AAAA",
        "u!!!",
        packed(b""),
        packed(b"\0" * (LEAST_BITS // 8 - 1)),
        packed(b"\0" * (2**24 + 8)),
    ],
)
def test_a_list_that_is_short_cut_off_or_a_bomb_is_refused(text):
    with pytest.raises(CredentialError):
        StatusList.decoded(text)


def test_a_clear_bit_passes_and_a_set_one_does_not():
    bits = StatusList()
    bits.set([7])
    check_status(StatusEntry(URL, 8), listed(bits), ISSUER)
    with pytest.raises(CredentialError, match="status is revocation"):
        check_status(StatusEntry(URL, 7), listed(bits), ISSUER)


@pytest.mark.parametrize(
    "credential",
    [
        listed(issuer="did:example:other"),
        listed(id="https://issuer.example/status/4"),
        listed(subject={"statusPurpose": "suspension"}),
        listed(subject={"type": "OtherList"}),
        listed(subject={"encodedList": None}),
        listed(subject={"encodedList": "uH4sI"}),
        listed(type=["VerifiableCredential"]),
        listed(validUntil=None),
    ],
)
def test_any_other_list_says_nothing_good(credential):
    with pytest.raises(CredentialError):
        check_status(StatusEntry(URL, 8), credential, ISSUER)


def test_an_index_outside_the_list_is_refused():
    with pytest.raises(CredentialError, match="none of them"):
        check_status(StatusEntry(URL, LEAST_BITS), listed(), ISSUER)


def test_an_entry_stands_in_the_credential_and_is_read_back():
    entry = StatusEntry(URL, 94_567)
    assert entries_of({"credentialStatus": entry.document()}) == [entry]
    assert entries_of({}) == []


@pytest.mark.parametrize(
    "change",
    [
        {"type": "StatusList2021Entry"},
        {"statusListIndex": 4},
        {"statusListIndex": "-1"},
        {"statusListIndex": "\u0664"},
        {"statusListIndex": "1" * 10},
        {"statusPurpose": "message"},
        {"statusSize": 2},
        {"statusListCredential": None},
    ],
)
def test_a_status_that_cannot_be_read_is_refused(change):
    with pytest.raises(CredentialError):
        entries_of({"credentialStatus": [StatusEntry(URL, 4).document() | change]})
