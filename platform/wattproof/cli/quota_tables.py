"""Equilibria of a quota on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from wattproof.cli.output import print_facts


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
    table = _table("Producers", columns, 2)
    for each in record["producers"]:
        table.add_row(
            each["name"],
            each["kind"],
            f"{each['output_mwh']:,.1f}",
            f"{each['certificates_issued']:,.1f}",
            f"{each['certificates_offered']:,.1f}",
            f"{each['marginal_cost']:,.2f}",
            f"{each['profit']:,.0f}",
            _share(each["lerner"]),
        )
    Console().print(table)


def sweep(record: Mapping[str, Any]) -> None:
    """A row for each quota, in two tables; those without equilibrium below them."""
    title = f"{record['system']}, {record['mode']}"
    amounts = _table(
        f"{title}: prices a MWh, MWh, certificates",
        ("quota", "wholesale", "certificate", "retail", "thermal", "renewable", "offered"),
        0,
    )
    power = _table(
        f"{title}: withheld, profits, market power",
        (
            "quota",
            "withheld MWh",
            "withheld certif.",
            "profit thermal",
            "profit renewable",
            "Lerner",
            "HHI gen.",
            "HHI certif.",
        ),
        0,
    )
    missing = []
    for row in record["rows"]:
        quota = f"{row['ratio']:.3f}"
        if "missing_because" in row:
            missing.append(row["missing_because"])
            for table in (amounts, power):
                table.add_row(quota, *["-"] * (len(table.columns) - 1))
            continue
        thermal, renewable = row["thermal"], row["renewable"]
        amounts.add_row(
            quota,
            f"{row['wholesale_price']:,.2f}",
            f"{row['certificate_price']:,.2f}",
            f"{row['retail_price']:,.2f}",
            f"{thermal['output']:,.0f}",
            f"{renewable['output']:,.0f}",
            f"{renewable['certificates_offered']:,.0f}",
        )
        power.add_row(
            quota,
            f"{row['withheld_output']:,.0f}",
            f"{row['withheld_certificates']:,.0f}",
            f"{thermal['profit']:,.0f}",
            f"{renewable['profit']:,.0f}",
            _share(row["lerner"]),
            _whole(row["hhi_generation"]),
            _whole(row["hhi_certificates_offered"]),
        )
    console = Console()
    console.print(amounts)
    console.print()
    console.print(power)
    for reason in missing:
        console.print(reason, highlight=False, markup=False, soft_wrap=True)


def _table(title: str, columns: Sequence[str], left: int) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", justify="left" if place < left else "right")
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
