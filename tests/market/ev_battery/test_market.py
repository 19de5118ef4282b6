from __future__ import annotations

from identity.roles import ROLES
from market.ev_battery import MANIFEST
from market.registry import MARKETS


def test_the_market_is_found_by_its_folder():
    assert MARKETS["ev_battery"] is MANIFEST


def test_a_round_of_it_leaves_the_operator_no_choice():
    assert not MANIFEST.rules.takes_coupled


def test_its_slots_are_quarter_hours_of_a_whole_day():
    assert MANIFEST.rules.slot_seconds * MANIFEST.rules.period_slots == 86_400


def test_its_role_is_one_that_credentials_can_grant():
    assert MANIFEST.role in ROLES
