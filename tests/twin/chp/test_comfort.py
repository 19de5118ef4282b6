from __future__ import annotations

import numpy as np
import pytest
from pythermalcomfort.models import pmv_ppd_iso

from twin.chp.comfort import satisfaction


def test_satisfaction_is_one_less_ppd_of_the_library():
    temperature = np.linspace(15.0, 28.0, 37)
    found = pmv_ppd_iso(
        tdb=temperature,
        tr=temperature,
        vr=0.1,
        rh=40.0,
        met=1.2,
        clo=1.0,
        model="7730-2005",
        limit_inputs=False,
        round_output=False,
    )
    assert satisfaction(temperature) == pytest.approx(1.0 - np.array(found.ppd) / 100.0, abs=2e-4)


def test_nobody_can_please_everybody_and_cold_pleases_fewer():
    satisfied = satisfaction(np.array([16.0, 19.0, 22.5, 30.0]))
    assert satisfied.max() < 0.951
    assert satisfied[0] < satisfied[1] < satisfied[2] > satisfied[3]
