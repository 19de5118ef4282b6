"""The identity day, as a user runs it: a process of its own, its own chain and database."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_day_holds_in_every_check_and_its_data_can_be_audited(
    wattproof: Run, tmp_path: Path
) -> None:
    done = wattproof("demo", "identity", "--json", "--data-dir", tmp_path / "day")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["ok"]
    assert len(report["checks"]) >= 38
    figures = report["figures"]
    assert figures["delegated_orders"] == 3 * 4 + 1  # the last one was forced by a thief
    assert figures["claims_shown"] == 2
    assert figures["claims_kept_back"] == 3
    assert figures["delivered_kwh"] == figures["sold_kwh"] == figures["traded_kwh"]
    assert figures["refused"] >= 15
    seen = {each["name"]: each["detail"] for each in report["checks"]}
    assert (
        "beyond what the delegate may sign"
        in seen["refused: the stolen gateway sells below the lowest price"]
    )
    assert "credential" in seen["refused: a home trades without its credential"]
    assert "nonce" in seen["refused: shown a second time"]
    # Whoever may not read a profile is not told whether there is such an account.
    assert (
        seen["refused: a stranger"]
        == seen["refused: somebody who asks for an account that is none"]
    )
    replay = wattproof("audit", "replay", "--json", "--data-dir", tmp_path / "day")
    assert replay.returncode == 0, replay.stdout + replay.stderr


def test_a_folder_that_is_in_use_is_refused_in_one_sentence(wattproof: Run, tmp_path: Path) -> None:
    (tmp_path / "something").write_text("of somebody's")
    done = wattproof("demo", "identity", "--data-dir", tmp_path)
    assert done.returncode == 1
    assert "is not an empty folder" in done.stderr
    assert "Traceback" not in done.stderr
