"""`wattproof quota`: what a quota of green certificates does to prices, output and market power."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from wattproof.cli.output import AsJson, print_json, working

if TYPE_CHECKING:
    from twin.green_quota.sweep import SweepPoint
    from twin.green_quota.system import QuotaSystem

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

SystemFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="[SYSTEM]",
        help="TOML or JSON, see docs/green-quota.md; default: a published example.",
        show_default=False,
    ),
]
ModeName = Annotated[
    Literal["competitive", "market-power"],
    typer.Option("--mode", help="Whether producers that can hold back do so."),
]
First = Annotated[float, typer.Option("--from", help="The first quota, a share from 0 to 1.")]
Last = Annotated[float, typer.Option("--to", help="The last quota.")]
Steps = Annotated[int, typer.Option(min=2, max=10_000, help="How many quotas, ends included.")]


@app.callback()
def _group() -> None:
    """Equilibria of electricity and green certificates under a quota: the supervisor's analysis."""


@app.command()
def equilibrium(
    system: SystemFile = None,
    mode: ModeName = "competitive",
    ratio: Annotated[
        float | None, typer.Option(help="The quota; default: the system's own.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show prices, outputs, profits and indicators at one quota.

    With market power it also looks for a producer that would gain by deviating alone.
    """
    from wattproof.cli import quota_records

    with _refusing():
        from twin.green_quota.deviation import Deviation, best_deviations, check_nobody_gains
        from twin.green_quota.equilibrium import competitive_equilibrium
        from twin.green_quota.market_power import market_power_equilibrium

        described = _system(system)
        tried: tuple[Deviation, ...] = ()
        if mode == "market-power":
            with working("looking for the equilibrium and for deviations", quiet=as_json):
                found = market_power_equilibrium(described, ratio)
                tried = best_deviations(found)
            check_nobody_gains(tried)
        else:
            found = competitive_equilibrium(described, ratio)
    record = quota_records.of_equilibrium(found, tried)
    if as_json:
        print_json(record)
        return
    from wattproof.cli import quota_tables

    quota_tables.equilibrium(record)


@app.command()
def sweep(
    system: SystemFile = None,
    mode: ModeName = "competitive",
    first: First = 0.0,
    last: Last = 0.95,
    steps: Steps = 20,
    as_json: AsJson = False,
) -> None:
    """Show what the quota does: a row for each of many quotas."""
    from wattproof.cli import quota_records

    with _refusing():
        described = _system(system)
        points = _swept(described, mode, first, last, steps)
    record = quota_records.of_sweep(described, mode, points)
    if as_json:
        print_json(record)
        return
    from wattproof.cli import quota_tables

    quota_tables.sweep(record)


@app.command()
def plot(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The .svg or .png file to draw into.")
    ],
    system: SystemFile = None,
    mode: ModeName = "competitive",
    first: First = 0.0,
    last: Last = 0.95,
    steps: Steps = 96,
    as_json: AsJson = False,
) -> None:
    """Draw prices, amounts, profits and indicators over the quota.

    With market power, dashed lines show what price takers would come to.
    """
    from wattproof.cli import curve_steps, quota_records

    curve_steps.check_drawable(output)
    with _refusing():
        described = _system(system)
        drawn = {mode: _swept(described, mode, first, last, steps)}
        if mode != "competitive":
            drawn["competitive"] = _swept(described, "competitive", first, last, steps)
    from wattproof.cli.quota_drawing import draw

    draw([quota_records.of_sweep(described, each, drawn[each]) for each in drawn], output)
    if as_json:
        print_json({"drawing": str(output), "system": described.name, "modes": list(drawn)})
    else:
        typer.echo(f"wrote {output}")


def _system(path: Path | None) -> QuotaSystem:
    if path is None:
        from twin.green_quota.published import published_system

        return published_system()
    from twin.green_quota.system_file import read_system

    return read_system(path)


def _swept(
    system: QuotaSystem, mode: str, first: float, last: float, steps: int
) -> tuple[SweepPoint, ...]:
    from twin.green_quota.equilibrium import Mode
    from twin.green_quota.sweep import ratios_between, sweep

    return sweep(system, ratios_between(first, last, steps), Mode(mode))


@contextmanager
def _refusing() -> Iterator[None]:
    """The twin's refusals as the platform's."""
    from twin.green_quota.market_power import NoEquilibriumError
    from twin.green_quota.system import QuotaError
    from wattproof.errors import InvalidError, RefusedError

    try:
        yield
    except NoEquilibriumError as error:
        raise RefusedError(str(error), code="no_equilibrium") from error
    except QuotaError as error:
        raise InvalidError(str(error), code="invalid_quota_system") from error
