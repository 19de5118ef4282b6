"""`wattproof demo`: runs the day and tells how it went."""

from __future__ import annotations

from pathlib import Path

import typer

from wattproof.cli.output import FAILED


def run_demo(
    *,
    sessions: Path | None,
    prices: Path | None,
    price_unit: str | None,
    time_zone: str | None,
    skip_bad_rows: bool,
    day: str | None,
    seed: int,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Run the demo day; exits 1 unless every check holds."""
    from wattproof.demo import DemoOptions, run

    report = run(
        DemoOptions(
            sessions=sessions,
            prices=prices,
            price_unit=price_unit,
            time_zone=time_zone,
            skip_bad_rows=skip_bad_rows,
            day=day,
            seed=seed,
            data_dir=data_dir,
            as_json=as_json,
        )
    )
    if not report.ok:
        raise typer.Exit(FAILED)
