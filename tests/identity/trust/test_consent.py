from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from identity.errors import CredentialError
from identity.signature import recover
from identity.signer import LocalSigner
from identity.trust import Consent, ConsentDomain
from identity.trust.consent import HAND_IN_SECONDS, LONGEST_SECONDS

OWNER, AUDIENCE, STRANGER = (LocalSigner(bytes([n]) * 32).address for n in (1, 2, 3))
DOMAIN = ConsentDomain(31_337, "0x" + "55" * 20)
NOW = 1_790_000_000
CONSENT = Consent(
    OWNER, AUDIENCE, "credit check", ("capacity", "history"), NOW, NOW + 3_600, b"\x07" * 32
)
TOPICS = frozenset({"capacity"})


def test_the_owner_signs_exactly_what_is_allowed():
    signature = LocalSigner(b"\x01" * 32).sign_digest(CONSENT.digest(DOMAIN))
    assert recover(CONSENT.digest(DOMAIN), signature) == OWNER


@pytest.mark.parametrize(
    "change",
    [
        {"audience": STRANGER},
        {"purpose": "marketing"},
        {"topics": ("capacity", "history", "identity")},
        {"ends_at": NOW + 3_601},
        {"issued_at": NOW + 1},
        {"nonce": b"\x08" * 32},
        {"owner": STRANGER},
    ],
)
def test_a_signature_is_for_nothing_else(change: dict[str, Any]):
    assert replace(CONSENT, **change).digest(DOMAIN) != CONSENT.digest(DOMAIN)


@pytest.mark.parametrize(
    "domain", [replace(DOMAIN, chain_id=1), replace(DOMAIN, registry="0x" + "56" * 20)]
)
def test_a_signature_is_for_no_other_chain_or_registry(domain: ConsentDomain):
    assert CONSENT.digest(domain) != CONSENT.digest(DOMAIN)


def test_the_audience_reads_what_it_was_allowed():
    assert CONSENT.allows(AUDIENCE, "credit check", TOPICS, NOW)


@pytest.mark.parametrize(
    ("audience", "purpose", "topics", "now"),
    [
        (STRANGER, "credit check", TOPICS, NOW),
        (AUDIENCE, "marketing", TOPICS, NOW),
        (AUDIENCE, "credit check", TOPICS | {"identity"}, NOW),
        (AUDIENCE, "credit check", TOPICS, NOW + 3_600),
        (AUDIENCE, "credit check", TOPICS, NOW - 61),
    ],
)
def test_nobody_reads_more_or_later(audience: str, purpose: str, topics: frozenset[str], now: int):
    assert not CONSENT.allows(audience, purpose, topics, now)


@pytest.mark.parametrize("now", [NOW - 61, NOW + HAND_IN_SECONDS + 1])
def test_a_signature_that_was_not_made_just_now_is_not_taken(now: int):
    with pytest.raises(CredentialError, match="just now"):
        CONSENT.check_handed_in(now)
    CONSENT.check_handed_in(NOW)


def test_a_consent_that_is_over_is_not_taken():
    with pytest.raises(CredentialError, match="over"):
        replace(CONSENT, ends_at=NOW + 10).check_handed_in(NOW + 10)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"topics": ()}, "topics"),
        ({"topics": ("history", "capacity")}, "ascending"),
        ({"topics": ("capacity", "capacity")}, "once"),
        ({"purpose": "  "}, "purpose"),
        ({"audience": OWNER}, "own"),
        ({"nonce": b"\x07" * 31}, "32 bytes"),
        ({"ends_at": NOW}, "ends"),
        ({"ends_at": NOW + LONGEST_SECONDS + 1}, "366 days"),
    ],
)
def test_what_is_no_consent_is_refused(change: dict[str, Any], match: str):
    with pytest.raises(CredentialError, match=match):
        replace(CONSENT, **change)
