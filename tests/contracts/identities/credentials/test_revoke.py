from __future__ import annotations

import ape
from eth_account import Account
from eth_account.messages import encode_defunct

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def test_the_issuer_revokes(registry, issuer, subject, role, credential, granted):
    receipt = registry.revoke(credential(1), sender=issuer)
    assert registry.Revoked(credentialHash=credential(1), time=receipt.timestamp) in receipt.events
    assert registry.grantOf(subject, role).revokedAt == receipt.timestamp
    assert not registry.standing(subject, role, receipt.timestamp)


def test_the_registrar_revokes(registry, registrar, subject, role, credential, granted, clock):
    registry.revoke(credential(1), sender=registrar)
    assert not registry.standing(subject, role, clock.now)


def test_nobody_else_revokes(registry, rival, subject, stranger, role, credential, granted, clock):
    for caller in (rival, subject, stranger):
        with ape.reverts(registry.AccessManagedUnauthorized, caller=caller.address):
            registry.revoke(credential(1), sender=caller)
    assert registry.standing(subject, role, clock.now)


def test_what_was_never_granted_is_not_revoked(registry, issuer, credential):
    with ape.reverts(registry.CredentialNotCurrent, credentialHash=credential(9)):
        registry.revoke(credential(9), sender=issuer)


def test_the_credential_that_extended_a_grant_is_the_one_to_revoke(
    registry, issuer, subject, role, credential, granted, clock
):
    registry.grant(credential(2), subject, role, granted.timestamp + 2 * 31_536_000, sender=issuer)
    with ape.reverts(registry.CredentialNotCurrent, credentialHash=credential(1)):
        registry.revoke(credential(1), sender=issuer)
    registry.revoke(credential(2), sender=issuer)
    assert not registry.standing(subject, role, clock.now)


def test_a_grant_is_revoked_once_and_its_date_stays(
    registry, issuer, subject, role, credential, granted, clock
):
    first = registry.revoke(credential(1), sender=issuer).timestamp
    clock.move_to(first + 50)
    with ape.reverts(registry.GrantEnded, credentialHash=credential(1)):
        registry.revoke(credential(1), sender=issuer)
    assert registry.grantOf(subject, role).revokedAt == first


def test_an_expired_grant_is_not_revoked(registry, issuer, subject, role, credential, clock):
    expires_at = clock.now + 100
    registry.grant(credential(1), subject, role, expires_at, sender=issuer)
    clock.next_at(expires_at)
    with ape.reverts(registry.GrantEnded, credentialHash=credential(1)):
        registry.revoke(credential(1), sender=issuer)


def test_revocation_holds_whatever_bytes_the_credential_is_signed_with(
    registry, issuer, subject, role, clock
):
    """The known mistake is to key revocation on signature bytes: each signature has a second form.
    Here the key is the signed content's hash, which both forms share."""
    message = encode_defunct(text="a credential")
    key = b"\x05" * 32
    signed = Account.sign_message(message, key)
    twin = (55 - signed.v, signed.r, CURVE_ORDER - signed.s)
    assert Account._recover_hash(signed.message_hash, vrs=twin) == Account.from_key(key).address
    content_hash = signed.message_hash
    registry.grant(content_hash, subject, role, clock.now + 1_000, sender=issuer)
    registry.revoke(content_hash, sender=issuer)
    assert not registry.standing(subject, role, clock.now)
    with ape.reverts(registry.CredentialHashUsed):
        registry.grant(content_hash, subject, role, clock.now + 1_000, sender=issuer)


def test_a_registrar_with_a_delay_announces_its_revocation(
    registry, manager, accounts, stranger, subject, role, credential, granted, clock
):
    """The issuer needs no delay; whoever revokes by role obeys the access manager's."""
    manager.grantRole(21, stranger, 3_600, sender=accounts[0])
    with ape.reverts(manager.AccessManagerNotScheduled):
        registry.revoke(credential(1), sender=stranger)
    call = registry.revoke.encode_input(credential(1))
    manager.schedule(registry, call, 0, sender=stranger)
    with ape.reverts(manager.AccessManagerNotReady):
        registry.revoke(credential(1), sender=stranger)
    clock.next_at(clock.now + 3_601)
    revoked = registry.revoke(credential(1), sender=stranger).timestamp
    assert not registry.standing(subject, role, revoked)
