"""Demand and supply as arrays of steps, from the pages of the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wattproof.errors import InvalidError

SUFFIXES = (".svg", ".png")


def arrays(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The product, and of ``demand`` and ``supply`` arrays with an entry a step.

    Prices in nano per kWh; ``until_wh`` is where a step ends (the first one begins at 0);
    ``implied`` marks orders of several legs.
    """
    return {
        "product": shown["product"],
        "demand": _arrays(each for each in shown["items"] if each["side"] == "buy"),
        "supply": _arrays(each for each in shown["items"] if each["side"] == "sell"),
    }


def check_drawable(path: Path) -> None:
    """Raises InvalidError for a file that is neither an SVG nor a PNG."""
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidError(f"cannot draw into {path}: name a file that ends in .svg or .png")


def _arrays(steps: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    kept = list(steps)
    return {
        "price_nano_per_kwh": [int(each["price_nano_per_kwh"]) for each in kept],
        "until_wh": [int(each["until_wh"]) for each in kept],
        "implied": [bool(each["implied"]) for each in kept],
    }
