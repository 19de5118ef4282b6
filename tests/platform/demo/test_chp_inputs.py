"""Real wind, load and prices for the heat-and-power day: what is refused, and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from twin.edits import InfeasiblePlanError
from wattproof.demo.chp.inputs import scene_from
from wattproof.demo.chp.options import ChpOptions
from wattproof.errors import InvalidError


def power_file(folder: Path, name: str, *rows: str) -> Path:
    path = folder / name
    path.write_text("\n".join(["timestamp,power", *rows]) + "\n")
    return path


def hours(power: str, count: int = 24) -> list[str]:
    return [f"2026-01-{14 + hour // 24:02}T{hour % 24:02}:00:00Z,{power}" for hour in range(count)]


def test_real_wind_load_and_prices_take_the_place_of_the_published_ones(tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    rows = [
        f"2026-01-{day:02}T{hour:02}:00:00Z,{40 + hour}"
        for day in range(10, 20)
        for hour in range(24)
    ]
    prices.write_text("\n".join(["timestamp,price", *rows]) + "\n")
    scene = scene_from(
        ChpOptions(
            wind=power_file(tmp_path, "wind.csv", *hours("60000")),
            load=power_file(tmp_path, "load.csv", *hours("420000")),
            power_unit="kW",
            prices=prices,
            time_zone="UTC",
        )
    )
    site, signal = scene.inputs.site, scene.inputs.signal
    assert np.allclose(site.forecast.wind_w, 60e6)
    assert np.allclose(signal.load_w, 420e6)
    assert signal.price_per_kwh[:4].tolist() == pytest.approx([0.04] * 4)
    assert scene.input["day"] == "2026-01-14"
    assert len(scene.history) == 10
    assert any("same date" in note for note in scene.notes)


@pytest.mark.parametrize(
    ("wind", "said"),
    [
        ([*hours("80", 5), *hours("80")[7:]], "2026-01-14T05:00:00\\+00:00 is missing"),
        ([*hours("80", 3), "2026-01-14T03:00:00Z,calm"], "'calm' is not a number"),
        (["2026-01-14T00:00:00Z,-4", *hours("80")[1:]], "-4 is negative"),
        ([], "at least two are needed"),
        (hours("80", 12), "is asked for"),
    ],
)
def test_a_wind_file_that_cannot_be_used_is_refused_with_line_and_reason(
    tmp_path: Path, wind: list[str], said: str
) -> None:
    options = ChpOptions(
        wind=power_file(tmp_path, "wind.csv", *wind),
        load=power_file(tmp_path, "load.csv", *hours("400")),
    )
    with pytest.raises(InvalidError, match=said):
        scene_from(options)


def test_a_load_that_no_operation_can_serve_names_the_limit(tmp_path: Path) -> None:
    options = ChpOptions(
        wind=power_file(tmp_path, "wind.csv", *hours("10")),
        load=power_file(tmp_path, "load.csv", *hours("20")),
    )
    with pytest.raises(InfeasiblePlanError, match="more than the grid can take"):
        scene_from(options)


def test_prices_beyond_the_markets_cap_point_to_the_unit(tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    rows = [f"2026-01-14T{hour:02}:00:00Z,40" for hour in range(24)]
    prices.write_text("\n".join(["timestamp,price", *rows]) + "\n")
    with pytest.raises(InvalidError, match="--price-unit"):
        scene_from(ChpOptions(prices=prices, price_unit="EUR/kWh", time_zone="UTC"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (ChpOptions(wind=Path("w.csv")), "--load is missing"),
        (ChpOptions(power_unit="MW"), "--power-unit goes with --wind and --load"),
        (ChpOptions(day="2026-01-14"), "--day goes with"),
        (ChpOptions(price_unit="USD/MWh"), "--price-unit goes with --prices"),
        (ChpOptions(prices=Path("nowhere.csv")), "nowhere.csv"),
        (ChpOptions(wind=Path("w"), load=Path("l"), power_unit="horses"), "horses"),
        (ChpOptions(prices=Path("nowhere.csv"), day="yesterday"), "'yesterday' is not a day"),
    ],
)
def test_options_that_lack_theirs_are_refused(options: ChpOptions, said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        scene_from(options)
