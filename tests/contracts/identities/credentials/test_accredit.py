from __future__ import annotations

import ape


def test_an_accredited_issuer_may_grant_its_role_only(
    registry, issuer, subject, role, other_role, credential, clock
):
    registry.grant(credential(1), subject, role, clock.now + 100, sender=issuer)
    with ape.reverts(registry.NotAccredited, issuer=issuer.address, role=other_role):
        registry.grant(credential(2), subject, other_role, clock.now + 100, sender=issuer)


def test_only_the_registrar_accredits(registry, issuer, stranger, role):
    for caller in (stranger, issuer):
        with ape.reverts(registry.AccessManagedUnauthorized, caller=caller.address):
            registry.accredit(stranger, role, sender=caller)


def test_an_issuer_is_accredited_once(registry, registrar, issuer, role):
    with ape.reverts(registry.AlreadyAccredited, issuer=issuer.address, role=role):
        registry.accredit(issuer, role, sender=registrar)


def test_nobody_and_no_role_are_refused(registry, registrar, stranger, role):
    for issuer, of in (("0x" + "00" * 20, role), (stranger, b"\0" * 32)):
        with ape.reverts(registry.ZeroValue):
            registry.accredit(issuer, of, sender=registrar)


def test_the_event_names_issuer_and_role(registry, registrar, stranger, role):
    receipt = registry.accredit(stranger, role, sender=registrar)
    assert registry.IssuerAccredited(issuer=stranger, role=role) in receipt.events
    assert registry.accreditationOf(stranger, role) == (receipt.timestamp, 0)
