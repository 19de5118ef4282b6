"""Demand and supply as a picture: an SVG whose text stays text, or a PNG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wattproof.errors import InvalidError

_NANO, _WH = 1e9, 1e3
_COLOURS = {"demand": "#1f5fa8", "supply": "#b3541e"}
_ROOM = 0.06
_DPI = 150


def draw(steps: Mapping[str, Any], path: Path) -> None:
    """Draws what ``curve_steps.arrays`` gives into ``path``, by its suffix.

    In an SVG the curves are groups with the ids ``demand`` and ``supply``, the point where they
    met ``clearing``; steps of orders of several legs are overlaid with dots.

    Raises:
        InvalidError: the file cannot be written.
    """
    product = steps["product"]
    price, volume = int(product["price_nano_per_kwh"]) / _NANO, int(product["volume_wh"]) / _WH
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "wattproof"}):
        figure = Figure(figsize=(8.0, 5.0), layout="constrained")
        axes = figure.add_subplot()
        low, high = _price_range(steps, price)
        axes.set_ylim(low, high)
        for side in ("demand", "supply"):
            _draw_side(axes, side, steps[side], low if side == "demand" else high)
        met = "indicative price" if product["indicative"] else "clearing point"
        axes.axhline(price, color="#777777", linewidth=0.8, linestyle=":")
        axes.axvline(volume, color="#777777", linewidth=0.8, linestyle=":")
        (point,) = axes.plot(
            [volume], [price], "o", color="black", label=f"{met}: {volume:g} kWh at {price:g}"
        )
        point.set_gid("clearing")
        axes.set_xlim(left=0.0)
        axes.set_xlabel("energy, kWh")
        axes.set_ylabel("price, tokens a kWh")
        axes.set_title(f"{product['name']} (round {product['round']})")
        axes.legend(loc="best", frameon=False)
        save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Writes a figure; the same figure gives the same file.

    Raises:
        InvalidError: the file cannot be written.
    """
    try:
        figure.savefig(path, dpi=_DPI, metadata=_metadata(path))
    except OSError as error:
        raise InvalidError(f"cannot write {path}: {error.strerror}") from error


def _draw_side(axes: Axes, side: str, steps: Mapping[str, Any], end: float) -> None:
    """One curve, from the axis on; its last step ends upright at ``end``."""
    if not steps["until_wh"]:
        return
    until = [wh / _WH for wh in steps["until_wh"]]
    prices = [nano / _NANO for nano in steps["price_nano_per_kwh"]]
    begin = [0.0, *until[:-1]]
    across = [x for pair in zip(begin, until, strict=True) for x in pair]
    along = [price for price in prices for _ in range(2)]
    (line,) = axes.plot(
        [*across, until[-1]], [*along, end], color=_COLOURS[side], linewidth=1.6, label=side
    )
    line.set_gid(side)
    implied = [
        (x, y)
        for a, b, y, several in zip(begin, until, prices, steps["implied"], strict=True)
        if several
        for x, y in ((a, y), (b, y), (float("nan"), y))
    ]
    if implied:
        (dots,) = axes.plot(
            [x for x, _ in implied],
            [y for _, y in implied],
            color=_COLOURS[side],
            linewidth=4.0,
            linestyle=":",
            label=f"{side}, orders of several legs",
        )
        dots.set_gid(f"{side}-implied")


def _price_range(steps: Mapping[str, Any], price: float) -> tuple[float, float]:
    found = [price] + [
        nano / _NANO for side in ("demand", "supply") for nano in steps[side]["price_nano_per_kwh"]
    ]
    low, high = min(found), max(found)
    room = (high - low) * _ROOM or abs(high) * _ROOM or 1.0
    return low - room, high + room


def _metadata(path: Path) -> dict[str, Any]:
    """Without the date: the same curves give the same file."""
    return {"Date": None} if path.suffix.lower() == ".svg" else {}
