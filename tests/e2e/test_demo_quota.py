"""The compliance year, as a user runs it: a process of its own, its own chain and database."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_short_year_holds_in_every_check_and_its_data_can_be_audited(
    wattproof: Run, tmp_path: Path
) -> None:
    done = wattproof("demo", "quota", "--vintages", "4", "--json", "--data-dir", tmp_path / "year")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["ok"]
    assert len(report["checks"]) >= 32
    figures = report["figures"]
    assert figures["batches"] == 3 * 30 * 4
    assert 0.0 < figures["released_mwh"] < 0.81 * figures["stored_mwh"]
    owed = figures["surrendered_mwh"] + figures["shortfall_mwh"]
    assert owed == pytest.approx(figures["owed_mwh"], abs=1e-6)
    assert figures["banked_mwh"] > 0.0
    vintages = report["year"]["rows"]
    assert [row["vintage"] for row in vintages] == [1, 2, 3, 4]
    held_back = [row for row in vintages if row["withheld_mwh"] > 0.0]
    assert held_back
    assert all(row["price"] > row["whole_price"] for row in held_back)
    assert all(row["price"] == row["whole_price"] for row in vintages if row not in held_back)
    obligations = report["compliance"]["rows"]
    assert len(obligations) == 6
    short = [row for row in obligations if row["shortfall_mwh"] > 0.0]
    assert [(row["quota"], row["account"]) for row in short] == [(1, "works retailer")]
    assert short[0]["paid"] == short[0]["penalty"] == pytest.approx(figures["penalties"])
    assert all(row["bond_returned"] > 0.0 for row in obligations)
    replay = wattproof("audit", "replay", "--json", "--data-dir", tmp_path / "year")
    assert replay.returncode == 0, replay.stdout + replay.stderr


@pytest.mark.parametrize("vintages", ["3", "5", "14"])
def test_a_year_that_cannot_be_halved_is_refused_in_one_sentence(
    wattproof: Run, vintages: str
) -> None:
    done = wattproof("demo", "quota", "--vintages", vintages)
    assert done.returncode == 1
    assert "an even number of vintages from 4 to 12" in done.stderr
    assert "Traceback" not in done.stderr
