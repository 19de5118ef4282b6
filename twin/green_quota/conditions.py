"""How far prices and outputs are from satisfying the conditions of an equilibrium.

Every pair "this is at its limit, or that price is right" is measured by the smaller of the two
gaps, each in the market's units (prices by the highest price consumers pay, energy by the demand at
price 0), so the residual is relative to the system's scale. Source: complementarity residual by the
minimum map, R. W. Cottle, J.-S. Pang and R. E. Stone, "The Linear Complementarity Problem", 1992.
"""

from __future__ import annotations

import numpy as np

from twin.green_quota.arrays import Market
from twin.green_quota.system import BoolArray, FloatArray


def residual(
    market: Market,
    ratio: float,
    wholesale: float,
    certificate: float,
    consumed: float,
    output: FloatArray,
    sold: FloatArray,
    free: BoolArray | None = None,
) -> float:
    """The largest gap. ``output`` and ``sold`` (certificates offered) are (producer,), scaled.

    ``free`` (producer,) marks whose output is to be right at the prices; None: everybody's.
    A price taker in electricity who sets its certificates is paid the wholesale price alone, and
    its output is at least what it sells.
    """
    setter = market.sets_certificates
    price = wholesale + certificate * (market.renewable & ~setter)
    least = np.maximum(market.least, np.where(setter, sold, 0.0))
    margin = price - market.marginal - market.slope * output
    up = np.minimum(np.maximum(margin, 0.0), np.maximum(market.most - output, 0.0))
    down = np.minimum(np.maximum(-margin, 0.0), np.maximum(output - least, 0.0))
    outside = np.maximum(np.maximum(least - output, output - market.most), 0.0)
    right = np.maximum(np.maximum(up, down), outside)
    if free is not None:
        right = np.where(free, right, outside)
    retail = wholesale + ratio * certificate
    pays = 1.0 - consumed - retail
    gaps = [
        float(right.max(initial=0.0)),
        abs(float(output.sum()) - consumed),
        max(pays, min(-pays, consumed), -consumed, 0.0),
        *_certificate_gaps(market, ratio, certificate, consumed, float(sold.sum())),
    ]
    return max(gaps)


def _certificate_gaps(
    market: Market, ratio: float, certificate: float, consumed: float, sold: float
) -> list[float]:
    surplus = sold - ratio * consumed
    short = max(-surplus, 0.0)
    below = market.buy_out - certificate
    return [
        max(-certificate, 0.0),
        max(-below, 0.0),
        min(max(surplus, 0.0), max(certificate, 0.0)),
        min(short, max(below, 0.0)),
    ]
