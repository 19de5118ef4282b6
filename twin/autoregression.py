"""Errors of forecasts that fade slowly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter


def fading(noise: NDArray[np.float64], steps: float) -> NDArray[np.float64]:
    """Stationary first-order autoregression of unit variance along the last axis.

    ``noise`` holds independent standard normal numbers and is used up; ``steps`` is a slot's length
    over the memory, after which an error has fallen to 1/e.
    """
    keep = float(np.exp(-steps))
    noise[..., 0] /= np.sqrt(1.0 - keep * keep)
    faded: NDArray[np.float64] = lfilter([np.sqrt(1.0 - keep * keep)], [1.0, -keep], noise)
    return faded
