"""What supply costs, as declared to the regulator or attested.

A file of rows (TOML `[[cost]]`, CSV or JSON), in tokens a kWh with up to nine digits:

| field | says |
|---|---|
| `account` | whose cost it is |
| `name`, `technology` | how the report calls it: `wind`, `coal`, ... (may be left out) |
| `market` | the one market it holds in; left out: every market of energy |
| `carrier` | the number of the carrier it holds for; left out: every carrier |
| `marginal` | constant part a of the marginal cost |
| `fuel`, `maintenance`, `depreciation`, `backup` | its parts, instead of `marginal` |
| `slope` | b, tokens a kWh for each MWh sold in a slot: marginal cost a + b q |

Where a cost varies with what the fleet does otherwise (back-up for wind) the row's author decides
what of it is marginal: the report takes the sum of what it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from market.surveillance.declarations import (
    DeclarationError,
    account_of,
    integer_of,
    read_rows,
    scaled_of,
    text_of,
)

PARTS = ("fuel", "maintenance", "depreciation", "backup")
_FIELDS = ("account", "name", "technology", "market", "carrier", "marginal", *PARTS, "slope")
_DIGITS = 9
_MOST_TOKENS = 1_000_000_000
_WH_A_MWH = 1_000_000


@dataclass(frozen=True, slots=True)
class CostCurve:
    """Marginal cost a + b q: `base` in nano per kWh, `slope` in nano per kWh for each MWh sold in a
    slot; `parts` what the base consists of."""

    account: str
    name: str
    technology: str
    base: int
    slope: int = 0
    market: int | None = None
    carrier: int | None = None
    parts: Mapping[str, int] = field(default_factory=dict)

    def marginal(self, sold_wh: int) -> int:
        """Marginal cost at `sold_wh` in a slot, nano per kWh, rounded down."""
        return self.base + self.slope * sold_wh // _WH_A_MWH


@dataclass(frozen=True, slots=True)
class Costs:
    """All curves of a file."""

    curves: tuple[CostCurve, ...] = ()

    def of(self, account: str, market: int, carrier: int, *, tokenised: bool) -> CostCurve | None:
        """The curve that says most about this place; one that names no market says nothing of a
        market of tokens, whose goods were produced before they were sold."""
        fitting = [
            curve
            for curve in self.curves
            if curve.account == account
            and (curve.market == market or (curve.market is None and not tokenised))
            and curve.carrier in (None, carrier)
        ]
        return max(
            fitting,
            key=lambda c: (c.market is not None, c.carrier is not None),
            default=None,
        )

    @property
    def names(self) -> Mapping[str, str]:
        """Names by account, of those that have one."""
        return {curve.account: curve.name for curve in self.curves if curve.name}


def read_costs(name: str, content: bytes) -> Costs:
    """The costs in a file. Raises DeclarationError."""
    curves: dict[tuple[str, int | None, int | None], CostCurve] = {}
    for number, row in enumerate(read_rows(name, content, "cost", _FIELDS), 1):
        place = f"{name}, cost {number}"
        parts = {part: scaled_of(row, part, place, _DIGITS, _MOST_TOKENS) for part in PARTS}
        stated = [part for part in PARTS if part in row]
        if ("marginal" in row) == bool(stated):
            raise DeclarationError(
                f"{place}: give either marginal or some of {', '.join(PARTS)}, not both"
            )
        curve = CostCurve(
            account=account_of(row.get("account"), place),
            name=text_of(row, "name", place, default=""),
            technology=text_of(row, "technology", place, default=""),
            base=scaled_of(row, "marginal", place, _DIGITS, _MOST_TOKENS) + sum(parts.values()),
            slope=scaled_of(row, "slope", place, _DIGITS, _MOST_TOKENS),
            market=integer_of(row, "market", place, (1 << 32) - 1),
            carrier=integer_of(row, "carrier", place, (1 << 16) - 1),
            parts={part: parts[part] for part in stated},
        )
        key = curve.account, curve.market, curve.carrier
        if key in curves:
            raise DeclarationError(f"{place}: a cost of {curve.account} stands here a second time")
        curves[key] = curve
    return Costs(tuple(curves[key] for key in sorted(curves, key=_place)))


def _place(key: tuple[str, int | None, int | None]) -> tuple[str, int, int]:
    account, market, carrier = key
    return account, -1 if market is None else market, -1 if carrier is None else carrier
