"""`wattproof profile`: trusted profiles, their proof from a node, and who reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from wattproof.cli.audit import DeploymentFile, RpcUrl, chain_of
from wattproof.cli.caller import caller_group
from wattproof.cli.certificate_arguments import read_address
from wattproof.cli.output import FAILED, AsJson, print_json, working

app = caller_group(
    "Trusted profiles: show them, prove the ledger half from a node, say who may read yours."
)

Account = Annotated[str, typer.Argument(metavar="ADDRESS", help="Of the account.")]
Topics = Annotated[
    list[str] | None,
    typer.Option(
        "--topic",
        help="identity, capacity, metering, green_production, licence or history; repeat it.",
        show_default=False,
    ),
]
AsOf = Annotated[
    int | None,
    typer.Option("--as-of", min=0, metavar="BLOCK", help="The last block.", show_default=False),
]


@app.command()
def show(
    caller: typer.Context,
    account: Annotated[
        str | None,
        typer.Argument(metavar="[ADDRESS]", help="Default: your own.", show_default=False),
    ] = None,
    topics: Topics = None,
    purpose: Annotated[str, typer.Option(help="What you read it for; needed for another's.")] = "",
    quorums: Annotated[
        list[str] | None,
        typer.Option("--quorum", help="Your own, such as capacity:3.", show_default=False),
    ] = None,
    regulator: Annotated[
        bool, typer.Option("--regulator", help="Read as a regulator; its owner sees it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show a profile that you may read: your own, or by its owner's consent.

    --json prints it whole, as `wattproof profile verify` takes it.
    """
    scope = "regulator" if regulator else "participant"
    with caller.obj.sign_in("profile", scope) as client:
        said = client.get(
            f"/profiles/{account or client.signer.address}",
            topics=topics,
            purpose=purpose or None,
            quorum=quorums,
        )
    if as_json:
        print_json(said)
        return
    from wattproof.cli import profile_tables

    profile_tables.shown(said)


@app.command()
def prove(
    caller: typer.Context,
    account: Account,
    as_of: AsOf = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write; default: standard output.")
    ] = None,
    rpc: RpcUrl = None,
    deployment: DeploymentFile = None,
    as_json: AsJson = False,
) -> None:
    """State an account's record on the ledger, computed from a node alone.

    The same block gives the same bytes on any node of the chain.
    """
    from wattproof.errors import InvalidError
    from wattproof.trust.replayed import stated

    address = read_address(account)
    if out is not None and not (out.parent.is_dir() and not out.is_dir()):
        raise InvalidError(f"cannot write {out}: name a file in a folder that is there")
    with (
        chain_of(caller.obj.data_dir, rpc, deployment) as (_, node, deployed),
        working("reading the chain", quiet=as_json or out is None),
    ):
        made = stated(node, deployed, address, block=as_of)
    if out is None:
        typer.echo(made.to_bytes().decode())
        return
    try:
        out.write_bytes(made.to_bytes() + b"\n")
    except OSError as error:
        raise InvalidError(f"cannot write {out}: {error.strerror}") from error
    digest = made.to_json()["sha256"]
    if as_json:
        print_json({"record": str(out), "block": made.at.number, "sha256": digest})
    else:
        typer.echo(f"wrote {out} (block {made.at.number}, SHA-256 {digest})")


@app.command()
def verify(
    caller: typer.Context,
    statement: Annotated[
        Path, typer.Argument(metavar="FILE", help="A record or a whole profile (JSON).")
    ],
    as_of: AsOf = None,
    rpc: RpcUrl = None,
    deployment: DeploymentFile = None,
    as_json: AsJson = False,
) -> None:
    """Compute the ledger half of a profile again from the node you trust.

    Exits 1 and names every figure that differs. With --as-of another block: what has changed.
    """
    import json

    from wattproof.errors import InvalidError
    from wattproof.trust import verifying

    try:
        content = json.loads(statement.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidError(f"cannot read {statement}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"{statement} is not JSON: {error}") from error
    given = verifying.statement_in(content)
    with (
        chain_of(caller.obj.data_dir, rpc, deployment) as (_, node, deployed),
        working("reading the chain", quiet=as_json),
    ):
        verdict = verifying.verify(given, node, deployed, block=as_of)
    if as_json:
        print_json(verdict.to_json())
    else:
        from wattproof.cli import profile_tables

        profile_tables.verified(verdict)
    if not verdict.holds:
        raise typer.Exit(FAILED)


@app.command()
def take(
    caller: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the token.")],
    as_json: AsJson = False,
) -> None:
    """Take your profile along: a token (SD-JWT VC) of which you show what you want; for a day."""
    from wattproof.errors import InvalidError

    with caller.obj.sign_in("profile", "participant") as client:
        made = client.post("/profiles/me/token", {})
    try:
        out.write_text(made["token"] + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidError(f"cannot write {out}: {error.strerror}") from error
    if as_json:
        print_json({"token": str(out), "expires_at": made["expires_at"]})
    else:
        typer.echo(f"wrote {out}, good until {made['expires_at']}")


@app.command()
def allow(
    caller: typer.Context,
    audience: Annotated[str, typer.Argument(metavar="ADDRESS", help="Who may read.")],
    purpose: Annotated[str, typer.Option(help="What for; the reader must say the same.")],
    topics: Topics = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="For how long.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Let somebody read topics of your profile, for one purpose; every reading is written down."""
    if not topics:
        raise typer.BadParameter("name what may be read", param_hint="--topic")
    ends_at = datetime.now(UTC) + timedelta(days=days)
    with caller.obj.sign_in("profile", "participant") as client:
        given = client.post(
            "/profiles/me/consents",
            {
                "audience": read_address(audience),
                "purpose": purpose,
                "topics": topics,
                "ends_at": ends_at.isoformat(timespec="seconds"),
            },
        )
    if as_json:
        print_json(given)
    else:
        typer.echo(f"{given['audience']} may read {', '.join(given['topics'])}: {given['id']}")


@app.command()
def revoke(
    caller: typer.Context,
    consent: Annotated[str, typer.Argument(metavar="CONSENT", help="`profile consents` has it.")],
    as_json: AsJson = False,
) -> None:
    """End a consent at once, and for good."""
    with caller.obj.sign_in("profile", "participant") as client:
        ended = client.delete(f"/profiles/me/consents/{consent}")
    if as_json:
        print_json(ended)
    else:
        typer.echo(f"{ended['audience']} may read no more by {ended['id']}")


@app.command()
def consents(caller: typer.Context, as_json: AsJson = False) -> None:
    """List the consents you gave, those that ended too."""
    with caller.obj.sign_in("profile", "participant") as client:
        listed = client.get_all("/profiles/me/consents")
    if as_json:
        print_json(listed)
        return
    from wattproof.cli import profile_tables

    profile_tables.consents(listed["items"])


@app.command()
def readings(caller: typer.Context, as_json: AsJson = False) -> None:
    """List who read your profile, newest first."""
    with caller.obj.sign_in("profile", "participant") as client:
        listed = client.get_all("/profiles/me/readings")
    if as_json:
        print_json(listed)
        return
    from wattproof.cli import profile_tables

    profile_tables.readings(listed["items"])
