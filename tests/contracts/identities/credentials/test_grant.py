from __future__ import annotations

import ape
import pytest

DAY = 86_400
YEAR = 365 * DAY


def test_a_grant_is_kept_and_announced(registry, issuer, subject, role, credential, clock):
    expires_at = clock.now + YEAR
    receipt = registry.grant(credential(1), subject, role, expires_at, sender=issuer)
    assert (
        registry.Granted(
            credentialHash=credential(1),
            subject=subject,
            role=role,
            issuer=issuer,
            validFrom=receipt.timestamp,
            expiresAt=expires_at,
        )
        in receipt.events
    )
    held = registry.grantOf(subject, role)
    assert held.credentialHash == credential(1)
    assert held.issuer == issuer
    assert (held.validFrom, held.expiresAt, held.revokedAt) == (receipt.timestamp, expires_at, 0)
    assert registry.credentialOf(credential(1)) == (subject, role)


def test_a_stranger_grants_nothing(registry, stranger, subject, role, credential, clock):
    with ape.reverts(registry.NotAccredited, issuer=stranger.address, role=role):
        registry.grant(credential(1), subject, role, clock.now + YEAR, sender=stranger)


def test_a_credential_is_used_once(registry, issuer, subject, stranger, role, credential, granted):
    for holder in (subject, stranger):
        with ape.reverts(registry.CredentialHashUsed, credentialHash=credential(1)):
            registry.grant(credential(1), holder, role, granted.timestamp + 2 * YEAR, sender=issuer)


def test_a_revoked_credential_is_not_granted_again(
    registry, issuer, subject, role, credential, granted, clock
):
    registry.revoke(credential(1), sender=issuer)
    clock.move_to(clock.now + 2 * DAY)
    with ape.reverts(registry.CredentialHashUsed, credentialHash=credential(1)):
        registry.grant(credential(1), subject, role, clock.now + YEAR, sender=issuer)


def test_the_expiry_lies_in_the_future_and_fits_its_field(
    registry, issuer, subject, role, credential, clock
):
    now = clock.now + 10
    for expires_at in (0, now - 1, now, 2**32, 2**255):
        clock.next_at(now)
        with ape.reverts(registry.BadExpiry, expiresAt=expires_at):
            registry.grant(credential(1), subject, role, expires_at, sender=issuer)
        now += 1


def test_zero_hash_and_zero_subject_are_refused(registry, issuer, subject, role, credential, clock):
    for hash_, holder in ((b"\0" * 32, subject), (credential(1), "0x" + "00" * 20)):
        with ape.reverts(registry.ZeroValue):
            registry.grant(hash_, holder, role, clock.now + YEAR, sender=issuer)


def test_a_deactivated_subject_is_granted_nothing(
    registry, dids, issuer, subject, role, credential, clock
):
    dids.changeOwner(subject, "0x" + "00" * 20, sender=subject)
    with ape.reverts(registry.SubjectDeactivated, subject=subject.address):
        registry.grant(credential(1), subject, role, clock.now + YEAR, sender=issuer)


def test_a_live_grant_is_extended_and_keeps_its_beginning(
    registry, issuer, subject, role, credential, granted
):
    later = granted.timestamp + 2 * YEAR
    registry.grant(credential(2), subject, role, later, sender=issuer)
    held = registry.grantOf(subject, role)
    assert held.credentialHash == credential(2)
    assert (held.validFrom, held.expiresAt) == (granted.timestamp, later)


def test_a_live_grant_is_not_shortened(registry, issuer, subject, role, credential, granted):
    expires_at = registry.grantOf(subject, role).expiresAt
    for until in (expires_at - 1, expires_at):
        with ape.reverts(registry.NotAnExtension, expiresAt=expires_at):
            registry.grant(credential(2), subject, role, until, sender=issuer)


def test_a_live_grant_is_not_taken_over(
    registry, issuer, rival, subject, role, credential, granted
):
    with ape.reverts(registry.GrantedByAnother, issuer=issuer.address):
        registry.grant(credential(2), subject, role, granted.timestamp + 2 * YEAR, sender=rival)


@pytest.mark.parametrize("ending", ["expiry", "revocation", "accreditation"])
def test_after_its_end_a_new_grant_waits_a_day(
    registry, registrar, issuer, rival, subject, role, credential, clock, ending
):
    expires_at = clock.now + 1_000
    registry.grant(credential(1), subject, role, expires_at, sender=issuer)
    if ending == "expiry":
        end = expires_at
        clock.move_to(end)
    elif ending == "revocation":
        end = registry.revoke(credential(1), sender=issuer).timestamp
    else:
        end = registry.removeAccreditation(issuer, role, sender=registrar).timestamp
    clock.next_at(end + DAY - 1)
    with ape.reverts(registry.RegrantTooSoon, notBefore=end + DAY):
        registry.grant(credential(2), subject, role, end + YEAR, sender=rival)
    clock.next_at(end + DAY)
    registry.grant(credential(2), subject, role, end + YEAR, sender=rival)
    assert registry.standing(subject, role, end + DAY)


def test_the_answer_about_the_last_day_does_not_change(
    registry, issuer, subject, role, credential, granted, clock
):
    """Whatever is granted after a revocation, a gate of the last day reads the same."""
    revoked = registry.revoke(credential(1), sender=issuer).timestamp
    clock.next_at(revoked + DAY)
    registry.grant(credential(2), subject, role, revoked + YEAR, sender=issuer)
    for moment in (revoked, revoked + 1, revoked + DAY - 1):
        assert not registry.standing(subject, role, moment)
