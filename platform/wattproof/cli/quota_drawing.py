"""A sweep over quotas as a picture of six panels: an SVG whose text stays text, or a PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wattproof.cli.curve_drawing import save

_COLOURS = ("#1f5fa8", "#b3541e", "#2b7a4b", "#7a4b9a")
_THOUSAND = 1e3
_PANELS: tuple[tuple[str, str, tuple[tuple[str, str, float], ...]], ...] = (
    (
        "prices",
        "currency a MWh",
        (
            ("wholesale", "wholesale_price", 1.0),
            ("certificate", "certificate_price", 1.0),
            ("retail", "retail_price", 1.0),
        ),
    ),
    (
        "output",
        "MWh",
        (("thermal", "thermal.output", 1.0), ("renewable", "renewable.output", 1.0)),
    ),
    (
        "certificates",
        "certificates",
        (
            ("issued", "renewable.certificates_issued", 1.0),
            ("offered", "renewable.certificates_offered", 1.0),
            ("used", "renewable.certificates_used", 1.0),
            ("bought out", "certificates_bought_out", 1.0),
        ),
    ),
    (
        "profits and surplus",
        "thousand of currency",
        (
            ("thermal profit", "thermal.profit", _THOUSAND),
            ("renewable profit", "renewable.profit", _THOUSAND),
            ("consumer surplus", "consumer_surplus", _THOUSAND),
        ),
    ),
    (
        "held back",
        "MWh or certificates",
        (("output", "withheld_output", 1.0), ("certificates", "withheld_certificates", 1.0)),
    ),
    (
        "market power",
        "Lerner index, HHI / 10,000",
        (
            ("Lerner", "lerner", 1.0),
            ("HHI generation", "hhi_generation", 1e4),
            ("HHI certificates offered", "hhi_certificates_offered", 1e4),
        ),
    ),
)


def draw(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws records of ``quota_records.of_sweep`` into ``path``, the first solid, others dashed.

    In an SVG every line is a group with the id ``mode/panel/name``. A quota without equilibrium
    is a gap. Raises InvalidError where the file cannot be written.
    """
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "wattproof"}):
        figure = Figure(figsize=(11.0, 9.0), layout="constrained")
        grid = figure.subplots(3, 2, sharex=True)
        for axes, panel in zip(grid.ravel(), _PANELS, strict=True):
            _draw_panel(axes, panel, records)
        for axes in grid[-1]:
            axes.set_xlabel("quota: certificates a MWh consumed")
        modes = ", ".join(
            f"{record['mode']} {'dashed' if place else 'solid'}"
            for place, record in enumerate(records)
        )
        figure.suptitle(f"{records[0]['system']} ({modes})")
        save(figure, path)


def _draw_panel(
    axes: Axes,
    panel: tuple[str, str, tuple[tuple[str, str, float], ...]],
    records: Sequence[Mapping[str, Any]],
) -> None:
    title, unit, lines = panel
    for place, record in enumerate(records):
        ratios = [row["ratio"] for row in record["rows"]]
        for colour, (name, field, scale) in zip(_COLOURS, lines, strict=False):
            (line,) = axes.plot(
                ratios,
                [_value(row, field) / scale for row in record["rows"]],
                color=colour,
                linewidth=1.0 if place else 1.6,
                linestyle="--" if place else "-",
                label=None if place else name,
            )
            line.set_gid(f"{record['mode']}/{title}/{name}")
    axes.set_title(title)
    axes.set_ylabel(unit)
    axes.legend(loc="best", frameon=False, fontsize="small")


def _value(row: Mapping[str, Any], field: str) -> float:
    found: Any = row
    for key in field.split("."):
        found = found.get(key) if found is not None else None
    return float("nan") if found is None else float(found)
