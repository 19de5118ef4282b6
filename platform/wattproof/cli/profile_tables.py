"""Trusted profiles on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from market.explanation.wording import energy
from wattproof.cli.output import print_facts, print_rows
from wattproof.terminal import Rows

if TYPE_CHECKING:
    from wattproof.trust.verifying import Verdict

_NOTHING = "-"


def shown(said: Mapping[str, Any]) -> None:
    """A profile as it was answered."""
    profile = said["profile"]
    print_facts("Trusted profile", {"account": profile["account"], "SHA-256": profile["sha256"]})
    _topics(profile["topics"])
    if profile["history"] is not None:
        record(profile["history"])
    refused = [each for each in said["held"] if not each["counts"]]
    _print(
        "Credentials that do not count",
        ("kind", "issuer", "why"),
        [(each["kind"], each["issuer"], each["why_not"]) for each in refused],
    )


def record(history: Mapping[str, Any]) -> None:
    """The ledger half: market by market, then quotas."""
    chain = history["chain"]
    print_facts(
        "Record on the ledger",
        {
            "chain": chain["chain_id"],
            "block": chain["block"],
            "block hash": chain["block_hash"],
            "SHA-256": history["sha256"],
        },
    )
    for market in history["markets"]:
        for window in market["windows"]:
            _window(market, window)
    quotas = history["quotas"]
    if quotas["settled"]:
        names = ("settled", "short", "defaults")
        print_facts(
            "Quotas",
            {name: quotas[name] for name in names}
            | {"shortfall": energy(int(quotas["shortfall_wh"]))},
        )


def verified(verdict: Verdict) -> None:
    """Whether a record holds, and where not."""
    if verdict.holds:
        typer.echo(
            f"holds: the record of {verdict.account} up to block {verdict.block} "
            f"({verdict.block_hash}) is what the chain gives"
        )
        return
    _print(
        f"The record of {verdict.account} differs from block {verdict.block}",
        ("figure", "it says", "the chain gives"),
        [(each.place, each.said, each.found) for each in verdict.differences],
    )


def consents(items: Sequence[Mapping[str, Any]]) -> None:
    """Who may read."""
    if not items:
        typer.echo("you let nobody read your profile")
        return
    _print(
        "Consents",
        ("audience", "purpose", "topics", "ends", "status", "consent"),
        [
            (
                each["audience"],
                each["purpose"],
                ", ".join(each["topics"]),
                each["ends_at"],
                each["status"],
                each["id"],
            )
            for each in items
        ],
    )


def readings(items: Sequence[Mapping[str, Any]]) -> None:
    """Who read."""
    if not items:
        typer.echo("nobody has read your profile")
        return
    _print(
        "Readings",
        ("when", "who", "as", "purpose", "topics"),
        [
            (
                each["read_at"],
                each["reader"],
                "regulator" if each["as_regulator"] else "by consent",
                each["purpose"],
                ", ".join(each["topics"]),
            )
            for each in items
        ],
    )


def _topics(topics: Sequence[Mapping[str, Any]]) -> None:
    _print(
        "What others attest",
        ("topic", "state", "independent issuers", "needed", "claim", "value", "said by"),
        [
            (
                each["topic"],
                each["state"],
                str(each["independent"]),
                str(each["quorum"]),
                *claim,
            )
            for each in topics
            for claim in _claims(each["claims"])
        ],
        numbers=(2, 3),
    )


def _claims(claims: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    found = [
        (claim["name"], str(stated["value"]), str(stated["independent"]))
        for claim in claims
        for stated in claim["values"]
    ]
    return found or [(_NOTHING, _NOTHING, _NOTHING)]


def _window(market: Mapping[str, Any], window: Mapping[str, Any]) -> None:
    periods = window["periods"]
    which = "all periods" if periods is None else f"the last {periods} periods"
    disputes, response = window["disputes"], window["response"]
    facts: dict[str, object] = {
        "closed, not closed yet": f"{window['closed']}, {market['unclosed']}",
        "without a reading": window["without_reading"],
        "imbalance took all": window["exhausted"],
        "imbalance paid, received (micro)": f"{window['imbalance_paid_micro']}, "
        f"{window['imbalance_received_micro']}",
        "disputes lost, kept, corrected, undecided": ", ".join(
            str(disputes[name]) for name in ("lost", "kept", "corrected", "undecided")
        ),
    }
    for carrier in window["carriers"]:
        for part, whole in (("delivered", "sold"), ("consumed", "bought")):
            if int(carrier[f"{whole}_wh"]):
                facts[f"carrier {carrier['carrier']}: {part} of {whole}"] = _part(
                    carrier[f"{part}_wh"], carrier[f"{whole}_wh"], carrier[f"{part}_ppm"]
                )
    if response["instructed"]:
        facts["demand response: performed of asked"] = _part(
            response["performed_wh"], response["target_wh"], response["performed_ppm"]
        )
    print_facts(f"Market {market['market']}, {which}", facts)


def _part(part: Any, whole: Any, ratio: int | None) -> str:
    share = "too few periods for a ratio" if ratio is None else f"{ratio / 10_000:.2f} %"
    return f"{energy(int(part))} of {energy(int(whole))} ({share})"


def _print(
    title: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str, ...]],
    numbers: tuple[int, ...] = (),
) -> None:
    if rows:
        print_rows(Rows(title, columns, rows, numbers))
