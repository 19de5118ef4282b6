"""Equilibria of a quota on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from wattproof.cli.output import print_facts, print_rows
from wattproof.terminal import Rows


def equilibrium(record: Mapping[str, Any]) -> None:
    """Prices and indicators, then a row for each producer."""
    facts = {
        "quota": f"{record['ratio']:g}",
        "wholesale price": f"{record['wholesale_price']:,.4f} a MWh",
        "certificate price": f"{record['certificate_price']:,.4f}",
        "retail price": f"{record['retail_price']:,.4f} a MWh",
        "consumed": f"{record['consumed_mwh']:,.4f} MWh",
        "certificates bought out": f"{record['certificates_bought_out']:,.2f}",
        "withheld": f"{record['withheld_output']:,.2f} MWh, "
        f"{record['withheld_certificates']:,.2f} certificates",
        "Lerner index": _share(record["lerner"]),
        "HHI generation": _whole(record["hhi_generation"]),
        "HHI certificates issued, offered": f"{_whole(record['hhi_certificates_issued'])}, "
        f"{_whole(record['hhi_certificates_offered'])}",
        "consumer surplus": f"{record['consumer_surplus']:,.0f}",
        "profits": f"{record['producer_surplus']:,.0f}",
        "welfare": f"{record['welfare']:,.0f}",
        "residual of the conditions": f"{record['residual']:.1e}",
    }
    for each in record["deviations_tried"]:
        facts[f"best deviation of {each['producer']}"] = (
            f"{each['relative_gain']:+.1e} of its margin"
        )
    print_facts(f"{record['system']}, {record['mode']}", facts)
    columns = (
        "producer",
        "kind",
        "MWh",
        "issued",
        "offered",
        "cost a MWh",
        "profit",
        "Lerner",
    )
    rows = [
        (
            each["name"],
            each["kind"],
            f"{each['output_mwh']:,.1f}",
            f"{each['certificates_issued']:,.1f}",
            f"{each['certificates_offered']:,.1f}",
            f"{each['marginal_cost']:,.2f}",
            f"{each['profit']:,.0f}",
            _share(each["lerner"]),
        )
        for each in record["producers"]
    ]
    print_rows(Rows("Producers", columns, rows, range(2, len(columns))))


def sweep(record: Mapping[str, Any]) -> None:
    """Two tables with a row for each quota; those without equilibrium below them."""
    amounts = (
        "quota",
        "wholesale",
        "certificate",
        "retail",
        "thermal MWh",
        "renewable MWh",
        "offered",
    )
    power = (
        "quota",
        "withheld MWh",
        "withheld certificates",
        "profit thermal",
        "profit renewable",
        "Lerner",
        "HHI power",
        "HHI cert.",
    )
    title = f"{record['system']}, {record['mode']}"
    rows = record["rows"]
    print_rows(
        Rows(f"{title}: prices and amounts", amounts, [_amounts(row) for row in rows], range(7))
    )
    print_rows(
        Rows(f"{title}: profits and market power", power, [_power(row) for row in rows], range(8))
    )
    for row in rows:
        if "missing_because" in row:
            typer.echo(row["missing_because"])


def _amounts(row: Mapping[str, Any]) -> tuple[str, ...]:
    quota = f"{row['ratio']:.3f}"
    if "missing_because" in row:
        return (quota, *["-"] * 6)
    return (
        quota,
        f"{row['wholesale_price']:,.2f}",
        f"{row['certificate_price']:,.2f}",
        f"{row['retail_price']:,.2f}",
        f"{row['thermal']['output']:,.0f}",
        f"{row['renewable']['output']:,.0f}",
        f"{row['renewable']['certificates_offered']:,.0f}",
    )


def _power(row: Mapping[str, Any]) -> tuple[str, ...]:
    quota = f"{row['ratio']:.3f}"
    if "missing_because" in row:
        return (quota, *["-"] * 7)
    return (
        quota,
        f"{row['withheld_output']:,.0f}",
        f"{row['withheld_certificates']:,.0f}",
        f"{row['thermal']['profit']:,.0f}",
        f"{row['renewable']['profit']:,.0f}",
        _share(row["lerner"]),
        _whole(row["hhi_generation"]),
        _whole(row["hhi_certificates_offered"]),
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:z.3f}"


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
