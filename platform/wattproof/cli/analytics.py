"""Sums of readings for analysts, under differential privacy."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from wattproof.cli.caller import Caller, caller_group
from wattproof.cli.output import AsJson, print_facts, print_json, print_rows

app = caller_group("Ask for the load of many accounts; no account's own can be told from it.")

Market = Annotated[int, typer.Option(min=0, help="Number of the market.")]
Period = Annotated[int, typer.Option(min=0, help="First slot of the period divided by its slots.")]


@app.command()
def load(
    caller: typer.Context,
    market: Market,
    period: Period,
    carrier: Annotated[int, typer.Option(min=0, help="Number of the carrier.")] = 0,
    zone: Annotated[
        int | None, typer.Option(min=0, help="Only certified devices of this zone.")
    ] = None,
    slots_a_value: Annotated[
        int, typer.Option(min=1, help="How many slots a sum is over: the more, the more exact.")
    ] = 1,
    clamp_w: Annotated[
        int | None,
        typer.Option(min=1, help="No device counts for more W: less noise, peaks are cut off."),
    ] = None,
    epsilon: Annotated[
        float,
        typer.Option(min=0.001, max=100, help="What to spend of the budget; more, less noise."),
    ] = 0.1,
    as_json: AsJson = False,
) -> None:
    """Sum and mean by time; asked before, it costs nothing and says the same."""
    question: dict[str, Any] = {
        "market": market,
        "period": period,
        "carrier": carrier,
        "zone": zone,
        "slots_a_value": slots_a_value,
        "clamp_w": clamp_w,
        "epsilon_milli": round(epsilon * 1_000),
    }
    given: Caller = caller.obj
    with given.sign_in("analytics", "analyst") as client:
        release = client.post("/analytics/releases", question)
    if as_json:
        print_json(release)
    else:
        _print_release(release)


@app.command()
def budget(
    caller: typer.Context,
    market: Market,
    period: Period,
    as_json: AsJson = False,
) -> None:
    """What may still be spent on a period."""
    given: Caller = caller.obj
    with given.sign_in("analytics", "analyst") as client:
        left = client.get("/analytics/budget", market=market, period=period)
    if as_json:
        print_json(left)
        return
    print_facts(
        f"budget of period {period} in market {market}",
        {
            "epsilon left": left["left_milli"] / 1_000,
            "epsilon a period": left["period_milli"] / 1_000,
            "epsilon an account": f"{left['account_milli'] / 1_000} in any {left['window_days']} "
            "days of its readings",
            "accounts at least": left["accounts_min"],
        },
    )


def _print_release(release: dict[str, Any]) -> None:
    from datetime import datetime, timedelta

    from wattproof.terminal import Rows

    begins = datetime.fromisoformat(release["starts_at"])
    rows = []
    for place, (total, mean) in enumerate(
        zip(release["sums_wh"], release["means_wh"], strict=True)
    ):
        at = begins + timedelta(seconds=place * release["value_seconds"])
        rows.append((f"{at:%Y-%m-%d %H:%M}", f"{int(total) / 1_000:,.1f}", f"{mean:,.1f}"))
    title = (
        f"load of {release['accounts']} accounts, epsilon {release['epsilon_milli'] / 1_000}; "
        f"95 %: a sum within {int(release['value_error_wh']) / 1_000:,.1f} kWh, "
        f"all within {int(release['profile_error_wh']) / 1_000:,.1f} kWh"
    )
    print_rows(Rows(title, ("from (UTC)", "sum kWh", "mean Wh"), rows, (1, 2)))
