from __future__ import annotations

import numpy as np
import pytest

from market.readings import readings


def test_readings_of_assets_of_one_owner_add_up_and_unmeasured_slots_are_missing():
    metered = np.array([[100.4, -200.0], [50.0, 0.0], [7.0, 7.0]])
    found = readings(("ann", "ann", "bob"), metered, period_slots=4, offset=1)
    assert found == {"ann": (None, 150, -200, None), "bob": (None, 7, 7, None)}


def test_slots_that_do_not_fit_the_period_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        readings(("ann",), np.zeros((1, 4)), period_slots=4, offset=1)
