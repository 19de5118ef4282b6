from __future__ import annotations

NOBODY = "0x" + "00" * 20


def test_nobody_stands_without_a_grant(registry, subject, role, clock):
    for moment in (0, clock.now, 2**32, 2**256 - 1):
        assert not registry.standing(subject, role, moment)


def test_a_grant_stands_from_its_first_second_until_before_its_expiry(
    registry, issuer, subject, role, credential, clock
):
    expires_at = clock.now + 1_000
    begin = registry.grant(credential(1), subject, role, expires_at, sender=issuer).timestamp
    assert not registry.standing(subject, role, begin - 1)
    assert registry.standing(subject, role, begin)
    assert registry.standing(subject, role, expires_at - 1)
    assert not registry.standing(subject, role, expires_at)


def test_a_grant_is_for_one_subject_and_one_role(
    registry, subject, stranger, role, other_role, granted, clock
):
    assert registry.standing(subject, role, clock.now)
    assert not registry.standing(stranger, role, clock.now)
    assert not registry.standing(subject, other_role, clock.now)


def test_a_revoked_credential_opens_no_gate_from_then_on(
    registry, issuer, subject, role, credential, granted, clock
):
    clock.move_to(granted.timestamp + 100)
    revoked = registry.revoke(credential(1), sender=issuer).timestamp
    assert registry.standing(subject, role, revoked - 1)
    assert not registry.standing(subject, role, revoked)
    assert not registry.standing(subject, role, revoked + 1_000)


def test_a_deactivated_identity_stands_until_then(registry, dids, subject, role, granted, clock):
    clock.move_to(granted.timestamp + 100)
    ended = dids.changeOwner(subject, NOBODY, sender=subject).timestamp
    assert registry.standing(subject, role, ended - 1)
    assert not registry.standing(subject, role, ended)


def test_handing_the_identity_on_changes_nothing(
    registry, dids, subject, stranger, role, granted, clock
):
    dids.changeOwner(subject, stranger, sender=subject)
    assert registry.standing(subject, role, clock.now)
    assert not registry.standing(stranger, role, clock.now)


def test_the_first_ending_counts(registry, registrar, issuer, subject, role, credential, clock):
    expires_at = clock.now + 1_000
    registry.grant(credential(1), subject, role, expires_at, sender=issuer)
    clock.next_at(clock.now + 100)
    revoked = registry.revoke(credential(1), sender=issuer).timestamp
    registry.removeAccreditation(issuer, role, sender=registrar)
    assert registry.standing(subject, role, revoked - 1)
    assert not registry.standing(subject, role, revoked)


def test_a_settlement_pays_for_three_cold_reads(registry, subject, role, granted, clock):
    """21,000 for the transaction and its call data apart: two cold contracts, three cold words."""
    gas = registry.standing.estimate_gas_cost(subject, role, clock.now, sender=subject)
    assert gas - 21_000 - 1_300 < 13_000
