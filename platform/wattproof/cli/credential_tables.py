"""Credentials on a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from wattproof.cli.output import print_facts, print_rows
from wattproof.terminal import Rows, printable

_HASH_DIGITS = 12


def checks(found: Mapping[str, Any]) -> None:
    """What was checked, and whether the credential holds."""
    facts = {
        each["check"]: f"{'holds' if each['passed'] else 'FAILS'}: {each['detail']}"
        for each in found["checks"]
    }
    print_facts(f"{found['kind']} credential {found['hash']}", facts)
    if found.get("kept"):
        typer.echo("it holds and is in your wallet")
    else:
        typer.echo("it holds" if found["holds"] else "it does not hold")


def credential(found: Mapping[str, Any]) -> None:
    """One credential of a wallet with all that it says."""
    print_facts(
        f"{found['kind']} credential",
        {
            "hash": found["hash"],
            "form": found["form"],
            "issuer": found["issuer"],
            "subject": found["subject"],
            "presented by": found["holder"],
            "valid": f"{found['valid_from']} to {found['valid_until']}",
            "status list": ", ".join(found["status_lists"]) or "none; it only expires",
        },
    )
    hidden = set(found["can_hide"])
    rows = [
        (name, _value(value), "only where you say so" if name in hidden else "always")
        for name, value in sorted(found["claims"].items())
    ]
    print_rows(Rows("What it says", ("claim", "value", "shown"), rows))


def wallet(found: Sequence[Mapping[str, Any]]) -> None:
    """The credentials of a wallet, oldest first."""
    if not found:
        typer.echo("the wallet is empty; `wattproof credential accept` puts something into it")
        return
    rows = [
        (
            each["hash"][2 : 2 + _HASH_DIGITS],
            each["kind"],
            str(each["role"]),
            each["form"],
            each["valid_until"],
        )
        for each in found
    ]
    print_rows(Rows("", ("credential", "kind", "role", "form", "valid until"), rows))


def issued(found: Mapping[str, Any]) -> None:
    """What was issued, and where it is."""
    facts = {
        "hash": found["hash"],
        "subject": found["subject"],
        "valid until": found["valid_until"],
        "status": found["status_list"] or "cannot be revoked, only expire",
        "file": found["file"],
    }
    if found["transactions"]:
        facts["granted in"] = ", ".join(each["hash"] for each in found["transactions"])
    print_facts(f"{found['kind']} credential issued", facts)


def revoked(found: Mapping[str, Any]) -> None:
    """What was revoked, and where."""
    facts = {"hash": found["hash"], "status list": found["status_list"] or "it has none"}
    on_chain = ", ".join(each["hash"] for each in found["transactions"])
    facts["on the chain"] = on_chain or found["on_chain"]
    print_facts("Revoked", facts)


def published(found: Sequence[Mapping[str, Any]]) -> None:
    """Status lists that were signed anew."""
    if not found:
        typer.echo("no status list of this issuer is in its records")
        return
    rows = [(each["status_list"], str(each["revoked"]), each["valid_until"]) for each in found]
    print_rows(Rows("", ("status list", "revoked", "holds until"), rows, numbers={1}))


def accredited(found: Mapping[str, Any], *, removed: bool) -> None:
    """What became of an accreditation."""
    if found["callable_at"] is not None:
        typer.echo(f"announced; run the same command again from {found['callable_at']} on")
        return
    done = "is not accredited any more" if removed else "is accredited"
    typer.echo(f"{found['issuer']} {done} for {found['role']}")


def granted(found: Mapping[str, Any]) -> None:
    """A grant that is on the chain."""
    transactions = ", ".join(each["hash"] for each in found["transactions"])
    print_facts("Granted", {"hash": found["hash"], "role": found["role"], "in": transactions})


def showing(found: Mapping[str, Any]) -> None:
    """What a verifier is going to see, before anything is signed."""
    rows = [(name, _value(value)) for name, value in sorted(found["shown"].items())]
    typer.echo(printable(f"{found['audience']} will see"))
    print_rows(Rows("", ("claim", "value"), rows))
    also = f"and your DID {found['holder']}, your issuer's, and until when the credential is valid"
    typer.echo(also)
    typer.echo(f"kept back: {', '.join(found['kept_back']) or 'nothing'}")


def learnt(found: Mapping[str, Any]) -> None:
    """What the verifier says that it learnt."""
    for each in found["learnt"]:
        rows = [(name, _value(value)) for name, value in sorted(each["claims"].items())]
        typer.echo(printable(f"it learnt of your {each['kind']} credential"))
        print_rows(Rows("", ("claim", "value"), rows))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
