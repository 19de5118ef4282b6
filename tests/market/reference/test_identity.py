from __future__ import annotations

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from market.reference import CredentialRegistry, errors
from market.reference.identity import REGRANT_DELAY
from market.reference.token import ZERO_ADDRESS
from tests.market.reference.sandbox import ADMIN, ALICE, BALANCING, OPERATOR, Sandbox

ROLE = keccak(text="wattproof.role.prosumer")
ISSUER = BALANCING


def credential(number: int) -> bytes:
    return keccak(text=f"credential {number}")


def registry() -> CredentialRegistry:
    credentials = Sandbox().credentials
    credentials.accredit(ISSUER, ROLE, sender=ADMIN, now=10)
    credentials.grant(credential(0), ALICE, ROLE, 1_000, sender=ISSUER, now=100)
    return credentials


def stands_at(credentials: CredentialRegistry) -> list[int]:
    times = (99, 100, 499, 500, 999, 1_000)
    return [at for at in times if credentials.standing(ALICE, ROLE, at)]


def test_a_grant_stands_from_its_first_second_until_its_expiry():
    assert stands_at(registry()) == [100, 499, 500, 999]


def test_a_revoked_credential_stands_no_longer_and_its_past_stays():
    credentials = registry()
    credentials.revoke(credential(0), sender=ISSUER, now=500)
    assert stands_at(credentials) == [100, 499]
    with pytest.raises(errors.GrantEnded):
        credentials.revoke(credential(0), sender=ISSUER, now=501)


def test_what_an_issuer_granted_ends_with_its_accreditation_for_good():
    credentials = registry()
    credentials.remove_accreditation(ISSUER, ROLE, sender=ADMIN, now=500)
    assert stands_at(credentials) == [100, 499]
    with pytest.raises(errors.AlreadyAccredited):
        credentials.accredit(ISSUER, ROLE, sender=ADMIN, now=600)


def test_a_deactivated_identity_holds_no_role_and_never_comes_back():
    credentials = registry()
    credentials.dids.change_owner(ALICE, ZERO_ADDRESS, sender=ALICE, now=500)
    assert stands_at(credentials) == [100, 499]
    with pytest.raises(errors.IdentityDeactivated):
        credentials.dids.change_owner(ALICE, ALICE, sender=ALICE, now=501)
    with pytest.raises(errors.SubjectDeactivated):
        credentials.grant(credential(1), ALICE, ROLE, 10**6, sender=ISSUER, now=200_000)


def test_a_live_grant_is_extended_by_its_issuer_and_a_new_one_waits_a_day():
    credentials = registry()
    with pytest.raises(errors.NotAnExtension):
        credentials.grant(credential(1), ALICE, ROLE, 1_000, sender=ISSUER, now=200)
    credentials.grant(credential(1), ALICE, ROLE, 2_000, sender=ISSUER, now=200)
    with pytest.raises(errors.CredentialHashUsed):
        credentials.grant(credential(0), ALICE, ROLE, 3_000, sender=ISSUER, now=200)
    with pytest.raises(errors.CredentialNotCurrent):
        credentials.revoke(credential(0), sender=ISSUER, now=300)
    with pytest.raises(errors.RegrantTooSoon):
        credentials.grant(credential(2), ALICE, ROLE, 10**6, sender=ISSUER, now=2_000)
    after = 2_000 + REGRANT_DELAY
    credentials.grant(credential(2), ALICE, ROLE, 10**6, sender=ISSUER, now=after)
    assert credentials.standing(ALICE, ROLE, after)
    assert not credentials.standing(ALICE, ROLE, after - 1)


@given(st.data())
def test_what_was_said_about_a_gate_stays_true_for_as_long_as_a_round_may_take(data):
    credentials = registry()
    now, said = 200, dict[int, bool]()
    for number in range(1, 12):
        now += data.draw(st.sampled_from((1, 100, REGRANT_DELAY // 2, REGRANT_DELAY)))
        action = data.draw(st.integers(0, 3))
        try:
            if action == 0:
                expires_at = now + data.draw(st.sampled_from((1, 1_000, 10**6)))
                credentials.grant(
                    credential(number), ALICE, ROLE, expires_at, sender=ISSUER, now=now
                )
            elif action == 1:
                current = credentials.grants[ALICE, ROLE].credential_hash
                credentials.revoke(current, sender=ISSUER, now=now)
            elif action == 2 and number > 9:
                credentials.dids.change_owner(ALICE, ZERO_ADDRESS, sender=ALICE, now=now)
        except errors.Revert:
            pass
        said[now - 1] = said.get(now - 1, credentials.standing(ALICE, ROLE, now - 1))
        for at, stood in said.items():
            if at > now - REGRANT_DELAY:
                assert credentials.standing(ALICE, ROLE, at) == stood


def test_strangers_change_nothing():
    credentials = registry()
    for call in (
        lambda: credentials.accredit(OPERATOR, ROLE, sender=OPERATOR, now=300),
        lambda: credentials.remove_accreditation(ISSUER, ROLE, sender=ISSUER, now=300),
        lambda: credentials.revoke(credential(0), sender=OPERATOR, now=300),
    ):
        with pytest.raises(errors.AccessManagedUnauthorized):
            call()
    with pytest.raises(errors.NotAccredited):
        credentials.grant(credential(9), OPERATOR, ROLE, 1_000, sender=OPERATOR, now=300)
