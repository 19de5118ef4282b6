"""Verifiable credentials from the command line: issuing, holding, showing, verifying, revoking."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattproof.cli.caller import Caller, caller_group
from wattproof.cli.output import FAILED, AsJson, print_json, working

if TYPE_CHECKING:
    from wattproof.cli.credential_checks import Grounds
    from wattproof.cli.credential_issuing import Desk

app = caller_group(
    """
    Issue, hold, show, verify and revoke verifiable credentials.

    Keys sign on this machine. What is signed is made here and not by the installation.
    """
)

_HOME = Path("~/.wattproof")
Source = Annotated[str, typer.Argument(metavar="FILE", help="The credential; - reads it here.")]
Name = Annotated[
    str, typer.Argument(metavar="HASH", help="The first digits of the credential's hash.")
]
WalletFolder = Annotated[
    Path,
    typer.Option("--wallet", envvar="WATTPROOF_WALLET", help="Folder of your wallet (mode 0700)."),
]
Records = Annotated[
    Path,
    typer.Option(
        envvar="WATTPROOF_ISSUED", help="Folder of what you issued (mode 0700); holds no claims."
    ),
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Ask no installation; name whom you trust.")
]
Trust = Annotated[
    list[str] | None, typer.Option(help="DID of an issuer that you trust; may be repeated.")
]
StatusLists = Annotated[
    list[Path] | None,
    typer.Option("--status-list", help="File of a signed status list; may be repeated."),
]
_WALLET = _HOME / "wallet"
_ISSUED = _HOME / "issued"


# -- issuers ---------------------------------------------------------------------------------------


@app.command()
def issue(
    caller: typer.Context,
    kind: Annotated[str, typer.Option(help="Such as ev_owner, meter, producer.")],
    subject: Annotated[str, typer.Option(help="DID of whom the credential is about.")],
    out: Annotated[Path, typer.Option(help="Where to write it (mode 0600); hand it over.")],
    claims: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="What it says.")
    ] = None,
    claims_file: Annotated[
        Path | None, typer.Option("--claims", help="JSON file with what it says.")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="sd-jwt (can be shown in part), jwt, data-integrity.")
    ] = "sd-jwt",
    valid_days: Annotated[int, typer.Option(min=1, max=3660)] = 365,
    issuer: Annotated[
        str | None, typer.Option(help="DID you issue for; default: your key's own.")
    ] = None,
    holder_key: Annotated[
        str | None, typer.Option(help="sd-jwt: DID URL of the key that shows it; the subject's.")
    ] = None,
    has_status: Annotated[
        bool, typer.Option("--status/--no-status", help="Whether it can be revoked.")
    ] = True,
    grant: Annotated[
        bool, typer.Option("--grant", help="Grant the role on the chain as well.")
    ] = False,
    records: Records = _ISSUED,
    as_json: AsJson = False,
) -> None:
    """Issue a credential with your own key; nothing of it leaves this machine but its hash."""
    from wattproof.cli.credential_acts import Wish, issue_credential

    wish = Wish(
        kind, subject, tuple(claims or ()), claims_file, form, valid_days, issuer, holder_key
    )
    with working("issuing", quiet=as_json):
        done = issue_credential(
            caller.obj, wish, out, records.expanduser(), has_status=has_status, grant=grant
        )
    _say(done, as_json, lambda tables: tables.issued(done))


@app.command()
def grant(
    name: Name, caller: typer.Context, records: Records = _ISSUED, as_json: AsJson = False
) -> None:
    """Grant the role of a credential that you issued on the chain, by a transaction of yours."""
    with _desk(caller, records) as desk, working("granting", quiet=as_json):
        record = desk.records.get(name)
        done = {
            "hash": f"0x{record.name}",
            "role": record.role,
            "transactions": desk.grant(record),
        }
    _say(done, as_json, lambda tables: tables.granted(done))


@app.command()
def revoke(
    name: Name,
    caller: typer.Context,
    on_chain: Annotated[
        bool, typer.Option("--on-chain", help="End the role on the chain as well.")
    ] = False,
    records: Records = _ISSUED,
    as_json: AsJson = False,
) -> None:
    """Revoke a credential that you issued: set its bit, sign the list, publish it. For good."""
    import time

    with _desk(caller, records) as desk, working("revoking", quiet=as_json):
        record = desk.records.revoke(desk.records.get(name), now=int(time.time()))
        if record.list_url is not None:
            desk.publish(record.list_url)
        is_granted = desk.is_granted(record)
        made = desk.revoke_on_chain(record) if on_chain and is_granted else []
        still = "the role stands; end it with --on-chain" if is_granted else "no grant stands"
        done = {
            "hash": f"0x{record.name}",
            "status_list": record.list_url,
            "transactions": made,
            "on_chain": "revoked" if made else still,
        }
    _say(done, as_json, lambda tables: tables.revoked(done))


@app.command()
def publish(
    caller: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=31, help="How long the lists hold.")] = 7,
    records: Records = _ISSUED,
    as_json: AsJson = False,
) -> None:
    """Sign your status lists anew and publish them; without that credentials fail when they end."""
    with _desk(caller, records) as desk, working("signing", quiet=as_json):
        done = [
            {**desk.publish(url, days=days), "revoked": len(bits)}
            for url, bits in sorted(desk.records.lists(desk.issuer).items())
        ]
    _say(done, as_json, lambda tables: tables.published(done))


@app.command()
def accredit(
    caller: typer.Context,
    issuer: Annotated[str, typer.Argument(metavar="ISSUER", help="Address, or did:ethr.")],
    role: Annotated[str, typer.Option(help="That the issuer may grant.")],
    remove: Annotated[
        bool, typer.Option("--remove", help="End it, with every grant that rests on it, for good.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let an issuer grant a role, with the registrar's key."""
    from wattproof.cli.credential_acts import account_of
    from wattproof.cli.credential_issuing import accredit as carry_out

    given: Caller = caller.obj
    with given.sign_in("credential", "participant") as client, working("signing", quiet=as_json):
        done = carry_out(client, account_of(client, issuer), role, remove=remove)
    _say(done, as_json, lambda tables: tables.accredited(done, removed=remove))


# -- holders ---------------------------------------------------------------------------------------


@app.command()
def accept(
    source: Source,
    caller: typer.Context,
    wallet: WalletFolder = _WALLET,
    offline: Offline = False,
    trust: Trust = None,
    status_lists: StatusLists = None,
    as_json: AsJson = False,
) -> None:
    """Put a credential into your wallet, if it holds."""
    from wattproof.cli.credential_acts import accept_credential

    with _grounds(caller, offline, trust, status_lists) as grounds:
        done = accept_credential(grounds, source, wallet.expanduser())
    _say(done, as_json, lambda tables: tables.checks(done))
    if not done["holds"]:
        raise typer.Exit(FAILED)


@app.command("list")
def list_credentials(wallet: WalletFolder = _WALLET, as_json: AsJson = False) -> None:
    """List the credentials in your wallet."""
    from identity.wallet import Wallet
    from wattproof.cli.credential_acts import shown

    found = [shown(kept.credential) for kept in Wallet(wallet.expanduser()).kept()]
    for each in found:
        each["role"] = each.pop("claims").get("role")
    _say(found, as_json, lambda tables: tables.wallet(found))


@app.command()
def show(name: Name, wallet: WalletFolder = _WALLET, as_json: AsJson = False) -> None:
    """Show what a credential in your wallet says, and what of it you can keep back."""
    from identity.wallet import Wallet
    from wattproof.cli.credential_acts import shown

    found = shown(Wallet(wallet.expanduser()).get(name).credential)
    _say(found, as_json, lambda tables: tables.credential(found))


@app.command()
def present(
    caller: typer.Context,
    disclose: Annotated[
        list[str] | None, typer.Option(help="A claim that you agree to show; may be repeated.")
    ] = None,
    nonce: Annotated[
        str | None, typer.Option(help="Of the request that you answer.", show_default=False)
    ] = None,
    request: Annotated[
        Path | None, typer.Option(help="File with the request instead.", show_default=False)
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="Without a request: what to show to the market.", show_default=False),
    ] = None,
    credential: Annotated[
        str | None, typer.Option(help="Which one; default: the newest that answers.")
    ] = None,
    audience: Annotated[
        str | None, typer.Option(help="For whom it is, where that is not the installation itself.")
    ] = None,
    holder_key: Annotated[
        Path | None, typer.Option(help="Key file that shows it, if not --key; same passphrase.")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Show everything where it cannot be shown in part.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be seen; sign nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask again before it is shown.")
    ] = False,
    wallet: WalletFolder = _WALLET,
    as_json: AsJson = False,
) -> None:
    """Answer a request: show of a credential what was asked for and you allow, and nothing else."""
    from wattproof.cli.credential_acts import Answer, answer_request

    def confirm(found: dict[str, Any]) -> bool:
        _say(found, as_json and dry_run, lambda tables: None if as_json else tables.showing(found))
        return not dry_run and (yes or _agrees())

    answer = Answer(
        tuple(disclose or ()), nonce, request, kind, credential, audience, holder_key, whole
    )
    done = answer_request(caller.obj, answer, wallet.expanduser(), confirm)
    if done is not None:
        _say(done, as_json, lambda tables: tables.learnt(done))
    elif not dry_run:
        typer.echo("nothing was shown", err=True)
        raise typer.Exit(FAILED)


# -- verifiers -------------------------------------------------------------------------------------


@app.command()
def verify(
    source: Source,
    caller: typer.Context,
    offline: Offline = False,
    trust: Trust = None,
    status_lists: StatusLists = None,
    audience: Annotated[
        str | None, typer.Option(help="For whom the holder's proof must be.")
    ] = None,
    nonce: Annotated[str | None, typer.Option(help="Which nonce it must name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a credential, or a token that its holder showed; ends with 1 where a check fails."""
    from wattproof.cli.credential_acts import verify_credential

    with _grounds(caller, offline, trust, status_lists) as grounds:
        done = verify_credential(grounds, source, audience, nonce)
    _say(done, as_json, lambda tables: tables.checks(done))
    if not done["holds"]:
        raise typer.Exit(FAILED)


# -- parts -----------------------------------------------------------------------------------------


@contextmanager
def _desk(caller: typer.Context, records: Path) -> Iterator[Desk]:
    from wattproof.cli.credential_acts import at_desk

    with at_desk(caller.obj, records.expanduser()) as desk:
        yield desk


@contextmanager
def _grounds(
    caller: typer.Context, offline: bool, trust: list[str] | None, lists: list[Path] | None
) -> Iterator[Grounds]:
    from wattproof.cli.credential_checks import Grounds, read_lists

    given: Caller = caller.obj
    trusted, handed_in = frozenset(trust or ()), read_lists(lists or ())
    if offline:
        yield Grounds(None, trusted, handed_in)
        return
    with given.visit() as client:
        yield Grounds(client, trusted, handed_in)


def _agrees() -> bool:
    """Asks where somebody is there; elsewhere --disclose and --key have said it."""
    import sys

    return not sys.stdin.isatty() or typer.confirm("Show it?", err=True)


def _say(found: Any, as_json: bool, show: Callable[[Any], None]) -> None:
    if as_json:
        print_json(found)
        return
    from wattproof.cli import credential_tables

    show(credential_tables)
