"""How price takers answer to what others produce and sell, as straight pieces.

Within a piece prices, and every price taker's output, are affine in (E, C): the energy others
produce and the certificates they sell. A piece is one straight part of the brown and of the green
supply curve (certificates just enough), or one of the joint curve (too many, or some bought out).
Together they cover everything, so whoever looks at all of them misses no kink.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.green_quota.clearing import PriceTakers
from twin.green_quota.supply import SupplyCurve
from twin.green_quota.system import BoolArray, FloatArray

_SINGULAR = 1e-12
_CONSTANT = np.array([1.0, 0.0, 0.0])


@dataclass(frozen=True, slots=True)
class Pieces:
    """Coefficients of (1, E, C), shaped (piece, 3); ``limits`` (piece, limit, 3) are at least 0.

    ``followed`` is the output of the price taker that was asked for, 0 if none was.
    """

    wholesale: FloatArray
    certificate: FloatArray
    followed: FloatArray
    limits: FloatArray


@dataclass(frozen=True, slots=True)
class _Segments:
    """Straight parts (segment,): from (quantity, price) in steps of (dq, dp), ``length`` long."""

    quantity: FloatArray
    price: FloatArray
    dq: FloatArray
    dp: FloatArray
    length: FloatArray
    corner: FloatArray

    @classmethod
    def of(cls, curve: SupplyCurve) -> _Segments:
        """A curve's parts, and the rays down from its first and up from its last corner."""
        quantity = np.r_[curve.quantity[0], curve.quantity]
        price = np.r_[curve.price[0], curve.price]
        dq = np.r_[0.0, np.diff(curve.quantity), 0.0]
        dp = np.r_[-1.0, np.diff(curve.price), 1.0]
        length = np.maximum(np.abs(dq), np.abs(dp))
        kept = length > 0.0
        safe = np.where(kept, length, 1.0)
        dq, dp = dq / safe, dp / safe
        length[0] = length[-1] = np.inf
        corner = np.r_[0, np.arange(curve.price.size)].astype(float)
        return cls(quantity[kept], price[kept], dq[kept], dp[kept], length[kept], corner[kept])

    def of_producer(self, at_corner: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Somebody's output (corner,) as start and change a unit of length, (segment,)."""
        corner = self.corner.astype(int)
        start = at_corner[corner]
        inside = np.isfinite(self.length)
        then = at_corner[np.minimum(corner + 1, at_corner.size - 1)]
        change = np.where(inside, then - start, 0.0) / np.where(inside, self.length, 1.0)
        return start, change


def pieces(takers: PriceTakers, ratio: float, followed: int | None = None) -> Pieces:
    """Every piece at a quota below 1; ``followed`` is the place of a brown producer."""
    parts = [_joint(takers, ratio, 0.0, followed)]
    if ratio > 0.0:
        parts.append(_binding(takers, ratio, followed))
        if np.isfinite(takers.buy_out):
            parts.append(_joint(takers, ratio, takers.buy_out, followed))
    widest = max(part.limits.shape[1] for part in parts)
    return Pieces(
        np.concatenate([part.wholesale for part in parts]),
        np.concatenate([part.certificate for part in parts]),
        np.concatenate([part.followed for part in parts]),
        np.concatenate([_padded(part.limits, widest) for part in parts]),
    )


def _padded(limits: FloatArray, width: int) -> FloatArray:
    missing = width - limits.shape[1]
    always = np.broadcast_to(_CONSTANT, (limits.shape[0], missing, 3))
    return np.concatenate([limits, always], axis=1)


def _within(position: FloatArray, length: FloatArray) -> list[FloatArray]:
    """The limits 0 <= position <= length."""
    ended = np.isfinite(length)
    rest = np.where(ended, length, 1.0)[:, None] * _CONSTANT - position * ended[:, None]
    return [position, rest]


def _joint(takers: PriceTakers, ratio: float, certificate: float, followed: int | None) -> Pieces:
    curve = takers.bought_out if certificate else takers.without_certificates
    parts = _Segments.of(curve)
    greens = np.zeros(curve.price.size)
    for place in range(takers.browns, curve.marginal.size):
        greens += curve.corner_outputs(place)
    position = np.zeros((parts.dq.size, 3))
    steep = parts.dq + parts.dp
    position[:, 0] = (1.0 - ratio * certificate - parts.quantity - parts.price) / steep
    position[:, 1] = -1.0 / steep
    wholesale = parts.price[:, None] * _CONSTANT + parts.dp[:, None] * position
    consumed = parts.quantity[:, None] * _CONSTANT + parts.dq[:, None] * position
    consumed[:, 1] += 1.0
    start, change = parts.of_producer(greens)
    surplus = start[:, None] * _CONSTANT + change[:, None] * position - ratio * consumed
    surplus[:, 2] += 1.0
    limits = [*_within(position, parts.length), -surplus if certificate else surplus]
    output = np.zeros_like(position)
    if followed is not None:
        start, change = parts.of_producer(curve.corner_outputs(followed))
        output = start[:, None] * _CONSTANT + change[:, None] * position
    price = np.full(position.shape[0], certificate)[:, None] * _CONSTANT
    return Pieces(wholesale, price, output, np.stack(limits, axis=1))


def _binding(takers: PriceTakers, ratio: float, followed: int | None) -> Pieces:
    brown, green = _Segments.of(takers.brown_curve), _Segments.of(takers.green_curve)
    b, g = (part.ravel() for part in np.indices((brown.dq.size, green.dq.size)))
    possible = _priced(brown, green, b, g, ratio, takers.buy_out)
    b, g = b[possible], g[possible]
    system = np.zeros((b.size, 3, 3))
    system[:, 0, 0], system[:, 0, 1], system[:, :2, 2] = brown.dq[b], green.dq[g], [-1.0, -ratio]
    system[:, 1, 1] = green.dq[g]
    system[:, 2] = np.stack(
        [(1.0 - ratio) * brown.dp[b], ratio * green.dp[g], np.ones(b.size)], axis=1
    )
    known = np.zeros((b.size, 3, 3))
    known[:, 0, 0] = -(brown.quantity[b] + green.quantity[g])
    known[:, 0, 1] = -1.0
    known[:, 1, 0], known[:, 1, 2] = -green.quantity[g], -1.0
    known[:, 2, 0] = 1.0 - (1.0 - ratio) * brown.price[b] - ratio * green.price[g]
    sound = np.abs(np.linalg.det(system)) > _SINGULAR
    b, g = b[sound], g[sound]
    found = np.linalg.solve(system[sound], known[sound])
    at_brown, at_green = found[:, 0], found[:, 1]
    wholesale = brown.price[b][:, None] * _CONSTANT + brown.dp[b][:, None] * at_brown
    paid = green.price[g][:, None] * _CONSTANT + green.dp[g][:, None] * at_green
    certificate = paid - wholesale
    limits = [
        *_within(at_brown, brown.length[b]),
        *_within(at_green, green.length[g]),
        *_within(certificate, np.full(b.size, takers.buy_out)),
    ]
    output = np.zeros_like(wholesale)
    if followed is not None:
        start, change = brown.of_producer(takers.brown_curve.corner_outputs(followed))
        output = start[b][:, None] * _CONSTANT + change[b][:, None] * at_brown
    return Pieces(wholesale, certificate, output, np.stack(limits, axis=1))


def _priced(
    brown: _Segments,
    green: _Segments,
    b: NDArray[np.int_],
    g: NDArray[np.int_],
    ratio: float,
    buy_out: float,
) -> BoolArray:
    """Which pairs of parts allow a certificate price from 0 to the buy-out, and consumption."""

    def ends(parts: _Segments) -> tuple[FloatArray, FloatArray]:
        with np.errstate(invalid="ignore"):
            there = parts.price + np.where(parts.dp == 0.0, 0.0, parts.dp * parts.length)
        return np.minimum(parts.price, there), np.maximum(parts.price, there)

    (brown_low, brown_high), (green_low, green_high) = ends(brown), ends(green)
    pays = (1.0 - ratio) * brown_low[b] + ratio * green_low[g]
    possible: BoolArray = (
        (green_high[g] >= brown_low[b]) & (green_low[g] - brown_high[b] <= buy_out) & (pays <= 1.0)
    )
    return possible
