"""EIP-4361. The signed messages are those published with the EIP's reference implementation."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import siwe
from identity.errors import SignInError
from identity.siwe import SignInMessage

KEY = b"\x11" * 32
ADDRESS = Account.from_key(KEY).address

# The examples in the text of EIP-4361.
MINIMAL = """example.com wants you to sign in with your Ethereum account:
0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2

I accept the ExampleOrg Terms of Service: https://example.com/tos

URI: https://example.com/login
Version: 1
Chain ID: 1
Nonce: 32891756
Issued At: 2021-09-30T16:25:24Z
Resources:
- ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/
- https://example.com/my-web2-claim.json"""
WITH_PORT = MINIMAL.replace("example.com wants", "example.com:3388 wants")
WITH_SCHEME = MINIMAL.replace("example.com wants", "https://example.com wants")
FULL = MINIMAL.replace(
    "Resources:",
    "Expiration Time: 2021-10-01T16:25:24.500Z\nNot Before: 2021-09-30T16:25:24+02:00\n"
    "Request ID: some_id\nResources:",
)

PUBLISHED = {
    "with an expiration": (
        SignInMessage(
            domain="login.xyz",
            address="0x9D85ca56217D2bb651b00f15e694EB7E713637D4",
            statement="Sign-In With Ethereum Example Statement",
            uri="https://login.xyz",
            chain_id=1,
            nonce="bTyXgcQxn2htgkjJn",
            issued_at="2022-01-27T17:09:38.578Z",
            expiration_time="2100-01-07T14:31:43.952Z",
        ),
        "dc35c7f8ba2720df052e0092556456127f00f7707eaa8e3bbff7e56774e7f2e0"
        "5a093cfc9e02964c33d86e8e066e221b7d153d27e5a2e97ccd5ca7d3f2ce06cb1b",
        "2023-01-01T00:00:00Z",
    ),
    "with a beginning": (
        SignInMessage(
            domain="login.xyz",
            address="0xE6D3Aa1F561A215E5eb1f02Ba8705385F03fCaFB",
            statement="Sign-In With Ethereum Example Statement",
            uri="https://login.xyz",
            chain_id=1,
            nonce="lx2nx4so",
            issued_at="2022-01-05T14:27:30.883Z",
            not_before="2100-01-07T14:31:43.952Z",
        ),
        "c2539ace78f13c7eb8c0852d38d269a6f97bebd9f7872097d2e3137b541f8bf5"
        "0176062a46eeea83086bd2721423fb5755a932ff6ccc046ed482d14e4576042f1c",
        "2101-01-07T14:31:43.952Z",
    ),
    "with a recovery byte from 0": (
        SignInMessage(
            domain="www.tally.xyz",
            address="0xc95EB884FE852e241D409234bfC7045CB9E31BD7",
            statement="Sign in with Ethereum to Tally",
            uri="https://tally.xyz",
            chain_id=1,
            nonce="15050747",
            issued_at="2022-06-30T14:08:51.382Z",
        ),
        "8c46b6eb8505939892d8e9b075f89f8277321b17b993151f37810cdda38cce6f"
        "4a85909d2b53e6a14629c74c0ac38bf4becde78ee5b2529812bf6cceaf7b2a2501",
        "2023-01-01T00:00:00Z",
    ),
}


def check(message, signature, **changes):
    wanted = {
        "now": datetime(2030, 1, 1, tzinfo=UTC),
        "domain": message.domain,
        "nonce": message.nonce,
        "chain_id": message.chain_id,
    } | changes
    return siwe.verify(message, signature, **wanted)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_signature_is_accepted(name):
    message, signature, now = PUBLISHED[name]
    signed = check(message, bytes.fromhex(signature), now=siwe.parse_time(now))
    assert signed == message.address


def test_a_published_message_with_a_wrong_signature_is_refused():
    message = SignInMessage(
        domain="login.xyz",
        address="0x6Da01670d8fc844e736095918bbE11fE8D564163",
        statement="Sign-In With Ethereum Example Statement",
        uri="https://login.xyz",
        chain_id=1,
        nonce="rmplqh1gf",
        issued_at="2022-01-05T14:31:43.954Z",
        expiration_time="2100-01-07T14:31:43.952Z",
    )
    wrong = bytes.fromhex(
        "31df81dc02344c9156e6f71da46e2db624b38f8f806290d670d46492b834b2e7"
        "575cbce9f48169356cfb577b910d8e30732fcf23c1ac0021d08b945ed7ee118e1b"
    )
    with pytest.raises(SignInError):
        check(message, wrong)
    malformed = wrong + b"\xcb"
    with pytest.raises(SignInError, match="65 bytes"):
        check(message, malformed)


@pytest.mark.parametrize("text", [MINIMAL, WITH_PORT, WITH_SCHEME, FULL])
def test_the_examples_of_the_standard_are_read_and_written_back(text):
    assert siwe.parse(text).text() == text


@pytest.mark.parametrize(
    "domain", ["127.0.0.1", "test@127.0.0.1", "127.0.0.1:8080", "t:x@host:1", "[::1]:80", "a%41"]
)
def test_every_authority_may_be_the_domain(domain):
    text = MINIMAL.replace("example.com wants", f"{domain} wants")
    assert siwe.parse(text).domain == domain


def test_a_message_without_a_statement_has_two_empty_lines():
    text = MINIMAL.replace(
        "\nI accept the ExampleOrg Terms of Service: https://example.com/tos", ""
    )
    assert siwe.parse(text).statement is None
    assert siwe.parse(text).text() == text


def line(label, text=FULL):
    return next(row for row in text.split("\n") if row.startswith(label))


def swapped(first, second):
    one, two = line(first), line(second)
    return FULL.replace(one, "\0").replace(two, one).replace("\0", two)


BROKEN = {
    "nothing": "",
    "no preamble": MINIMAL.replace("wants you", "asks you"),
    "no domain": MINIMAL.replace("example.com wants", " wants"),
    "a domain with a path": MINIMAL.replace("example.com wants", "example.com/login wants"),
    "a domain with a space": MINIMAL.replace("example.com wants", "exam ple.com wants"),
    "an address not in checksum form": MINIMAL.replace(
        "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
    ),
    "no address": MINIMAL.replace("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", ""),
    "an extra empty line": MINIMAL.replace("\n\nI accept", "\n\n\nI accept"),
    "a missing empty line": MINIMAL.replace("\n\nURI", "\nURI"),
    "a statement of two lines": MINIMAL.replace("Service: ", "Service: \n"),
    "a statement beyond ASCII": MINIMAL.replace("I accept", "I äccept"),
    "version 2": MINIMAL.replace("Version: 1", "Version: 2"),
    "a chain id that is no number": MINIMAL.replace("Chain ID: 1", "Chain ID: ?"),
    "a chain id with a leading zero": MINIMAL.replace("Chain ID: 1", "Chain ID: 01"),
    "a short nonce": MINIMAL.replace("32891756", "1234567"),
    "a nonce with a dash": MINIMAL.replace("32891756", "3289-1756"),
    "a date of another form": MINIMAL.replace(
        "2021-09-30T16:25:24Z", "Wed Oct 05 2011 16:48:00 GMT+0200 (CEST)"
    ),
    "a date that does not exist": MINIMAL.replace("2021-09-30", "2021-09-31"),
    "a date without a zone": MINIMAL.replace("16:25:24Z", "16:25:24"),
    "an expiration that is no date": FULL.replace("2021-10-01T16:25:24.500Z", "tomorrow"),
    "a beginning that is no date": FULL.replace("2021-09-30T16:25:24+02:00", "now"),
    "a request id with a space": FULL.replace("some_id", "some id"),
    "a URI without a scheme": MINIMAL.replace("URI: https://example.com/login", "URI: _no_uri_"),
    "a URI with a space": MINIMAL.replace("example.com/login", "example.com/log in"),
    "resources in one line": MINIMAL.replace("vhwq/\n-", "vhwq/ -"),
    "a first resource that is no URI": MINIMAL.replace("- ipfs://", "- _ipfs_//"),
    "a second resource that is no URI": MINIMAL.replace("- https://", "- _no_uri_"),
    "something after the end": MINIMAL + "\nand more",
    "an empty line at the end": MINIMAL + "\n",
    "other line ends": MINIMAL.replace("\n", "\r\n"),
    **{
        f"no {label}": FULL.replace(line(label) + "\n", "")
        for label in ("URI", "Version", "Chain ID", "Nonce", "Issued At")
    },
    **{
        f"{second} before {first}": swapped(first, second)
        for first, second in [
            ("URI", "Version"),
            ("Version", "Chain ID"),
            ("Chain ID", "Nonce"),
            ("Nonce", "Issued At"),
            ("Issued At", "Expiration Time"),
            ("Expiration Time", "Not Before"),
            ("Not Before", "Request ID"),
            ("Request ID", "Resources"),
        ]
    },
    **{
        f"the URI {uri}": MINIMAL.replace("URI: https://example.com/login", f"URI: {uri}")
        for uri in [
            "uri://[::0.0.0.256]/p/path",
            "uri://[::300.0.0.0]/p/path",
            "uri://[::0.ff.0.255]",
            "uri://[ffff:abcd:0:10:200:3000:f8a:1:ffff]",
            "uri://[ffff:abcd:0:10:200:3000:f8a]",
            "uri://[ffff:abcd:0:10:200:3000:ff:255.255.255.255]",
            "uri://[::1:2:3:4:5:6:7:8]",
            "uri://[1:2:3:4:5:6:7:8::]",
            "uri://[1:2:3:4:5::6:198.162.10.255]",
            "://user:pass@example.com:123/one/two.three?q1=a1&q2=a2#body",
            "uri://user:pass@example.com:123/one/two.three ?q1=a1&q2=a2#body",
            "uri://user:pass@example.com:123/one/two.three?q1=a1&q2=a2 #body",
            "uri://example.com:12a/",
            "uri://example.com/%4",
        ]
    },
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_message_outside_the_grammar_is_refused(name):
    assert BROKEN[name] not in (MINIMAL, FULL)
    with pytest.raises(SignInError):
        siwe.parse(BROKEN[name])


def signed_message(**changes):
    fields = {
        "domain": "localhost:8000",
        "address": ADDRESS,
        "uri": "http://localhost:8000",
        "chain_id": 31337,
        "nonce": "abcdefgh12345678",
        "issued_at": "2030-01-01T00:00:00Z",
        "expiration_time": "2030-01-01T00:05:00Z",
    } | changes
    message = SignInMessage(**fields)
    text = encode_defunct(text=message.text())
    return message, bytes(Account.sign_message(text, KEY).signature)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"domain": "evil.example"}, "is for localhost"),
        ({"nonce": "another12345678"}, "nonce"),
        ({"chain_id": 1}, "chain 31337"),
        ({"uri": "http://evil.example"}, "URI"),
        ({"now": datetime(2030, 1, 1, 0, 5, tzinfo=UTC)}, "expired"),
        ({"now": datetime(2030, 1, 1, 1, 5, tzinfo=timezone(timedelta(hours=1)))}, "expired"),
    ],
)
def test_a_message_for_another_purpose_or_time_is_refused(changes, said):
    message, signature = signed_message()
    check(message, signature)
    with pytest.raises(SignInError, match=said):
        check(message, signature, **changes)


def test_a_message_that_is_not_valid_yet_is_refused():
    message, signature = signed_message(not_before="2030-01-01T00:01:00Z")
    with pytest.raises(SignInError, match="not valid yet"):
        check(message, signature)


def test_a_signature_of_another_key_is_refused():
    message, _ = signed_message()
    other = Account.sign_message(encode_defunct(text=message.text()), b"\x22" * 32)
    with pytest.raises(SignInError, match="another key"):
        check(message, bytes(other.signature))


def test_a_nonce_is_never_given_twice():
    nonces = {siwe.new_nonce() for _ in range(1000)}
    assert len(nonces) == 1000
    assert all(len(nonce) == siwe.NONCE_LENGTH and nonce.isalnum() for nonce in nonces)


def test_a_time_is_written_as_it_is_read():
    moment = datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)
    assert siwe.parse_time(siwe.format_time(moment)) == moment
    assert siwe.parse_time("2016-12-31T23:59:60Z") == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet=st.characters(max_codepoint=0x2FF), max_size=300), st.integers(0, 400))
def test_parsing_a_damaged_message_never_fails_in_another_way(noise, at):
    damaged = FULL[:at] + noise + FULL[at + len(noise) :]
    with contextlib.suppress(SignInError):
        assert siwe.parse(damaged).text() == damaged
