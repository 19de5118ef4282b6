"""`wattproof baseline`: what an issuer or a programme's owner publishes before a window begins."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from wattproof.cli.output import AsJson, print_facts, print_json

app = typer.Typer(help="Baselines to publish.", no_args_is_help=True, rich_markup_mode=None)

_DATE = ["%Y-%m-%d"]


@app.callback()
def _group() -> None:
    """Baselines to publish."""


@app.command()
def fit(
    readings: Annotated[
        Path, typer.Argument(help="CSV: timestamp (ISO 8601 with offset), energy_wh.")
    ],
    weather: Annotated[Path, typer.Option(help="EPW or CSV, up to the day itself.")],
    day: Annotated[datetime, typer.Option(formats=_DATE, help="The day to publish for, in UTC.")],
    latitude: Annotated[float | None, typer.Option(help="For a CSV of weather.")] = None,
    longitude: Annotated[float | None, typer.Option(help="For a CSV of weather.")] = None,
    holiday: Annotated[
        list[datetime] | None, typer.Option(formats=_DATE, help="Like a weekend; repeatable.")
    ] = None,
    leave_out: Annotated[
        list[datetime] | None, typer.Option(formats=_DATE, help="A day with an event; repeatable.")
    ] = None,
    fill_gaps: Annotated[
        int, typer.Option(min=0, help="Interpolate so many missing hours of weather in a row.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Fit load to hour, kind of day and temperature; print the day's values, whole Wh a slot.

    The values are what POST /credits/windows/{window}/baselines/{account} and its twin for events
    take. The errors are those of ASHRAE Guideline 14 on the days that were fitted.
    """
    from twin.weather.files import read_weather
    from twin.weather.series import Place, WeatherError
    from wattproof.claims.regression import day_baseline, read_days
    from wattproof.errors import InvalidError

    placed = latitude is not None and longitude is not None
    try:
        place = Place(latitude or 0.0, longitude or 0.0) if placed else None
        series = read_weather(weather, year=day.year, place=place, fill_gaps_up_to_hours=fill_gaps)
    except (WeatherError, OSError) as error:
        raise InvalidError(str(error), code="unusable_weather") from error
    found = day_baseline(
        read_days(readings),
        series,
        day.date(),
        holidays={each.date() for each in holiday or ()},
        leave_out={each.date() for each in leave_out or ()},
    )
    if as_json:
        print_json(
            {
                "day": found.day.isoformat(),
                "values_wh": found.values_wh,
                "fitted_days": len(found.fitted_days),
                "cv_rmse": found.errors.cv_rmse,
                "nmbe": found.errors.nmbe,
            }
        )
        return
    print_facts(
        f"Baseline of {found.day}",
        {
            "Wh a slot": " ".join(map(str, found.values_wh)),
            "fitted days": len(found.fitted_days),
            "CV(RMSE)": f"{found.errors.cv_rmse:.1%}",
            "NMBE": f"{found.errors.nmbe:.1%}",
            "cooling": f"{found.model.cooling_wh_per_k:.0f} Wh a slot and K above "
            f"{found.model.cooling_from_c:.0f} °C",
            "heating": f"{found.model.heating_wh_per_k:.0f} Wh a slot and K below "
            f"{found.model.heating_from_c:.0f} °C",
        },
    )
