"""The heat-and-power day, as a user runs it: a process of its own, its own chain and database."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_published_day_holds_in_every_check_and_its_data_can_be_audited(
    wattproof: Run, tmp_path: Path
) -> None:
    done = wattproof("demo", "chp", "--json", "--data-dir", tmp_path / "day")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["ok"]
    assert len(report["checks"]) >= 22
    figures = report["figures"]
    assert figures["peak_residual_mw"] < figures["uncontrolled_peak_residual_mw"]
    assert figures["wind_taken"] > figures["uncontrolled_wind_taken"]
    assert figures["bound_peak_mw"] <= figures["planned_peak_mw"]
    assert figures["plan_gap"] <= 1e-3
    assert 0 < figures["performed_mwh"] < figures["targeted_mwh"]
    assert figures["incentive"] > figures["penalty"] > 0
    assert figures["edits"] == 3
    rows = {row["strategy"]: row for row in report["strategies"]["rows"]}
    assert rows["perfect foresight"]["peak_mw"] <= rows["heat-led"]["peak_mw"]
    assert rows["heat-led"]["peak_reduction"] == 0
    replay = wattproof("audit", "replay", "--json", "--data-dir", tmp_path / "day")
    assert replay.returncode == 0, replay.stdout + replay.stderr


def test_a_day_at_real_prices_holds(wattproof: Run, data: Path) -> None:
    prices = data / "prices" / "pjm_hourly_2011_2018.csv"
    done = wattproof("demo", "chp", "--json", "--prices", prices, "--day", "2017-01-11")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["input"]["day"] == "2017-01-11"


def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(
    wattproof: Run, tmp_path: Path
) -> None:
    done = wattproof("demo", "chp", "--prices", tmp_path / "nowhere.csv")
    assert done.returncode == 1
    assert "nowhere.csv" in done.stderr
    assert "Traceback" not in done.stderr
