from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.comfort import (
    ComfortBandError,
    ComfortTerms,
    class_limit,
    comfort_table,
    dissatisfied_share,
    neutral_limits_c,
)
from twin.mall.model import ComfortBand

TERMS = ComfortTerms()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(12.0, 36.0), min_size=1, max_size=20))
def test_the_table_agrees_with_the_library(temperatures: list[float]) -> None:
    from pythermalcomfort.models import pmv_ppd_iso

    asked = np.array(temperatures)
    found = pmv_ppd_iso(
        tdb=asked,
        tr=asked,
        vr=TERMS.air_speed_m_per_s,
        rh=TERMS.humidity_percent,
        met=TERMS.activity_met,
        clo=TERMS.clothing_clo,
        model="7730-2005",
        limit_inputs=False,
        round_output=False,
    )
    table = comfort_table(TERMS)
    assert table.vote(asked) == pytest.approx(np.asarray(found.pmv), abs=2e-3)
    assert 100.0 * table.dissatisfied(asked) == pytest.approx(np.asarray(found.ppd), abs=0.1)


def test_iso_7730_itself_is_met_in_its_first_and_third_example() -> None:
    """Table D.1 of ISO 7730:2005: 22 C, 60 %, 0.1 m/s, 1.2 met, 0.5 clo gives -0.75; 27 C 0.77."""
    terms = ComfortTerms(1.2, 0.5, 60.0, 0.1, 0.5)
    table = comfort_table(terms)
    assert table.vote(np.array([22.0, 27.0])) == pytest.approx([-0.75, 0.77], abs=0.03)


def test_nobody_pleases_everybody() -> None:
    assert dissatisfied_share(np.array(0.0)) == pytest.approx(0.05)


def test_a_stricter_class_gives_a_narrower_band_within_the_wider() -> None:
    bands = [neutral_limits_c(replace(TERMS, pmv_limit=class_limit(name))) for name in "ABC"]
    for (low, high), (lower, higher) in pairwise(bands):
        assert lower < low < high < higher


def test_the_limits_of_the_band_have_the_limiting_vote() -> None:
    low, high = neutral_limits_c(TERMS)
    assert comfort_table(TERMS).vote(np.array([low, high])) == pytest.approx([-0.5, 0.5], abs=1e-3)


def test_a_band_without_room_is_refused_by_zone_and_width() -> None:
    with pytest.raises(ComfortBandError, match="impossible comfort band in zone 1"):
        ComfortBand(np.array([20.0, 25.0]), np.array([24.0, 24.0]))


def test_a_missing_limit_is_refused() -> None:
    with pytest.raises(ComfortBandError, match="impossible comfort band"):
        ComfortBand(np.array([20.0]), np.array([np.nan]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"activity_met": 9.0}, "activity_met = 9 met is outside 0.8 to 4 met"),
        ({"clothing_clo": -1.0}, "clothing_clo"),
        ({"humidity_percent": float("nan")}, "humidity_percent"),
        ({"pmv_limit": 0.0}, "0.2, 0.5 or 0.7"),
    ],
)
def test_terms_that_the_standard_does_not_cover_are_refused(
    change: dict[str, float], said: str
) -> None:
    with pytest.raises(ComfortBandError, match=said):
        neutral_limits_c(replace(TERMS, **change))


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(ComfortBandError, match="none of A, B, C"):
        class_limit("D")
