"""One table: what the strategies do to cost, carbon, utilisation and supply, on the same days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from twin.park.accounts import ParkAccount, account
from twin.park.carriers import Carrier
from twin.park.decision import REPRESENTATIVES, plan_park
from twin.park.model import ParkModel, ParkSamples, ParkSignal
from twin.park.operation import foresee, operate
from twin.park.sampling import draw_days
from twin.park.site import FloatArray
from twin.park.strategy import Strategy, arrange

FORESIGHT = "perfect foresight"
_MEGA = 1e6


@dataclass(frozen=True, slots=True)
class Comparison:
    """Accounts by way: the strategies by their values, and :data:`FORESIGHT` (both, all known)."""

    accounts: Mapping[str, ParkAccount]

    def mean(self, way: str, field: str) -> float:
        """The mean over the days of a field or property of :class:`ParkAccount`."""
        values: FloatArray = getattr(self.accounts[way], field)
        return float(values.mean())

    def text(self) -> str:
        """Two tables: how each way fares, and what it does to each carrier."""
        lines = [
            f"{'':20s}{'cost':>10s}{'lower by':>10s}{'t CO2':>8s}{'primary MWh':>13s}"
            f"{'utilisation':>13s}{'satisfied':>11s}{'renewables':>12s}"
        ]
        before = self.mean(Strategy.ALONE.value, "cost")
        for way, books in self.accounts.items():
            cost = self.mean(way, "cost")
            given = books.renewable_wh.sum()
            taken = given / max(given + books.curtailed_wh.sum(), 1e-9)
            lines.append(
                f"{way:20s}{cost:10,.0f}{1.0 - cost / before:10.1%}"
                f"{self.mean(way, 'carbon_kg') / 1e3:8.1f}"
                f"{self.mean(way, 'primary_wh') / _MEGA:13.0f}{self.mean(way, 'utilisation'):13.3f}"
                f"{self.mean(way, 'satisfaction'):11.2%}{taken:12.1%}"
            )
        wanted = [c for c in Carrier if next(iter(self.accounts.values())).wanted_wh[:, c].any()]
        lines += [
            "",
            "served / bought / converted, MWh a day",
            f"{'':20s}" + "".join(f"{carrier.label:>22s}" for carrier in wanted),
        ]
        for way, books in self.accounts.items():
            lines.append(
                f"{way:20s}" + "".join(f"{_supply(books, carrier):>22s}" for carrier in wanted)
            )
        return "\n".join(lines)


def compare(
    model: ParkModel,
    signal: ParkSignal,
    scenarios: int,
    days: int,
    seed: int,
    representatives: int = REPRESENTATIVES,
) -> Comparison:
    """Plan each strategy over ``scenarios`` and carry it out on ``days`` others drawn alike."""
    known, real = (_drawn(model, count, seed, part) for part, count in enumerate((scenarios, days)))
    accounts: dict[str, ParkAccount] = {}
    for strategy in Strategy:
        plan = plan_park(model, known, signal, strategy, representatives)
        accounts[strategy.value] = account(
            plan.arrangement.park, operate(plan, real), real, plan.arrangement.signal
        )
    best = arrange(model.park, signal, Strategy.BOTH)
    accounts[FORESIGHT] = account(best.park, foresee(best, real), real, best.signal)
    return Comparison(accounts)


def _drawn(model: ParkModel, count: int, seed: int, part: int) -> ParkSamples:
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(part,)))
    return draw_days(model, rng, count)


def _supply(books: ParkAccount, carrier: Carrier) -> str:
    parts = (books.served_wh, books.imported_wh, books.converted_wh)
    return " / ".join(f"{values[:, carrier].mean() / _MEGA:.0f}" for values in parts)
