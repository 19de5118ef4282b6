"""`wattproof demo`: runs a market's day and tells how it went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from wattproof.cli.output import FAILED, AsJson

if TYPE_CHECKING:
    from wattproof.demo.report import DemoReport

Prices = Annotated[
    Path | None, typer.Option(help="Hourly prices (CSV: PJM layout or timestamp,price).")
]
PriceUnit = Annotated[
    str | None, typer.Option(help="Unit of the prices, such as USD/MWh or EUR/kWh.")
]
TimeZone = Annotated[
    str | None, typer.Option(help="Zone of timestamps without one, such as Europe/Berlin.")
]
SkipBadRows = Annotated[
    bool, typer.Option("--skip-bad-rows", help="Go on without bad rows, and count them.")
]
Day = Annotated[str | None, typer.Option(help="Day to run, YYYY-MM-DD, of the files given.")]
Seed = Annotated[int, typer.Option(help="Seed of everything that is random.")]
DataDir = Annotated[Path | None, typer.Option(help="Keep the day's data there.")]
Sessions = Annotated[
    Path | None,
    typer.Option(help="EV charging sessions (ACN-Data JSON) instead of the seeded fleet."),
]
_DEFAULT = "ev"


class _EvByDefault(TyperGroup):
    """`wattproof demo --seed 3` means `wattproof demo ev --seed 3`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        asks_help = bool(args) and args[0] in ctx.help_option_names
        if not asks_help and (not args or args[0].startswith("-")):
            args = [_DEFAULT, *args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed


app = typer.Typer(
    cls=_EvByDefault,
    help="Run a market's day, from digital twin to audited settlement; by default the EV day.",
    rich_markup_mode=None,
)


@app.command()
def ev(
    sessions: Sessions = None,
    prices: Prices = None,
    price_unit: PriceUnit = None,
    time_zone: TimeZone = None,
    skip_bad_rows: SkipBadRows = False,
    day: Day = None,
    seed: Seed = 1,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Run an EV battery-trading day; exits 1 unless every check holds."""
    chosen = dict(locals())
    from wattproof.demo.ev import EvOptions, run

    _judge(run(EvOptions(**chosen)))


@app.command()
def mall(
    weather: Annotated[
        Path | None, typer.Option(help="Hourly weather (EPW, or CSV in the CityLearn layout).")
    ] = None,
    building: Annotated[
        Path | None, typer.Option(help="Hourly load of the office (CSV in the CityLearn layout).")
    ] = None,
    place: Annotated[
        str | None, typer.Option(help="Degrees north,east of the CSV's weather, such as 39.5,-0.4.")
    ] = None,
    fill_gaps: Annotated[
        int, typer.Option(min=0, help="Interpolate so many missing hours of weather in a row.")
    ] = 0,
    prices: Prices = None,
    price_unit: PriceUnit = None,
    time_zone: TimeZone = None,
    skip_bad_rows: SkipBadRows = False,
    day: Day = None,
    seed: Seed = 1,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Run malls' days with energy credits; exits 1 unless every check holds."""
    chosen = dict(locals())
    from wattproof.demo.mall import MallOptions, run

    _judge(run(MallOptions(**chosen)))


@app.command()
def chp(
    prices: Prices = None,
    wind: Annotated[
        Path | None, typer.Option(help="Power that blows (CSV: timestamp,value).")
    ] = None,
    load: Annotated[
        Path | None, typer.Option(help="What the grid consumes (CSV: timestamp,value).")
    ] = None,
    power_unit: Annotated[
        str | None, typer.Option(help="Unit of wind and load: W, kW or MW.")
    ] = None,
    price_unit: PriceUnit = None,
    time_zone: TimeZone = None,
    skip_bad_rows: SkipBadRows = False,
    day: Day = None,
    seed: Seed = 1,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Run a heat-and-power plant's day with demand response; exits 1 unless every check holds."""
    chosen = dict(locals())
    from wattproof.demo.chp import ChpOptions, run

    _judge(run(ChpOptions(**chosen)))


@app.command()
def park(
    prices: Prices = None,
    price_unit: PriceUnit = None,
    time_zone: TimeZone = None,
    skip_bad_rows: SkipBadRows = False,
    day: Day = None,
    seed: Seed = 1,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Run an industrial park's day over seven carriers; exits 1 unless every check holds."""
    chosen = dict(locals())
    from wattproof.demo.park import ParkOptions, run

    _judge(run(ParkOptions(**chosen)))


@app.command()
def quota(
    vintages: Annotated[
        int, typer.Option(help="Vintages of 30 days in the year: an even number from 4 to 12.")
    ] = 12,
    seed: Seed = 1,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Run a year under green-certificate quotas; exits 1 unless every check holds."""
    chosen = dict(locals())
    from wattproof.demo.quota import QuotaOptions, run

    _judge(run(QuotaOptions(**chosen)))


@app.command()
def identity(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Run an identity day, with thieves; exits 1 unless every check holds."""
    from wattproof.demo.identity import IdentityOptions, run

    _judge(run(IdentityOptions(data_dir=data_dir, as_json=as_json)))


def _judge(report: DemoReport) -> None:
    if not report.ok:
        raise typer.Exit(FAILED)
