"""did:web over real TLS, from a server on this machine that only a test lets the fetcher reach."""

from __future__ import annotations

import json
import socket
import time
from ipaddress import ip_address

import pytest

from identity.did import Resolver, WebMethod
from identity.did.resolution import ResolutionCode
from identity.did.web import LARGEST_BYTES
from identity.errors import DidError
from tests.platform.identities.web_server import body, drip, endless, redirect, tls_server
from wattproof.identities.web_fetch import HttpsFetcher, is_public

PATH = "/.well-known/did.json"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with tls_server(tmp_path_factory.mktemp("tls")) as running:
        yield running


@pytest.fixture
def fetch(server):
    server.answers.clear()
    server.asked.clear()
    return HttpsFetcher(trust=server.trust, lets_private_addresses=True)


def test_a_document_is_read_from_its_host(server, fetch):
    name = f"did:web:{server.host}:meters:17"
    document = {"id": name, "verificationMethod": []}
    server.answers["/meters/17/did.json"] = body(json.dumps(document).encode())
    resolved = Resolver({"web": WebMethod(fetch)}).resolve(name)
    assert resolved.document == document
    assert server.asked == [("/meters/17/did.json", f"localhost:{server.port}")]


def test_nothing_there_is_not_found(server, fetch):
    resolved = Resolver({"web": WebMethod(fetch)}).resolve(f"did:web:{server.host}")
    assert resolved.error is ResolutionCode.NOT_FOUND
    assert fetch(server.origin + PATH) is None


def test_a_redirect_on_the_host_is_followed_and_one_away_is_not(server, fetch):
    server.answers[PATH] = redirect("/elsewhere")
    server.answers["/elsewhere"] = body(b"{}")
    assert fetch(server.origin + PATH) == b"{}"
    for away in (
        f"https://127.0.0.1:{server.port}/elsewhere",
        f"http://localhost:{server.port}/elsewhere",
        "https://localhost/elsewhere",
        f"//evil.example:{server.port}/elsewhere",
        f"https://localhost:{server.port}@evil.example/",
        "file:///etc/passwd",
    ):
        server.answers[PATH] = redirect(away)
        server.asked.clear()
        with pytest.raises(DidError, match="redirects to"):
            fetch(server.origin + PATH)
        assert len(server.asked) == 1


def test_a_redirect_in_a_circle_ends(server, fetch):
    server.answers[PATH] = redirect(PATH)
    with pytest.raises(DidError, match="more than 3 redirects"):
        fetch(server.origin + PATH)


def test_a_body_that_is_too_large_is_not_read_to_its_end(server, fetch):
    server.answers[PATH] = body(b" " * (LARGEST_BYTES + 1))
    with pytest.raises(DidError, match="bytes"):
        fetch(server.origin + PATH)
    server.answers[PATH] = endless
    with pytest.raises(DidError, match="bytes"):
        fetch(server.origin + PATH)
    server.answers[PATH] = body(b" " * LARGEST_BYTES)
    assert len(fetch(server.origin + PATH) or b"") == LARGEST_BYTES


def test_bytes_that_drip_in_for_ever_run_out_of_time(server):
    impatient = HttpsFetcher(trust=server.trust, lets_private_addresses=True, timeout_s=0.6)
    server.answers[PATH] = drip
    started = time.monotonic()
    with pytest.raises(DidError, match="no answer within"):
        impatient(server.origin + PATH)
    assert time.monotonic() - started < 5


def test_a_compressed_answer_is_refused(server, fetch):
    server.answers[PATH] = body(b"\x1f\x8b", Content_Encoding="gzip")
    with pytest.raises(DidError, match="compressed"):
        fetch(server.origin + PATH)


@pytest.mark.parametrize("status", [201, 204, 403, 500])
def test_any_other_status_is_an_error(server, fetch, status):
    server.answers[PATH] = body(b"", status)
    with pytest.raises(DidError, match=str(status)):
        fetch(server.origin + PATH)


def test_a_certificate_that_nobody_trusts_is_refused(server, fetch):
    stranger = HttpsFetcher(lets_private_addresses=True)
    with pytest.raises(DidError, match="CERTIFICATE_VERIFY_FAILED"):
        stranger(server.origin + PATH)
    assert server.asked == []


def test_a_certificate_of_another_name_is_refused(tmp_path):
    with tls_server(tmp_path, "other.example") as other:
        fetch = HttpsFetcher(trust=other.trust, lets_private_addresses=True)
        with pytest.raises(DidError, match="localhost"):
            fetch(other.origin + PATH)
        assert other.asked == []


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "10.1.2.3", "169.254.169.254", "0.0.0.0"]
)
def test_addresses_of_this_machine_and_around_it_are_refused(server, host):
    fetch = HttpsFetcher(trust=server.trust)
    server.asked.clear()
    with pytest.raises(DidError, match="not an address of the internet"):
        fetch(f"https://{host}:{server.port}{PATH}")
    assert server.asked == []


def test_a_name_is_looked_up_once_and_only_what_was_checked_is_asked(server, fetch, monkeypatch):
    """A name that is public when it is checked and private a moment later gains nothing."""
    real, looked_up = socket.getaddrinfo, []

    def watched(host, *arguments, **options):
        if host == "localhost":
            looked_up.append(host)
            return real("127.0.0.1" if len(looked_up) == 1 else "127.0.0.2", *arguments, **options)
        return real(host, *arguments, **options)

    server.answers[PATH] = body(b"{}")
    monkeypatch.setattr(socket, "getaddrinfo", watched)
    assert fetch(server.origin + PATH) == b"{}"
    assert looked_up == ["localhost"]


@pytest.mark.parametrize("address", ["http://localhost/", "ftp://localhost/", "file:///etc/passwd"])
def test_only_https_is_asked(fetch, address):
    with pytest.raises(DidError, match="redirects to"):
        fetch(address)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False),
        ("2001:db8::1", False),
    ],
)
def test_what_is_an_address_of_the_internet(address, expected):
    assert is_public(ip_address(address)) is expected
