from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.roles import ROLES
from market.green_quota import CERTIFICATES, ELECTRICITY, MANIFESTS
from market.green_quota.rules import (
    CERTIFICATE_RULES,
    ELECTRICITY_RULES,
    LIFETIME_SECONDS,
    ROLE,
    VINTAGE_SECONDS,
    certificate_slot,
    vintage_of,
)
from market.green_quota.technologies import Technology, technologies_of, technology_mask
from market.registry import MARKETS


def test_both_platforms_are_found_by_their_folder():
    assert MARKETS["quota_electricity"] is ELECTRICITY
    wind = CERTIFICATES[Technology.WIND_ONSHORE]
    assert MARKETS["green_certificates_wind_onshore"] is wind
    assert {MARKETS[each.name] for each in MANIFESTS} == set(MANIFESTS)


def test_every_technology_has_a_market_of_tokens_that_the_certificates_contract_keeps():
    assert set(CERTIFICATES) == set(Technology)
    for manifest in CERTIFICATES.values():
        assert manifest.rules.tokenised
        assert manifest.capacity_source == "GreenCertificates"


def test_the_role_is_one_that_credentials_can_grant():
    assert ROLE in ROLES


def test_periods_of_electricity_and_slots_of_certificates_are_vintages():
    assert ELECTRICITY_RULES.slot_seconds * ELECTRICITY_RULES.period_slots == VINTAGE_SECONDS
    assert CERTIFICATE_RULES.slot_seconds == VINTAGE_SECONDS


@given(st.integers(0, 2**40))
def test_an_interval_belongs_to_the_vintage_in_which_it_begins(second):
    vintage = vintage_of(second)
    assert vintage * VINTAGE_SECONDS <= second < (vintage + 1) * VINTAGE_SECONDS


@given(st.integers(0, 1_000))
def test_a_vintages_certificates_expire_when_their_slot_ends(vintage):
    """So they can be traded from the vintage's end until a vintage before they expire."""
    expiry = (vintage + 1) * VINTAGE_SECONDS + LIFETIME_SECONDS
    assert (certificate_slot(vintage) + 1) * CERTIFICATE_RULES.slot_seconds == expiry


def test_nothing_was_certified_before_1970():
    with pytest.raises(ValueError, match="1970"):
        vintage_of(-1)


def test_numbers_and_codes_of_technologies_are_the_published_ones():
    assert [(int(t), t.label, t.eecs_technology, t.eecs_energy_input) for t in Technology] == [
        (1, "wind onshore", "T020001", "F01050100"),
        (2, "wind offshore", "T020002", "F01050100"),
        (3, "solar", "T010000", "F01040100"),
        (4, "hydro", "T030000", "F01050200"),
        (5, "biomass", "T050000", "F01010000"),
        (6, "biogas", "T050000", "F01030000"),
        (7, "marine", "T040000", "F01050200"),
    ]


@given(st.sets(st.sampled_from(Technology)))
def test_a_mask_names_the_technologies_that_made_it(technologies):
    mask = technology_mask(technologies)
    assert set(technologies_of(mask)) == technologies
    assert not mask & 1  # 0 is no technology
    assert technologies_of(mask | 1 | 1 << 200) == technologies_of(mask)
