"""What customers say of the temperature, and how far that moves the comfort band.

Votes are of the ASHRAE seven-point scale of thermal sensation (ASHRAE 55, ISO 10551): -3 cold to
+3 hot. The band moves by the sensation of the typical voter, not of the loudest: a Huber estimate
of location, kept back while votes are few, and never by more than a set shift. Counts are of
people: a phone votes once a zone and hour before it is counted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import numpy as np

from twin.mall.building import FloatArray
from twin.mall.model import ComfortBand

LEAST_VOTES = 20
"""Below this many votes a zone's band stays where ISO 7730 puts it."""

SHIFT_MAX_K = 1.5
KELVIN_PER_VOTE = 3.0
"""One point of sensation for about 3 K (Griffiths constant 0.33 per K, ASHRAE RP-884)."""

_HUBER = 1.0
_PRIOR_VOTES = 30.0
_ITERATIONS = 50


class VoteError(ValueError):
    """A tally of votes that cannot be: names the zone and the entry."""


def sensation(tally: Mapping[int, float]) -> float:
    """Where the typical voter stands, -3 to +3, by Huber's estimate (Huber 1964) at k = 1.

    A minority far from the others, however far, pulls no harder than if it were one point away.
    """
    points = np.array(sorted(tally), dtype=float)
    counts = np.array([tally[point] for point in sorted(tally)], dtype=float)
    if counts.sum() <= 0.0:
        return 0.0
    middle = float(points[np.searchsorted(np.cumsum(counts), counts.sum() / 2.0)])
    for _ in range(_ITERATIONS):
        weight = counts * np.minimum(1.0, _HUBER / np.maximum(np.abs(points - middle), 1e-9))
        moved = float(weight @ points / weight.sum())
        if abs(moved - middle) < 1e-9:
            break
        middle = moved
    return middle


def band_shift_k(tally: Mapping[int, float]) -> float:
    """How far the band moves, K: down where customers are warm, up where they are cold.

    Zero below :data:`LEAST_VOTES`; drawn towards zero as by 30 contented votes; at most
    :data:`SHIFT_MAX_K` either way.
    """
    votes = float(sum(tally.values()))
    if votes < LEAST_VOTES:
        return 0.0
    trusted = votes / (votes + _PRIOR_VOTES)
    wanted = -KELVIN_PER_VOTE * sensation(tally) * trusted
    return float(np.clip(wanted, -SHIFT_MAX_K, SHIFT_MAX_K))


def shifted_band(
    limits_c: tuple[float, float],
    zone_names: tuple[str, ...],
    votes: Mapping[str, Mapping[int, float]] | None,
) -> ComfortBand:
    """The band of every zone, moved by its votes.

    Raises:
        VoteError: for a zone that is none, a vote outside -3 to +3, or a negative count.
        ComfortBandError: where the limits leave no room.
    """
    check_votes(zone_names, votes or {})
    shift: FloatArray = np.array([band_shift_k((votes or {}).get(name, {})) for name in zone_names])
    return ComfortBand(limits_c[0] + shift, limits_c[1] + shift)


def check_votes(zone_names: tuple[str, ...], votes: Mapping[str, Mapping[int, float]]) -> None:
    """Raise VoteError for the first entry that no ballot gives."""
    for zone, tally in votes.items():
        if zone not in zone_names:
            raise VoteError(f"votes for {zone!r}: the mall's zones are {', '.join(zone_names)}")
        for point, count in tally.items():
            if point not in range(-3, 4):
                raise VoteError(f"zone {zone}: a vote of {point} is not from -3 (cold) to +3 (hot)")
            if not isfinite(count) or count < 0:
                raise VoteError(f"zone {zone}: {count} votes of {point:+d} cannot be")
