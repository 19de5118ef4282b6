"""The tables of one market, and how a table is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from market.product import Product
from market.surveillance import MarketReport
from market.surveillance.supply import SellerSummary
from market.surveillance.wording import energy, index, percent, price

_ROWS_SHOWN = 20
NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Table:
    """`numbers` are the places of columns of figures; `left_out` rows are in the JSON alone."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int]
    left_out: int = 0


def market_tables(market: MarketReport, own_name: Callable[[str], str]) -> tuple[Table, ...]:
    """Those with rows; ``own_name`` says how an account or group is written."""
    every = (
        _margins(market.sellers, own_name),
        _pivotal("Who was needed", market.sellers, own_name),
        _pivotal("Who was needed, related accounts as one", market.groups, own_name),
        _washed(market, own_name),
        _withheld(market, own_name),
        _idle(market, own_name),
        _cancelled(market, own_name),
    )
    return tuple(table for table in every if table.rows)


def table_of(
    title: str,
    columns: Sequence[str],
    rows: Iterable[tuple[str, ...]],
    *,
    names: int,
    figures: int = 99,
) -> Table:
    """``figures`` columns of figures stand from column ``names`` on."""
    every = tuple(rows)
    return Table(
        title,
        tuple(columns),
        every[:_ROWS_SHOWN],
        frozenset(range(names, min(names + figures, len(columns)))),
        max(0, len(every) - _ROWS_SHOWN),
    )


def _margins(sellers: Sequence[SellerSummary], own_name: Callable[[str], str]) -> Table:
    return table_of(
        "Sellers and their margins",
        ("seller", "sold", "offered", "mean price", "cost", "Lerner index", "ask above cost"),
        (
            (
                own_name(row.seller),
                energy(row.sold_wh),
                energy(row.offered_wh),
                _price(row.price),
                _price(row.cost) + ("" if row.declared or row.cost is None else " (own ask)"),
                _index(row.lerner_ppm, at_least=not row.declared),
                _price(row.markup),
            )
            for row in sellers
        ),
        names=1,
    )


def _pivotal(title: str, sellers: Sequence[SellerSummary], own_name: Callable[[str], str]) -> Table:
    return table_of(
        title,
        (
            "seller",
            "products",
            "pivotal",
            "and it mattered",
            "least RSI",
            "mean RSI",
            "price then",
            "without it",
            "not served",
            "at its cost",
        ),
        (
            (
                own_name(row.seller),
                str(row.lots),
                str(row.pivotal_lots),
                f"{row.price_setting_lots} ({percent(row.hours_ppm)} of hours)",
                _index(row.lowest_rsi_ppm),
                _index(row.mean_rsi_ppm),
                _price(row.price_then),
                _price(row.price_without),
                energy(row.lost_wh),
                _price(row.price_at_cost),
            )
            for row in sellers
            if row.lots
        ),
        names=1,
    )


def _washed(market: MarketReport, own_name: Callable[[str], str]) -> Table:
    return table_of(
        "Bought from oneself",
        ("who", "round", "product", "bought", "sold", "wash", "pro rata", "traded", "price moved"),
        (
            (
                own_name(row.who),
                str(row.lot.round),
                _product(row.lot.product, row.lot.slot_seconds),
                energy(row.bought_wh),
                energy(row.sold_wh),
                energy(row.wash_wh),
                energy(row.pro_rata_wh),
                energy(row.traded_wh),
                _price(row.price_effect),
            )
            for row in sorted(market.washed, key=lambda each: -each.wash_wh)
        ),
        names=3,
    )


def _withheld(market: MarketReport, own_name: Callable[[str], str]) -> Table:
    shown = [row for row in market.withheld if row.withheld_wh and row.shortage_wh]
    return table_of(
        "Certificates kept back while others lacked them",
        (
            "holder",
            "round",
            "held",
            "share",
            "own need",
            "offered",
            "offered low",
            "sold",
            "reference price",
            "kept",
            "others lacked",
        ),
        (
            (
                own_name(row.account),
                str(row.round),
                energy(row.held_wh),
                percent(row.share_ppm),
                energy(row.own_need_wh),
                energy(row.offered_wh),
                energy(row.offered_low_wh),
                energy(row.sold_wh),
                _price(row.reference),
                energy(row.withheld_wh),
                energy(row.shortage_wh),
            )
            for row in sorted(shown, key=lambda each: -each.withheld_wh)
        ),
        names=1,
    )


def _idle(market: MarketReport, own_name: Callable[[str], str]) -> Table:
    return table_of(
        "Offers against meters",
        ("seller", "carrier", "products", "could measure", "offered", "idle", "idle at a profit"),
        (
            (
                own_name(row.account),
                str(row.carrier),
                str(row.lots),
                energy(row.available_wh),
                energy(row.offered_wh),
                energy(row.idle_wh),
                energy(row.idle_at_profit_wh),
            )
            for row in market.idle
        ),
        names=1,
    )


def _cancelled(market: MarketReport, own_name: Callable[[str], str]) -> Table:
    return table_of(
        "Orders cancelled by a new epoch after they were taken",
        ("account", "orders", "of", "rounds", "of", "to sell", "to buy", "traded opposite in"),
        (
            (
                own_name(row.account),
                str(row.orders),
                str(row.all_orders),
                str(len(row.rounds)),
                str(row.all_rounds),
                energy(row.sell_wh),
                energy(row.buy_wh),
                str(len(row.opposite_rounds)),
            )
            for row in market.cancelled
        ),
        names=1,
    )


def _price(nano: int | None) -> str:
    return NOTHING if nano is None else price(nano)


def _index(ppm: int | None, *, at_least: bool = False) -> str:
    if ppm is None:
        return NOTHING
    return f"{'at least ' if at_least else ''}{index(ppm)}"


def _product(product: Product, slot_seconds: int) -> str:
    begin = datetime.fromtimestamp(product.slot * slot_seconds, UTC)
    return f"{product.carrier}/{product.zone} {begin:%Y-%m-%d %H:%M}"
