"""Prices that clear electricity and certificates together when everybody takes them as given.

With wholesale price w, certificate price g and quota a, consumers pay R = w + a g a MWh. "Brown"
producers are paid w, "green" ones, who sell every certificate they earn, w + g; others' output and
certificates may be given beforehand. The conditions are those of the welfare optimum

    max  Q - Q**2 / 2 - costs - buy_out * u    subject to  output = Q,  certificates + u >= a Q.

It has three cases, each of them one straight-piece curve that a falling line meets once: more
certificates than needed (g = 0); as many as needed, so that brown and green grow in proportion with
Q; or some bought out (g = buy-out price). Exactly one holds, but for ties. No iteration is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from twin.green_quota.supply import SupplyCurve, supply_curve
from twin.green_quota.system import BoolArray, FloatArray

_ROUNDING = 1e-12


class NoSupplyError(ValueError):
    """Nothing that may be produced meets the quota, whatever certificates cost."""


@dataclass(frozen=True, slots=True)
class Clearing:
    """Prices and amounts; all in the market's scaled units.

    ``brown`` and ``green`` are the producers' outputs in the order in which they were given,
    ``bought_out`` the certificates that are missing and paid for.
    """

    wholesale: float
    certificate: float
    retail: float
    consumed: float
    brown: FloatArray
    green: FloatArray
    bought_out: float


class PriceTakers:
    """Producers who take prices as given: curves that do not depend on the quota."""

    def __init__(
        self,
        marginal: FloatArray,
        slope: FloatArray,
        least: FloatArray,
        most: FloatArray,
        green: BoolArray,
        buy_out: float,
    ) -> None:
        self._costs = (marginal, slope, least, most)
        order = np.concatenate([np.flatnonzero(~green), np.flatnonzero(green)])
        self._marginal, self._slope, self._least, self._most = (
            values[order] for values in self._costs
        )
        self.browns = int((~green).sum())
        self.buy_out = buy_out
        brown, rest = slice(0, self.browns), slice(self.browns, None)
        self.brown_curve = self._curve(brown)
        self.green_curve = self._curve(rest)

    @cached_property
    def without_certificates(self) -> SupplyCurve:
        """Everybody, brown first, at a certificate price of 0."""
        return self._all_at(0.0)

    @cached_property
    def bought_out(self) -> SupplyCurve:
        """Everybody, brown first, by the wholesale price, where certificates cost the buy-out."""
        return self._all_at(self.buy_out)

    def _curve(self, which: slice) -> SupplyCurve:
        return supply_curve(
            self._marginal[which], self._slope[which], self._least[which], self._most[which]
        )

    def _all_at(self, certificate: float) -> SupplyCurve:
        marginal = self._marginal.copy()
        marginal[self.browns :] -= certificate
        return supply_curve(marginal, self._slope, self._least, self._most)

    def clear(self, ratio: float, energy: float = 0.0, certificates: float = 0.0) -> Clearing:
        """Prices with ``energy`` and ``certificates`` of others given.

        Raises NoSupplyError where there is no buy-out and the quota cannot be met.
        """
        plenty = self._at_certificate_price(0.0, ratio, energy, certificates)
        if plenty.bought_out <= 0.0:
            return replace(plenty, bought_out=0.0)
        binding = self._binding(ratio, energy, certificates)
        if binding is not None and binding.certificate <= self.buy_out:
            return binding
        if np.isinf(self.buy_out):
            raise NoSupplyError("the quota cannot be met")
        return self._at_certificate_price(self.buy_out, ratio, energy, certificates)

    def _at_certificate_price(
        self, certificate: float, ratio: float, energy: float, certificates: float
    ) -> Clearing:
        """At a certificate price of 0, a surplus being ``bought_out`` below 0, or the buy-out."""
        curve = self.bought_out if certificate else self.without_certificates
        top = 1.0 - ratio * certificate
        consumed = energy + curve.quantity
        over = top - consumed - curve.price
        above = int(np.searchsorted(-over, 0.0, side="right")) - 1
        last = curve.quantity.size - 1
        if above < 0 or above == last:
            corner, share = min(max(above, 0), last), 0.0
            quantity = float(consumed[corner])
            wholesale = top - quantity
        else:
            corner, share = above, float(over[above] / (over[above] - over[above + 1]))
            quantity = float(consumed[above] + share * (consumed[above + 1] - consumed[above]))
            wholesale = float(
                curve.price[above] + share * (curve.price[above + 1] - curve.price[above])
            )
        if quantity < 0.0:
            raise AssertionError("supply curves begin at or above 0")
        outputs = curve.outputs_between(corner, share)
        if share > 0.0 and curve.price[corner] == curve.price[corner + 1]:
            self._green_first(curve, corner, outputs, ratio * quantity - certificates, certificate)
        brown, green = outputs[: self.browns], outputs[self.browns :]
        missing = ratio * quantity - certificates - float(green.sum())
        return Clearing(
            wholesale=wholesale,
            certificate=certificate,
            retail=wholesale + ratio * certificate,
            consumed=quantity,
            brown=brown,
            green=green,
            bought_out=max(missing, 0.0) if certificate else missing,
        )

    def _green_first(
        self,
        curve: SupplyCurve,
        corner: int,
        outputs: FloatArray,
        needed: float,
        certificate: float,
    ) -> None:
        """Where brown and green cost the same, green goes first; nobody buys out without need."""
        before, after = curve.outputs_at_corner(corner), curve.outputs_at_corner(corner + 1)
        change = after - before
        room, green = change[self.browns :].sum(), outputs[self.browns :].sum()
        brown_room = change[: self.browns].sum()
        if room <= 0.0 or brown_room <= 0.0:
            return
        total = outputs.sum() - before.sum()
        most, least = min(room, total), max(total - brown_room, 0.0)
        wanted = most
        if certificate:
            wanted = min(most, max(needed - before[self.browns :].sum(), least))
        if before[self.browns :].sum() + wanted < green:
            return
        outputs[self.browns :] = before[self.browns :] + change[self.browns :] * (wanted / room)
        brown = change[: self.browns] * ((total - wanted) / brown_room)
        outputs[: self.browns] = before[: self.browns] + brown

    def _binding(self, ratio: float, energy: float, certificates: float) -> Clearing | None:
        """Certificates as many as needed; None where no consumption allows that."""
        brown, green = Steps.of(self.brown_curve), Steps.of(self.green_curve)
        green_at = (green.quantity + certificates) / ratio
        if ratio < 1.0:
            offset = certificates - energy
            brown_at = (brown.quantity - offset) / (1.0 - ratio)
        else:
            brown_at = np.array([-np.inf, np.inf])
            fixed = certificates - energy
            low, high = brown.quantity[0], brown.quantity[-1]
            if not low - _ROUNDING <= fixed <= high + _ROUNDING:
                return None
        first = max(brown_at[0], green_at[0], 0.0)
        final = min(brown_at[-1], green_at[-1])
        if first > final + _ROUNDING:
            return None
        final = max(first, final)
        consumed = np.unique(np.concatenate([brown_at, green_at, [first, final]]))
        consumed = consumed[(consumed >= first) & (consumed <= final)]
        if ratio < 1.0:
            brown_low, brown_high = brown.prices_at(consumed, brown_at)
        else:
            fixed_low, fixed_high = brown.prices_at(np.array([fixed]), brown.quantity)
            brown_low, brown_high = (
                np.full(consumed.size, fixed_low[0]),
                np.full(consumed.size, fixed_high[0]),
            )
        green_low, green_high = green.prices_at(consumed, green_at)
        low = ratio * green_low + ((1.0 - ratio) * brown_low if ratio < 1.0 else 0.0)
        high = ratio * green_high + ((1.0 - ratio) * brown_high if ratio < 1.0 else 0.0)
        pays = 1.0 - consumed
        at = int(np.searchsorted(-(pays - low), 0.0, side="right")) - 1
        at = max(at, 0)
        if at == consumed.size - 1 or pays[at] <= high[at]:
            quantity, retail = float(consumed[at]), float(pays[at])
            ranges = (brown_low[at], brown_high[at], green_low[at], green_high[at])
            wholesale, certificate = _split(retail, ratio, *map(float, ranges))
        else:
            here, there = pays[at] - high[at], pays[at + 1] - low[at + 1]
            share = float(here / (here - there))
            quantity = float(consumed[at] + share * (consumed[at + 1] - consumed[at]))
            wholesale = float(brown_high[at] + share * (brown_low[at + 1] - brown_high[at]))
            paid = float(green_high[at] + share * (green_low[at + 1] - green_high[at]))
            if ratio == 1.0:
                wholesale = min(max(paid, float(brown_low[at])), float(brown_high[at]))
            certificate = max(paid - wholesale, 0.0)
        supplied = ratio * quantity - certificates
        return Clearing(
            wholesale=wholesale,
            certificate=certificate,
            retail=wholesale + ratio * certificate,
            consumed=quantity,
            brown=self.brown_curve.outputs_of(quantity - energy - supplied),
            green=self.green_curve.outputs_of(supplied),
            bought_out=0.0,
        )


@dataclass(frozen=True, slots=True)
class Steps:
    """A supply curve by quantity: the lowest and highest price at each of its quantities."""

    quantity: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, curve: SupplyCurve) -> Steps:
        """The curve's distinct quantities; the price has no end at the first and the last."""
        quantity, first = np.unique(curve.quantity, return_index=True)
        last = np.append(first[1:], curve.quantity.size) - 1
        low, high = curve.price[first].copy(), curve.price[last].copy()
        low[0], high[-1] = -np.inf, np.inf
        return cls(quantity, low, high)

    def prices_at(self, wanted: FloatArray, position: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest price at ``wanted``, in an order in which corners lie at ``position``.

        ``wanted`` lies within the positions, or beyond an end by rounding.
        """
        end = position.size - 1
        after = np.clip(np.searchsorted(position, wanted, side="left"), 0, end)
        before = np.clip(np.searchsorted(position, wanted, side="right") - 1, 0, end)
        width = np.where(after > before, position[after] - position[before], 1.0)
        share = np.clip((wanted - position[before]) / width, 0.0, 1.0)
        on = after <= before
        start, stop = self.high[before], self.low[after]
        with np.errstate(invalid="ignore"):
            between = start + share * (stop - start)
        low = np.where(on, self.low[after], between)
        high = np.where(on, self.high[after], between)
        return low, high


def _split(
    retail: float,
    ratio: float,
    brown_low: float,
    brown_high: float,
    green_low: float,
    green_high: float,
) -> tuple[float, float]:
    """Wholesale and certificate price of a retail price where both ranges of prices allow several.

    The lowest certificate price is taken. It is 0 at least.
    """
    least = max(0.0, (retail - brown_high) / ratio)
    most = (retail - brown_low) / ratio
    if ratio < 1.0:
        least = max(least, (green_low - retail) / (1.0 - ratio))
        most = min(most, (green_high - retail) / (1.0 - ratio))
    certificate = max(min(least, most), 0.0) if most < least else least
    return retail - ratio * certificate, certificate
