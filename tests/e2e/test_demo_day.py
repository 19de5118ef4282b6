"""The whole day, as a user runs it: a process of its own, its own chain, its own database."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def passed(report: dict[str, Any]) -> dict[str, bool]:
    return {check["name"]: check["ok"] for check in report["checks"]}


def test_the_seeded_day_holds_in_every_check_and_its_data_can_be_audited(
    wattproof: Run, tmp_path: Path
) -> None:
    done = wattproof("demo", "--json", "--data-dir", tmp_path / "day")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["ok"]
    assert len(report["checks"]) >= 13
    assert all(passed(report).values())
    figures = report["figures"]
    assert figures["filled_orders"] > 500
    assert figures["discharged_kwh"] > 0
    assert figures["saving"] > 0
    assert figures["peak_kw"] <= figures["uncontrolled_peak_kw"]
    assert figures["gap_micro"] == 0
    replay = wattproof("audit", "replay", "--json", "--data-dir", tmp_path / "day")
    assert replay.returncode == 0, replay.stdout + replay.stderr
    assert json.loads(replay.stdout)["rounds"][0]["orders"] == figures["orders"]


def test_a_day_of_real_sessions_holds_and_says_which_day_stands_for_which(
    wattproof: Run, data: Path
) -> None:
    sessions = data / "ev_sessions" / "acn_sessions.json"
    prices = data / "prices" / "pjm_hourly_2011_2018.csv"
    done = wattproof("demo", "--json", "--sessions", sessions, "--prices", prices)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert all(passed(report).values())
    assert any("stands at the prices of" in line for line in report["input"]["days"])
    names = [row["strategy"] for row in report["strategies"]["rows"]]
    assert names == [
        "uncontrolled",
        "declared departure",
        "forecast departure",
        "perfect foresight",
    ]


def sessions_file(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "sessions.json"
    path.write_text(json.dumps(list(rows)))
    return path


def prices_file(folder: Path) -> Path:
    path = folder / "prices.csv"
    hours = [
        f"2021-05-{day:02}T{hour:02}:00:00Z,{30 + hour}"
        for day in range(1, 15)
        for hour in range(24)
    ]
    path.write_text("\n".join(["timestamp,price", *hours]) + "\n")
    return path


def session(number: int, **changes: Any) -> dict[str, Any]:
    day = 3 + number // 4
    row = {
        "sessionID": f"s{number}",
        "userID": f"u{number % 5}",
        "siteID": "1",
        "stationID": f"p{number % 4}",
        "connectionTime": f"Mon, {day:02} May 2021 15:00:00 GMT",
        "disconnectTime": f"Mon, {day:02} May 2021 23:30:00 GMT",
        "doneChargingTime": None,
        "kWhDelivered": 9.5,
        "timezone": "America/Los_Angeles",
        "userInputs": None,
    }
    return row | changes


def test_bad_rows_are_named_with_the_reason_and_nothing_is_run(
    wattproof: Run, tmp_path: Path
) -> None:
    bad = session(9, kWhDelivered=-4)
    rows = sessions_file(tmp_path, *(session(n) for n in range(8)), bad)
    done = wattproof("demo", "--sessions", rows, "--prices", prices_file(tmp_path))
    assert done.returncode != 0
    assert "s9" in done.stderr
    assert "--skip-bad-rows" in done.stderr
    assert "Traceback" not in done.stderr


def test_bad_rows_can_be_skipped_and_are_counted(wattproof: Run, tmp_path: Path) -> None:
    bad = session(9, disconnectTime="Mon, 01 May 2020 10:00:00 GMT")
    rows = sessions_file(tmp_path, *(session(n) for n in range(8)), bad)
    done = wattproof(
        "demo", "--json", "--skip-bad-rows", "--sessions", rows, "--prices", prices_file(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["input"]["skipped_sessions"] == 1
    assert report["ok"]


@pytest.mark.parametrize(
    ("sessions", "said"),
    [
        ("", "empty"),
        ("[{", "not JSON"),
        ("3", "no list of sessions"),
        ("[]", "no usable session"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(
    wattproof: Run, tmp_path: Path, sessions: str, said: str
) -> None:
    path = tmp_path / "sessions.json"
    path.write_text(sessions)
    done = wattproof("demo", "--sessions", path, "--prices", prices_file(tmp_path))
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_file_and_an_unknown_unit_are_refused(wattproof: Run, tmp_path: Path) -> None:
    rows = sessions_file(tmp_path, *(session(n) for n in range(4)))
    missing = wattproof("demo", "--sessions", rows, "--prices", tmp_path / "nowhere.csv")
    assert missing.returncode != 0
    assert "nowhere.csv" in missing.stderr
    unit = wattproof(
        "demo", "--sessions", rows, "--prices", prices_file(tmp_path), "--price-unit", "bananas"
    )
    assert unit.returncode != 0
    assert "bananas" in unit.stderr
    alone = wattproof("demo", "--sessions", rows)
    assert alone.returncode != 0
    assert "--prices" in alone.stderr
    for done in (missing, unit, alone):
        assert "Traceback" not in done.stderr
