"""The park's day, as a user runs it: a process of its own, its own chain and database."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_published_day_holds_in_every_check_and_its_data_can_be_audited(
    wattproof: Run, tmp_path: Path
) -> None:
    done = wattproof("demo", "park", "--json", "--data-dir", tmp_path / "day")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["ok"]
    assert len(report["checks"]) >= 22
    figures = report["figures"]
    assert figures["multi_leg_orders"] > 2_000
    assert {name.rsplit(" ", 1)[0] for name in figures["prices"]} == {
        "Electricity",
        "Gas",
        "Steam",
        "Hot water",
        "Warm water",
        "Cooling",
        "Hydrogen",
    }
    for each in figures["prices"].values():
        assert each["least"] - 1e-9 <= each["mean"] <= each["most"] + 1e-9
    assert figures["gap"] <= figures["welfare"] * 1e-6
    assert 0.9 < figures["satisfaction"] <= 1.0
    assert 0.5 < figures["utilisation"] < 1.5
    assert figures["congestion_revenue"] > 0
    assert figures["failure_imbalance"]["electricity"] > 0 > figures["failure_imbalance"]["gas"]
    assert figures["edits"] == 5
    rows = {row["way"]: row for row in report["strategies"]["rows"]}
    assert rows["perfect foresight"]["cost"] <= rows["both"]["cost"]
    assert rows["both"]["cost"] <= rows["every site alone"]["cost"]
    replay = wattproof("audit", "replay", "--json", "--data-dir", tmp_path / "day")
    assert replay.returncode == 0, replay.stdout + replay.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--prices", "nowhere.csv"), "nowhere.csv"),
        (("--day", "2017-01-11"), "--day goes with --prices"),
        (("--price-unit", "EUR/MWh"), "--price-unit goes with --prices"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(
    wattproof: Run, options: tuple[str, str], said: str
) -> None:
    done = wattproof("demo", "park", *options)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
