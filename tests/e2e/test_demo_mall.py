"""The malls' days, as a user runs them: a process of its own, its own chain and database."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_published_days_hold_in_every_check_and_their_data_can_be_audited(
    wattproof: Run, tmp_path: Path
) -> None:
    done = wattproof("demo", "mall", "--json", "--data-dir", tmp_path / "days")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["ok"]
    assert len(report["checks"]) >= 38
    figures = report["figures"]
    assert figures["peak_reduction"] > 0.2
    assert figures["energy_cost"] < figures["uncontrolled_cost"]
    assert figures["comfort_share"] >= 0.9
    assert figures["votes"] > 100
    assert 0 < figures["issued_kwh"] < figures["promised_kwh"]
    used = figures["redeemed_kwh"] + figures["spent_kwh"] + figures["expired_kwh"]
    assert used == pytest.approx(figures["issued_kwh"], abs=1e-6)
    assert [row["strategy"] for row in report["strategies"]["rows"]] == [
        "no control",
        "load shifting",
        "load reduction",
        "perfect foresight",
    ]
    replay = wattproof("audit", "replay", "--json", "--data-dir", tmp_path / "days")
    assert replay.returncode == 0, replay.stdout + replay.stderr


def test_days_in_real_weather_at_real_prices_hold(wattproof: Run, data: Path) -> None:
    done = wattproof(
        "demo",
        "mall",
        "--json",
        "--weather",
        data / "buildings" / "weather.csv",
        "--building",
        data / "buildings" / "Building_1.csv",
        "--prices",
        data / "prices" / "pjm_hourly_2011_2018.csv",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["input"]["day"] == "2016-09-07"
    assert report["figures"]["peak_reduction"] > 0.2


def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(
    wattproof: Run, tmp_path: Path
) -> None:
    done = wattproof("demo", "mall", "--weather", tmp_path / "nowhere.csv")
    assert done.returncode == 1
    assert "nowhere.csv" in done.stderr
    assert "Traceback" not in done.stderr
