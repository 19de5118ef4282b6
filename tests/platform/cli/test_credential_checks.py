"""What a verifier on its own machine takes from an installation, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from identity import did
from identity.did import ResolutionCode, Wanted
from identity.errors import CredentialError
from identity.signer import LocalSigner
from identity.verifiable.issuing import Draft, as_jwt
from identity.verifiable.keys import EthereumKey
from identity.verifiable.kinds import KINDS
from identity.verifiable.received import read
from identity.verifiable.status_list import StatusEntry
from wattproof.cli.credential_checks import Grounds, read_lists
from wattproof.errors import InvalidError, NotFoundError

CHAIN = 31_337
BASE = "https://market.example"
ISSUER = LocalSigner(b"\x11" * 32)
NAME = str(did.of(ISSUER.address, CHAIN))
OTHER = str(did.of(LocalSigner(b"\x33" * 32).address, CHAIN))
NOW = 1_790_000_000


def document(name):
    method = {
        "id": f"{name}#controller",
        "type": "EcdsaSecp256k1RecoveryMethod2020",
        "controller": name,
        "blockchainAccountId": f"eip155:{CHAIN}:{did.parse(name).address}",
    }
    return {
        "id": name,
        "verificationMethod": [method],
        "assertionMethod": [method["id"]],
        "authentication": [method["id"]],
    }


class Api:
    """Answers as a test wants it to, and remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def get(self, path: str, **query: Any) -> Any:
        if path == "/":
            return {"documentation": f"{BASE}/docs", "chain_id": CHAIN}
        self.asked.append(path)
        kind = path.split("/")[1] if not path.startswith("/issuers/grants") else "grants"
        found = self.answers.get(kind, NotFoundError("there is none"))
        if isinstance(found, Exception):
            raise found
        return found

    def text(self, path: str) -> str:
        self.asked.append(path)
        raise NotFoundError("nothing is published")


def resolved(name, **metadata):
    return {"didDocument": document(name), "didDocumentMetadata": metadata}


def accredited(role="ev_owner", ended_at=None):
    return {"accreditations": [{"role": role, "since": "2026", "ended_at": ended_at}]}


def failed(api: Any, *entries, issuer=NAME, **grounds):
    key = EthereumKey(ISSUER, f"{issuer}#controller")
    claims = {"role": "ev_owner", "zone": "10Y1001A1001A82H"}
    said = Draft(KINDS["ev_owner"], issuer, OTHER, claims, 0, NOW * 2, entries)
    checks = Grounds(api, **grounds).check(read(as_jwt(said, key, now=NOW)))
    return {each.name: each.detail for each in checks if not each.passed}


@pytest.fixture(autouse=True)
def long_validity(monkeypatch):
    monkeypatch.setattr("identity.verifiable.issuing.LONGEST_VALIDITY_S", NOW * 2)


def test_a_credential_holds_by_what_the_installation_says_of_its_chain():
    api = Api(identifiers=resolved(NAME), issuers=accredited())
    assert failed(api) == {}


@pytest.mark.parametrize(
    ("answers", "which", "said"),
    [
        ({"identifiers": resolved(OTHER)}, "signature", "about another DID"),
        ({"identifiers": {"didDocument": [], "didDocumentMetadata": {}}}, "signature", "another"),
        ({"identifiers": resolved(NAME, deactivated=True)}, "signature", "was deactivated"),
        ({"identifiers": NotFoundError("no such")}, "signature", "no such"),
        ({"identifiers": InvalidError("no DID")}, "signature", "no DID"),
        ({"issuers": accredited("dispatcher")}, "accreditation", "not accredited for ev_owner"),
        ({"issuers": accredited(ended_at="2026")}, "accreditation", "not accredited"),
        ({"issuers": {"accreditations": []}}, "accreditation", "not accredited"),
    ],
)
def test_what_the_installation_does_not_vouch_for_fails(answers, which, said):
    api = Api(**({"identifiers": resolved(NAME), "issuers": accredited()} | answers))
    assert said in failed(api)[which]


def grant(**changes):
    return {
        "stands": False,
        "issuer": ISSUER.address,
        "expires_at": "2030",
        "revoked_at": None,
    } | changes


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (grant(revoked_at="2026"), "revoked on the chain at 2026"),
        (grant(), "does not stand"),
        (grant(stands=True), None),
        (grant(issuer=None), None),
    ],
)
def test_a_grant_that_ended_fails_and_one_that_was_replaced_does_not(found, said):
    api = Api(identifiers=resolved(NAME), issuers=accredited(), grants=found)
    assert failed(api) == {} if said is None else said in failed(api)["grant"]


@pytest.mark.parametrize(
    "url",
    [
        "https://tracker.example/status-lists/1",
        f"{BASE}.tracker.example/status-lists/1",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        f"{BASE}/identities/{ISSUER.address}",
    ],
)
def test_no_address_that_a_credential_names_is_fetched_elsewhere(url):
    api = Api(identifiers=resolved(NAME), issuers=accredited())
    assert "cannot be had" in failed(api, StatusEntry(url, 7))["status"]
    assert all(path.startswith(("/identifiers/", "/issuers/")) for path in api.asked)


def test_a_list_that_the_installation_does_not_have_is_no_good_news():
    api = Api(identifiers=resolved(NAME), issuers=accredited())
    entry = StatusEntry(f"{BASE}/status-lists/{ISSUER.address}/revocation/1", 7)
    assert "cannot be had" in failed(api, entry)["status"]
    assert f"/status-lists/{ISSUER.address}/revocation/1" in api.asked


def test_an_issuer_of_another_chain_is_not_accredited_here():
    elsewhere = NAME.replace(hex(CHAIN), "0x1")
    api = Api(identifiers=resolved(elsewhere), issuers=accredited())
    assert "of another chain" in failed(api, issuer=elsewhere)["accreditation"]


def test_whom_somebody_trusts_need_not_be_accredited_but_must_have_signed():
    api = Api(identifiers=resolved(NAME))
    assert failed(api, trusted=frozenset({NAME})) == {}
    unknown = Api()
    assert list(failed(unknown, trusted=frozenset({NAME}))) == ["signature"]


def test_offline_nothing_is_asked_and_nothing_is_believed():
    found = failed(None)
    assert set(found) == {"signature", "accreditation"}
    assert "name it with --trust" in found["accreditation"]


def test_a_version_of_the_past_is_asked_for_as_such():
    api: Any = Api(identifiers=resolved(NAME))
    for wanted in (Wanted(version_id="7"), Wanted(version_time=NOW)):
        assert Grounds(api).resolver().resolve(NAME, wanted=wanted).document is not None
    found = Grounds(None).resolver().resolve(NAME)
    assert found.error is ResolutionCode.METHOD_NOT_SUPPORTED


@pytest.mark.parametrize("text", ["", "hello", "a.b.c", "{", '{"a": 1, "a": 2}'])
def test_what_is_no_status_list_is_not_taken_for_one(tmp_path, text):
    path = tmp_path / "list"
    path.write_text(text)
    with pytest.raises(CredentialError):
        read_lists([path])
    with pytest.raises(CredentialError, match="cannot read"):
        read_lists([tmp_path / "none"])
