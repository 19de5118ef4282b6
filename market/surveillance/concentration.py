"""How few hold how much: the Herfindahl-Hirschman index.

HHI is the sum of the squared shares in percent: 10,000 for one, near 0 for very many (Hirschman
1945, Herfindahl 1950). The 2023 Merger Guidelines of the U.S. Department of Justice and the FTC
call a market above 1,800 highly concentrated (guideline 1); one between 1,000 and 1,800 is
moderately so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from market.surveillance.ratios import nearest, ppm

HIGHLY_CONCENTRATED = 1_800
_WHOLE = 10_000


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the whole, by account or group."""

    name: str
    wh: int
    share_ppm: int


@dataclass(frozen=True, slots=True)
class Concentration:
    """Shares, greatest first; `hhi` in points of 0 to 10,000, None of nothing."""

    total_wh: int
    hhi: int | None
    shares: tuple[Share, ...]

    @classmethod
    def of(cls, amounts: Iterable[tuple[str, int]]) -> Concentration:
        """Of amounts by name, Wh; a name may occur more than once. None is negative."""
        sums: defaultdict[str, int] = defaultdict(int)
        for name, wh in amounts:
            sums[name] += wh
        held = {name: wh for name, wh in sums.items() if wh > 0}
        total = sum(held.values())
        if not total:
            return cls(0, None, ())
        return cls(
            total,
            nearest(_WHOLE * sum(wh * wh for wh in held.values()), total * total),
            tuple(
                Share(name, wh, ppm(wh, total))
                for name, wh in sorted(held.items(), key=lambda each: (-each[1], each[0]))
            ),
        )

    def grouped(self, group_of: Mapping[str, str]) -> Concentration:
        """The same with the accounts of a group as one."""
        return Concentration.of(
            (group_of.get(each.name, each.name), each.wh) for each in self.shares
        )
