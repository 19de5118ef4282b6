from __future__ import annotations

import ape


def test_all_grants_of_the_issuer_end_with_it(
    registry, registrar, issuer, subject, role, granted, clock
):
    clock.next_at(granted.timestamp + 10)
    receipt = registry.removeAccreditation(issuer, role, sender=registrar)
    assert not registry.standing(subject, role, receipt.timestamp)
    assert registry.standing(subject, role, receipt.timestamp - 1)
    assert (
        registry.AccreditationRemoved(issuer=issuer, role=role, time=receipt.timestamp)
        in receipt.events
    )


def test_another_issuers_grants_stand(
    registry, registrar, issuer, rival, subject, role, credential, clock
):
    registry.grant(credential(1), subject, role, clock.now + 1_000, sender=rival)
    registry.removeAccreditation(issuer, role, sender=registrar)
    assert registry.standing(subject, role, clock.now)


def test_an_issuer_without_accreditation_grants_nothing(
    registry, registrar, issuer, subject, role, credential, clock
):
    registry.removeAccreditation(issuer, role, sender=registrar)
    with ape.reverts(registry.NotAccredited, issuer=issuer.address, role=role):
        registry.grant(credential(1), subject, role, clock.now + 100, sender=issuer)


def test_an_accreditation_never_comes_back(registry, registrar, issuer, subject, role, granted):
    """Or grants that had ended would stand again, back into the past."""
    registry.removeAccreditation(issuer, role, sender=registrar)
    with ape.reverts(registry.AlreadyAccredited):
        registry.accredit(issuer, role, sender=registrar)
    with ape.reverts(registry.NotAccredited):
        registry.removeAccreditation(issuer, role, sender=registrar)


def test_only_the_registrar_removes(registry, rival, issuer, role):
    with ape.reverts(registry.AccessManagedUnauthorized, caller=rival.address):
        registry.removeAccreditation(issuer, role, sender=rival)
