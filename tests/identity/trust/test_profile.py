from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from identity.errors import CredentialError
from identity.trust import (
    DEFAULT_POLICY,
    Attestation,
    Policy,
    Topic,
    TopicProfile,
    TopicState,
    evaluate,
    sha256_of,
    statement_bytes,
)
from identity.trust.topics import CLAIMS
from identity.verifiable.kinds import KINDS

METER = "0x" + "Ab" * 20


def attested(
    issuer: str = "a", kind: str = "participant", until: int | None = 2_000, **claims: Any
) -> Attestation:
    given = claims or {"zone": "z1", "jurisdiction": "DE"}
    return Attestation(
        issuer=f"did:key:{issuer}",
        parties=frozenset({issuer}),
        kind=kind,
        credential=sha256_of({"by": issuer, "kind": kind, **given}),
        valid_until=until,
        claims=given,
    )


def topic(wanted: Topic, *attestations: Attestation, policy: Policy = DEFAULT_POLICY):
    (found,) = (each for each in evaluate(attestations, policy) if each.topic is wanted)
    return found


def test_every_claim_that_a_topic_asks_for_is_one_that_its_kind_has():
    for kinds in CLAIMS.values():
        for kind, claims in kinds.items():
            assert claims <= KINDS[kind].claims, kind
    assert set(KINDS) == {kind for kinds in CLAIMS.values() for kind in kinds}


def test_a_quorum_of_distinct_issuers_meets_a_topic():
    found = topic(Topic.IDENTITY, attested("a"), attested("b"))
    assert (found.state, found.independent, found.quorum) == (TopicState.MET, 2, 2)
    assert found.issuers == ("did:key:a", "did:key:b")


def test_two_credentials_of_one_issuer_are_no_quorum():
    twice = attested("a", legal_name="Ada Ltd"), attested("a")
    found = topic(Topic.IDENTITY, *twice)
    assert (found.state, found.independent, len(found.credentials)) == (TopicState.SHORT, 1, 2)


def test_a_credential_shown_twice_counts_once():
    assert topic(Topic.IDENTITY, attested(), attested()).independent == 1


def test_one_of_two_that_was_revoked_is_not_there_and_the_topic_falls_short():
    assert topic(Topic.IDENTITY, attested("a"), attested("b")).state is TopicState.MET
    assert topic(Topic.IDENTITY, attested("a")).state is TopicState.SHORT


def test_issuers_that_contradict_each_other_are_both_shown_and_the_topic_is_not_met():
    found = topic(
        Topic.CAPACITY,
        attested("a", connection_capacity_w=10_000),
        attested("b", connection_capacity_w=12_000),
        attested("c", connection_capacity_w=10_000),
    )
    assert (found.state, found.independent) == (TopicState.CONFLICTING, 3)
    (claim,) = found.claims
    assert claim.conflicting
    assert [(v.value, v.independent) for v in claim.values] == [(10_000, 2), (12_000, 1)]


def test_a_topic_that_is_met_by_two_who_state_different_things_has_no_claim_that_is():
    found = topic(
        Topic.CAPACITY,
        attested("a", connection_capacity_w=10_000),
        attested("b", "ev_owner", battery_capacity_wh=60_000),
    )
    assert found.state is TopicState.MET
    assert [claim.met for claim in found.claims] == [False, False]
    agreed = topic(Topic.CAPACITY, *(attested(by, connection_capacity_w=9) for by in "ab"))
    assert [claim.met for claim in agreed.claims] == [True]


def test_issuers_that_count_as_one_are_named_in_pairs():
    shared = attested("a"), replace(attested("b"), parties=frozenset({"a", "b"})), attested("c")
    found = topic(Topic.IDENTITY, *shared)
    assert (found.independent, found.related) == (2, (("did:key:a", "did:key:b"),))


def test_capacities_of_two_devices_contradict_nothing():
    found = topic(
        Topic.METERING,
        attested("a", "meter", device=METER, capacity_w=5_000),
        attested("b", "meter", device="0x" + "cd" * 20, capacity_w=9_000),
    )
    assert found.state is TopicState.MET
    assert {claim.about for claim in found.claims} == {METER.lower(), "0x" + "cd" * 20}


def test_an_address_in_another_case_is_the_same_device():
    found = topic(
        Topic.METERING,
        attested("a", "meter", device=METER, capacity_w=5_000),
        attested("b", "meter", device=METER.lower(), capacity_w=6_000),
    )
    assert found.state is TopicState.CONFLICTING


def test_a_list_in_another_order_is_the_same_claim():
    found = topic(
        Topic.GREEN_PRODUCTION,
        attested("a", "producer", technologies=[1, 3]),
        attested("b", "producer", technologies=[3, 1]),
    )
    assert found.state is TopicState.MET


def test_what_a_holder_did_not_show_is_said_by_nobody():
    hidden = attested("b", "participant", legal_name="Ada Ltd")
    found = topic(Topic.CAPACITY, attested("a", connection_capacity_w=10_000), hidden)
    assert (found.state, found.independent) == (TopicState.SHORT, 1)


def test_a_kind_speaks_of_its_own_topics_alone():
    everywhere = attested("a", "dispatcher", licence_number="7", capacity_w=1, device=METER)
    found = {each.topic: each.independent for each in evaluate([everywhere], DEFAULT_POLICY)}
    assert found == {topic: int(topic is Topic.LICENCE) for topic in Topic}


def test_a_topic_lasts_as_long_as_the_first_of_its_credentials_that_ends():
    ends = attested("a", until=900), attested("b", until=700), attested("c", until=None)
    assert topic(Topic.IDENTITY, *ends).valid_until == 700


def test_who_reads_may_ask_for_more_issuers():
    strict = Policy({Topic.IDENTITY: 3})
    both = attested("a"), attested("b")
    assert topic(Topic.IDENTITY, *both, policy=strict).state is TopicState.SHORT
    assert topic(Topic.METERING, policy=strict).quorum == DEFAULT_POLICY.quorum(Topic.METERING)


@pytest.mark.parametrize("quorum", [0, -1, 17])
def test_a_quorum_of_nobody_or_of_too_many_is_no_policy(quorum: int):
    with pytest.raises(CredentialError, match="quorum"):
        Policy({Topic.IDENTITY: quorum})


@pytest.mark.parametrize("claims", [{"zone": 1.5}, {"capacity_w": 2**60}, {"zone": "\ud800"}])
def test_a_claim_without_a_canonical_form_attests_nothing(claims: dict[str, Any]):
    with pytest.raises(CredentialError, match="canonical"):
        attested_directly(claims)


def attested_directly(claims: dict[str, Any]) -> Attestation:
    return Attestation("did:key:a", frozenset({"a"}), "participant", "0x", None, claims)


def statement(found: tuple[TopicProfile, ...]) -> dict[str, Any]:
    return {"topics": [each.to_json() for each in found]}


def test_the_same_credentials_in_any_order_give_the_same_bytes():
    given = [
        attested("a", connection_capacity_w=10_000, zone="z1"),
        attested("b", connection_capacity_w=12_000),
        attested("c", "meter", device=METER, capacity_w=5_000),
    ]
    one, other = (statement(evaluate(each, DEFAULT_POLICY)) for each in (given, given[::-1]))
    assert statement_bytes(one) == statement_bytes(other)
    assert sha256_of(one) == sha256_of(other)


def test_another_policy_gives_another_hash():
    given = [attested("a")]
    strict = Policy({Topic.IDENTITY: 3})
    hashes = {sha256_of(statement(evaluate(given, each))) for each in (DEFAULT_POLICY, strict)}
    assert len(hashes) == 2
